"""Whether rows are alike in a way that forbids to exchange them one by one: by a column, or by the order they came in.

Decisions: a permutation test of single rows is wrong where rows of a customer, a document or a day are alike, and the
person who runs it may not know. So the reference itself is asked. Rows of one value of a column are compared with rows
of any (the intraclass correlation of the scaled vectors), neighbours in the file with rows anywhere (the correlation of
a row with the next one); both are judged by exchanging rows. What matters is how many rows count as one: the design
effect, 1 + (size - 1) * correlation. It needs little: 400 rows in groups of 20 against 400 others without drift, by
exchanging rows, alarmed (mean shift at 5 %, 300 checks) in

| correlation, design effect | 8 dimensions | 64 dimensions |
|---|---|---|
| .0026, 1.05 | 4 % | 8 % |
| .01, 1.2 | 11 % | 26 % |
| .025, 1.5 | 26 % | 78 % |
| .05, 2 | 44 % | 98 % |

Kish (1965), Survey Sampling; Donner (1986), A review of inference procedures for the intraclass correlation
coefficient in the one-way random effects model.
"""

from dataclasses import dataclass

import numpy as np

from graft.core.errors import InputError
from graft.core.means import group_places
from graft.evidence.shuffles import p_value

DRAWS_OF_ORDER = 199
_ROWS = 4096


@dataclass(frozen=True)
class Likeness:
    """How alike rows are that belong together.

    correlation: of two rows of one group (or neighbours in the file), about 0 where rows are exchangeable, at most 1.
    p_value: of its being 0 or less. effect: how many rows count as one, 1 or more; None for an order, which has no
    size. size: rows of the group that a row is in, on average.
    """

    correlation: float
    p_value: float
    effect: float | None = None
    size: float | None = None

    @property
    def matters(self) -> bool:
        """Whether rows should not be exchanged one by one: shown, and a twentieth of the variance or more."""
        return self.p_value <= 0.01 and (self.correlation >= 0.05 if self.effect is None else self.effect >= 1.05)


def group_likeness(vectors: np.ndarray, groups: np.ndarray, *, rng: np.random.Generator) -> Likeness:
    """How alike rows of one group are, among rows of the reference.

    vectors: shape (rows, dimension); of more than 4,096 rows, whole groups up to so many. groups: shape (rows,).
    Correlation 0 and p-value 1 where no group has two rows, or all rows are one group.

    >>> rng = np.random.default_rng(0)
    >>> customers = np.arange(40).repeat(5)
    >>> level = rng.normal(size=(40, 3))[customers]
    >>> found = group_likeness(level + rng.normal(size=(200, 3)), customers, rng=rng)
    >>> round(found.correlation, 1), found.p_value, round(found.effect, 1), found.matters
    (0.4, 0.005, 2.8, True)
    """
    rows = _finite(vectors)
    place = group_places(len(rows), groups)
    if len(rows) > _ROWS:
        order = rng.permutation(int(place.max()) + 1)[place]
        sizes = np.bincount(order)
        taken = np.flatnonzero(order < max(1, int(np.searchsorted(np.cumsum(sizes), _ROWS))))
        rows, place = rows[taken], np.unique(place[taken], return_inverse=True)[1]
    sizes = np.bincount(place).astype(np.float64)
    pairs, size = float((sizes * (sizes - 1)).sum()), float((sizes**2).sum() / sizes.sum())
    unit = _scaled(rows)
    if not pairs or len(sizes) == 1 or not unit.any():
        return Likeness(0.0, 1.0, 1.0, size)
    own = np.einsum("rd,rd->r", unit, unit)
    values = np.empty(DRAWS_OF_ORDER + 1)
    order = np.argsort(place, kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(int)
    for draw in range(len(values)):
        mixed = unit[order] if draw == 0 else unit[rng.permutation(len(unit))]
        sums = np.add.reduceat(mixed, starts, axis=0)
        values[draw] = (np.square(sums).sum() - own.sum()) / pairs
    # Two rows at random correlate by -1 / (rows - 1), since they lie around their own mean.
    correlation = float(values[0] / own.mean() + 1 / (len(unit) - 1))
    return Likeness(min(1.0, correlation), p_value(values), 1 + (size - 1) * max(0.0, min(1.0, correlation)), size)


def order_likeness(vectors: np.ndarray, *, rng: np.random.Generator) -> Likeness:
    """How alike rows are that follow one another in the file.

    vectors: shape (rows, dimension), in the order they came; of more than 4,096 rows, the first so many.

    >>> rng = np.random.default_rng(0)
    >>> order_likeness(rng.normal(size=(300, 4)), rng=rng).matters
    False
    >>> order_likeness(np.cumsum(rng.normal(size=(300, 4)), axis=0), rng=rng).matters
    True
    """
    unit = _scaled(_finite(vectors)[:_ROWS])
    if len(unit) < 3 or not unit.any():
        return Likeness(0.0, 1.0)
    own = float(np.square(unit).sum())
    values = np.array(
        [
            float(np.einsum("rd,rd->", mixed[1:], mixed[:-1]))
            for mixed in [unit, *(unit[rng.permutation(len(unit))] for _ in range(DRAWS_OF_ORDER))]
        ]
    )
    correlation = values[0] / own * len(unit) / (len(unit) - 1) + 1 / (len(unit) - 1)
    return Likeness(float(min(1.0, correlation)), p_value(values))


def _finite(vectors: np.ndarray) -> np.ndarray:
    rows = np.asarray(vectors)
    if rows.ndim != 2 or not rows.size or not float(np.abs(rows).max()) < 1e100:
        raise InputError(
            f"vectors of shape {rows.shape}, some of which are missing, not numbers or none at all",
            needed="a table of finite numbers with at least one row",
        )
    return rows


def _scaled(rows: np.ndarray) -> np.ndarray:
    """Around their mean, each column with a standard deviation of one, constant columns left out as zeros."""
    middle = rows.mean(axis=0, dtype=np.float64)
    around = rows - middle
    deviation = around.std(axis=0)
    return np.asarray(around / np.where(deviation > 1e-7 * np.abs(middle), np.maximum(deviation, 1e-300), np.inf))
