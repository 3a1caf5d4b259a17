"""Boosted trees: fitted by scikit-learn, kept and run as arrays.

Decisions: the trees of ``HistGradientBoosting`` are copied into plain arrays, so that a bundle holds no pickle, and run
here by NumPy in the order in which scikit-learn adds them up, which gives the same numbers to the last bit. How many
trees there are is chosen on held-in rows, the same that choose the penalty of a linear model. A forest from elsewhere
is checked before it is run: every child lies behind its parent, so every walk ends, and nothing points outside.

A round costs as much as there are columns and outputs, however few the rows are: 10,000 columns and five classes took
2.5 seconds a round. Of more columns than a budget allows trees see those that tell most of the target one by one, in
fifths of the rows they learn from; never fewer than ``_FEWEST_COLUMNS``.

Ke et al. (2017), LightGBM; Friedman (2001), Greedy function approximation: a gradient boosting machine.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from graft.core.tasks import Task

_NODES_AT_MOST, _TREES_AT_MOST = 20_000_000, 100_000
_CELLS_AT_ONCE = 1 << 19
_TREES_OF_A_FIT, _FEWEST_ROUNDS, _PATIENCE = 3000, 20, 10
_FEW_ROWS = 2000  # below which trees learn twice as fast: a round costs the same however few they are
_MANY_CLASSES = 20
_COLUMNS_OF_A_ROUND, _FEWEST_COLUMNS = 2000, 256  # for one output; at least, however many outputs there are
_BINS, _CELLS_OF_A_SCREEN = 5, 4_000_000
_WORDS = 8  # of 32 bits: the categories that go left


@dataclass(frozen=True)
class TreeRecipe:
    """How trees are grown. rate: of learning. leaves: of a tree. least: rows in a leaf, where there are many rows.
    columns: the share each split looks at. rounds: at most."""

    rate: float
    leaves: int
    least: int
    columns: float
    rounds: int

    def __str__(self) -> str:
        """As a person reads it."""
        part = "" if self.columns == 1 else f", {self.columns:.0%} of the columns a split"
        return f"trees of {self.leaves} leaves, rate {self.rate:g}{part}"


TREE_RECIPES = (
    TreeRecipe(0.1, 15, 20, 1.0, 200),
    TreeRecipe(0.05, 31, 20, 0.5, 600),
    TreeRecipe(0.1, 6, 10, 0.7, 400),
    TreeRecipe(0.05, 15, 40, 0.5, 600),
)


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees as arrays over all their nodes.

    feature: column a node looks at. threshold: numbers up to it go left. left, right: nodes. missing_left: where what
    is missing goes. category: row of ``bits`` whose categories go left, -1 for numbers. value: of a leaf. leaf: whether
    it is one. bits: uint32 (category splits, 8). roots: int64 (rounds, outputs). baseline: float64 (outputs,).
    columns: how many a row has.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    category: np.ndarray
    value: np.ndarray
    leaf: np.ndarray
    bits: np.ndarray
    roots: np.ndarray
    baseline: np.ndarray
    columns: int

    def raw(self, rows: np.ndarray) -> np.ndarray:
        """Raw scores, float64 (rows, outputs). rows: float64 (rows, columns), categories as codes, NaN for missing."""
        found = np.tile(self.baseline, (len(rows), 1))
        rounds, outputs = self.roots.shape
        together = max(1, _CELLS_AT_ONCE // max(1, rounds * outputs))
        for start in range(0, len(rows), together):
            part = slice(start, start + together)
            values = self._leaves(np.ascontiguousarray(rows[part], np.float64))
            for one in range(rounds):
                found[part] += values[:, one]
        return found

    def _leaves(self, rows: np.ndarray) -> np.ndarray:
        """The values of the leaves every row ends in, (rows, rounds, outputs)."""
        nodes = np.tile(self.roots.ravel(), len(rows))
        owner = np.repeat(np.arange(len(rows)) * rows.shape[1], self.roots.size)
        cells = rows.ravel()
        walking = np.flatnonzero(~self.leaf[nodes])
        while len(walking):
            at = nodes[walking]
            cell = cells[owner[walking] + self.feature[at]]
            goes_left = cell <= self.threshold[at]
            split = self.category[at]
            named = np.flatnonzero(split >= 0)
            if len(named):
                goes_left[named] = self._in_bits(split[named], cell[named])
            unknown = np.isnan(cell)
            goes_left[unknown] = self.missing_left[at[unknown]]
            after = np.where(goes_left, self.left[at], self.right[at])
            nodes[walking] = after
            walking = walking[~self.leaf[after]]
        return np.asarray(self.value[nodes].reshape(len(rows), *self.roots.shape))

    def _in_bits(self, splits: np.ndarray, codes: np.ndarray) -> np.ndarray:
        # A split that was tampered with may ask a number for its code.
        coded = (codes >= 0) & (codes < 32 * _WORDS)
        known = np.where(coded, codes, 0.0).astype(np.int64)
        return np.asarray(coded & ((self.bits[splits, known >> 5] >> (known & 31).astype(np.uint32)) & 1 > 0), bool)

    def arrays(self) -> dict[str, np.ndarray]:
        """What safetensors hold of it."""
        flags = self.leaf.astype(np.uint8) | (self.missing_left.astype(np.uint8) << 1)
        return {
            "trees.feature": self.feature.astype(np.int32),
            "trees.threshold": self.threshold,
            "trees.left": self.left.astype(np.int32),
            "trees.right": self.right.astype(np.int32),
            "trees.flags": flags,
            "trees.category": self.category.astype(np.int32),
            "trees.value": self.value,
            "trees.bits": self.bits,
            "trees.roots": self.roots.astype(np.int64),
            "trees.baseline": self.baseline,
        }


def forest_of(arrays: dict[str, np.ndarray], *, columns: int, outputs: int) -> Forest:
    """A forest from its arrays, for rows of so many columns. Raises ValueError for what is none."""
    flags = arrays["trees.flags"]
    found = Forest(
        feature=arrays["trees.feature"].astype(np.int64),
        threshold=np.asarray(arrays["trees.threshold"], np.float64),
        left=arrays["trees.left"].astype(np.int64),
        right=arrays["trees.right"].astype(np.int64),
        missing_left=(flags & 2) > 0,
        category=arrays["trees.category"].astype(np.int64),
        value=np.asarray(arrays["trees.value"], np.float64),
        leaf=(flags & 1) > 0,
        bits=np.asarray(arrays["trees.bits"], np.uint32),
        roots=arrays["trees.roots"].astype(np.int64),
        baseline=np.asarray(arrays["trees.baseline"], np.float64),
        columns=columns,
    )
    _require_sound(found, outputs)
    return found


def _require_sound(forest: Forest, outputs: int) -> None:
    """Raise ValueError unless every walk through the trees stays inside and ends."""
    size = len(forest.value) if forest.value.ndim == 1 else -1
    of_nodes = (forest.feature, forest.threshold, forest.left, forest.right, forest.missing_left, forest.category)
    same = all(one.shape == (size,) for one in (*of_nodes, forest.leaf))
    shapes = forest.roots.ndim == 2 and forest.roots.shape[1] == len(forest.baseline) == outputs
    if not same or not shapes or not 0 < size <= _NODES_AT_MOST or forest.roots.size > _TREES_AT_MOST:
        raise ValueError("trees whose arrays do not fit together")
    if forest.bits.ndim != 2 or forest.bits.shape[1] != _WORDS:
        raise ValueError("trees whose categories do not fit together")
    inner = np.flatnonzero(~forest.leaf)
    children = np.stack([forest.left[inner], forest.right[inner]])
    ends = bool((children > inner).all() and (children < size).all())
    inside = bool(((forest.feature[inner] >= 0) & (forest.feature[inner] < forest.columns)).all())
    splits = bool(((forest.category >= -1) & (forest.category < len(forest.bits))).all())
    rooted = bool(((forest.roots >= 0) & (forest.roots < size)).all())
    if not (ends and inside and splits and rooted):
        raise ValueError("trees that lead outside")
    if not (np.isfinite(forest.value).all() and np.isfinite(forest.baseline).all()):
        raise ValueError("trees that say what is no number")


def forest_from(fitted: Any, columns: int) -> Forest:
    """The trees of a fitted ``HistGradientBoosting`` estimator as arrays; its categories must be codes from 0."""
    trees = [tree for each in fitted._predictors for tree in each]
    sizes = [len(tree.nodes) for tree in trees]
    start = np.concatenate([[0], np.cumsum(sizes)])[:-1].astype(np.int64)
    splits = np.concatenate([[0], np.cumsum([len(tree.raw_left_cat_bitsets) for tree in trees])])[:-1].astype(np.int64)
    nodes = np.concatenate([tree.nodes for tree in trees])
    offset, first = np.repeat(start, sizes), np.repeat(splits, sizes)
    bits = [np.asarray(tree.raw_left_cat_bitsets, np.uint32).reshape(-1, _WORDS) for tree in trees]
    return Forest(
        feature=nodes["feature_idx"].astype(np.int64),
        threshold=nodes["num_threshold"].astype(np.float64),
        left=nodes["left"].astype(np.int64) + offset,
        right=nodes["right"].astype(np.int64) + offset,
        missing_left=nodes["missing_go_to_left"] > 0,
        category=np.where(nodes["is_categorical"] > 0, nodes["bitset_idx"].astype(np.int64) + first, -1),
        value=nodes["value"].astype(np.float64),
        leaf=nodes["is_leaf"] > 0,
        bits=np.concatenate(bits),
        roots=start.reshape(len(fitted._predictors), -1),
        baseline=np.asarray(fitted._baseline_prediction, np.float64).ravel(),
        columns=columns,
    )


def side_by_side(forests: list[Forest]) -> Forest:
    """Forests of as many rounds over the same rows as one, their outputs side by side."""
    if len(forests) == 1:
        return forests[0]
    sizes = np.array([len(one.value) for one in forests])
    start = np.concatenate([[0], np.cumsum(sizes)])[:-1]
    splits = np.concatenate([[0], np.cumsum([len(one.bits) for one in forests])])[:-1]
    return Forest(
        feature=np.concatenate([one.feature for one in forests]),
        threshold=np.concatenate([one.threshold for one in forests]),
        left=np.concatenate([one.left + at for one, at in zip(forests, start, strict=True)]),
        right=np.concatenate([one.right + at for one, at in zip(forests, start, strict=True)]),
        missing_left=np.concatenate([one.missing_left for one in forests]),
        category=np.concatenate(
            [np.where(one.category >= 0, one.category + at, -1) for one, at in zip(forests, splits, strict=True)]
        ),
        value=np.concatenate([one.value for one in forests]),
        leaf=np.concatenate([one.leaf for one in forests]),
        bits=np.concatenate([one.bits for one in forests]),
        roots=np.concatenate([one.roots + at for one, at in zip(forests, start, strict=True)], axis=1),
        baseline=np.concatenate([one.baseline for one in forests]),
        columns=forests[0].columns,
    )


def boosted(
    rows: np.ndarray,
    targets: np.ndarray,
    *,
    task: Task,
    recipe: TreeRecipe,
    categorical: int,
    seed: int,
    weights: np.ndarray | None = None,
    rounds: int | None = None,
    held: tuple[np.ndarray, np.ndarray] | None = None,
) -> Any:
    """A fitted estimator of scikit-learn.

    rows: float64 (rows, columns), the first ``categorical`` of them codes. targets: classes that occur, 0 and 1 of one
    label, or numbers. weights: of the rows. rounds: that many and no fewer; else until the loss of ``held`` (rows and
    targets) has not fallen for a while.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    of = HistGradientBoostingRegressor if task is Task.REGRESSION else HistGradientBoostingClassifier
    outputs = 1 if task is Task.REGRESSION else max(1, len(np.unique(targets)))
    model = of(
        learning_rate=2 * recipe.rate if len(rows) < _FEW_ROWS or outputs > _MANY_CLASSES else recipe.rate,
        max_iter=rounds or rounds_allowed(recipe, outputs),
        max_leaf_nodes=recipe.leaves,
        min_samples_leaf=int(np.clip(len(rows) // 20, 2, recipe.least)),
        l2_regularization=1.0,
        max_features=recipe.columns,
        categorical_features=list(range(categorical)) if categorical else None,
        early_stopping=held is not None and rounds is None,
        scoring="loss",
        n_iter_no_change=_PATIENCE,
        random_state=seed % (1 << 31),
    )
    told = {} if held is None or rounds is not None else {"X_val": held[0], "y_val": held[1]}
    with warnings.catch_warnings():
        # Many classes of few rows each are classes all the same: the contract has said so.
        warnings.filterwarnings("ignore", message="The number of unique classes is greater than")
        return model.fit(rows, targets, sample_weight=weights, **told)


def rounds_allowed(recipe: TreeRecipe, outputs: int) -> int:
    """Rounds a fit may take: every round grows a tree for each class, and their number is bounded.

    >>> rounds_allowed(TREE_RECIPES[0], 2), rounds_allowed(TREE_RECIPES[0], 150)
    (200, 20)
    """
    trees = outputs if outputs > 2 else 1
    return int(np.clip(_TREES_OF_A_FIT // trees, _FEWEST_ROUNDS, recipe.rounds))


def columns_allowed(outputs: int) -> int:
    """Columns trees may look at: a round grows a tree for each class, and each looks at all of them.

    >>> columns_allowed(2), columns_allowed(4), columns_allowed(150)
    (2000, 500, 256)
    """
    return max(_FEWEST_COLUMNS, _COLUMNS_OF_A_ROUND // (outputs if outputs > 2 else 1))


def telling_columns(rows: np.ndarray, targets: np.ndarray, *, categorical: int, most: int) -> np.ndarray:
    """The columns that tell most of the target, each by itself: places, in order, at most so many.

    rows: float64 (rows, columns), the first ``categorical`` of them codes. targets: classes (rows,), or float64 numbers
    (rows,). A column is cut into fifths of its numbers, or its four most frequent categories and the others, what is
    missing apart; what the parts explain of the target's variance counts, less what parts of nothing explain.

    >>> rng = np.random.default_rng(0)
    >>> noise = rng.standard_normal((200, 1000))
    >>> told = noise[:, 700] + noise[:, 7] ** 2
    >>> telling_columns(noise, (told > 1).astype(int), categorical=0, most=2).tolist()
    [7, 700]
    """
    if rows.shape[1] <= most:
        return np.arange(rows.shape[1])
    if targets.dtype.kind != "f":
        targets = np.unique(targets, return_inverse=True)[1]
    told = np.empty(rows.shape[1])
    table = (_BINS + 1) * (1 if targets.dtype.kind == "f" else int(targets.max()) + 1)
    step = max(1, _CELLS_OF_A_SCREEN // max(len(rows), table))
    for start in range(0, rows.shape[1], step):
        parts = _parts_of(rows[:, start : start + step], np.arange(start, rows.shape[1])[:step] < categorical)
        told[start : start + step] = _explained(parts, targets)
    # Ties go to the first: a stable order, whatever the machine.
    return np.sort(np.argsort(-told, kind="stable")[:most])


def _parts_of(rows: np.ndarray, coded: np.ndarray) -> np.ndarray:
    """Which part of its column each cell is in, 0 to ``_BINS``; the last is what is missing."""
    missing = np.isnan(rows)
    ranked, known = np.sort(rows, axis=0), (~missing).sum(axis=0)
    # What is missing is sorted last; a column in which nothing is known has no parts.
    places = np.arange(1, _BINS)[:, None] * np.maximum(known - 1, 0) // _BINS
    cuts = np.take_along_axis(ranked, places, axis=0)
    parts = (rows[None] > cuts[:, None]).sum(axis=0)
    # Codes go by how frequent their categories are.
    parts = np.where(coded, np.clip(np.nan_to_num(rows), 0, _BINS - 1).astype(np.int64), parts)
    return np.where(missing, _BINS, parts)


def _explained(parts: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """What parts explain of the target, over what as many parts of nothing explain; 0 for a column of one part.

    targets: classes from 0 that all occur, or float64 numbers. Pearson's chi-squared, or the squares between parts.
    """
    rows, width = parts.shape
    cells = (parts + np.arange(width) * (_BINS + 1)).T.ravel()
    size = width * (_BINS + 1)
    counts = np.bincount(cells, minlength=size)
    if targets.dtype.kind == "f":
        spread = targets - targets.mean()
        square = np.bincount(cells, weights=np.tile(spread, width), minlength=size) ** 2
        usual = float(np.square(spread).sum()) / max(1, rows - 1)
    else:
        share = np.bincount(targets) / rows
        found = np.bincount(cells * len(share) + np.tile(targets, width), minlength=size * len(share))
        square = (np.square(found.reshape(size, -1) - counts[:, None] * share) / share).sum(axis=1)
        usual = (len(share) - 1) * rows / max(1, rows - 1)
    explained = (square / np.maximum(counts, 1)).reshape(width, -1).sum(axis=1)
    free = (counts.reshape(width, -1) > 0).sum(axis=1) - 1
    return np.asarray((explained - free * usual) / np.sqrt(np.maximum(free, 1)))
