"""Whether people will still find what they look for: retrieval before and after a migration, on the same questions.

Decisions: both spaces are asked the same questions about the same rows, a sample of the table and every row that is
wanted, so that the difference is that of the spaces. A question scores the share of its wanted rows among the k nearest
(of k, when more are wanted). Without questions a column of labels stands in for them: each sampled row asks, and the
share of its neighbours with its label is its score. The difference is paired by question; its interval is a percentile
bootstrap of the questions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from graft.core.errors import GateNotMet, InputError
from graft.core.vectors import unit_rows
from graft.inputs.contract import require_columns
from graft.rows.table import read_frame
from graft.tables.exact import exact_search

MARGIN = 0.02
_COLUMNS = ("query", "id")


@dataclass(frozen=True)
class Questions:
    """What people ask. wanted: for each text the ids of the rows that should be found."""

    texts: tuple[str, ...]
    wanted: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Retrieval:
    """Retrieval before and after. measure: what was measured. before, after: means over the questions, from 0 to 1.

    low, high: 95 % interval of the difference. margin: the loss that is not to be passed without a word.
    """

    measure: str
    k: int
    questions: int
    before: float
    after: float
    low: float
    high: float
    margin: float

    @property
    def loses(self) -> bool:
        """Whether the loss is beyond the margin."""
        return self.before - self.after > self.margin

    def require_kept(self, table: str, *, accept_loss: bool) -> None:
        """Raise GateNotMet for a loss beyond the margin, unless it was accepted in so many words."""
        if self.loses and not accept_loss:
            raise GateNotMet(
                f"{table} would find less after the migration: {self.line()}",
                needed=f"a loss of at most {self.margin:g}",
                fix="choose another source; to migrate all the same, add --accept-loss (accept_loss=True)",
            )

    def line(self) -> str:
        """As a person reads it."""
        said = (
            f"{self.measure}@{self.k} {self.before:.3f} before, {self.after:.3f} after "
            f"(difference {self.low:+.3f} to {self.high:+.3f}, {self.questions:,} questions)"
        )
        return f"{said}: A LOSS beyond the margin of {self.margin:g}" if self.loses else said


def require_loss(margin: float) -> None:
    """Raise InputError for a margin that is no share of the questions."""
    if not 0 <= margin < 1:
        raise InputError(
            f"a margin of {margin:g}",
            needed="the loss in retrieval that is small enough, from 0 to below 1",
            fix="write 2 % as 0.02",
        )


def read_questions(path: Path) -> Questions:
    """Questions of a file with the columns ``query`` and ``id``, a row for each wanted row. Raises InputError."""
    rows = read_frame(path)
    require_columns(rows, list(_COLUMNS))
    wanted: dict[str, list[str]] = {}
    for text, name in zip(rows.as_written("query").to_list(), rows.as_ids("id").to_list(), strict=True):
        if text and name:
            wanted.setdefault(str(text), []).append(name)
    if not wanted:
        raise InputError(
            f"{path} holds no question", needed="rows with a query and the id of a row it should find", fix="add some"
        )
    return Questions(tuple(wanted), tuple(tuple(dict.fromkeys(ids)) for ids in wanted.values()))


def places_of(questions: Questions, ids: Sequence[str]) -> list[np.ndarray]:
    """Where the wanted rows of each question stand among ``ids``. Raises InputError for ids that are not there."""
    place = {name: number for number, name in enumerate(ids)}
    missing = [name for wanted in questions.wanted for name in wanted if name not in place]
    if missing:
        raise InputError(
            f"{len(missing):,} wanted rows are not in the table, for example {missing[0]!r}",
            needed="ids of rows of this table",
            fix="correct the file of questions",
        )
    return [np.array([place[name] for name in wanted], np.int64) for wanted in questions.wanted]


def found_share(asked: np.ndarray, rows: np.ndarray, wanted: Sequence[np.ndarray], *, k: int) -> np.ndarray:
    """For each question the share of its wanted rows that are found, shape (questions,).

    asked: shape (questions, dimension). rows: shape (rows, dimension). wanted: places among the rows.

    >>> found_share(np.eye(2), np.eye(2), [np.array([0]), np.array([0])], k=1).tolist()
    [1.0, 0.0]
    """
    found = exact_search(unit_rows(asked), unit_rows(rows), k).positions
    return np.array(
        [len(np.intersect1d(near, want)) / min(k, len(want)) for near, want in zip(found, wanted, strict=True)]
    )


def label_share(rows: np.ndarray, labels: np.ndarray, *, k: int) -> np.ndarray:
    """For each row the share of its ``k`` nearest others that have its label, shape (rows,).

    rows: shape (rows, dimension). labels: numbers, shape (rows,).
    """
    unit = unit_rows(rows)
    near = exact_search(unit, unit, k + 1).positions
    own = near == np.arange(len(rows))[:, None]
    same = (labels[near] == labels[:, None]) & (near >= 0) & ~own
    # A row that equal rows crowd out of its own neighbours has one too many.
    counted = np.where(own.any(1), same.sum(1), same[:, :k].sum(1))
    return np.asarray(counted / min(k, max(1, len(rows) - 1)))


def compared(
    measure: str, before: np.ndarray, after: np.ndarray, *, k: int, margin: float, rng: np.random.Generator
) -> Retrieval:
    """The record of what was measured for each question, shape (questions,), before and after."""
    difference = after - before
    if np.ptp(difference) == 0:
        low = high = float(difference[0])
    else:
        drawn = stats.bootstrap((difference,), np.mean, n_resamples=2000, method="percentile", rng=rng)
        low, high = float(drawn.confidence_interval.low), float(drawn.confidence_interval.high)
    return Retrieval(measure, k, len(difference), float(before.mean()), float(after.mean()), low, high, margin)
