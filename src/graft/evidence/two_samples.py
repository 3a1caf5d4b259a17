"""Two samples of vectors: whether they are of one distribution, and how far apart they are.

Decisions: every test is a permutation test over the draws of one ``Shuffles`` (exact at any size, under groups too) and
answers in one record, ``Shift``: a p-value, and an effect with its interval, which are two answers. What a test
chooses (a bandwidth, directions, folds, features) it chooses from all rows together, without their side, so the choice
is the same in every draw.

- MMD: squared distance of mean embeddings under a Gaussian kernel, its bandwidth the median distance of rows. Up to
  ``EXACT`` rows the centred kernel summed over cells times the table of draws: one product for all of them. Beyond, 512
  random Fourier features, summed over cells while rows stream by.
- Mean shift: squared distance of means, columns scaled to one standard deviation.
- Covariance shift: squared distance of the covariances of the leading components, each scaled to one; each draw has
  means of its own, so a moved mean is not a changed covariance.
- Neighbours (Schilling): how much more often rows are near rows of their own sample than mixed samples would be; rows
  of the same group are never counted as neighbours.
- Classifier: a ridge classifier, cross-fitted with whole groups in a fold, and learnt anew for every draw (all draws
  are one solve). The usual shortcut, to test out-of-fold scores as if the classifier were given, is wrong: folds learn
  from one another's rows, and their AUCs go up and down together.

Effects of the first three are a length, from the unbiased square (what the draws have on average is taken off), so
without drift it is near 0 at any sample size. Their error has two parts: what the draws have (the length of noise) and
what rows vary along the difference, which grows with it. Ends are the lengths at which what was seen would just be too
long, or too short, for that error; 0 where there is none. 95 % asked, 93 to 99 % seen (4 to 64 dimensions, 50 to 300
rows).

Gretton et al. (2012), A kernel two-sample test; Rahimi & Recht (2007), Random features for large-scale kernel machines;
Schilling (1986), Multivariate two-sample tests based on nearest neighbors; Lopez-Paz & Oquab (2017), Revisiting
classifier two-sample tests.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import linalg, sparse

from graft.core.blas import product
from graft.core.errors import InputError
from graft.core.intervals import Interval, wilson
from graft.evidence.shuffles import Shuffles, p_value

EXACT = 4608  # rows, up to which the kernel of all pairs is made
FREQUENCIES = 512
COMPONENTS = 32
NEIGHBOURS = 5
FOLDS = 5
LARGEST = 8192  # rows that a classifier is tried on
_BLOCK = 4096
_BASIS_ROWS, _WIDE = 2048, 1024
_STEPS = 24
_BEYOND = 1e100  # squares of such numbers would leave float64
_AGAIN = 20  # draws whose classifier's AUC gets a standard error of its own


@dataclass(frozen=True, eq=False)
class Shift:
    """What one test says of two samples.

    test: its name. statistic: the larger, the further apart. p_value: (k + 1) / (draws + 1). effect: how far apart,
    with its 95 % interval, in ``unit``; it has no ends where no p-value of 0.05 is possible. rows: of the reference and
    of the current sample that were compared. least_p: no smaller p-value was possible. values: the statistic as
    observed and in every draw, shape (1 + draws,), for ``together``. notes: what a reader should know.
    """

    test: str
    statistic: float
    p_value: float
    effect: Interval
    unit: str
    rows: tuple[int, int]
    least_p: float
    values: np.ndarray
    notes: tuple[str, ...] = ()

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """Ends of the effect's interval."""
        return self.effect.low, self.effect.high

    @property
    def spread(self) -> float:
        """How many standard deviations of the draws the statistic lies above their mean; 0 where draws agree."""
        null = self.values[1:]
        deviation = float(null.std())
        return (self.statistic - float(null.mean())) / deviation if deviation > 0 else 0.0


