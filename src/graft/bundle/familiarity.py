"""What a familiar row looks like: the scores that training rows get when each is left out with its whole unit.

Decisions: leaving out is exact, not approximate: neither the row's unit nor what is usual around others because of it
takes part, and a term that only its unit uses is unknown to it, as such a term of a new row would be; otherwise the
threshold is fooled by what a row knows of itself. Nothing is fitted twice: what changes is subtracted. A classical
model that keeps no rows is asked how much of a text its vocabulary has never seen: the share of a text's distinct
n-grams that occur in no other unit of training rows (near copies and rows of one group are one unit), with the
threshold that flags a stated share of familiar rows; an n-gram that only one unit has counts as unknown to it.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse.linalg  # noqa: F401 - its norm
from scipy import sparse
from sklearn.preprocessing import normalize

from graft.bundle.decision import blockwise
from graft.bundle.nearness import NEAREST, SHARE, UnitColumns, cosines, count, mean_of_largest
from graft.decisions.far_rows import far_below
from graft.scores.classical.ngrams import NgramEncoder
from graft.scores.output import Matrix

_NOTHING = -2.0  # below any similarity less half of another


def of_rows(vectors: Matrix, units: np.ndarray, *, widths: tuple[int, ...] = ()) -> tuple[np.ndarray, np.ndarray]:
    """What is usual around each row, and the score it gets when its unit is left out; both (rows,).

    vectors: of unit length, (rows, dimension). units: 0.. without gaps, (rows,), at least seven. widths: columns of the
    first blocks of a sparse matrix, which hold terms; () for a dense one.
    """
    columns, own = UnitColumns(units), np.asarray(units)

    def nearest_units(rows: np.ndarray) -> np.ndarray:
        near = columns.largest(cosines(vectors[rows], vectors))
        near[np.arange(len(rows)), own[rows]] = -np.inf
        places = np.argpartition(-near, NEAREST, axis=1)[:, : NEAREST + 1]
        similar = np.take_along_axis(near, places, axis=1)
        order = np.argsort(-similar, axis=1, kind="stable")
        return np.stack([np.take_along_axis(one, order, axis=1) for one in (similar, places)], axis=2)

    found = blockwise(nearest_units, count(vectors))
    similar, places = found[:, :, 0], found[:, :NEAREST, 1].astype(np.int64)
    usual = SHARE * similar[:, :NEAREST].mean(axis=1)
    # Without one of the five nearest units the sixth takes its place.
    changes = SHARE * (similar[:, NEAREST:] - similar[:, :NEAREST]) / NEAREST
    rows_of = np.repeat(np.arange(len(own)), NEAREST)
    shape = (int(own.max()) + 1, len(own))
    change = sparse.csr_matrix((changes.ravel(), (places.ravel(), rows_of)), shape=shape)
    queries = vectors if isinstance(vectors, np.ndarray) else _without_private_terms(vectors, units, widths)

    def left_out(rows: np.ndarray) -> np.ndarray:
        adjusted = cosines(queries[rows], vectors) - usual - change[own[rows]].toarray()
        near = columns.largest(adjusted)
        near[np.arange(len(rows)), own[rows]] = -np.inf
        return mean_of_largest(near, NEAREST)

    return usual, blockwise(left_out, count(vectors))


def _without_private_terms(vectors: sparse.csr_matrix, units: np.ndarray, widths: tuple[int, ...]) -> Matrix:
    """The rows without the terms that one unit alone uses, each block scaled to its old length again."""
    members = sparse.csr_matrix((np.ones(len(units)), (units, np.arange(len(units)))))
    users = np.asarray((members @ vectors.astype(bool)).astype(bool).sum(axis=0)).ravel()
    shared = sparse.csr_matrix(vectors @ sparse.diags((users > 1).astype(np.float32)))
    ends = np.cumsum(widths).tolist()
    blocks = []
    for end, width in zip(ends, widths, strict=True):
        length = sparse.linalg.norm(vectors[:, end - width : end], axis=1).astype(np.float32)
        blocks.append(sparse.diags(length) @ normalize(shared[:, end - width : end]))
    blocks.append(vectors[:, sum(widths) :])  # what stands behind the terms is nobody's own
    return sparse.csr_matrix(sparse.hstack(blocks, format="csr", dtype=np.float32))


def of_centroids(vectors: np.ndarray, members: np.ndarray, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is usual in each class, (classes,), and the score each row gets when its unit is left out, (rows,).

    vectors: of unit length, (rows, dimension). members: which rows are of which class, bool (rows, classes). units:
    (rows,). A class whose rows are all of one unit is unknown to that unit.
    """
    weights = members.astype(np.float32)
    sums = weights.T @ vectors
    similar = vectors @ normalize(sums).T
    gone = np.zeros(members.shape, bool)
    order = np.argsort(units, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(units[order])) + 1)
    for rows in groups:
        touched = np.flatnonzero(members[rows].any(axis=0))
        if not len(touched):
            continue  # rows without any label
        rest = sums[touched] - weights[np.ix_(rows, touched)].T @ vectors[rows]
        left = members[:, touched].sum(axis=0) - members[np.ix_(rows, touched)].sum(axis=0)
        similar[np.ix_(rows, touched)] = vectors[rows] @ normalize(rest).T
        gone[np.ix_(rows, touched)] = left == 0
    counted = members & ~gone
    numbers, totals = counted.sum(axis=0), np.where(counted, similar, 0).sum(axis=0)
    usual = SHARE * totals / np.maximum(numbers, 1)
    scores = np.empty(len(vectors))
    for rows in groups:
        fewer = numbers - counted[rows].sum(axis=0)
        rest = SHARE * (totals - np.where(counted[rows], similar[rows], 0).sum(axis=0)) / np.maximum(fewer, 1)
        scores[rows] = np.where(gone[rows], _NOTHING, similar[rows] - rest).max(axis=1)
    return usual, scores


@dataclass(frozen=True)
class UnknownTerms:
    """The first vocabulary of a classical model.

    threshold: share of unknown n-grams beyond which a text is far; None when that cannot be told.
    """

    encoder: NgramEncoder
    threshold: float | None

    def far(self, texts: Sequence[str | None]) -> list[str | None]:
        """For each text why it is far, in words, or None; None where there is no text."""
        if self.threshold is None:
            return [None] * len(texts)
        analyse, known = self.encoder.analyser(), frozenset(self.encoder.terms)
        shares = [0.0 if text is None else _share(set(analyse(text)), known) for text in texts]
        return [
            f"far from the training rows: {share:.0%} of its n-grams are unknown" if share > self.threshold else None
            for share in shares
        ]


def unknown_terms(
    encoder: NgramEncoder, texts: Sequence[str | None], units: np.ndarray, *, rate: float
) -> UnknownTerms:
    """The check, with its threshold from the training texts. units: which texts belong together, (texts,)."""
    analyse, vocabulary = encoder.analyser(), frozenset(encoder.terms)
    units = units[[text is not None for text in texts]]
    held = [set(analyse(text)) for text in texts if text is not None]
    users: defaultdict[str, set[int]] = defaultdict(set)
    for terms, one in zip(held, units.tolist(), strict=True):
        for term in terms & vocabulary:
            users[term].add(one)
    shared = frozenset(term for term, found in users.items() if len(found) > 1)
    below = far_below(-np.array([_share(terms, shared) for terms in held]), units, rate=rate)
    return UnknownTerms(encoder, None if below is None else -below)


def _share(terms: set[str], known: frozenset[str]) -> float:
    return len(terms - known) / len(terms) if terms else 1.0
