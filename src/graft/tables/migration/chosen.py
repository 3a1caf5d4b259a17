"""Which adapter, and how good it is: measured by real search on pairs that nothing was fitted on.

Decisions: the pairs fall in three parts: maps are fitted on the first, chosen on the second (recall; the cosine to
the wanted vector first thins out the ridge maps), and the winner, fitted again on both, is measured once on the third,
so that its recall is not flattered by the choice. A query is a held-out row and never its own answer; what should be
found is what the wanted vector of the same text finds. A found row counts when it is as near as the k-th wanted
one, so that rows with equal vectors do not cost recall. An adapter is usable when the lower end of its interval is at
least ``LEAST``: otherwise the model changed too much for a linear map, and queries stay with the old encoder.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from graft.core.errors import InputError, TableError
from graft.core.vectors import unit_rows
from graft.representations.spaces import Space
from graft.tables.adapters import Adapter, Linear, affine_maps, fit_rotation
from graft.tables.exact import exact_search
from graft.tables.index.recall import Recall

LEAST = 0.9
FEWEST_PAIRS = 60
_TIE = 1e-6


@dataclass(frozen=True)
class Chosen:
    """An adapter with its measure.

    recall: on held-out pairs. agreement: how far the two spaces agree themselves: the same measure between the
    neighbours a text has in one and in the other, among the pairs; what no map is needed for. usable: whether queries
    may go through it.
    """

    adapter: Adapter
    recall: Recall
    agreement: float
    usable: bool

    def __str__(self) -> str:
        found = f"{self.adapter.kind}: recall@{self.recall.k} {self.recall}"
        if self.usable:
            return f"{found}; good enough to search the rows of the other space with"
        return (
            f"{found}; too weak to be used: the neighbours of the two spaces agree by {self.agreement:.2f}, "
            "so the model changed too much for a linear map, and queries stay with the encoder of the rows"
        )


def choose_adapter(
    given: np.ndarray,
    wanted: np.ndarray,
    *,
    spaces: tuple[Space, Space],
    rng: np.random.Generator,
    rows: np.ndarray | None = None,
    places: np.ndarray | None = None,
    k: int = 10,
    least: float = LEAST,
) -> Chosen:
    """The best map from the first space to the second, with its recall over the rows of the second.

    given, wanted: the same texts in the first and in the second space, shapes (pairs, a) and (pairs, b). rows: the
    vectors to search, shape (rows, b), the wanted ones when left out; places: where the pairs are among them, shape
    (pairs,), -1 for a text that is not there. least: what the lower end of the recall's interval must reach.
    Raises InputError for too few pairs or vectors that are not numbers, TableError for wrong shapes.

    Drift-Adapter (2025), arXiv 2509.23471.
    """
    _check(given, wanted, spaces, k)
    if rows is None or places is None:
        rows, places = wanted, np.arange(len(wanted))
    given, wanted, rows = unit_rows(given), unit_rows(wanted), unit_rows(rows)
    fitted, choosing, held = np.split(rng.permutation(len(given)), [int(0.6 * len(given)), int(0.8 * len(given))])
    search = _Search(rows, places, k)
    candidates = _candidates(given[fitted], wanted[fitted])
    best_ridge = max(candidates[2:], key=lambda place: _nearness(place(given[choosing]), wanted[choosing]))
    chosen = max(
        [*candidates[:2], best_ridge],
        key=lambda place: float(search.recall(place(given[choosing]), wanted[choosing], choosing).mean()),
    )
    known = np.concatenate([fitted, choosing])
    again = _candidates(given[known], wanted[known])[[each.name for each in candidates].index(chosen.name)]
    recall = interval(search.recall(again(given[held]), wanted[held], held), k=k, rng=rng)
    names = [space.fingerprint for space in spaces]
    adapter = Adapter(again.name, names[0], names[1], again.matrix, again.before, again.after)
    return Chosen(adapter, recall, _agreement(given, wanted, held, k), recall.low >= least)


def interval(each: np.ndarray, *, k: int, rng: np.random.Generator, draws: int = 2000) -> Recall:
    """The mean of the recall of each query, shape (queries,), with the 95 % percentile bootstrap interval."""
    drawn = stats.bootstrap((each,), np.mean, n_resamples=draws, method="percentile", rng=rng).confidence_interval
    return Recall(float(each.mean()), float(drawn.low), float(drawn.high), len(each), k)


class _Search:
    """Real search over rows (rows, b), where a query never finds itself."""

    def __init__(self, rows: np.ndarray, places: np.ndarray, k: int) -> None:
        self.rows, self.places, self.k = rows, places, min(k, len(rows) - 1)

    def recall(self, asked: np.ndarray, wanted: np.ndarray, pairs: np.ndarray) -> np.ndarray:
        """Recall of each query ``asked`` (queries, b) when ``wanted`` says what should be found, shape (queries,)."""
        own = self.places[pairs]
        should, found = self._neighbours(wanted, own), self._neighbours(asked, own)
        farthest = self._nearness(wanted, should)[:, -1:]
        return np.asarray((self._nearness(wanted, found) >= farthest - _TIE).mean(1))

    def _neighbours(self, queries: np.ndarray, own: np.ndarray) -> np.ndarray:
        positions = exact_search(queries, self.rows, self.k + 1).positions
        # A stable sort by "is it the query itself" moves that one to the end, where it is cut off.
        order = np.argsort(positions == own[:, None], axis=1, kind="stable")
        return np.asarray(np.take_along_axis(positions, order, 1)[:, : self.k])

    def _nearness(self, queries: np.ndarray, positions: np.ndarray) -> np.ndarray:
        return np.asarray(np.einsum("qd,qkd->qk", queries, self.rows[positions]))


def _candidates(given: np.ndarray, wanted: np.ndarray) -> list[Linear]:
    rotations = [fit_rotation(given, wanted, centre=centre) for centre in (False, True)]
    return [*rotations, *affine_maps(given, wanted)]


def _nearness(mapped: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.einsum("rd,rd->r", mapped, wanted).mean())


def _agreement(given: np.ndarray, wanted: np.ndarray, held: np.ndarray, k: int) -> float:
    everywhere = np.arange(len(given))
    first, second = _Search(given, everywhere, k), _Search(wanted, everywhere, k)
    pairs = zip(first._neighbours(given[held], held), second._neighbours(wanted[held], held), strict=True)
    return float(np.mean([len(np.intersect1d(*pair)) / first.k for pair in pairs]))


def _check(given: np.ndarray, wanted: np.ndarray, spaces: tuple[Space, Space], k: int) -> None:
    if k < 1:
        raise InputError(f"k = {k}", needed="at least 1 neighbour", fix="use 10")
    for vectors, space in zip((given, wanted), spaces, strict=True):
        if vectors.ndim != 2 or vectors.shape[1] != space.dimension or len(vectors) != len(given):
            raise TableError(
                f"pairs of shapes {given.shape} and {wanted.shape}",
                needed=f"the same texts twice, of dimensions {spaces[0].dimension} and {spaces[1].dimension}",
                fix="embed one list of texts with both sources",
            )
        if not np.isfinite(vectors).all():
            raise InputError(
                "pairs with values that are not numbers", needed="finite vectors", fix="leave those texts out"
            )
    if len(given) < FEWEST_PAIRS:
        raise InputError(
            f"{len(given)} texts embedded in both spaces",
            needed=f"at least {FEWEST_PAIRS}, better two thousand, to fit an adapter and to measure it",
            fix="use a larger sample, or migrate without an adapter",
        )
