"""Evidence that may be looked at every day: what was won by betting against "nothing has changed".

Decisions: a gambler starts with 1 and bets on every day's result at odds that are fair, or worse, if nothing has
changed. Ville: the chance that the capital ever reaches 20 is then at most 1 in 20, however often somebody looks and
whenever they stop. A p-value is bet on by a power of it (small ones pay), an e-value by a share of the capital.

Which power pays best depends on the drift, so the capital lies on five of them, half of it on "do not bet". Every night
one part in a hundred is laid out anew as at the start: what is put aside has not been lost in quiet months, so the
process needs no restart to see a change that begins late. Simulated, 365 days, days of a known effect (in standard
deviations of a normal test), median days to an alarm, drift from day 1 and from day 181:

| effect | product of p^-0.5 / 2 | laid out anew |
|---|---|---|
| 0.5 | 27, 10 % seen | 40, 71 |
| 1 | 7, 83 | 10, 18 |
| 2 | 3, 28 | 3, 5 |
| 4 | 2, 14 | 1, 3 |

Permutation p-values are multiples of 1 / (draws + 1) and never smaller; the odds of their powers are exact on these
steps, which pays up to five times as much as the odds for p-values of any size.

What the bets need: each day's p-value must be valid *whatever the days before were like*. Days compared with one and
the same baseline share what it is off by, and a gambler collects that. In 500 years of 365 days without drift (1 to 64
dimensions) 21 to 25 % alarmed where the baseline had as many rows as a day, 16 to 18 % with 3 times as many, 5 to 6 %
with 10, 2 to 4 % with 20, and 1 to 3 % with 100 or more. So a baseline of 20 days or more does in practice; what is
valid at any size is to compare each day with the baseline *and all days before it*, exchanging rows among all of them
(the p-values are then independent), at the price of a baseline that slow changes seep into. ``Looks``
compares with the baseline alone, and pays for it.

Ville (1939); Vovk & Wang (2021), E-values: calibration, combination and applications; Herbster & Warmuth (1998),
Tracking the best expert, for capital that is laid out anew; Vovk et al. (2021), Retrain or not retrain: conformal test
martingales for change-point detection, for independence of p-values against all that came before.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from graft.core.errors import InputError

POWERS = (1.0, 0.6, 0.3, 0.1, 0.03)  # of the p-value; 1 is not to bet
STAKES = (0.0, 0.1, 0.25, 0.5, 1.0)  # shares of the capital on an e-value
START = (0.5, 0.125, 0.125, 0.125, 0.125)
ANEW = 0.01  # of the capital, every night
_DEEPEST = -700.0  # logarithm of a capital that is as good as none


@dataclass(frozen=True)
class Wealth:
    """The capital of a gambler against "nothing has changed", after some days.

    log_parts: logarithms of what lies on each bet. days: that were bet on since the start. peak: the logarithm of the
    highest capital so far. starts: how many times it began; the promise is one per start.

    >>> capital = Wealth()
    >>> for p in (0.4, 0.001, 0.9, 0.002, 0.001):
    ...     capital = capital.after_p(p, draws=999)
    >>> capital.days, capital.alarm(0.05), capital.alarm(1e-9)
    (5, True, False)
    """

    log_parts: tuple[float, ...] = tuple(float(np.log(part)) for part in START)
    days: int = 0
    peak: float = 0.0
    starts: int = 1

    def after_p(self, p: float, *, draws: int | None = None) -> "Wealth":
        """After a day's p-value, 0 to 1. draws: of a permutation p-value (k + 1) / (draws + 1), for its exact odds."""
        if not 0 <= p <= 1 or (draws is None and p == 0):
            raise InputError(f"a p-value of {p}", needed="a number above 0, at most 1")
        return self._after(p_gains(p, draws=draws))

    def after_e(self, e: float) -> "Wealth":
        """After a day's e-value, 0 or more: something whose mean is at most 1 if nothing has changed."""
        if not e >= 0 or np.isinf(e):
            raise InputError(f"an e-value of {e}", needed="a finite number, 0 or more")
        return self._after(np.array([1 - stake + stake * e for stake in STAKES]))

    def _after(self, gains: np.ndarray) -> "Wealth":
        with np.errstate(divide="ignore"):
            parts = np.maximum(np.array(self.log_parts) + np.log(gains), _DEEPEST)
        total = float(np.logaddexp.reduce(parts))
        parts = np.logaddexp(parts + np.log1p(-ANEW), total + np.log(ANEW) + np.log(START))
        return replace(self, log_parts=tuple(parts.tolist()), days=self.days + 1, peak=max(self.peak, total))

    @property
    def capital(self) -> float:
        """Now: an e-value of all days so far together."""
        return float(np.exp(min(700.0, np.logaddexp.reduce(self.log_parts))))

    @property
    def highest(self) -> float:
        """The most that the capital ever was, which is what an alarm goes by."""
        return float(np.exp(min(700.0, self.peak)))

    def alarm(self, level: float = 0.05) -> bool:
        """Whether the capital ever reached 1 / level; without a change that happens with a chance of at most level."""
        if not 0 < level < 1:
            raise InputError(f"a level of {level}", needed="a share between 0 and 1", fix="use 0.05")
        return bool(self.peak >= -np.log(level) - 1e-12)

    def again(self) -> "Wealth":
        """A new start, for a new baseline or after an alarm that was dealt with; its level is to be paid for anew."""
        return Wealth(starts=self.starts + 1)


def p_gains(p: float, *, draws: int | None = None) -> np.ndarray:
    """What each of POWERS pays on a p-value, shape (powers,); on average at most 1 if nothing has changed.

    >>> p_gains(1.0).tolist()
    [1.0, 0.6, 0.3, 0.1, 0.03]
    >>> p_gains(0.001, draws=999).round(1).tolist()
    [1.0, 9.6, 42.2, 95.0, 121.2]
    """
    powers = np.array(POWERS)
    if draws is None:
        return np.asarray(powers * p ** (powers - 1))
    # A step between two multiples is no smaller than the lower one: nothing that is paid can be too much.
    step = max(1, int(np.ceil(p * (draws + 1) - 1e-9)))
    return np.asarray((step / (draws + 1)) ** (powers - 1) * _odds(draws))


@lru_cache(maxsize=32)
def _odds(draws: int) -> np.ndarray:
    steps = np.arange(1, draws + 2) / (draws + 1)
    return np.array([1 / np.mean(steps ** (power - 1)) for power in POWERS])


def e_value(p: float | np.ndarray, *, draws: int | None = None) -> np.ndarray:
    """p-values as e-values, of p's shape: the mean of what the powers pay, each by its share at the start.

    For several tests that are not independent (``e_benjamini_hochberg``), or their mean, which is an e-value as well.

    >>> e_value(np.array([0.001, 0.05, 1.0]), draws=999).round(2).tolist()
    [34.0, 1.78, 0.66]
    """
    ps = np.asarray(p, dtype=np.float64)
    if not ((ps >= 0) & (ps <= 1)).all() or (draws is None and not ps.all()):
        raise InputError("p-values that are not all above 0 and at most 1", needed="a p-value for each test")
    gains = np.array([p_gains(float(one), draws=draws) for one in ps.ravel()])
    return np.asarray(gains.reshape(*ps.shape, len(POWERS)) @ np.array(START))
