"""One side of a factorisation given the other: the posterior mean of every row, exactly.

A row r has observed pairs (r, j) with confidence c_j and preference p_j (1 liked, 0 disliked), all other columns of the
catalogue with the small confidence ω ("not observed" is weak evidence for no), a prior mean m_r with precision λ_r, and
the other side's vectors y_j and offsets b_j stay as they are. Its vector is

    x = A⁻¹ (Σ c_j (p_j - b_j) y_j - ω Σ_all b_j y_j + λ_r m_r),   A = Σ c_j y_j y_jᵀ + ω YᵀY + λ_r I

and A is the precision of its posterior.

Decisions: solved exactly, not by a few steps of conjugate gradients, because what is added later must equal what would
have been learnt at once. Rows with few pairs (most) are solved in as many unknowns as they have pairs: with
P = (ω YᵀY + λ_r I)⁻¹, which is diagonal in the directions of YᵀY, and x₀ = P(λ_r m_r - ω Yᵀb), the same x is
x₀ + P Yᵀ K⁻¹ (p - b - Y x₀) with K = diag(1/c) + Y P Yᵀ. Rows of equally many pairs are solved together, rows last
in memory, which makes NumPy nearly as fast as a compiled solver. A row without pairs was
never there to be rejected: it gets its prior mean and nothing else. One that came late was shown to few: with an
exposure e below 1 the unobserved columns pull it by 1 - e towards what its prior says of them, and by e towards zero,
so that its first pair moves it and does not throw the prior away.

Hu, Koren & Volinsky (2008), Collaborative Filtering for Implicit Feedback Datasets; Woodbury (1950) for the second
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise

import numpy as np
from scipy import sparse
from scipy.linalg import lapack, solve_triangular

# Rows with more pairs are solved in the dimensions of the vectors: measured, dimension 64.
_FEW = 32
# Numbers that one piece of work holds, so that it stays in the processor's second cache.
_PIECE = 250_000


@dataclass(frozen=True, eq=False)
class Observed:
    """What was observed. pairs: confidences c > 0, shape (rows, columns), sorted. liked: bool, of each stored pair."""

    pairs: sparse.csr_array
    liked: np.ndarray

    @cached_property
    def counts(self) -> np.ndarray:
        """Pairs of each row, int64, shape (rows,)."""
        return np.diff(self.pairs.indptr).astype(np.int64)

    def take(self, rows: np.ndarray) -> "Observed":
        """The rows at these places, in this order."""
        given, counts = self.pairs, self.counts[rows]
        ends = np.append(0, np.cumsum(counts))
        at = np.repeat(given.indptr[rows].astype(np.int64) - ends[:-1], counts) + np.arange(ends[-1])
        pairs = sparse.csr_array((given.data[at], given.indices[at], ends), shape=(len(rows), given.shape[1]))
        return Observed(pairs, self.liked[at])

    def turned(self) -> "Observed":
        """The same pairs by column: shape (columns, rows)."""
        given = self.pairs
        numbers = np.arange(1, len(self.liked) + 1)
        moved = sparse.csr_array((numbers, given.indices, given.indptr), shape=given.shape).T.tocsr()
        moved.sort_indices()
        at = np.asarray(moved.data, np.int64) - 1
        pairs = sparse.csr_array((given.data[at], moved.indices, moved.indptr), shape=moved.shape)
        return Observed(pairs, self.liked[at])

    @cached_property
    def by_count(self) -> "tuple[np.ndarray, Observed]":
        """The rows with the fewest pairs first: their places, and these pairs; rows of one count are one block."""
        order = np.argsort(self.counts, kind="stable")
        return order, self.take(order)


@dataclass(frozen=True, eq=False)
class Fixed:
    """The side that stays as it is, in the directions of its Gram matrix.

    turned: vectors in these directions, shape (columns, dimension). directions: orthonormal columns, shape
    (dimension, dimension). values: ω times the eigenvalues of YᵀY, ascending, shape (dimension,). offsets: b, shape
    (columns,). pull: ω Yᵀb in these directions. unobserved: ω. catalogue: how many columns ω counts.
    """

    turned: np.ndarray
    directions: np.ndarray
    values: np.ndarray
    offsets: np.ndarray
    pull: np.ndarray
    unobserved: float
    catalogue: int

    def reaching(self, turned: np.ndarray, offsets: np.ndarray) -> "Fixed":
        """The same with more columns, which ω does not count: what came later."""
        return Fixed(
            np.concatenate([self.turned, turned]),
            self.directions,
            self.values,
            np.concatenate([self.offsets, offsets]),
            self.pull,
            self.unobserved,
            self.catalogue,
        )


def fixed(
    vectors: np.ndarray, offsets: np.ndarray | None = None, *, unobserved: float, dtype: type = np.float64
) -> Fixed:
    """The vectors of one side, shape (columns, dimension), prepared for solving the other in numbers of ``dtype``."""
    wide: np.ndarray = np.ascontiguousarray(vectors, dtype)
    values, directions = np.linalg.eigh((wide.T @ wide).astype(np.float64))
    turned = np.ascontiguousarray(wide @ directions.astype(dtype))
    shift: np.ndarray = np.zeros(len(wide), dtype) if offsets is None else np.asarray(offsets, dtype)
    pull = unobserved * (shift @ turned)
    return Fixed(
        turned,
        directions,
        unobserved * np.maximum(values, 0),
        shift,
        np.asarray(pull, np.float64),
        unobserved,
        len(wide),
    )


def means(
    observed: Observed,
    side: Fixed,
    penalties: np.ndarray,
    priors: np.ndarray | None = None,
    *,
    exposed: np.ndarray | None = None,
    threads: int = 1,
) -> np.ndarray:
    """The posterior mean of every row, shape (rows, dimension), in the numbers of ``side``.

    penalties: λ_r > 0, shape (rows,). priors: m_r, shape (rows, dimension); zero when None. exposed: e, how far each
    row was shown to everybody, 0 to 1, shape (rows,); all of them when None. Rows of one count, penalty and exposure
    are solved together; threads share the pieces, and their number changes no bit.

    >>> side = fixed(np.array([[1.0], [0.0]]), unobserved=0.0)
    >>> seen = Observed(sparse.csr_array(np.array([[1.0, 0.0], [0.0, 0.0]])), np.array([True]))
    >>> means(seen, side, np.array([1.0, 1.0]), np.array([[0.0], [3.0]]))
    array([[0.5],
           [3. ]])
    """
    dtype, dimension = side.turned.dtype, side.turned.shape[1]
    order, sorted_rows = observed.by_count
    found = np.zeros((len(order), dimension), dtype)
    if priors is not None:
        found[:] = priors[order].astype(dtype) @ side.directions.astype(dtype)
    counts, penalties = sorted_rows.counts, penalties[order]
    shares = np.ones(len(order)) if exposed is None else exposed[order]
    wanted = (sorted_rows.liked - side.offsets[sorted_rows.pairs.indices]).astype(dtype)
    work: list[Callable[[], None]] = []
    for start, stop in _alike(counts, penalties, shares):
        few, penalty = int(counts[start]), float(penalties[start])
        if few:
            solve = _in_pairs if few <= min(_FEW, dimension) else _in_dimensions
            step = max(1, _PIECE // (few * dimension))
            for at in range(start, stop, step):
                piece = slice(at, min(at + step, stop))
                terms = (penalty, float(shares[start]))
                work.append(partial(solve, sorted_rows.pairs, wanted, side, piece, terms, found))
    if threads > 1 and len(work) > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda one: one(), work))
    else:
        for one in work:
            one()
    answer = np.empty_like(found)
    answer[order] = found @ side.directions.T.astype(dtype)
    return answer


def precision(side: Fixed, columns: np.ndarray, confidences: np.ndarray, penalty: float) -> np.ndarray:
    """A, the precision of one row's posterior, shape (dimension, dimension), float64, in the original directions.

    columns, confidences: of its observed pairs. A row without pairs has the precision of its prior, λ I.
    """
    dimension = side.turned.shape[1]
    if not len(columns):
        return penalty * np.eye(dimension)
    seen = side.turned[columns].astype(np.float64)
    inside = np.diag(side.values + penalty) + (seen.T * confidences) @ seen
    return np.asarray(side.directions @ inside @ side.directions.T)


@dataclass(frozen=True, eq=False)
class Spreads:
    """The posterior precisions A of rows, kept so that solving and variances along directions are cheap.

    inverse: 1 / diagonal of what A is before any pair, in the directions of the fixed side, shape (rows, dimension).
    directions: of the fixed side. told: what pairs took away, shape (pairs, dimension). row: whose, shape (pairs,).
    """

    inverse: np.ndarray
    directions: np.ndarray
    told: np.ndarray
    row: np.ndarray

    def along(self, given: np.ndarray) -> np.ndarray:
        """zᵀA⁻¹z of every row, a variance in units of the noise of one pair, shape (directions, rows), along ``given``
        ones, shape (directions, dimension)."""
        turned = given @ self.directions
        found: np.ndarray = np.square(turned) @ self.inverse.T
        if len(self.row):
            found -= np.square(turned @ self.told.T) @ self._by_row.T
        return np.asarray(np.maximum(found, 0.0))

    def solved(self, right: np.ndarray) -> np.ndarray:
        """A⁻¹ b of every row, for ``right`` of shape (rows, dimension)."""
        turned = right @ self.directions
        found: np.ndarray = turned * self.inverse
        if len(self.row):
            share = np.einsum("pd,pd->p", self.told, turned[self.row])
            found -= self._by_row @ (self.told * share[:, None])
        return np.asarray(found @ self.directions.T)

    def with_rows(self, rows: np.ndarray, other: "Spreads") -> "Spreads":
        """The same with other precisions of the rows at these places."""
        inverse, kept = self.inverse.copy(), ~np.isin(self.row, rows)
        inverse[rows] = other.inverse
        told = np.concatenate([self.told[kept], other.told])
        return Spreads(inverse, self.directions, told, np.concatenate([self.row[kept], rows[other.row]]))

    @cached_property
    def _by_row(self) -> sparse.csr_array:
        pairs = np.arange(len(self.row))
        return sparse.csr_array((np.ones(len(pairs)), (self.row, pairs)), shape=(len(self.inverse), len(pairs)))


def spreads(observed: Observed, side: Fixed, penalties: np.ndarray, exposed: np.ndarray) -> Spreads:
    """A of rows, as in ``precision``, with A = Σ c y yᵀ + e ω YᵀY + λ I.

    exposed: e, how far each row was shown to everybody, 0 or more, shape (rows,): columns that it was not shown to tell
    nothing about it, so less of it leaves more doubt.

    >>> side = fixed(np.array([[1.0], [0.0]]), unobserved=0.0)
    >>> seen = Observed(sparse.csr_array(np.array([[3.0, 0.0], [0.0, 0.0]])), np.array([True]))
    >>> found = spreads(seen, side, np.array([1.0, 1.0]), np.zeros(2))
    >>> found.along(np.array([[2.0]])), found.solved(np.array([[8.0], [8.0]])).ravel()
    (array([[1., 4.]]), array([2., 8.]))
    """
    counts, ends = observed.counts, observed.pairs.indptr
    inverse = 1 / (exposed[:, None] * side.values + penalties[:, None])
    told = []
    for row in np.flatnonzero(counts):
        mine = slice(int(ends[row]), int(ends[row + 1]))
        seen = side.turned[observed.pairs.indices[mine]].astype(np.float64)
        scaled = seen * inverse[row]
        alike = scaled @ seen.T + np.diag(1 / observed.pairs.data[mine])
        told.append(solve_triangular(np.linalg.cholesky(alike), scaled, lower=True))
    whole = np.concatenate(told) if told else np.zeros((0, inverse.shape[1]))
    return Spreads(inverse, side.directions, whole, np.repeat(np.arange(len(counts)), counts))


def _alike(*columns: np.ndarray) -> Iterator[tuple[int, int]]:
    """The first and one past the last row of each run of rows that agree in all columns."""
    changed = np.zeros(max(len(columns[0]) - 1, 0), bool)
    for column in columns:
        changed |= np.diff(column) != 0
    changes = np.flatnonzero(changed) + 1
    edges = [0, *changes.tolist(), len(columns[0])]
    yield from ((start, stop) for start, stop in pairwise(edges) if stop > start)


def _in_pairs(
    pairs: sparse.csr_array, wanted: np.ndarray, side: Fixed, rows: slice, terms: tuple[float, float], found: np.ndarray
) -> None:
    """Rows of one count, in as many unknowns as they have pairs. terms: their penalty, and their exposure."""
    penalty, exposed = terms
    dtype, shape = found.dtype, (rows.stop - rows.start, -1)
    mine = slice(int(pairs.indptr[rows.start]), int(pairs.indptr[rows.stop]))
    spread = (1 / (side.values + penalty)).astype(dtype)
    first = _before(found[rows], side, penalty, exposed) * spread
    seen = np.take(side.turned, pairs.indices[mine].reshape(shape), axis=0)
    missing = wanted[mine].reshape(shape) - np.einsum("rpd,rd->rp", seen, first)
    scaled = seen * spread
    alike = np.matmul(scaled, seen.transpose(0, 2, 1))
    share = _solve_last(alike, (1 / pairs.data[mine]).astype(dtype).reshape(shape), missing)
    found[rows] = first + np.matmul(share[:, None, :], scaled)[:, 0]


def _before(priors: np.ndarray, side: Fixed, penalty: float, exposed: float) -> np.ndarray:
    """The right side of the equations before any pair: (λ + (1 - e) ω YᵀY) m - e ω Yᵀb."""
    trust = (penalty + (1 - exposed) * side.values).astype(priors.dtype)
    found: np.ndarray = trust * priors - (exposed * side.pull).astype(priors.dtype)
    return found


def _solve_last(alike: np.ndarray, ridge: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(alike + diag(ridge))⁻¹ wanted of many small systems by Cholesky, with the systems last in memory.

    alike: shape (systems, unknowns, unknowns). ridge, wanted: (systems, unknowns). Returns the shape of ``wanted``.
    """
    unknowns = alike.shape[1]
    lower = np.ascontiguousarray(alike.transpose(1, 2, 0))
    lower[np.arange(unknowns), np.arange(unknowns)] += ridge.T
    answer = np.ascontiguousarray(wanted.T)
    for k in range(unknowns):
        if k:
            lower[k:, k] -= np.einsum("imb,mb->ib", lower[k:, :k], lower[k, :k])
            answer[k] -= np.einsum("mb,mb->b", lower[k, :k], answer[:k])
        scale = 1 / np.sqrt(lower[k, k])
        lower[k:, k] *= scale
        answer[k] *= scale
    for k in reversed(range(unknowns)):
        if k + 1 < unknowns:
            answer[k] -= np.einsum("mb,mb->b", lower[k + 1 :, k], answer[k + 1 :])
        answer[k] /= lower[k, k]
    return answer.T


