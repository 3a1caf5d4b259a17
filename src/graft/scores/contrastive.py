"""Contrastive pairs: bring rows of one label together and others apart, before a head is solved.

Decisions:
- Where labels are few there are far more pairs of rows than rows, so pairs teach a backbone what a head on so few rows
  cannot (SetFit, Tunstall et al. 2022). Pairs are never listed: an index of the rows of each label is kept, O(rows),
  and every batch draws labels and rows from it.
- A batch of rows stands for all the pairs inside it (16 rows are 120 pairs at the cost of 16 forward passes; eight
  explicit pairs cost the same). A batch holds at least two rows of each label drawn, so it always has both kinds, and
  similar and dissimilar pairs weigh the same, whatever their numbers.
- Several labels a row: two rows are as similar as their labels overlap (Jaccard). Rows without any label resemble
  nobody.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional

from graft.core.seeds import generator
from graft.evidence.training_curve import TrainingLog
from graft.scores.training import Lesson, Stepper, follow, vectors_of

MEASURED = 2
_OF_A_LABEL = 2


@dataclass(frozen=True)
class LabelIndex:
    """Which rows have which label.

    rows: row numbers, those of the first label first; as many as there are row-label pairs. starts: where each label
    begins, shape (labels + 1,). bare: rows without a label.
    """

    rows: np.ndarray
    starts: np.ndarray
    bare: np.ndarray

    def of(self, label: int) -> np.ndarray:
        """The rows of a label."""
        return self.rows[self.starts[label] : self.starts[label + 1]]


def index_labels(targets: np.ndarray, rows: np.ndarray) -> LabelIndex:
    """The index of ``rows``; labels that none of them has are left out.

    targets: of all rows, class numbers (rows,) or a 0/1 matrix (rows, labels).

    >>> index = index_labels(np.array([0, 4, 0, 4, 4]), np.arange(5))
    >>> index.of(0).tolist(), index.of(1).tolist()
    ([0, 2], [1, 3, 4])
    """
    if targets.ndim == 1:
        order = rows[np.argsort(targets[rows], kind="stable")]
        labels, bare = targets[order], rows[:0]
    else:
        labels, places = np.nonzero(targets[rows].T)
        order, bare = rows[places], rows[~targets[rows].any(1)]
    _, starts = np.unique(labels, return_index=True)
    return LabelIndex(order, np.append(starts, len(order)), bare)


def pair_batches(index: LabelIndex, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Endless batches of at most ``size`` rows, each row once, in which similar and dissimilar pairs both stand.

    Every label is as likely as any other, and its rows are dealt out in turn, so none is left out for long.
    """
    count = len(index.starts) - 1
    dealt = [_Deck(index.of(label), rng) for label in range(count)]
    bare = _Deck(index.bare, rng) if len(index.bare) else None
    labels = _Deck(np.arange(count), rng)
    drawn_at_once = min(count, size // _OF_A_LABEL)
    share = max(_OF_A_LABEL, size // drawn_at_once)
    while True:
        drawn = [dealt[label].draw(share) for label in labels.draw(drawn_at_once)]
        if bare is not None:
            drawn.append(bare.draw(_OF_A_LABEL))
        yield np.unique(np.concatenate(drawn))


class _Deck:
    """Things dealt out in a random order, all of them before any comes again."""

    def __init__(self, things: np.ndarray, rng: np.random.Generator) -> None:
        self._things, self._rng = things, rng
        self._left = things[:0]

    def draw(self, count: int) -> np.ndarray:
        """``count`` of them, fewer where there are fewer."""
        count = min(count, len(self._things))
        taken = self._left[:count]
        self._left = self._left[count:]
        if len(taken) < count:
            # A deck begun anew does not repeat what this draw holds already.
            fresh = self._rng.permutation(np.setdiff1d(self._things, taken))
            more = count - len(taken)
            taken, self._left = np.concatenate([taken, fresh[:more]]), fresh[more:]
        return taken


def likeness(targets: np.ndarray) -> np.ndarray:
    """How similar rows should be, float32, shape (rows, rows): 1 for one class, or the overlap of label sets.

    >>> likeness(np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0]])).tolist()
    [[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    if targets.ndim == 1:
        return np.asarray(targets[:, None] == targets, np.float32)
    cells = np.asarray(targets, np.float32)
    shared = cells @ cells.T
    sizes = cells.sum(1)
    return np.asarray(shared / np.maximum(sizes[:, None] + sizes - shared, 1), np.float32)


def pair_loss(vectors: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Squared distance of the cosine similarities of all pairs of a batch from those wanted.

    vectors: (rows, dimension). wanted: likeness, (rows, rows). Pairs that share a label weigh as much as all others.
    """
    unit = functional.normalize(vectors.float(), dim=-1)
    upper = torch.ones_like(wanted, dtype=torch.bool).triu(1)
    found, wanted = (unit @ unit.T)[upper], wanted[upper]
    missed = (found - wanted).square()
    parts = [missed[kind].mean() for kind in (wanted > 0, wanted == 0) if bool(kind.any())]
    return torch.stack(parts).mean() if parts else missed.sum()


class PairStepper(Stepper):
    """Steps on the pairs inside a batch; the head plays no part."""

    def loss(self, rows: np.ndarray) -> torch.Tensor:
        """The pair loss of a batch."""
        inputs = {name: value.to(self.where) for name, value in self.examples.feed.lesson(rows).items()}
        wanted = torch.from_numpy(likeness(self.examples.targets[rows])).to(self.where)
        with self.precision():
            vectors = self.network.vectors(inputs)
        return pair_loss(vectors, wanted)


def learn_pairs(lesson: Lesson) -> TrainingLog:
    """Train the body of a lesson on pairs and solve its head on what its vectors have become."""
    network, rows, schedule = lesson.network, lesson.train_rows, lesson.schedule
    solve = lesson.solve
    assert solve is not None, "pairs train no head, so there is one to solve"

    def solve_again() -> None:
        lesson.settle()
        vectors = vectors_of(network, lesson.examples.feed, rows)
        network.set_head(solve(np.concatenate([vectors, lesson.examples.extra[rows]], 1), rows))

    def measure() -> float:
        solve_again()
        return lesson.held_loss()

    # Pairs say nothing about the head: no step moves it, and its state is not one to be kept.
    network.head.requires_grad_(False)
    log = follow(
        PairStepper(lesson),
        pair_batches(index_labels(lesson.examples.targets, rows), schedule.batch, generator(lesson.seed, "pairs")),
        measure if len(lesson.held_rows) else None,
        schedule=replace(schedule, patience=schedule.steps),
        stretch=max(1, -(-schedule.steps // MEASURED)),
        seed=lesson.seed,
        on_step=lesson.on_step,
    )
    solve_again()
    network.head.requires_grad_(True)
    return replace(log, alike=False)
