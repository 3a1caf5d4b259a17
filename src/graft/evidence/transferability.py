"""How promising a representation looks before anything is trained on it.

Decisions: cheap scores, used to shortlist and never to decide (no such score wins everywhere). LogME is the log
evidence of a Bayesian linear model, per row, maximised over its two precisions; the H-score is how much of the spread
of the features lies between the classes, its covariance shrunk because there are often fewer rows than dimensions;
neighbour agreement is model-free and means something only beside what shuffled labels would agree, which is counted
from all pairs, not approximated; NCE and LEEP ask what a source's own answers say about the labels, and need no
features. Features are taken as they are: LogME depends on their scale only weakly, neighbours are compared by cosine.

Constant features say nothing, and score as what says nothing; rows equally near to another count as neighbours alike.
"""

from collections.abc import Iterator

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from graft.core.errors import InputError
from graft.core.tasks import CLASSES, Task

_TIED = 1e-9


def logme(features: np.ndarray, targets: np.ndarray, task: str, *, iterations: int = 100, tol: float = 1e-5) -> float:
    """Logarithm of the maximum evidence per row; higher promises better transfer.

    features: shape (rows, dimension). targets: class indices (rows,), 0/1 labels (rows, labels) or values (rows,).
    task: the name of a Task; classes are scored one against the rest and averaged.

    >>> rng = np.random.default_rng(0)
    >>> features = rng.standard_normal((200, 5))
    >>> told = logme(features, features @ rng.standard_normal(5), "regression")
    >>> told > logme(features, rng.standard_normal(200), "regression")
    True

    You, Liu, Wang & Long (2021), LogME, ICML; the fixed point is algorithm 3 of You et al. (2022), JMLR 23.
    """
    columns = _columns(features, targets, task)
    varies = np.ptp(columns, axis=0) > 0  # a label that all rows have, or none, is told by anything
    columns = columns[:, varies] if varies.any() else columns
    matrix = np.asarray(features, dtype=np.float64)
    rows, dimension = matrix.shape
    # The smaller of the two Gram matrices has what a decomposition of the features themselves would say.
    tall = dimension <= rows
    squared, vectors = np.linalg.eigh(matrix.T @ matrix if tall else matrix @ matrix.T)
    kept = squared > squared.max(initial=0.0) * max(matrix.shape) * np.finfo(np.float64).eps
    squared, vectors = squared[kept], vectors[:, kept]
    along = vectors.T @ (matrix.T @ columns) if tall else vectors.T @ columns
    projected = along**2 / (squared[:, None] if tall else 1.0)
    return float(_evidence(squared, projected, (columns**2).sum(axis=0), matrix.shape, iterations, tol).mean())


def _columns(features: np.ndarray, targets: np.ndarray, task: str) -> np.ndarray:
    """The targets as columns to regress on, shape (rows, columns)."""
    features, targets = np.asarray(features), np.asarray(targets)
    if features.ndim != 2 or len(features) != len(targets) or len(features) < 2:
        raise InputError(
            f"features of shape {features.shape} and {len(targets)} targets",
            needed="(rows, dimension), two rows or more",
        )
    if not np.all(np.isfinite(features)):
        raise InputError("features that are not finite", needed="finite numbers")
    if task == "regression":
        return targets.astype(np.float64)[:, None]
    if task == "multilabel":
        return targets.astype(np.float64)
    if task not in CLASSES:
        raise InputError(f"the task {task!r}", needed=f"one of {', '.join(Task)}")
    return np.asarray(targets[:, None] == np.unique(targets)[None, :], dtype=np.float64)