def _in_dimensions(
    pairs: sparse.csr_array, wanted: np.ndarray, side: Fixed, rows: slice, terms: tuple[float, float], found: np.ndarray
) -> None:
    """Rows with many pairs, one by one in the dimensions of the vectors."""
    penalty, exposed = terms
    dtype = found.dtype
    solve = lapack.sposv if dtype == np.float32 else lapack.dposv
    ends = pairs.indptr[rows.start : rows.stop + 1].tolist()
    mine = slice(ends[0], ends[-1])
    confidence = pairs.data[mine].astype(dtype)
    root, pulled = np.sqrt(confidence)[:, None], confidence * wanted[mine]
    right = _before(found[rows], side, penalty, exposed)
    diagonal, columns = np.diag(side.values + penalty).astype(dtype), pairs.indices
    for row, (start, stop) in enumerate(pairwise(ends)):
        here = slice(start - ends[0], stop - ends[0])
        seen = side.turned.take(columns[start:stop], axis=0)
        right[row] += pulled[here] @ seen
        seen *= root[here]
        # Symmetric, so the transpose is the same matrix in the order that LAPACK wants without copying it.
        _, _, failed = solve((seen.T @ seen + diagonal).T, right[row], lower=1, overwrite_a=1, overwrite_b=1)
        if failed:
            raise FloatingPointError(f"the precision of a row with {stop - start} pairs is not positive definite")
    found[rows] = right
