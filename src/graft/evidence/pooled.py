"""Rows judged by models that had not seen them, put together, and what leaving some of them out does to a score.

Decisions: a verdict is drawn from rows, not from five fold means. Every row that was out of fold counts, in all repeats
(with weight 1/R in each of R), and so does the holdout; rows that belong together (a customer, near-duplicates, a
document) are one cluster and always go together. A jackknife serves every metric in the same way, linear in its rows
or not: half the weight of a cluster is taken out in turn. For means that is the usual standard error to the last digit.
Taking out the whole, as is usual, overstates the variance of macro-F1 by 25 % when a class has five rows (the score of
a class of n rows moves by 1/(n - 1), not by 1/sqrt(n (n - 1)); with halves it moves by 1/(n - 1/2)), and by far more
when the last row of a class goes. Beyond 500 clusters they go in 500 random blocks, which changes nothing that could be
seen. A candidate's estimate may be a sum of several such scores (``terms``): that is how the score at the full number
of labels is estimated from folds that saw fewer.

What few disagreeing rows cannot say is added: see ``grain``. And a class-averaged metric that rests on fewer than LEAST
rows says nothing of its uncertainty (``withheld``): with two classes, one of them rare, that is two of the rare or
fewer. Of 20, 50 and 100 rows at 20:1 that withholds 78, 30 and 4 % of intervals, and those given cover .95, .98, .98.
Neither does one whose typical class has fewer than two rows, however many classes there are: F1 of a class stays what
it is when half of its only row goes. 150 classes of one row were covered in .46 to .65 of studies, and a difference
that is not there was claimed in half of them; of two rows .88 to .96, of three and more .92 to .98.

What rows teach one another. A row that is judged has taught the models that judge the others. Where a model's answer to
a row hangs on which rows it learnt from, it is a sum over those, and what a pair adds to it stands in the answers to
both: such rows are right or wrong together though nothing else joins them, and their mean varies by more than they
show, by up to as much again, however many rows there are (a sum over pairs: Hoeffding, 1948). How far answers hang on
the others is seen where two models answer for a row that learnt from halves with no row in common: what differs
between these is due to the training rows, and falls by half as those double. What of it is drawn anew in every repeat
is in what rows show already; the rest counts twice. See ``Lessons`` and ``Jackknife.taught``. Heads on vectors of
pictures against heads on edges and colours, 60 of 468 pictures: differences vary by 1.62 and 1.63 times what rows show
(200 studies each, the noise of the truth taken off), and this says 1.53 and 1.57.

Hoeffding (1948), A class of statistics with asymptotically normal distribution; Tukey (1958); Efron & Stein (1981);
Shao & Wu (1989) for metrics that are not smooth.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from graft.core.errors import InputError
from graft.core.seeds import generator
from graft.evidence.metrics import metric
from graft.evidence.predictions import Scored

BLOCKS = 500
HALF = 0.5
CELLS = 4_000_000
LEAST, ABSENT, LEAST_OF_A_CLASS = 7.0, 0.5, 2.0
LINEAR = 2 / np.pi


@dataclass(frozen=True, eq=False)
class Pooled:
    """One candidate's scores of rows it had not seen.

    scored: (rows). clusters: the cluster of each row, any integers, shape (rows,); the same for every candidate of a
    study. weights: how much each row counts, shape (rows,); 1/R for a row that was scored in R repeats. None: one each.
    """

    scored: Scored
    clusters: np.ndarray
    weights: np.ndarray | None = None

    def __post_init__(self) -> None:
        if len(self.clusters) != self.scored.rows or (
            self.weights is not None and len(self.weights) != self.scored.rows
        ):
            raise InputError(
                f"{len(self.clusters)} clusters for {self.scored.rows} rows", needed="a cluster and a weight per row"
            )


Terms = Sequence[tuple[float, Pooled]]


@dataclass(frozen=True, eq=False)
class Lessons:
    """A candidate's scores from which it can be seen how far its answers hang on the rows it learnt from.

    repeats: of every repeat alone, each row once. halves: of rows as two models said that learnt from one half and the
    other of what the models of a repeat learnt from. share: what these rows are of all that are compared, 0 to 1.
    """

    repeats: tuple[Pooled, ...]
    halves: tuple[tuple[Pooled, Pooled], ...]
    share: float = 1.0


@dataclass(frozen=True, eq=False)
class LessonMoves:
    """What blocks of rows do to the scores of ``Lessons``: repeats (repeats, blocks), halves (pairs, 2, blocks)."""

    repeats: np.ndarray
    halves: np.ndarray
    share: float


@dataclass(frozen=True, eq=False)
class Jackknife:
    """The estimates of several candidates, and each without one block of rows; oriented: higher is better.

    names: of the candidates. estimates: shape (candidates,). left_out: with half of a block taken out, shape (blocks,
    candidates). grain: what one more row could do to a score, in its unit; 0 for metrics that change smoothly.
    effective: rows in the unit of that grain (for macro-F1 of few and many rows a class, far fewer than rows), inf
    where grain is 0. bounds: of a single score. withheld: why there can be no interval and no claim; empty when there
    can. crowding: how many rows are in the cluster of a row, on average over rows. clusters: how many there are, of
    which a block may hold many. lessons: of candidates for which it is known how far they hang on their training rows.
    """

    metric: str
    names: tuple[str, ...]
    estimates: np.ndarray
    left_out: np.ndarray
    grain: float
    effective: float
    bounds: tuple[float, float]
    withheld: str = ""
    crowding: float = 1.0
    clusters: int = 0
    lessons: Mapping[str, LessonMoves] = field(default_factory=dict)

    def taught(self, name: str, control: str | None = None) -> float:
        """The variance that rows add by teaching one another, of a score or of a difference; 0 where it is not known.

        With one repeat, what is drawn anew in each is taken to be what a step leaves beside the linear part of a
        normal sum, 1 - 2/pi; nothing for a metric without steps.
        """
        first, other = self.lessons.get(name), self.lessons.get(control or name)
        if first is None or other is None:
            return 0.0
        count, pairs = (min(len(a), len(b)) for a, b in ((first.repeats, other.repeats), (first.halves, other.halves)))
        repeats, halves = first.repeats[:count], first.halves[:pairs]
        if control is not None:
            repeats, halves = repeats - other.repeats[:count], halves - other.halves[:pairs]
        either = float(np.square(halves).sum(axis=2).mean())
        if either <= 0.0:
            return 0.0
        hangs = min(1.0, float(np.square(halves[:, 0] - halves[:, 1]).sum(axis=1).mean()) / 2 / either)
        # Twice the rows, half the variance.
        within = hangs / (2 - hangs) * float(np.square(repeats).sum(axis=1).mean())
        once = (1 - LINEAR) * within if self.grain else 0.0
        anew = float(repeats.var(axis=0, ddof=1).sum()) if count > 1 else once
        return max(0.0, within - anew) * first.share**2

    def crowded(self, moves: np.ndarray) -> float:
        """How many rows count as one: those of a cluster where no cluster moved, ever fewer the more of them did.

        moves: what each block does, shape (blocks,). Half a cluster that answers as one is added to those that moved,
        by their number (the squares' sum squared over that of the fourth powers): 40 clusters that are right throughout
        do not show that rows of a cluster differ. Shares of 20 to 100 clusters that answer as one, 1 to 20 % wrong, are
        covered in 92 to 98 % so, and in 41 to 98 % where every row counts; those of rows that answer for themselves in
        94 to 99 %.
        """
        fourths = float((moves**4).sum())
        moved = float(np.square(moves).sum()) ** 2 / fourths if fourths > 0 else 0.0
        return (moved + 0.5 * self.crowding) / (moved + 0.5)

    @property
    def blocks(self) -> int:
        """How many blocks of rows were left out in turn."""
        return len(self.left_out)

    @property
    def units(self) -> int:
        """How many clusters there are, where that is known, else blocks."""
        return max(self.clusters, self.blocks)

    def moves(self, name: str) -> np.ndarray:
        """What each block does to a candidate's score, shape (blocks,); their squares add up to its variance."""
        return np.asarray(self._moved[:, self.names.index(name)])

    @cached_property
    def _moved(self) -> np.ndarray:
        return _moves(self.left_out)

    def estimate(self, name: str) -> float:
        """A candidate's estimate."""
        return float(self.estimates[self.names.index(name)])


def _moves(left_out: np.ndarray) -> np.ndarray:
    """What each block does, from the scores with half of each taken out, shape (blocks, anything)."""
    blocks = len(left_out)
    if blocks < 2:
        return np.zeros_like(left_out)
    unbiased = (blocks - HALF) / np.sqrt(blocks * (blocks - 1))
    return np.asarray((left_out - left_out.mean(axis=0)) / HALF * unbiased)


def effective_rows(scored: Scored, name: str, weights: np.ndarray | None = None) -> float:
    """Rows in the sense of the metric: n for accuracy, K^2 / sum(1/n_k) for metrics that average over K classes.

    inf for metrics without steps. With 95 rows of one class and 5 of another macro-F1 rests on 19 rows. A class without
    rows counts as half a row.

    >>> targets = np.repeat([0, 1], [95, 5])
    >>> round(effective_rows(Scored("binary", targets, np.eye(2)[targets]), "macro_f1"))
    19
    """
    share = np.ones(scored.rows) if weights is None else weights
    steps = metric(name).steps
    if steps == "rows":
        return float(share.sum())
    if not steps:
        return float("inf")
    counts = np.maximum(ABSENT, _class_rows(scored, share))
    return float(len(counts) ** 2 / (1 / counts).sum())


def _class_rows(scored: Scored, share: np.ndarray) -> np.ndarray:
    """Weight of each class or label, shape (classes,)."""
    if scored.task == "multilabel":
        return np.asarray(share @ scored.targets)
    return np.bincount(scored.targets, weights=share, minlength=scored.classes)


def jackknife(
    candidates: Mapping[str, Terms],
    name: str,
    *,
    labels: Sequence[str] = (),
    lessons: Mapping[str, Lessons] | None = None,
) -> Jackknife:
    """Leave out every cluster in turn, for all candidates at once.

    candidates: name to terms; an estimate is the sum of coefficient times score. name: the metric. labels: names of the
    classes, for what is withheld. lessons: of candidates of which it is known how far they hang on their training rows.
    Raises InputError when a score is undefined on the rows themselves. One cluster says nothing of others: no interval.

    >>> truth = np.array([0, 1] * 50)
    >>> good = Scored("binary", truth, np.tile([[0.9, 0.1], [0.2, 0.8]], (50, 1)))
    >>> found = jackknife({"good": [(1.0, Pooled(good, np.arange(100)))]}, "accuracy")
    >>> found.estimate("good"), found.blocks, found.effective
    (1.0, 100, 100.0)
    """
    if not candidates:
        raise InputError("no candidate", needed="at least one")
    terms = [term for parts in candidates.values() for _, term in parts]
    clusters = np.unique(np.concatenate([term.clusters for term in terms]))
    place = np.arange(len(clusters))
    if len(clusters) > BLOCKS:
        place = generator(0, "blocks").permutation(len(clusters)) % BLOCKS
    blocks = int(place.max()) + 1
    record = metric(name)
    seen: dict[int, tuple[float, np.ndarray]] = {}
    estimates, left_out = np.zeros(len(candidates)), np.zeros((blocks, len(candidates)))

    def without(term: Pooled) -> tuple[float, np.ndarray]:
        if id(term) not in seen:
            seen[id(term)] = _without(term, name, place[np.searchsorted(clusters, term.clusters)], blocks)
        return seen[id(term)]

    for column, (candidate, parts) in enumerate(candidates.items()):
        for coefficient, term in parts:
            whole, less = without(term)
            if np.isnan(whole):
                raise InputError(
                    f"the metric {name!r} of {candidate} is undefined on these rows",
                    needed="rows of every kind the metric needs",
                    fix="use more rows, or another metric",
                )
            estimates[column] += coefficient * record.oriented(whole)
            left_out[:, column] += coefficient * record.oriented(less)
    first = next(iter(candidates.values()))[0][1]
    effective = effective_rows(first.scored, name, first.weights)
    grain = 0.0 if np.isinf(effective) else 1 / (effective + 2)
    withheld = "all rows belong to one group" if len(clusters) < 2 else ""
    if record.steps == "classes" and not withheld:
        withheld = _few_of_a_class(first, effective, labels)
    sizes = np.bincount(np.searchsorted(clusters, first.clusters), weights=first.weights)
    crowding = float(np.square(sizes).sum() / sizes.sum())
    bounds = record.oriented_bounds
    learnt = {who: _taught(one, without) for who, one in (lessons or {}).items()}
    return Jackknife(
        metric=name,
        names=tuple(candidates),
        estimates=estimates,
        left_out=left_out,
        grain=grain,
        effective=effective,
        bounds=bounds,
        withheld=withheld,
        crowding=crowding,
        clusters=len(clusters),
        lessons=learnt,
    )


def _taught(lessons: Lessons, without: Callable[[Pooled], tuple[float, np.ndarray]]) -> LessonMoves:
    repeats = _moves(np.stack([without(one)[1] for one in lessons.repeats], axis=1)).T
    pairs = [np.stack([without(one)[1] for one in pair], axis=1) for pair in lessons.halves]
    return LessonMoves(repeats, np.stack([_moves(pair).T for pair in pairs]), lessons.share)


def _few_of_a_class(term: Pooled, effective: float, labels: Sequence[str]) -> str:
    """Why rows of classes are too few for an interval; empty when they are not."""
    rows = _class_rows(term.scored, np.ones(term.scored.rows) if term.weights is None else term.weights)
    if effective < LEAST:
        rarest, fewest = int(rows.argmin()), float(rows.min())
        which = f", {labels[rarest]!r}," if labels else ""
        return f"the rarest class{which} has {fewest:.3g} {'row' if fewest == 1 else 'rows'}"
    there = rows[rows > 0]
    typical = len(there) / float((1 / there).sum())
    if typical < LEAST_OF_A_CLASS - 1e-9:
        # Rounded down: a number that is too small must not be written as the one that is needed.
        short = np.floor(100 * typical) / 100
        return f"a typical class has {short:g} {'row' if short == 1 else 'rows'}, and two are needed"
    return ""


def _without(term: Pooled, name: str, block: np.ndarray, blocks: int) -> tuple[float, np.ndarray]:
    """The metric, and without each block (blocks,); a block whose loss leaves it undefined changes nothing."""
    scored, base = term.scored, np.ones(term.scored.rows) if term.weights is None else term.weights
    record = metric(name, scored.task)
    whole = float(record.per_draw(scored, base[None, :])[0])
    if (by_sums := record.summed(scored)) is not None:
        without = by_sums.without(block, base, blocks, share=HALF)
        return whole, np.where(np.isnan(without), whole, without)
    found = np.full(blocks, whole)
    size = max(1, CELLS // scored.rows)
    present = np.unique(block)
    for start in range(0, len(present), size):
        out = present[start : start + size]
        weights = np.where(block[None, :] == out[:, None], 1 - HALF, 1.0) * base[None, :]
        found[out] = record.per_draw(scored, weights)
    return whole, np.where(np.isnan(found), whole, found)
