"""Paying for having chosen: the joint maximum over everything that was compared.

Decisions: the candidate shown to the reader is the best of several, so its lead is flattered (the winner's curse). All
differences come from the same rows, so how they move together is known, and the chance that the largest of them reaches
a lead by luck is computed from that joint distribution (a multivariate t, drawn with a fixed stream) instead of by
bounds that are paid twice. A candidate so far behind that it cannot be the true best (more than CLEARLY standard
errors) is not paid for. A claim against several controls has to hold against each of them, which needs no payment (an
intersection-union test).

Dunnett (1955); Hsu (1996), Multiple Comparisons, chapter 4; Berger (1982) for intersection-union tests.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy import special

from graft.core.seeds import generator
from graft.evidence.comparison import DRIFT, QUARTER, TWO_ROWS, Comparison, compare
from graft.evidence.pooled import Jackknife

CLEARLY = 3.0
DRAWS = 20_000
_TABLE = np.linspace(-5.0, 5.0, 201)  # normal quantiles


def paid_doubt(
    found: Jackknife,
    claimed: tuple[str, str],
    among: Sequence[tuple[str, str]],
    bound: float,
    *,
    drift: float = DRIFT,
    enough: float = 1.0,
) -> float:
    """p-value of "the lead of ``claimed`` is not above ``bound``", when it was chosen among these pairs.

    claimed: (ahead, behind). among: pairs it was chosen from, itself included or not. The chance that the largest of
    the standardised leads reaches this one when none is above the bound. enough: when the doubt is larger than this
    before anything is paid, it is returned as it is (paying only adds to it).
    """
    apart = bound >= 0
    lead = compare(found, *claimed, drift=drift, apart=apart)
    plain = lead.doubt(bound)
    pairs = list(dict.fromkeys([claimed, *among]))
    if len(pairs) == 1 or lead.error == 0.0 or lead.withheld or plain > enough:
        return plain
    gaps = [compare(found, *pair, drift=drift, apart=apart) for pair in pairs]
    moves = np.stack([found.moves(a) - found.moves(b) for a, b in pairs], axis=1)
    covariance = moves.T @ moves + (QUARTER if apart else TWO_ROWS) * found.grain**2 * np.eye(len(pairs))
    scale = np.sqrt(np.diag(covariance))
    kept = scale > 0
    correlation = covariance[np.ix_(kept, kept)] / np.outer(scale[kept], scale[kept])
    drawn = _drawn(correlation, [gap.freedom for gap, keep in zip(gaps, kept, strict=True) if keep])
    reached = float((drawn >= lead.distance(bound)).mean())
    return max(plain, reached)


def _drawn(correlation: np.ndarray, freedom: Sequence[float]) -> np.ndarray:
    """The largest of several t values that move together, shape (draws,)."""
    normal, place, part = _streams(len(correlation))
    values, basis = np.linalg.eigh(correlation)
    root = basis * np.sqrt(np.maximum(values, 0))
    spread = np.stack([_chi(place, part, one) for one in freedom], axis=1)
    return np.asarray((normal @ root.T / spread).max(axis=1))


@lru_cache(maxsize=16)
def _streams(pairs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Standard normals (draws, pairs), and where in the table of its chi each draw lies: place and part (draws,)."""
    rng = generator(0, "joint maximum", pairs)
    normal = rng.standard_normal((DRAWS, pairs))
    step = (rng.standard_normal(DRAWS).clip(_TABLE[0], _TABLE[-2]) - _TABLE[0]) / (_TABLE[1] - _TABLE[0])
    place = step.astype(np.int64)
    return normal, place, step - place


def _chi(place: np.ndarray, part: np.ndarray, freedom: float) -> np.ndarray:
    """A chi over the root of its freedom at these places of its table, within 1e-4, shape (draws,)."""
    table = np.sqrt(special.chdtri(freedom, special.ndtr(_TABLE)) / freedom)
    return np.asarray(table[place] + part * np.diff(table)[place])


def plausible(found: Jackknife, names: Sequence[str], *, drift: float = DRIFT) -> tuple[str, ...]:
    """The candidates that may be the true best: not more than CLEARLY standard errors behind the one that leads."""
    best = max(names, key=lambda name: (found.estimate(name), name), default="")
    return tuple(name for name in names if name == best or _near(compare(found, best, name, drift=drift)))


def _near(lead: Comparison) -> bool:
    return lead.distance(0.0) <= CLEARLY
