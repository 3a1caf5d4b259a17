"""About how many more labels would settle a verdict.

Decision: rows shrink the scale of the posterior like one over the square root of their number and leave the mean
where it is, so the distance needed fixes the number of rows. That is an order of magnitude, not a plan: it is
rounded, and capped at 20 times the rows, beyond which the method of collecting labels matters more than this sum.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize

from graft.core.errors import InputError
from graft.evidence.comparison import Comparison
from graft.evidence.selection import paid_probability

CAP = 20.0
ON_THE_MARGIN = 0.1  # a mean this close to the margin, in margins, is on neither side


@dataclass(frozen=True)
class MoreLabels:
    """How many more labelled rows would settle it.

    rows: additional rows; 0 when it is settled; None when no sensible number would. statement: plain English.
    """

    rows: int | None
    statement: str


def more_labels(
    comparison: Comparison,
    rows: int,
    *,
    margin: float,
    level: float = 0.95,
    selection: int = 1,
    controls: int = 1,
) -> MoreLabels:
    """About how many more labels would turn an inconclusive comparison into a verdict, if its mean is right.

    rows: labelled rows behind the comparison. selection, controls: as in decide_verdict.

    >>> unsure = Comparison(mean=0.03, low=-0.02, high=0.08, worse=0.05, tied=0.15, better=0.8, scale=0.023, folds=15)
    >>> more_labels(unsure, 500, margin=0.01).statement
    'about 1,600 more labels (2,100 in all) would settle it, if the difference stays +0.030'
    """
    if rows < 1 or not margin >= 0 or not 0.5 < level < 1:
        raise InputError(
            f"{rows} rows, margin {margin}, level {level}", needed="rows above 0, margin from 0, level from 0.5 to 1"
        )
    if np.isinf(comparison.scale):
        return MoreLabels(None, "one fold cannot say how much the difference would vary: use at least two folds")

    def sureness(times: float) -> float:
        shrunk = replace(comparison, scale=comparison.scale / float(np.sqrt(times)))
        helps = paid_probability(shrunk.distance(margin), folds=shrunk.folds, among=selection)
        mirrored = replace(shrunk, mean=-shrunk.mean)
        harms = paid_probability(mirrored.distance(margin), folds=shrunk.folds, among=controls)
        return max(helps, harms, shrunk.beyond(-margin) - shrunk.beyond(margin))

    if sureness(1.0) >= level:
        return MoreLabels(0, "the labels at hand settle it")
    if sureness(1 + CAP) < level:
        if abs(abs(comparison.mean) - margin) <= ON_THE_MARGIN * margin:
            return MoreLabels(None, "cannot be settled by more rows: the difference lies on the margin")
        return MoreLabels(None, f"more than {CAP:.0f} times the rows")
    times = float(optimize.brentq(lambda value: sureness(value) - level, 1.0, 1 + CAP, xtol=1e-4))
    more = max(1, int(float(f"{rows * (times - 1):.2g}")))
    total = int(float(f"{rows * times:.2g}"))
    stays = f"if the difference stays {comparison.mean:+.3f}"
    return MoreLabels(more, f"about {more:,} more labels ({total:,} in all) would settle it, {stays}")