def _evidence(
    squared: np.ndarray, projected: np.ndarray, lengths: np.ndarray, shape: tuple[int, int], iterations: int, tol: float
) -> np.ndarray:
    """Maximum log evidence per row of each column, (columns,): weight precision alpha, noise precision beta.

    squared: of the singular values, (rank,). projected: squared parts of the columns along the left singular vectors,
    (rank, columns). lengths: squared lengths of the columns, (columns,).
    """
    rows, dimension = shape
    values = squared[:, None]
    outside = np.maximum(0.0, lengths - projected.sum(axis=0))
    floor = 1e-10 * np.maximum(lengths, 1e-12)  # a perfect fit has no noise to estimate
    alpha, beta = np.ones(len(lengths)), np.ones(len(lengths))

    def fit(ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Squared lengths of the weights and of the residuals at alpha / beta."""
        weights = (values * projected / (values + ratio) ** 2).sum(axis=0)
        residual = (projected * (ratio / (values + ratio)) ** 2).sum(axis=0) + outside
        return np.maximum(weights, 1e-300), np.maximum(residual, floor)

    going = np.ones(len(lengths), dtype=bool)
    for _ in range(iterations):
        ratio = alpha / beta
        weights, residual = fit(ratio)
        used = (values / (values + ratio)).sum(axis=0)
        found = np.maximum(rows - used, 1e-12) / residual
        beta = np.where(going, found, beta)
        alpha = np.where(going, np.minimum(np.maximum(used, 1e-12) / weights, 1e12 * beta), alpha)
        going &= np.abs(alpha / beta - ratio) > tol * ratio
        if not going.any():
            break
    weights, residual = fit(alpha / beta)
    spectrum = np.log(alpha + beta * values).sum(axis=0) + (dimension - len(squared)) * np.log(alpha)
    total = rows * np.log(beta) + dimension * np.log(alpha) - rows * np.log(2 * np.pi)
    return np.asarray((total - beta * residual - alpha * weights - spectrum) / (2 * rows))


def h_score(features: np.ndarray, targets: np.ndarray, task: str) -> float:
    """How much of the features' spread lies between the classes, 0 to one less than the number of classes.

    features, targets, task: as for ``logme``, without values: a number has no classes. Labels are scored one by one and
    averaged. The covariance is shrunk towards a multiple of the identity as far as Ledoit & Wolf advise, and that of
    the class means by the same share; without it, features of more dimensions than rows score the maximum.

    >>> targets = np.array([0, 1] * 50)
    >>> round(h_score(targets[:, None] + np.random.default_rng(0).normal(0, 0.1, (100, 1)), targets, "binary"), 2)
    0.97

    Bao, Li, Huang, Zhang, Zheng, Zamir & Guibas (2019), ICIP; shrunk: Ibrahim, Ponomareva & Mazumder (2021), Newer is
    not always better; the shrinkage: Ledoit & Wolf (2004).
    """
    columns = _columns(features, targets, task)
    if task == "regression":
        raise InputError("an H-score of numbers", needed="classes or labels", fix="use logme")
    matrix = np.asarray(features, dtype=np.float64)
    matrix = matrix - matrix.mean(axis=0)
    rows, dimension = matrix.shape
    wide = dimension > rows
    # The smaller of the two Gram matrices has the spectrum of the covariance.
    gram = (matrix @ matrix.T if wide else matrix.T @ matrix) / rows
    spread = float(np.trace(gram)) / dimension
    if spread <= 0:
        return 0.0
    square = float((gram**2).sum())
    distance = square - dimension * spread**2
    noise = (float(((matrix**2).sum(axis=1) ** 2).sum()) / rows - square) / rows
    shrinkage = min(1.0, max(0.0, noise / distance)) if distance > 0 else 0.0
    # The floor is for covariances that need no shrinking and have no inverse.
    floor = max(shrinkage, 1e-12) * spread
    sizes = columns.sum(axis=0)
    if wide:
        squared, vectors = np.linalg.eigh(gram)
        squared = np.maximum(squared, 0.0)
        told = squared / ((1 - shrinkage) * squared + floor)
        lengths = (told[:, None] * (vectors.T @ columns) ** 2).sum(axis=0)
    else:
        shrunk = (1 - shrinkage) * gram
        shrunk[np.diag_indices(dimension)] += floor
        sums = matrix.T @ columns
        lengths = (sums * cho_solve(cho_factor(shrunk), sums)).sum(axis=0) / rows
    if task == "multilabel":
        # The rows without a label sum to the opposite of those with it.
        used = (sizes > 0) & (sizes < rows)
        size, length = sizes[used], lengths[used]
        each = length / size + length / (rows - size)
        return float((1 - shrinkage) * each.mean()) if used.any() else 0.0
    return float((1 - shrinkage) * (lengths / sizes).sum())


def leep(answers: np.ndarray, targets: np.ndarray, task: str) -> float:
    """Log-likelihood per row of the targets, told from a source's own answers; 0 at best.

    answers: the probabilities a source's head gives each of its own classes, (rows, source classes). targets, task:
    as for ``h_score``; labels are averaged. With more source classes than rows it flatters the source.

    >>> leep(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 1]), "binary")
    0.0

    Nguyen, Hassner, Seeger & Archambeau (2020), LEEP, ICML.
    """
    given = np.asarray(answers, dtype=np.float64)
    found = []
    for joint_of in _indicators(given, targets, task):
        joint = joint_of.T @ given / len(given)
        mass = joint.sum(axis=0)
        told = np.divide(joint, mass, out=np.zeros_like(joint), where=mass > 0)
        likely = (joint_of * (given @ told.T)).sum(axis=1)
        found.append(float(np.log(np.maximum(likely, 1e-300)).mean()))
    return float(np.mean(found))


def nce(answers: np.ndarray, targets: np.ndarray, task: str) -> float:
    """Negative conditional entropy of the targets given the class a source's head chooses; 0 at best.

    answers, targets, task: as for ``leep``.

    >>> nce(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1]), "binary")
    0.0

    Tran, Nguyen & Hassner (2019), ICCV.
    """
    given = np.asarray(answers, dtype=np.float64)
    chosen = np.zeros_like(given)
    chosen[np.arange(len(given)), given.argmax(axis=1)] = 1.0
    found = []
    for joint_of in _indicators(given, targets, task):
        joint = joint_of.T @ chosen / len(given)
        mass = np.broadcast_to(joint.sum(axis=0), joint.shape)
        some = joint > 0
        found.append(float((joint[some] * np.log(joint[some] / mass[some])).sum()))
    return min(0.0, float(np.mean(found)))


def _indicators(answers: np.ndarray, targets: np.ndarray, task: str) -> Iterator[np.ndarray]:
    """The targets as 0/1 columns that sum to one in each row: one matrix for classes, one for each label."""
    columns = _columns(answers, targets, task)
    if task == "regression":
        raise InputError("a source's answers held against numbers", needed="classes or labels", fix="use logme")
    if task == "multilabel":
        yield from (np.column_stack([1 - column, column]) for column in columns.T)
    else:
        yield columns


def neighbour_agreement(
    features: np.ndarray, targets: np.ndarray, *, k: int = 5, groups: np.ndarray | None = None, block: int = 1024
) -> float:
    """How often the k nearest rows (cosine) carry the same label; leave one out, 0 to 1.

    features: shape (rows, dimension). targets: class indices, shape (rows,); for labels 0/1, shape (rows, labels):
    then the mean Jaccard overlap of the label sets (two empty sets agree). k: at most rows - 1 are used. groups: rows
    of one group repeat one another and are not counted as neighbours, shape (rows,). Rows equally near share a place.

    >>> features = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    >>> neighbour_agreement(features, np.array([0, 0, 1, 1]), k=1)
    1.0
    """
    targets = np.asarray(targets)
    agreement = counted = 0.0
    for rows, share in _neighbours(features, targets, k, groups, block):
        own, others = np.nonzero(share)
        same = _same(targets[rows[own]], targets[others])
        met = np.bincount(own, weights=same * share[own, others], minlength=len(rows)).astype(np.float64)
        total = share.sum(axis=1)
        agreement += float(np.divide(met, total, out=np.zeros_like(met), where=total > 0).sum())
        counted += int((total > 0).sum())
    return agreement / counted if counted else 0.0


def neighbour_fit(
    features: np.ndarray, values: np.ndarray, *, k: int = 5, groups: np.ndarray | None = None, block: int = 1024
) -> float:
    """How well the mean of the k nearest rows (cosine) predicts a number: R squared, leave one out; 1 at best.

    features: shape (rows, dimension). values: shape (rows,). groups: as for ``neighbour_agreement``. Neighbours that
    have nothing to do with the numbers score about ``-1 / k``; equal numbers score 0.

    >>> line = np.linspace(0, 1, 50)
    >>> neighbour_fit(np.column_stack([np.cos(line), np.sin(line)]), line) > 0.99
    True
    """
    numbers = np.asarray(values, dtype=np.float64)
    error = spread = 0.0
    for rows, share in _neighbours(features, numbers, k, groups, block):
        total = share.sum(axis=1)
        some = total > 0
        own = numbers[rows[some]]
        error += float(((own - share[some] @ numbers / total[some]) ** 2).sum())
        spread += float(((own - numbers.mean()) ** 2).sum())
    return 1 - error / spread if spread > 0 else 0.0


def _neighbours(
    features: np.ndarray, targets: np.ndarray, k: int, groups: np.ndarray | None, block: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Block after block, its rows, and how much each of all rows is their neighbour, (block, rows).

    The k nearest have weight 1; those that tie for the last places share them, so that rows in the order of their
    labels say no more than rows in any other.
    """
    vectors = np.asarray(features, dtype=np.float64)
    if vectors.ndim != 2 or len(vectors) != len(targets) or len(vectors) < 2 or k < 1:
        raise InputError(
            f"features of shape {vectors.shape}, {len(targets)} targets, k={k}",
            needed="(rows, dimension), two rows or more, k from 1",
        )
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    near = min(k, len(unit) - 1)
    codes = np.arange(len(unit)) if groups is None else np.asarray(groups)
    for start in range(0, len(unit), block):
        rows = np.arange(start, min(start + block, len(unit)))
        likeness = unit[rows] @ unit.T
        likeness[codes[rows][:, None] == codes[None, :]] = -np.inf
        last = np.partition(likeness, len(unit) - near, axis=1)[:, len(unit) - near, None]
        # A row with fewer others than k has them all.
        last = np.maximum(last, -2.0)
        above = likeness > last + _TIED
        tied = (likeness >= last - _TIED) & ~above
        left = near - above.sum(axis=1, keepdims=True)
        places = np.maximum(tied.sum(axis=1, keepdims=True), 1)
        yield rows, above + tied * np.minimum(1.0, left / places)


