"""Which rows a difference of two samples rests on.

Decisions: MMD is the difference of the mean of one function over both samples: how near a row is to the current sample,
less how near it is to the reference (the witness). So each row has a part in it, and parts add up. A row is not
compared with its own group, nor with itself, which would make every row look at home in its own sample. Parts are large
where rows are many, so the rows that are new, or have gone, are those whose part is large for how many rows are near:
it is divided by the root of that, as in a chi-square. Some row is always the first: without a shift that is shown, a
list of rows says nothing.

Gretton et al. (2012), A kernel two-sample test, section 2.3; Lloyd & Ghahramani (2015), Statistical model criticism
using kernel two sample tests, for reading it.
"""

from dataclasses import dataclass

import numpy as np

from graft.core.blas import product
from graft.evidence.two_samples import EXACT, TwoSamples, median_distance, squared_distances

_CELLS = 1 << 23


@dataclass(frozen=True, eq=False)
class Witness:
    """How much more at home each row is in the current sample than in the reference.

    reference, current: of each row as given, shapes (rows,), from -1 to 1. near: how near each row is to both samples
    together, 0 to 2, the reference first, shape (rows of both,). square: the mean of ``current`` less that of
    ``reference``, the squared MMD without bias. bandwidth: in the unit of the vectors.
    """

    reference: np.ndarray
    current: np.ndarray
    near: np.ndarray
    square: float
    bandwidth: float

    @property
    def newness(self) -> tuple[np.ndarray, np.ndarray]:
        """How new each row is to the reference for how many rows are near, of the reference and of the current sample:
        above 0 where the current sample has more such rows; shapes as given."""
        found = np.concatenate([self.reference, self.current]) / np.sqrt(self.near + 1e-9)
        return found[: len(self.reference)], found[len(self.reference) :]

    def newest(self, count: int) -> np.ndarray:
        """Rows of the current sample that the reference has least of, those first, at most ``count``."""
        return np.argsort(-self.newness[1], kind="stable")[:count]


def witness(samples: TwoSamples, *, rng: np.random.Generator, bandwidth: float | None = None) -> Witness:
    """The witness of every row, against some 4,608 rows of both samples at most.

    bandwidth: as in ``mmd``. Rows that ``samples`` did not keep are judged like the others.

    >>> from graft.evidence.shuffles import shuffles
    >>> rng = np.random.default_rng(0)
    >>> one, other = rng.normal(size=(200, 3)), rng.normal(size=(100, 3))
    >>> other[7:12] += 6
    >>> sorted(witness(TwoSamples(one, other, shuffles(200, 100, rng=rng)), rng=rng).newest(5).tolist())
    [7, 8, 9, 10, 11]
    """
    width = median_distance(samples, rng=rng) * samples.size if bandwidth is None else bandwidth
    some = samples.some(EXACT, rng)
    draws, border = some.shuffles, samples.shuffles.rows[0]
    middle = samples.moments[0].mean(axis=0)
    others = np.concatenate([rows for _, rows in some.blocks()])
    others = ((others - middle) / width).astype(np.float32)
    unit = np.full(sum(draws.rows), -1)
    unit[samples.shuffles.kept] = samples.shuffles.unit[samples.shuffles.cell]
    # Bundles of rows are no groups: of them only the row itself is left out.
    own = unit if draws.blocks else np.arange(sum(draws.rows))
    theirs, side = own[draws.kept], draws.current
    found, near_both = np.empty(sum(draws.rows)), np.empty(sum(draws.rows))
    step = max(1, _CELLS // len(others))
    for start in range(0, len(found), step):
        here = np.arange(start, min(start + step, len(found)))
        given = np.concatenate([samples.reference[here[here < border]], samples.current[here[here >= border] - border]])
        rows = ((given.astype(np.float64) - middle) / width).astype(np.float32)
        near = np.exp(-0.5 * squared_distances(rows, others))
        counted = own[here][:, None] != theirs
        near *= counted
        sums = product(near, np.column_stack([~side, side]).astype(np.float32))
        numbers = product(counted.astype(np.float32), np.column_stack([~side, side]).astype(np.float32))
        means = sums / np.maximum(numbers, 1)
        found[here], near_both[here] = means[:, 1] - means[:, 0], means.sum(axis=1)
    reference, current = found[:border], found[border:]
    return Witness(reference, current, near_both, float(current.mean() - reference.mean()), width)