@dataclass(frozen=True, eq=False)
class TwoSamples:
    """Vectors of a reference and of a current sample with the draws that tell what chance would do.

    reference, current: shapes (rows, dimension), float32 or float64; may be maps of files, since large ones are read
    block by block. shuffles: draws for so many rows. Raises InputError for shapes that do not fit, or rows that are
    not finite.

    >>> rng = np.random.default_rng(0)
    >>> from graft.evidence.shuffles import shuffles
    >>> one, other = rng.normal(size=(200, 8)), rng.normal(0.3, size=(100, 8))
    >>> seen = mean_shift(TwoSamples(one, other, shuffles(200, 100, rng=rng)), rng=rng)
    >>> seen.p_value, round(seen.effect.mean, 2)
    (0.001, 0.23)
    """

    reference: np.ndarray
    current: np.ndarray
    shuffles: Shuffles

    def __post_init__(self) -> None:
        shapes, rows = (np.shape(self.reference), np.shape(self.current)), self.shuffles.rows
        if any(len(shape) != 2 for shape in shapes) or shapes[0][1] != shapes[1][1] or shapes[0][1] == 0:
            raise InputError(
                f"vectors of shapes {shapes[0]} and {shapes[1]}", needed="two tables of the same number of columns"
            )
        kinds = {np.asarray(one).dtype.kind for one in (self.reference, self.current)}
        if not kinds <= set("fiub"):
            raise InputError("vectors that are not numbers", needed="tables of numbers")
        if (shapes[0][0], shapes[1][0]) != rows:
            raise InputError(
                f"{shapes[0][0]} and {shapes[1][0]} vectors for draws of {rows[0]} and {rows[1]} rows",
                needed="draws made for these samples",
            )

    @property
    def dimension(self) -> int:
        """Columns."""
        return int(self.reference.shape[1])

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Kept rows in float64, some at a time: their places among the kept, and shape (some, dimension)."""
        kept, border = self.shuffles.kept, self.shuffles.rows[0]
        for start in range(0, len(kept), _BLOCK):
            here = slice(start, min(start + _BLOCK, len(kept)))
            first, second = kept[here][kept[here] < border], kept[here][kept[here] >= border] - border
            rows = np.concatenate([self.reference[first], self.current[second]]).astype(np.float64)
            good = (np.abs(rows) < _BEYOND).all(axis=1)  # false for NaN
            if not good.all():
                wrong = int(kept[here][~good][0])
                place = (
                    f"row {wrong} of the reference" if wrong < border else f"row {wrong - border} of the current one"
                )
                raise InputError(
                    f"vectors hold NaN, infinity or numbers beyond {_BEYOND:g}, the first in {place}",
                    needed="finite numbers",
                    fix="embed those rows again, or leave them out",
                )
            yield here, rows

    @cached_property
    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean of each stratum, shape (strata, dimension), and standard deviation of every column around them.

        A column that does not vary has a deviation of infinity, so that it counts for nothing.
        """
        draws = self.shuffles
        mean = draws.means(self.sums(self.blocks()))
        squares, largest = np.zeros(self.dimension), np.abs(mean).max(axis=0)
        for here, rows in self.blocks():
            squares += np.square(rows - mean[draws.stratum[here]]).sum(axis=0)
        deviation = np.sqrt(squares / len(draws.kept))
        return mean, np.where(deviation > 1e-7 * largest, np.where(deviation > 0, deviation, np.inf), np.inf)

    def scaled(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Like ``blocks``, in float32, around the mean of the stratum, each column with a standard deviation of 1."""
        yield from self._around(self.moments[1])

    def centred(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Like ``blocks``, in float32, around the mean of the stratum, divided by ``size``."""
        yield from self._around(np.where(np.isfinite(self.moments[1]), self.size, np.inf))

    def _around(self, scale: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        mean = self.moments[0]
        for here, rows in self.blocks():
            yield here, ((rows - mean[self.shuffles.stratum[here]]) / scale).astype(np.float32)

    @property
    def size(self) -> float:
        """The largest standard deviation of a column; 1 where nothing varies."""
        deviation = self.moments[1]
        return float(deviation[np.isfinite(deviation)].max(initial=0.0)) or 1.0

    def some(self, most: int, rng: np.random.Generator) -> "TwoSamples":
        """The same with at most so many rows, taken at random."""
        fewer = self.shuffles.some(most, rng)
        return self if fewer is self.shuffles else TwoSamples(self.reference, self.current, fewer)

    def sums(self, blocks: Iterator[tuple[slice, np.ndarray]]) -> np.ndarray:
        """Rows summed over cells, shape (cells, columns of the blocks)."""
        draws, found = self.shuffles, np.zeros((0, 0))
        for here, rows in blocks:
            ones = np.ones(len(rows), rows.dtype)
            places = draws.cell[here], np.arange(len(rows))
            part = product(sparse.csr_array((ones, places), shape=(draws.cells, len(rows))), rows)
            found = part.astype(np.float64) if not found.size else found + part
        return found


@dataclass(frozen=True)
class TwoSampleTest:
    """A test of two samples of vectors. name: as in ``Shift``. means: what it sees, in words."""

    name: str
    means: str
    of: Callable[..., Shift]

    def __call__(self, samples: TwoSamples, *, rng: np.random.Generator) -> Shift:
        """Run it."""
        return self.of(samples, rng=rng)


def mmd(samples: TwoSamples, *, rng: np.random.Generator, bandwidth: float | None = None) -> Shift:
    """Distance of mean embeddings under a Gaussian kernel, exp(-distance^2 / (2 bandwidth^2)).

    bandwidth: in the unit of the vectors; the median distance of a thousand rows when None. The effect is the MMD (the
    root of its unbiased square): 0 for equal distributions, at most the root of 2.
    """
    draws = samples.shuffles
    if bandwidth is not None and not 0 < bandwidth < np.inf:
        raise InputError(f"a bandwidth of {bandwidth}", needed="a number above 0", fix="leave it out for the median")
    width = median_distance(samples, rng=rng) if bandwidth is None else bandwidth / samples.size
    if len(draws.kept) <= EXACT:
        rows = _all(samples.centred())
        gram = _around_strata(_gaussian(rows, width), draws)
        if not np.array_equal(draws.cell, np.arange(len(rows))):
            gram = product(draws.membership, product(draws.membership, gram).T)
        along = gram @ draws.weights
        squares = np.einsum("cd,cd->d", draws.weights, along).astype(np.float64)
        return _length(draws, "mmd", squares, along[:, 0].astype(np.float64), 1, "MMD", rng)
    waves = (rng.normal(size=(samples.dimension, FREQUENCIES)) / width).astype(np.float32)

    def features() -> Iterator[tuple[slice, np.ndarray]]:
        for here, rows in samples.centred():
            angles = product(rows, waves)
            yield here, np.hstack([np.cos(angles), np.sin(angles)]) / np.float32(np.sqrt(FREQUENCIES))

    return _linear(draws, "mmd", samples.sums(features()), 1, "MMD", rng)


def mean_shift(samples: TwoSamples, *, rng: np.random.Generator) -> Shift:
    """Distance of means, columns scaled to one standard deviation.

    The effect is in standard deviations a dimension (root mean square over the columns that vary).
    """
    columns = max(1, int(np.isfinite(samples.moments[1]).sum()))
    sums = samples.sums(samples.scaled())
    return _linear(samples.shuffles, "mean", sums, columns, "standard deviations a dimension", rng)


def covariance_shift(samples: TwoSamples, *, rng: np.random.Generator) -> Shift:
    """Distance of the covariances of the leading components, each scaled to a variance of one.

    The effect is the root mean square change of an entry of that matrix (1: a variance that doubled, a correlation
    from 0 to 1). Needs two rows in each sample to see anything.
    """
    draws = samples.shuffles
    basis = _components(samples, min(COMPONENTS, max(1, draws.cells // 4)), rng)
    size = basis.shape[1]
    upper = np.triu_indices(size)
    twice = np.where(upper[0] == upper[1], 1.0, np.sqrt(2.0)).astype(np.float32)  # both halves of the matrix

    def projected() -> Iterator[tuple[slice, np.ndarray]]:
        for here, rows in samples.scaled():
            yield here, product(rows, basis)

    def products() -> Iterator[tuple[slice, np.ndarray]]:
        for here, rows in projected():
            yield here, np.hstack([rows, rows[:, upper[0]] * rows[:, upper[1]] * twice])

    sums = samples.sums(products())
    total = sums.sum(axis=0)
    chosen = product(draws.drawn.T.astype(np.float64), sums)
    found = []
    for part, count in zip((total - chosen, chosen), draws.counts, strict=True):
        means = part / count[:, None]
        outer = means[:, upper[0]] * means[:, upper[1]] * twice
        found.append((means[:, size:] - outer) * (count / np.maximum(count - 1, 1))[:, None] * (count > 1)[:, None])
    change = found[1] - found[0]
    before, after = draws.counts
    scale = 1 / before + 1 / after
    squares = np.square(change).sum(axis=1) / scale**2
    # Along the change, a row of a sample counts by its own products around the mean of its sample.
    side = draws.drawn[:, 0]
    means = np.array([total[:size] - chosen[0, :size], chosen[0, :size]]) / np.array([[before[0]], [after[0]]])
    entries = np.zeros((size, size))
    entries[upper] = change[0] * np.where(upper[0] == upper[1], 1.0, np.sqrt(0.5))
    entries[(upper[1], upper[0])] = entries[upper]
    own = means[side.astype(int)]
    along = sums[:, size:] @ change[0] - 2 * np.einsum("ck,ck->c", sums[:, :size], own @ entries)
    along += draws.sizes * np.einsum("ck,ck->c", own, own @ entries)
    return _length(draws, "covariance", squares, along / scale[0], size * size, "change of an entry", rng)


def neighbour_shift(samples: TwoSamples, *, rng: np.random.Generator, k: int = NEIGHBOURS) -> Shift:
    """How much more often the k nearest rows are of a row's own sample than if the samples were mixed.

    The effect is 0 for mixed samples and near 1 for samples that lie apart. k: fewer where there are fewer
    rows of other groups.
    """
    samples, told = samples.some(EXACT, rng), "excess share of neighbours of one's own sample"
    draws, rows = samples.shuffles, _all(samples.centred())
    if not rows.any():
        return _shift(draws, "neighbours", np.zeros(draws.draws + 1), Interval(0.0, 0.0, 0.0), told)
    unit = draws.unit[draws.cell]
    near, counted = _nearest(rows, unit, min(k, len(rows) - 1), rng)
    source = np.repeat(np.arange(len(rows)), near.shape[1])[counted.ravel()]
    graph = sparse.csr_array((np.ones(len(source), np.float32), (source, near[counted])), shape=(len(rows), len(rows)))
    cells = draws.membership
    edges = product(cells @ graph @ cells.T, draws.weights).astype(np.float64)  # of each cell to the current sample
    out = np.asarray((cells @ graph).sum(axis=1))
    weights = draws.drawn.astype(np.float64)
    to_current, from_current = edges.sum(axis=0), out @ weights
    current = np.einsum("cd,cd->d", weights, edges)
    reference = out.sum() - to_current - from_current + current
    shares = current / np.maximum(from_current, 1), reference / np.maximum(out.sum() - from_current, 1)
    values = shares[0] + shares[1] - 1
    noise = values[1:] - values[1:].mean()
    excess = min(1.0, float(values[0] - values[1:].mean()))
    # Of every unit: what its neighbours, and those it is a neighbour of, add to the shares.
    side, target = draws.current, near[counted]
    match = side[source] == side[target]
    edges_of = np.where(side[source], max(1.0, from_current[0]), max(1.0, out.sum() - from_current[0]))
    edge = (match - np.where(side[source], shares[0][0], shares[1][0])) / edges_of
    received = np.bincount(target, weights=edge, minlength=len(rows)).astype(np.float64)
    for one in (side, ~side):
        received[one] -= received[one].mean()  # how many rows each sample has is given
    units = np.bincount(unit[source], weights=edge, minlength=int(unit.max()) + 1) + np.bincount(unit, weights=received)
    line = max(0.0, float(units @ units) - 2 * float(noise.var()))
    error = rng.permutation(noise) + np.sqrt(line) * rng.normal(size=len(noise))
    low, high = map(float, np.quantile(error, [0.025, 0.975]))
    effect = Interval(excess, max(-1.0, excess - high), min(1.0, excess - low))
    return _shift(draws, "neighbours", values, effect, told)


def classifier_shift(samples: TwoSamples, *, rng: np.random.Generator, folds: int = FOLDS) -> Shift:
    """How well a cross-fitted linear classifier tells the samples apart: its AUC over pairs of one fold.

    The effect is the AUC of a classifier that has learnt from so many rows, with an interval over groups (or rows).
    """
    samples = samples.some(LARGEST, rng)
    draws = samples.shuffles
    rows = _all(samples.scaled())
    if not rows.any():
        return _shift(draws, "classifier", np.full(draws.draws + 1, 0.5), Interval(0.5, 0.5, 0.5), "AUC")
    if rows.shape[1] > _WIDE:
        rows = product(rows, _components(samples, _WIDE, rng))
    units = int(draws.unit.max()) + 1
    folds = max(1, min(folds, units))
    fold = (rng.permutation(units) % folds)[draws.unit]
    sums = product(draws.membership, rows).astype(np.float64)
    wins, pairs = np.zeros(draws.draws + 1), np.zeros(draws.draws + 1)
    scores = np.zeros((len(rows), min(draws.draws, _AGAIN) + 1))
    for one in range(folds):
        inside = rng.permutation(np.flatnonzero((fold == one)[draws.cell]))  # equal scores: in no order of samples
        weights = _ridge(rows, sums, draws, fold != one if folds > 1 else fold == one)
        judged = product(rows[inside], weights)
        scores[inside] = judged[:, : scores.shape[1]]
        won, possible = _wins(judged, draws.drawn[draws.cell[inside]])
        wins, pairs = wins + won, pairs + possible
    values = np.where(pairs > 0, wins / np.maximum(pairs, 1), 0.5)
    areas = [_area(scores[:, draw], draws, draw, fold[draws.cell]) for draw in range(scores.shape[1])]
    area, error = areas[0]
    # Folds learn from one another: what that adds without drift is added to the error of a classifier that is given.
    given = float(np.mean([one**2 for _, one in areas[1:]]))
    more = float(np.clip(values[1:].var() / given, 1.0, 4.0)) if given > 0 else 1.0
    most = 2.0 * min(np.unique(draws.unit[draws.drawn[:, 0] == side]).size for side in (False, True))
    worth = min(most, area * (1 - area) / (error**2 * more)) if error > 0 else most
    share = wilson(area * worth, worth)
    return _shift(draws, "classifier", values, share if pairs[0] else Interval(area), "AUC")


VECTOR_TESTS = (
    TwoSampleTest("mmd", "any change of the distribution, the larger ones first", mmd),
    TwoSampleTest("mean", "a moved mean", mean_shift),
    TwoSampleTest("covariance", "other variances, or other correlations, of the leading components", covariance_shift),
    TwoSampleTest("neighbours", "regions where one sample has no rows of the other near", neighbour_shift),
    TwoSampleTest("classifier", "a direction that tells the samples apart, small variances too", classifier_shift),
)


def _shift(draws: Shuffles, test: str, values: np.ndarray, effect: Interval, unit: str) -> Shift:
    rows = int(draws.counts[0][0]), int(draws.counts[1][0])
    told = effect if draws.least_p <= 0.05 else Interval(effect.mean)
    return Shift(test, float(values[0]), p_value(values), told, unit, rows, draws.least_p, values, draws.notes)


def _linear(draws: Shuffles, test: str, sums: np.ndarray, columns: int, unit: str, rng: np.random.Generator) -> Shift:
    """Distance of mean features from their sums over cells, shape (cells, features)."""
    sums = sums - draws.sizes[:, None] * draws.means(sums)[draws.cell_stratum]
    chosen = product(draws.drawn.T.astype(np.float64), sums)
    return _length(draws, test, np.square(chosen).sum(axis=1), product(sums, chosen[0]), columns, unit, rng)


def _length(
    draws: Shuffles,
    test: str,
    squares: np.ndarray,
    along: np.ndarray,
    columns: int,
    unit: str,
    rng: np.random.Generator,
) -> Shift:
    """A squared distance of means of features, as a shift.

    squares: the squared length of what the current sample sums to around the means of the strata, shape (1 + draws,).
    along: what each cell sums to along the observed such sum, shape (cells,).
    """
    scale = draws.scale
    values = squares * scale
    if not values[0] > 0 and not values.any():
        return _shift(draws, test, values, Interval(0.0, 0.0, 0.0), unit)
    noise = (values[1:] - values[1:].mean()) * scale[0]
    square = float((values[0] - values[1:].mean()) * scale[0])
    # What rows vary along the difference: of each unit, its part in the difference of the means.
    sizes = draws.by_stratum[:, :, 0]
    part = np.zeros(draws.cells)
    for side, own in enumerate(sizes):
        here = draws.drawn[:, 0] == bool(side)
        place = draws.cell_stratum[here]
        middle = np.bincount(place, weights=along[here], minlength=len(own)) / np.maximum(own, 1)
        share = (2 * side - 1) * sizes[1 - side] / sizes.sum(axis=0)
        part[here] = (along[here] - middle[place] * draws.sizes[here]) * share[place] * scale[0] ** 2
    units = np.bincount(draws.unit, weights=part)
    along_it = float(units @ units) * len(units) / max(1, len(units) - 1) / float(values[0] * scale[0] + 1e-300)
    normal, noise = rng.normal(size=len(noise)), rng.permutation(noise)

    def end(side: float) -> float:
        """The square at which what was seen would be as far off as the quantile of the error there."""
        found = max(0.0, square)
        for _ in range(_STEPS):
            error = noise + 2 * np.sqrt(along_it * max(0.0, found)) * normal
            found = (found + square - float(np.quantile(error, side))) / 2  # half a step, which does not swing
        return found

    low, high = end(0.975), end(0.025)
    ends = [float(np.sqrt(max(0.0, one) / columns)) for one in (square, min(low, square), max(high, square))]
    return _shift(draws, test, values, Interval(*ends), unit)


def _all(blocks: Iterator[tuple[slice, np.ndarray]]) -> np.ndarray:
    return np.concatenate([rows for _, rows in blocks])


def _around_strata(gram: np.ndarray, draws: Shuffles) -> np.ndarray:
    """A kernel of all kept rows, its features around the mean of their stratum; in place."""
    for turn in (gram, gram.T):
        for one in range(int(draws.stratum.max()) + 1):
            here = slice(None) if draws.stratum.max() == 0 else draws.stratum == one
            turn[here] -= turn[here].mean(axis=0)
    return gram


def squared_distances(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Between all rows and all others, shape (rows, others); both of shape (…, dimension), near their mean."""
    found = product(rows, others.T)
    found *= -2
    found += np.einsum("rd,rd->r", rows, rows)[:, None]
    found += np.einsum("rd,rd->r", others, others)
    return np.asarray(np.maximum(found, 0, out=found))


def median_distance(samples: TwoSamples, *, rng: np.random.Generator) -> float:
    """Of two of a thousand rows of both samples, about the means of their strata, in parts of ``samples.size``.

    The mean of what is not 0 where most rows are equal, and 1 where all are.
    """
    some = samples.some(1000, rng)
    rows = _all(some.centred())
    return _median(rows) * some.size / samples.size


def _median(rows: np.ndarray) -> float:
    distances = np.sqrt(squared_distances(rows, rows)[np.triu_indices(len(rows), 1)])
    middle = float(np.median(distances)) if len(distances) else 0.0
    apart = distances[distances > 1e-3 * float(distances.max(initial=0.0))]
    if middle > 0 and len(apart) and middle >= float(apart.min()):
        return middle
    return float(apart.mean()) if len(apart) and float(apart.mean()) > 0 else 1.0


def _gaussian(rows: np.ndarray, width: float) -> np.ndarray:
    """The kernel of all pairs, in float32, shape (rows, rows)."""
    gram = squared_distances(rows, rows)
    gram *= np.float32(-0.5 / width**2)
    return np.asarray(np.exp(gram, out=gram))


def _components(samples: TwoSamples, count: int, rng: np.random.Generator) -> np.ndarray:
    """Leading directions of scaled rows, each scaled so that rows have a variance of one; (dimension, components)."""
    rows = _all(samples.some(_BASIS_ROWS, rng).scaled()).astype(np.float64)
    rows -= rows.mean(axis=0)
    wide = rows.shape[1] > rows.shape[0]
    inner = rows @ rows.T if wide else rows.T @ rows
    size = len(inner)
    values, vectors = linalg.eigh(inner, subset_by_index=[max(0, size - count), size - 1])
    good = values > 1e-9 * max(float(values.max()), 1e-300)
    if not good.any():
        return np.zeros((rows.shape[1], 1), np.float32)
    directions = rows.T @ vectors[:, good] / np.sqrt(values[good]) if wide else vectors[:, good]
    return np.asarray(directions / np.sqrt(values[good] / len(rows)), dtype=np.float32)


def _nearest(rows: np.ndarray, unit: np.ndarray, k: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest rows of other units, and which of them there are, each of shape (rows, k).

    Rows at equal distance are taken in an order that does not know the samples.
    """
    order = rng.permutation(len(rows))
    mixed, of = rows[order], unit[order]
    near = np.zeros((len(rows), k), dtype=np.int64)
    counted = np.zeros((len(rows), k), dtype=bool)
    for start in range(0, len(rows), _BLOCK // 4):
        here = slice(start, min(start + _BLOCK // 4, len(rows)))
        distances = squared_distances(mixed[here], mixed)
        distances[of[here][:, None] == of] = np.inf
        found = np.argpartition(distances, k - 1, axis=1)[:, :k] if k else np.zeros((len(distances), 0), int)
        near[order[here]] = order[found]
        counted[order[here]] = np.isfinite(np.take_along_axis(distances, found, axis=1))
    return near, counted


def _ridge(rows: np.ndarray, sums: np.ndarray, draws: Shuffles, learn: np.ndarray) -> np.ndarray:
    """Weights that tell the current sample from the reference, for every draw, shape (columns, 1 + draws).

    sums: rows summed over cells. learn: the cells to learn from. The penalty is one row for every column, as if the
    columns had been seen once more each.
    """
    chosen = rows[learn[draws.cell]].astype(np.float64)
    columns = rows.shape[1]
    gram = chosen.T @ chosen + columns * np.eye(columns)
    labels, sizes = draws.drawn[learn].astype(np.float64), draws.sizes[learn]
    labels -= (sizes @ labels) / max(1, sizes.sum())
    return np.asarray(linalg.solve(gram, sums[learn].T @ labels, assume_a="pos"), dtype=np.float32)


def _wins(scores: np.ndarray, current: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs in which the current row has the higher score, and pairs, of every draw, each of shape (1 + draws,).

    scores, current: shape (rows, 1 + draws).
    """
    order = np.argsort(scores, axis=0, kind="stable")
    sorted_sides = np.take_along_axis(current, order, axis=0)
    after = current.sum(axis=0).astype(np.float64)
    ranks = np.arange(1, len(scores) + 1, dtype=np.float64) @ sorted_sides
    return ranks - after * (after + 1) / 2, after * (len(scores) - after)


def _area(scores: np.ndarray, draws: Shuffles, draw: int, fold: np.ndarray) -> tuple[float, float]:
    """AUC of one draw over pairs of one fold, ties counted half, and its standard error over units for given scores.

    scores, fold: shapes (kept,). (0.5, 0) without pairs.

    Obuchowski (1997), Nonparametric analysis of clustered ROC curve data; DeLong et al. (1988) for single rows.
    """
    side, unit = draws.drawn[draws.cell, draw], draws.unit[draws.cell]
    wins, pairs = np.zeros(len(scores)), np.zeros(len(scores))
    for one in range(int(fold.max()) + 1):
        inside = np.flatnonzero(fold == one)
        mine = [inside[~side[inside]], inside[side[inside]]]
        for own, other in ((0, 1), (1, 0)):
            ranked, asked = np.sort(scores[mine[other]]), scores[mine[own]]
            below = 0.5 * np.searchsorted(ranked, asked, "left") + 0.5 * np.searchsorted(ranked, asked, "right")
            wins[mine[own]] = below if own else len(ranked) - below
            pairs[mine[own]] = len(ranked)
    total = float(pairs[side].sum())
    if not total:
        return 0.5, 0.0
    area = float(wins[side].sum() / total)
    parts = np.bincount(unit, weights=(wins - area * pairs) / total)
    units = int(np.count_nonzero(np.bincount(unit)))
    return area, float(np.sqrt(parts @ parts * units / max(1, units - 1)))
