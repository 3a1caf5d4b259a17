"""The control for rows of a table: boosted trees or a linear model, whichever has the lower loss on held-in rows.

Decisions: trees are what is hard to beat on tables (Grinsztajn et al. 2022), and a linear model is what is hard to beat
on few rows; both are tried, since a control that is held back proves nothing. The trees have as many recipes as every
candidate has configurations; the number of trees and the penalty of the linear model are chosen on the same held-in
rows. Both learn without class weights unless they were asked for: probabilities are set right later anyway.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from scipy import sparse

from graft.core.tasks import Task
from graft.representations.row_columns import RowColumns
from graft.scores.classical.ngrams import solve_sparse
from graft.scores.linear import inner_splits, solve_head
from graft.scores.trees import (
    TREE_RECIPES,
    Forest,
    TreeRecipe,
    boosted,
    columns_allowed,
    forest_from,
    forest_of,
    side_by_side,
    telling_columns,
)

# Trees are dear where rows are few, and then the first held-in rows often say enough.
_SPLITS, _FAR_BEHIND = 3, 1.5


@dataclass(frozen=True, eq=False)
class LinearOnRows:
    """Scores are ``matrix @ weight.T + bias``. weight: float32 (outputs, width). bias: float32 (outputs,)."""

    weight: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True, eq=False)
class TreesOnRows:
    """Trees whose raw scores are those of some classes or labels.

    forest: its outputs, one or one for each of ``places``. places: which columns of the scores they are, int64. rest:
    what the other columns say of every row, float64 (outputs,).
    """

    forest: Forest
    places: np.ndarray
    rest: np.ndarray

    def logits(self, parted: np.ndarray, task: Task) -> np.ndarray:
        """Raw scores, float64 (rows, outputs)."""
        raw = self.forest.raw(parted)
        found = np.tile(self.rest, (len(parted), 1))
        if raw.shape[1] == 1 and len(self.places) == 2 and task is not Task.MULTILABEL:
            # Two classes have one column: how much the second is ahead of the first.
            found[:, self.places[0]], found[:, self.places[1]] = 0.0, raw[:, 0]
        else:
            found[:, self.places] = raw
        return found


Scorer: TypeAlias = LinearOnRows | TreesOnRows


def trees_of(arrays: dict[str, np.ndarray], *, columns: int) -> TreesOnRows:
    """Trees from their arrays, for rows of so many columns. Raises ValueError for what is none."""
    places, rest = arrays["places"].astype(np.int64), np.asarray(arrays["rest"], np.float64)
    if rest.ndim != 1 or places.ndim != 1 or not len(places) or len(np.unique(places)) != len(places):
        raise ValueError("trees for no outputs")
    if places.min() < 0 or places.max() >= len(rest):
        raise ValueError("trees for outputs that are not there")
    outputs = len(arrays["trees.baseline"])
    if outputs != len(places) and (outputs, len(places)) != (1, 2):
        raise ValueError("trees for other outputs")
    return TreesOnRows(forest_of(arrays, columns=columns, outputs=outputs), places, rest)


@dataclass(frozen=True, eq=False)
class Control:
    """What was fitted, what it is called, and its loss on held-in rows (NaN where there were too few to hold in)."""

    scorer: Scorer
    name: str
    held_loss: float
    size: int


def fit_control(
    columns: RowColumns,
    parted: np.ndarray,
    targets: np.ndarray,
    *,
    task: Task,
    outputs: int,
    weights: np.ndarray,
    head_weights: np.ndarray,
    untilt: bool,
    configurations: int,
    seed: int,
) -> Control:
    """The better of trees and a linear model.

    parted: as ``columns`` gives it of the training rows. targets: as a head sees them. weights: of the classes, for
    trees. head_weights, untilt: see ``solve_head``.
    """
    linear = _linear(
        columns, parted, targets, task=task, outputs=outputs, weights=head_weights, seed=seed, untilt=untilt
    )
    splits = inner_splits(targets, task, seed)
    if not splits or (task is not Task.REGRESSION and np.ptp(targets) == 0):
        return linear
    growing = _Growing(
        parted, targets, task, outputs, len(columns.categorical), _row_weights(targets, task, weights), seed
    )
    tried = [growing.tried(recipe, splits[:_SPLITS], linear.held_loss) for recipe in TREE_RECIPES[:configurations]]
    best = min(tried, key=lambda one: one.loss)
    if not best.loss < linear.held_loss:
        return linear
    scorer = growing.grown(best.recipe, best.rounds)
    name = f"{best.rounds} rounds of {best.recipe}"
    if parted.shape[1] > growing.most:
        name += f", of the {growing.most:,} columns of {parted.shape[1]:,} that tell most"
    return Control(scorer, name, best.loss, int(scorer.forest.leaf.sum()))


def _linear(
    columns: RowColumns,
    parted: np.ndarray,
    targets: np.ndarray,
    *,
    task: Task,
    outputs: int,
    weights: np.ndarray,
    seed: int,
    untilt: bool,
) -> Control:
    matrix = columns.matrix(parted)
    if sparse.issparse(matrix):
        head = solve_sparse(matrix, targets, task=task, outputs=outputs, weights=weights, seed=seed, untilt=untilt)
        weight, bias, loss = head.weight, head.bias, head.held_loss
    else:
        dense = solve_head(matrix, targets, task=task, outputs=outputs, weights=weights, seed=seed, untilt=untilt)
        weight, bias, loss = dense.weight, dense.bias, dense.held_loss
    return Control(LinearOnRows(weight, bias), "a linear model", loss, weight.size + bias.size)


def _row_weights(targets: np.ndarray, task: Task, weights: np.ndarray) -> np.ndarray | None:
    if task in (Task.REGRESSION, Task.MULTILABEL) or np.ptp(weights) == 0:
        return None
    return np.asarray(weights[targets], np.float64)


@dataclass(frozen=True)
class _Tried:
    recipe: TreeRecipe
    rounds: int
    loss: float


@dataclass(frozen=True)
class _Growing:
    """What all fits of trees on some rows share. parts: the columns of targets that have trees of their own."""

    parted: np.ndarray
    targets: np.ndarray
    task: Task
    outputs: int
    categorical: int
    weights: np.ndarray | None
    seed: int

    @property
    def parts(self) -> tuple[np.ndarray, ...]:
        """The targets as trees take them: labels one by one."""
        if self.task is Task.MULTILABEL:
            return tuple(column.astype(np.int64) for column in self.targets.T)
        return (self.targets,)

    @property
    def most(self) -> int:
        """Columns the trees of a part may look at."""
        alone = self.task in (Task.MULTILABEL, Task.REGRESSION)
        return columns_allowed(1 if alone else len(np.unique(self.targets)))

    def seen(self, part: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, int]:
        """The columns that trees of these rows look at, and how many of them, the first, are codes."""
        parted = self.parted[rows]
        columns = telling_columns(parted, part[rows], categorical=self.categorical, most=self.most)
        return columns, int((columns < self.categorical).sum())

    def tried(self, recipe: TreeRecipe, splits: list[tuple[np.ndarray, np.ndarray]], rival: float) -> _Tried:
        """How many rounds suit, and the loss of the held-in rows then; left after one split that is far behind."""
        found: list[tuple[int, float]] = []
        for split in splits:
            found += [self._held(recipe, part, *split) for part in self.parts]
            if np.mean([loss for _, loss in found]) > _FAR_BEHIND * rival:
                break
        rounds = [many for many, _ in found if many]
        if not rounds:
            return _Tried(recipe, 0, np.inf)
        return _Tried(recipe, max(1, round(float(np.mean(rounds)))), float(np.mean([loss for _, loss in found])))

    def _held(self, recipe: TreeRecipe, part: np.ndarray, train: np.ndarray, held: np.ndarray) -> tuple[int, float]:
        """Rounds and loss of one split; 0 rounds where the training rows are all the same."""
        known = held if self.task is Task.REGRESSION else held[np.isin(part[held], part[train])]
        unknown = np.log(len(train) + self.outputs)  # the loss of a row whose class no training row has
        if len(np.unique(part[train])) < 2 or not len(known):
            return 0, float(unknown * (1 - len(known) / len(held)))
        columns, coded = self.seen(part, train)
        fitted = boosted(
            _stated(self.parted[np.ix_(train, columns)]),
            part[train],
            task=self.task,
            recipe=recipe,
            categorical=coded,
            seed=self.seed,
            weights=None if self.weights is None else self.weights[train],
            held=(self.parted[np.ix_(known, columns)], part[known]),
        )
        curve = -np.asarray(fitted.validation_score_)
        loss = (float(curve.min()) * len(known) + float(unknown) * (len(held) - len(known))) / len(held)
        return int(curve.argmin()), loss

    def grown(self, recipe: TreeRecipe, rounds: int) -> TreesOnRows:
        """Trees of all rows."""
        parts = self.parts
        rest = np.zeros(self.outputs)
        if self.task is Task.MULTILABEL:
            shares = (self.targets.sum(0) + 0.5) / (len(self.targets) + 1)
            rest = np.log(shares / (1 - shares)).astype(np.float64)
            places = np.array([place for place, part in enumerate(parts) if np.ptp(part) > 0], np.int64)
        elif self.task is Task.REGRESSION:
            places = np.zeros(1, np.int64)
        else:
            places = np.unique(self.targets)
            rest[:] = np.log(0.5 / (len(self.targets) + 1))
        own = parts if self.task is not Task.MULTILABEL else [parts[place] for place in places.tolist()]
        return TreesOnRows(side_by_side([self._forest(part, recipe, rounds) for part in own]), places, rest)

    def _forest(self, part: np.ndarray, recipe: TreeRecipe, rounds: int) -> Forest:
        everything = np.arange(len(part))
        columns, coded = self.seen(part, everything)
        fitted = boosted(
            _stated(self.parted[:, columns]),
            part,
            task=self.task,
            recipe=recipe,
            categorical=coded,
            seed=self.seed,
            weights=self.weights,
            rounds=rounds,
        )
        forest = forest_from(fitted, self.parted.shape[1])
        return replace(forest, feature=columns[forest.feature])


def _stated(rows: np.ndarray) -> np.ndarray:
    """The rows with columns that say nothing filled with zeros: scikit-learn cannot cut them into bins."""
    empty = np.isnan(rows).all(axis=0)
    return np.where(empty, 0.0, rows) if empty.any() else rows
