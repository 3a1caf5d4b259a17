"""The drawings: outcomes, evidence and quality over time, and how far each detector moved."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from graft.core.intervals import Interval
from graft.facts.watch import QualityFact, ShiftFact, WatchStory
from graft.report.shared.axes import Axis, linear
from graft.report.shared.canvas import Drawing, symbol
from graft.report.shared.formats import count, known, number
from graft.report.watch.standing import ORDER
from graft.report.watch.thinning import TimelineColumn
from graft.report.watch.words import effect_words, evidence_words, score, score_range

LEFT, RIGHT, FOOT = 11.0, 98.0, 24.0
LANE = 26.0
HEIGHT = 220.0
ROW = 42.0
ESTIMATED, MEASURED = 0, 1
_MOST, _LEAST = 1e12, 1e-3
_FARTHEST = 6.0
_EARLIER = "an earlier baseline"


def _across(columns: Sequence[TimelineColumn]) -> Axis:
    """Checks in their order; ticks are their numbers."""
    checks = [check for column in columns for check in column.checks]
    steps = min(4, len(checks) - 1)
    places = sorted({round((len(checks) - 1) * step / steps) for step in range(steps + 1)}) if steps else [0]
    return Axis(
        -0.5, max(len(checks) - 0.5, 0.5), LEFT, RIGHT, tuple(map(float, places)),
        lambda place: count(checks[round(place)].number),
    )  # fmt: skip


def outcome_plot(story: WatchStory, columns: Sequence[TimelineColumn]) -> Markup:
    """What each check said: act above look above quiet."""
    bottom = LANE * len(ORDER)
    told = {word: sum(check.outcome == word for check in story.checks) for word in ORDER}
    words = ", ".join(f"{count(told[word])} {word}" for word in ORDER)
    drawing = Drawing("plot-outcome", bottom + FOOT, "What each check said", f"Of all checks: {words}.")
    axis = _across(columns)
    for lane, word in enumerate(reversed(ORDER)):
        drawing.line((LEFT, LANE * (lane + 1)), (RIGHT, LANE * (lane + 1)), "grid")
        drawing.text((0, LANE * (lane + 1) - 8), word, "name")
    for tick in axis.ticks:
        drawing.text((axis.at(tick), bottom + 16), axis.words(tick), "tick", anchor="middle")
    width = (RIGHT - LEFT) / max(len(columns), 12) * 0.72
    for column in columns:
        lane = len(ORDER) - 1 - ORDER.index(column.outcome)
        x, y = axis.at(column.place), LANE * lane
        drawing.box((x - width / 2, y + 4), (x + width / 2, y + LANE - 3), f"said {column.outcome}")
    _baseline(drawing, axis, story, 0, bottom)
    return drawing.svg()


def evidence_plot(story: WatchStory, columns: Sequence[TimelineColumn]) -> Markup:
    """What the bets of all checks won, on a logarithmic scale, and the line of the alarm."""
    line = 1 / story.baseline.level
    shown = [min(max(column.evidence, _LEAST), _MOST) for column in columns]
    scale = _powers([1.0, 2 * line, *shown])
    last = evidence_words(story.checks[-1].evidence)
    drawing = Drawing(
        "plot-evidence", HEIGHT, "Evidence of all checks together",
        f"Now {last}; an alarm from {number(line)} on; the highest {evidence_words(max(c.evidence for c in columns))}.",
    )  # fmt: skip
    axis = _across(columns)
    drawing.rows(scale)
    for tick in axis.ticks:
        drawing.text((axis.at(tick), HEIGHT - 6), axis.words(tick), "tick", anchor="middle")
    drawing.line((0, scale.at(line)), (100, scale.at(line)), "alarm-line")
    drawing.text((100, scale.at(line) - 5), f"alarm from {number(line)} on", "alarm-word", anchor="end")
    points = [(axis.at(column.place), scale.at(value)) for column, value in zip(columns, shown, strict=True)]
    drawing.path(points, "curve h0")
    for point, column in zip(points, columns, strict=True):
        drawing.dot(point, 3.2, "dot chosen", f"{column.name}: {evidence_words(column.evidence)}")
    _baseline(drawing, axis, story, 18, HEIGHT - FOOT)
    return drawing.svg()


def _powers(values: Sequence[float]) -> Axis:
    """A logarithmic axis with at most seven ticks at powers of ten."""
    low, high = math.floor(math.log10(min(values)) + 1e-9), math.ceil(math.log10(max(values)) - 1e-9)
    step = max(1, math.ceil((high - low) / 6))
    high = low + step * math.ceil((high - low) / step)
    ticks = tuple(10.0**power for power in range(low, high + 1, step))
    return Axis(ticks[0], ticks[-1], HEIGHT - FOOT - 8, 18, ticks, _power_words, logarithmic=True)


def _power_words(value: float) -> str:
    power = round(math.log10(value))
    if -3 <= power <= 4:
        return f"{value:,.0f}" if power >= 0 else number(value)
    return "10" + str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def quality_names(story: WatchStory) -> tuple[str, ...]:
    """Qualities that any check tells, in their order."""
    return tuple(dict.fromkeys(one.quality for check in story.checks for one in check.quality if _told(one)))


def _told(one: QualityFact) -> bool:
    return one.estimated is not None or one.measured is not None


def quality_plot(story: WatchStory, columns: Sequence[TimelineColumn], name: str, place: int) -> Markup:
    """A quality over time, estimated and measured, over the band of what is usual."""
    found = [
        (column, column.quality(name, measured=False), column.quality(name, measured=True), column.usual(name))
        for column in columns
    ]
    spans: list[Interval | None] = []
    for _, guess, seen, usual in found:
        spans += [guess.estimated] if guess is not None else []
        spans += [seen.measured] if seen is not None else []
        spans += [usual.usual] if usual is not None else []
    scale = linear([end for span in spans if span is not None for end in _ends(span)], HEIGHT - FOOT - 8, 18)
    better = next(one.better for check in story.checks for one in check.quality if one.quality == name)
    drawing = Drawing(
        f"plot-quality-{place}", HEIGHT, f"{name.replace('_', ' ')} over time ({better} is better)", _newest(found),
    )  # fmt: skip
    axis = _across(columns)
    half = (axis.at(1.0) - axis.at(0.0)) / 2 if len(columns) < 3 else (RIGHT - LEFT) / len(columns) / 2
    for column, _, _, usual in found:
        if usual is not None and usual.usual.ends is not None:
            low, high = usual.usual.ends
            x = axis.at(column.place)
            drawing.box((max(x - half, LEFT), scale.at(high)), (min(x + half, RIGHT), scale.at(low)), "usual")
    drawing.rows(scale)
    for tick in axis.ticks:
        drawing.text((axis.at(tick), HEIGHT - 6), axis.words(tick), "tick", anchor="middle")
    shift = min(0.9, half / 3)
    series = (
        ("estimated", ESTIMATED, -shift, [(c, one, one.estimated) for c, one, _, _ in found if one is not None]),
        ("measured", MEASURED, shift, [(c, one, one.measured) for c, _, one, _ in found if one is not None]),
    )
    for word, index, aside, told in series:
        known_ones = [(column, one, span) for column, one, span in told if span is not None and known(span.mean)]
        drawing.path([(axis.at(c.place) + aside, scale.at(span.mean)) for c, _, span in known_ones], f"thin h{index}")
        for column, one, span in known_ones:
            x = axis.at(column.place) + aside
            if span.ends is not None:
                drawing.line((x, scale.at(span.ends[0])), (x, scale.at(span.ends[1])), f"whisker h{index}")
            doubt = "" if word == "measured" or one.trusted else ", no longer trusted"
            drawing.mark(
                (x, scale.at(span.mean)), index,
                f"{column.name}: {word} {score(span)} ({score_range(span)}){doubt}; usual {score_range(one.usual)}",
            )  # fmt: skip
    _baseline(drawing, axis, story, 18, HEIGHT - FOOT)
    return drawing.svg()


def _newest(
    found: Sequence[tuple[TimelineColumn, QualityFact | None, QualityFact | None, QualityFact | None]],
) -> str:
    for column, guess, seen, usual in reversed(found):
        said = []
        if guess is not None and guess.estimated is not None:
            said.append(f"estimated {score(guess.estimated)}")
        if seen is not None and seen.measured is not None:
            said.append(f"measured {score(seen.measured)}")
        if said and usual is not None:
            return f"In {column.name}: {', '.join(said)}; usual {score_range(usual.usual)}."
    return ""


def quality_legend(*, measured: bool) -> tuple[tuple[Markup, str], ...]:
    """The marks of a quality with their names."""
    told = [(symbol(ESTIMATED), "estimated without labels")]
    if measured:
        told.append((symbol(MEASURED), "measured on labels"))
    band = Markup('<svg class="key" width="14" height="14" aria-hidden="true"><rect class="usual" {}/></svg>').format(
        Markup('width="14" height="14"')
    )
    return (*told, (band, "what is usual for so many rows"))


def _baseline(drawing: Drawing, axis: Axis, story: WatchStory, top: float, bottom: float) -> None:
    """Where the baseline of today begins, if there were checks before."""
    before = len(story.checks) - len(story.current)
    if before:
        x = axis.at(before - 0.5)
        drawing.line((x, top), (x, bottom), "reference")


def shift_ratio(one: ShiftFact, value: float) -> float:
    """An effect in units of what matters; an AUC is nothing at one half."""
    nothing = 0.5 if one.unit == "AUC" else 0.0
    return (value - nothing) / (one.matters - nothing) if one.matters > nothing else 0.0


def shift_plot(shifts: Sequence[ShiftFact]) -> Markup:
    """How far each detector moved in the batch, in units of what matters; empty without any."""
    if not shifts:
        return Markup("")
    ratios = [shift_ratio(one, end) for one in shifts for end in _ends(one.effect)]
    axis = linear([0.0, 1.0, *(min(max(one, 0.0), _FARTHEST) for one in ratios)], 1, 99, words=number)
    bottom = 14 + ROW * len(shifts)
    told = "; ".join(
        f"{one.detector} {effect_words(one)} {one.unit}{', beyond chance' if one.significant else ''}" for one in shifts
    )
    drawing = Drawing("plot-shifts", bottom + 24, "How far it moved, in units of what matters", f"{told}.")
    drawing.columns(axis, 14, bottom)
    drawing.line((axis.at(1.0), 0), (axis.at(1.0), bottom), "reference")
    left = axis.at(1.0) > 70
    drawing.text((axis.at(1.0), 10), "what matters", "note", anchor="end" if left else "start", shift=-5 if left else 5)
    for index, one in enumerate(shifts):
        y, kind = 14 + ROW * index + 28, "chosen" if one.significant else "control"
        drawing.line((0, y), (100, y), "rail")
        drawing.text(
            (0, y - 13), f"{one.detector}: {one.far if one.significant else 'not beyond chance'}", f"name {kind}"
        )
        drawing.text((100, y - 13), number(one.effect.mean), f"value {kind}", anchor="end")
        if one.effect.ends is not None:
            low, high = (axis.at(shift_ratio(one, end)) for end in one.effect.ends)
            drawing.line((low, y), (high, y), f"interval {kind}")
        drawing.dot(
            (axis.at(shift_ratio(one, one.effect.mean)), y), 6, f"dot {kind}", f"{effect_words(one)} {one.unit}"
        )
    return drawing.svg()


def _ends(span: Interval) -> list[float]:
    return [x for x in (span.low, span.mean, span.high) if x is not None and known(x)]
