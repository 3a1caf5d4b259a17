"""Texts to vectors, as a function and as a scikit-learn transformer."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from graft.core.errors import InputError
from graft.core.progress import SILENT, Progress
from graft.representations.cache import ActivationCache
from graft.representations.encoding.encoder import Encoder
from graft.representations.reading import as_role
from graft.representations.row_source import RowReading
from graft.representations.source import Source
from graft.representations.sources import resolve_source
from graft.rows.content import ROW, Content, ContentKind, kind_named
from graft.rows.table import read_frame


def as_contents(given: Any, kind: ContentKind) -> list[Content]:
    """Contents of a kind from a list, an array, a series, or a frame with one column.

    Raises InputError for anything else.
    """
    if hasattr(given, "columns"):
        if len(given.columns) != 1:
            raise InputError(
                f"a frame with {len(given.columns)} columns",
                needed=f"one column of {kind.name}",
                fix=f"select the {kind.name} column",
            )
        given = given[given.columns[0]]
    if why := kind.unclear(given):
        raise InputError(why, needed=f"a sequence of {kind.plural}", fix="write a list: [one, other]")
    if kind.fits(given) or not isinstance(given, Iterable):
        raise InputError(
            f"{type(given).__name__}",
            needed=f"a sequence of {kind.plural}",
            fix=f"write [{kind.name}] for a single one",
        )
    contents = [] if isinstance(given, Mapping) else list(given)
    if not any(map(kind.fits, contents)):
        array = np.asarray(given, dtype=object)
        if array.ndim == 2 and array.shape[1] == 1:
            contents = list(array[:, 0])
        elif array.ndim != 1 and not kind.handed:
            raise InputError(f"{kind.plural} of shape {array.shape}", needed="shape (rows,)", fix="select one column")
    for position, value in enumerate(contents):
        if not kind.fits(value):
            raise InputError(
                f"row {position} is {type(value).__name__}, not {kind.name}",
                needed=kind.handed or f"{kind.plural} only",
                fix="fill or drop that row",
            )
    return contents


def contents_for(given: Any, source: Source) -> list[Content]:
    """Contents of the kind a source reads; rows alone from a frame, or a list of mappings of columns to cells.

    Raises InputError for anything else.
    """
    reading = source.reading
    if not isinstance(reading, RowReading):
        return as_contents(given, kind_named(reading.kind))
    if hasattr(given, "columns"):
        frame = read_frame(given, empty=True).frame
        given = frame.select(name for name in frame.columns if name in reading.names).to_dicts()
    return [reading.understood(ROW.taken(one)) for one in as_contents(given, ROW)]


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

    texts: or whatever else the source reads. role: what they are read as: ``query``, ``document``, ``classification``
    or ``clustering``. prompt: put before each, instead of what the source states for the role. precision: ``native``,
    ``float32`` or ``int8``. force: int8 even for a source it does not suit.
    Raises InputError for another precision, SourceError for a source that is too far from float32 in int8.
    """
    read_as = as_role(role)
    found = resolve_source(source).with_prompts({read_as: prompt}).read_as(read_as)
    encoder = Encoder(found, cache=ActivationCache(), precision=precision, force=force)
    vectors, report = encoder.vectors(contents_for(texts, found), progress=progress)
    report.warn()
    return vectors


class Embedder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A scikit-learn transformer: contents, shape (rows,), to vectors of a pretrained source, shape (rows, dimension).

    Contents are texts, or whatever else the source reads; for one of rows, a frame with the columns it knows.

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
        role = as_role(self.role)
        self.source_ = resolve_source(self.source).with_prompts({role: self.prompt}).read_as(role)
        contents_for(X, self.source_)
        self.n_features_out_ = self.source_.dimension
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Vectors of the texts."""
        check_is_fitted(self)
        encoder = Encoder(self.source_, cache=ActivationCache() if self.cache else None, precision=self.precision)
        vectors, report = encoder.vectors(contents_for(X, self.source_))
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
