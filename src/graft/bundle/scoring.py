"""Raw scores of rows, and what a model saw of them.

Decisions: a model on vectors is asked for vectors once and scores them in blocks of one size, so that a row scores
the same alone and among thousands, to the last bit; no rows give no scores rather than an error of a library.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy import sparse

from graft.bundle.decision import blockwise
from graft.core.progress import SILENT, Progress
from graft.core.tasks import Task
from graft.inputs.dataset import Dataset
from graft.representations.cache import ActivationCache
from graft.representations.encoding.encoder import Encoder
from graft.scores.classical import encode_ngrams
from graft.scores.models import ClassicalModel, Model, VectorModel

Matrix: TypeAlias = np.ndarray | sparse.csr_matrix


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
    vectors = vectors_of(model, rows, progress=progress)
    if isinstance(model, VectorModel) and isinstance(vectors, np.ndarray):
        dense = vectors
        return RawScores(blockwise(lambda some: model.scores_of(dense[some], rows.take(some)), len(rows)), dense)
    return RawScores(model.scores(rows, progress=progress), vectors)


def scores_alone(model: Model, rows: Dataset) -> np.ndarray:
    """Raw scores, without keeping what the model saw."""
    return score(model, rows).scores if isinstance(model, VectorModel) else model.scores(rows)


def vectors_of(
    model: Model, rows: Dataset, *, cache: ActivationCache | None = None, progress: Progress = SILENT
) -> Matrix | None:
    """What a model sees of the texts, (rows, dimension): float32 vectors, sparse TF-IDF, or None."""
    if isinstance(model, VectorModel):
        if cache is None:
            return model.vectors(rows, progress=progress)
        encoder = Encoder(model.source, cache=cache, precision=model.encoder.precision)
        return encoder.vectors(rows.contents, progress=progress)[0]
    if isinstance(model, ClassicalModel) and model.encoders:
        return encode_ngrams(model.encoders, rows.contents, np.zeros((len(rows), 0), np.float32))
    return None
