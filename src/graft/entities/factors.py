"""Counts of pairs to vectors: positive pointwise mutual information and a truncated singular value decomposition.

Decisions: the settings are those Levy, Goldberg & Dagan (2015) found to matter: a smoothed context distribution, a
shift, and singular values to the power 1/2. Lanczos (ARPACK) rather than a randomised method, because it is exact to
rounding; one thread and a start vector that is drawn from the seed, so that a fit repeats itself to the bit however
many cores there are. The sign of each dimension, which no data decides, is the one that makes its largest entry
positive.
"""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds
from threadpoolctl import threadpool_limits

from graft.core.errors import InputError

# Below the first, and below the second when many dimensions are wanted, all of them cost no more than some.
_SMALL, _LARGE = 300, 4000


def shifted_ppmi(pairs: sparse.csr_array, *, smoothing: float = 0.75, negatives: float = 1.0) -> sparse.csr_array:
    """Shifted positive PMI of symmetric counts, same shape.

    With #(i,j) a count, #(i) the sum of its row, and a = ``smoothing``, the entry is

        max(0, log( #(i,j) · Σ_k #(k)^a / (#(i) · #(j)^a) ) - log(negatives))

    >>> shifted_ppmi(sparse.csr_array(np.array([[0., 1.], [1., 0.]])), smoothing=1).toarray().round(3)
    array([[0.   , 0.693],
           [0.693, 0.   ]])

    Levy, Goldberg & Dagan (2015), Improving Distributional Similarity with Lessons Learned from Word Embeddings, 3.1.
    """
    counts = pairs.tocoo()
    margin = np.asarray(pairs.sum(axis=1)).ravel()
    context = np.power(margin, smoothing, where=margin > 0, out=np.zeros_like(margin))
    row, column = counts.coords
    information = np.log(counts.data) + np.log(context.sum()) - np.log(margin[row]) - np.log(context[column])
    information -= np.log(negatives)
    keep = information > 0
    return sparse.csr_array((information[keep], (row[keep], column[keep])), shape=pairs.shape)


def truncated_svd(
    matrix: sparse.csr_array, dimension: int, *, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The left singular vectors, shape (rows, dimension), and singular values, largest first, of a square matrix.

    Directions the matrix does not have (singular values that are rounding) are zero. Raises InputError when
    ``dimension`` exceeds the rows.
    """
    rows = matrix.shape[0]
    if dimension > rows:
        raise InputError(
            f"{dimension} dimensions for {rows:,} things",
            needed="at most as many dimensions as things that occur together often enough",
            fix=f"choose dimension={max(1, rows // 2)} or fewer, or give more rows",
        )
    start = rng.normal(size=rows)
    with threadpool_limits(1):
        if rows < _SMALL or (rows < _LARGE and dimension * 4 > rows) or dimension == rows:
            left, values, _ = np.linalg.svd(matrix.toarray(), full_matrices=False)
        else:
            left, values, _ = svds(matrix, k=dimension, v0=start, rng=rng, return_singular_vectors="u")
    order = np.argsort(-values, kind="stable")[:dimension]
    left, values = left[:, order], values[order]
    real = values > 1e-7 * max(float(values[0]), np.finfo(float).tiny)
    left, values = np.where(real, left, 0.0), np.where(real, values, 0.0)
    largest = left[np.abs(left).argmax(axis=0), np.arange(dimension)]
    return left * np.where(largest < 0, -1.0, 1.0), values