def chance_agreement(targets: np.ndarray, *, block: int = 1024) -> float:
    """The neighbour agreement to expect when the labels have nothing to do with the features, 0 to 1.

    targets: class indices, shape (rows,), or labels 0/1, shape (rows, labels). It is the mean agreement of all pairs of
    different rows: of their classes, or the Jaccard overlap of their label sets (two empty sets agree). Labels take
    time quadratic in the number of different label sets.

    >>> round(chance_agreement(np.array([0, 0, 1, 1])), 3)
    0.333
    >>> round(chance_agreement(np.array([[1, 0], [1, 1], [0, 0]])), 3)
    0.167
    """
    targets = np.asarray(targets)
    rows = len(targets)
    if rows < 2 or targets.ndim > 2:
        raise InputError(f"targets of shape {targets.shape}", needed="(rows,) or (rows, labels), two rows or more")
    if targets.ndim == 1:
        sizes = np.unique(targets, return_counts=True)[1].astype(np.float64)
        return float((sizes * (sizes - 1)).sum()) / (rows * (rows - 1))
    distinct, counts = np.unique(targets == 1, axis=0, return_counts=True)
    sets, weight = distinct.astype(np.float64), counts.astype(np.float64)
    labels = sets.sum(axis=1)
    agreement = 0.0
    for start in range(0, len(sets), block):
        part = slice(start, start + block)
        both = sets[part] @ sets.T
        either = labels[part, None] + labels - both
        overlap = np.divide(both, either, out=np.ones_like(both), where=either > 0)
        agreement += float(weight[part] @ overlap @ weight)
    return (agreement - rows) / (rows * (rows - 1))  # every row agrees with itself


def mean_likeness(features: np.ndarray) -> float:
    """The mean cosine of all pairs of different rows, -1 to 1; near 1, they all look alike.

    features: shape (rows, dimension), two rows or more.

    >>> mean_likeness(np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]]))
    0.333...
    """
    vectors = np.asarray(features, dtype=np.float64)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    rows = len(unit)
    return float((unit.sum(axis=0) ** 2).sum() - (unit**2).sum()) / (rows * (rows - 1))


def _same(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Agreement of pairs of rows, shape (pairs,)."""
    if one.ndim == 1:
        return np.asarray(one == other, dtype=np.float64)
    both, either = ((one == 1) & (other == 1)).sum(axis=1), ((one == 1) | (other == 1)).sum(axis=1)
    return np.asarray(np.divide(both, either, out=np.ones(both.shape), where=either > 0))
