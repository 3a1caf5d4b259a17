"""Raw scores of rows, and what a model saw of them.

Decisions: a model on vectors is asked for vectors once and scores them in blocks of one size, so that a row scores
the same alone and among thousands, to the last bit; no rows give no scores rather than an error of a library.
"""

from dataclasses import dataclass

import numpy as np

from graft.bundle.decision import blockwise
from graft.core.progress import SILENT, Progress
from graft.core.tasks import Task
from graft.inputs.dataset import Dataset
from graft.scores.models import Model
from graft.scores.output import Matrix


@dataclass(frozen=True, eq=False)
class RawScores:
    """Raw scores (rows, outputs) or values (rows,), float64; vectors (rows, dimension), None for a model without."""

    scores: np.ndarray
    vectors: Matrix | None


def score(model: Model, rows: Dataset, *, progress: Progress = SILENT) -> RawScores:
    """Scores and vectors of rows."""
    if not len(rows):
        width = (0,) if rows.contract.task is Task.REGRESSION else (0, len(rows.contract.labels))
        return RawScores(np.zeros(width), None)
    seen = model.seen(rows, progress=progress)
    if isinstance(seen, np.ndarray):
        dense = seen
        return RawScores(blockwise(lambda some: model.scores_of(dense[some], rows.take(some)), len(rows)), dense)
    return RawScores(model.scores_of(seen, rows), seen)
