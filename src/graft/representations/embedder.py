"""Texts to vectors, as a function and as a scikit-learn transformer."""

from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from graft.core.errors import InputError
from graft.core.progress import SILENT, Progress
from graft.representations.cache import ActivationCache
from graft.representations.encoding.encoder import Encoder
from graft.representations.reading import as_role
from graft.representations.sources import resolve_source


def as_texts(given: Any) -> list[str]:
    """Texts from a list, an array, a series, or a frame with one column. Raises InputError for anything else."""
    if hasattr(given, "columns"):
        if len(given.columns) != 1:
            raise InputError(
                f"a frame with {len(given.columns)} columns", needed="one column of text", fix="select the text column"
            )
        given = given[given.columns[0]]
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InputError(f"{type(given).__name__}", needed="a sequence of texts", fix="write [text] for a single one")
    array = np.asarray(given, dtype=object)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise InputError(f"texts of shape {array.shape}", needed="shape (rows,)", fix="select one column")
    for position, value in enumerate(array):
        if not isinstance(value, str):
            raise InputError(
                f"row {position} is {type(value).__name__}, not text",
                needed="strings only",
                fix="fill or drop that row",
            )
    return list(array)


def embed_texts(
    texts: Sequence[str],
    source: str,
    *,
    role: str = "document",
    prompt: str | None = None,
    precision: str = "native",
    force: bool = False,
    progress: Progress = SILENT,
) -> np.ndarray:
    """Pooled vectors, float32, shape (rows, dimension).

    role: what the texts are read as: ``query``, ``document``, ``classification`` or ``clustering``. prompt: put before
    each text, instead of what the source states for the role. precision: ``native``, ``float32`` or ``int8``. force:
    int8 even for a source it does not suit.
    Raises InputError for another precision, SourceError for a source that is too far from float32 in int8.
    """
    read_as = as_role(role)
    found = resolve_source(source).with_prompts({read_as: prompt}).read_as(read_as)
    encoder = Encoder(found, cache=ActivationCache(), precision=precision, force=force)
    vectors, report = encoder.vectors(as_texts(texts), progress=progress)
    report.warn()
    return vectors


class Embedder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A scikit-learn transformer: texts, shape (rows,), to vectors of a pretrained source, shape (rows, dimension).

    source: a reference. cache: keep vectors on disk, so that folds and repeats do not compute them again. precision:
    ``native``, ``float32`` or ``int8``. role: what the texts are read as (``query``, ``document``, ``classification``
    or ``clustering``). prompt: put before each text, instead of what the source states for the role.
    """

    def __init__(
        self,
        source: str = "minilm",
        cache: bool = True,
        precision: str = "native",
        role: str = "classification",
        prompt: str | None = None,
    ) -> None:
        self.source = source
        self.cache = cache
        self.precision = precision
        self.role = role
        self.prompt = prompt

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find and verify the source; nothing is learnt."""
        as_texts(X)
        role = as_role(self.role)
        self.source_ = resolve_source(self.source).with_prompts({role: self.prompt}).read_as(role)
        self.n_features_out_ = self.source_.dimension
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Vectors of the texts."""
        check_is_fitted(self)
        encoder = Encoder(self.source_, cache=ActivationCache() if self.cache else None, precision=self.precision)
        vectors, report = encoder.vectors(as_texts(X))
        report.warn()
        return vectors

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the dimensions."""
        check_is_fitted(self)
        return np.array(
            [f"{self.source_.weights.model_type}_{number}" for number in range(self.n_features_out_)], dtype=object
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array, tags.input_tags.one_d_array = True, False, True
        tags.requires_fit = True
        return tags
