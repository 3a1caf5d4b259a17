"""From values to places on a plot.

Decision: horizontal places are percentages of the plot's width, vertical ones are pixels; so a plot fits a phone and
a desk without scaling its text.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from graft.report.shared.formats import duration, known, large, number

_TIMES = (0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 36_000.0, 360_000.0)


@dataclass(frozen=True)
class Axis:
    """Values from ``low`` to ``high`` placed from ``start`` to ``end``; values outside are held at the edge."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]
    words: Callable[[float], str]
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """The place of a value."""
        low, high = self._scale(self.low), self._scale(self.high)
        share = (self._scale(value) - low) / (high - low)
        return self.start + (self.end - self.start) * min(1.0, max(0.0, share))

    def _scale(self, value: float) -> float:
        return math.log10(max(value, 1e-12)) if self.logarithmic else value


def linear(
    values: Iterable[float], start: float, end: float, *, count: int = 5, words: Callable[[float], str] | None = None
) -> Axis:
    """An axis around the values, with round ticks.

    >>> linear([0.12, 0.88], 0, 100).ticks
    (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    """
    found = [value for value in values if known(value)] or [0.0, 1.0]
    low, high = min(found), max(found)
    if high - low < 1e-9 * max(1.0, abs(high)):
        low, high = low - 0.05 * max(1.0, abs(low)), high + 0.05 * max(1.0, abs(high))
    step = _round_step((high - low) / count)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(round(i * step, 12) for i in range(first, last + 1))
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return Axis(ticks[0], ticks[-1], start, end, ticks, words or (lambda value: f"{value:,.{digits}f}"))


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in (1, 2, 5, 10) if rough <= step * power * (1 + 1e-9))


def times(values: Iterable[float], start: float, end: float) -> Axis:
    """A logarithmic axis of seconds with ticks at whole units."""
    found = [max(value, 0.01) for value in values if known(value)] or [1.0]
    low = max([one for one in _TIMES if one <= min(found)], default=_TIMES[0])
    high = min([one for one in _TIMES if one >= max(found)], default=max(found))
    if high <= low:
        high = low * 10
    ticks = tuple(one for one in _TIMES if low <= one <= high)
    return Axis(low, high, start, end, ticks, duration, logarithmic=True)


def amounts(values: Iterable[float], start: float, end: float) -> Axis:
    """A logarithmic axis of amounts whose ticks are the amounts themselves."""
    found = sorted({value for value in values if known(value) and value > 0}) or [1.0, 10.0]
    low, high = found[0], found[-1] if found[-1] > found[0] else found[0] * 10
    kept: list[float] = []
    for value in found:
        if not kept or math.log10(value / kept[-1]) > 0.16 * max(0.5, math.log10(high / low)):
            kept.append(value)
    return Axis(low, high, start, end, tuple(kept), lambda value: large(round(value)), logarithmic=True)


def plain(value: float) -> str:
    """A tick in about three digits."""
    return number(value)
