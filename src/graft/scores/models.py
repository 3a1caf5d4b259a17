"""Fitted models: what turns rows into scores, and back from disk.

Decisions: whatever was tuned is, once training is over, a source directory of its own with a linear head on its
vectors, so there is one way to predict for every strategy; models predict in float32, because a saved model must say
the same on another processor; arrays go to safetensors and the rest to JSON, so loading runs no code. Each kind of
model says itself what others must know of it, and stands in one tuple, ``MODELS``.
"""

import shutil
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from scipy import sparse

from graft.core import foreign
from graft.core.blas import product
from graft.core.errors import BundleError, GraftError
from graft.core.files import whole_file, write_json
from graft.core.progress import SILENT, Progress
from graft.core.tasks import Task
from graft.inputs.dataset import Dataset
from graft.representations.cache import ActivationCache
from graft.representations.encoding.encoder import Encoder
from graft.representations.encoding.joined_encoder import JoinedEncoder, encoder_of
from graft.representations.image_directory import state_reading
from graft.representations.joined_source import joined_source
from graft.representations.row_columns import RowColumns, row_columns_of
from graft.representations.row_source import state_columns
from graft.representations.sentence_settings import state_prompts
from graft.representations.source import Source
from graft.representations.source_head import forget_head
from graft.representations.sources import read_directory
from graft.representations.text_directory import write_beside
from graft.representations.weights.safetensors_file import check_safetensors
from graft.rows.content import kind_named
from graft.scores.bodies import trainable
from graft.scores.classical.features import feature_recipe
from graft.scores.classical.ngrams import NgramEncoder, encode_ngrams, ngrams_of
from graft.scores.columns import ColumnEncoder, columns_of
from graft.scores.joined_model import JoinedFeatureModel
from graft.scores.output import Matrix, Output
from graft.scores.row_control import LinearOnRows, Scorer, TreesOnRows, trees_of

_SIDE_FILES = ("*.json", "*.txt", "*.model", "README.md", "LICENSE*")


class Model(Protocol):
    """A fitted model.

    kind: its name on disk. explains: whether what a row says changes its score, so that pieces of it can be left out to
    see which do.
    """

    kind: ClassVar[str]
    explains: ClassVar[bool]

    @property
    def output(self) -> Output:
        """What its raw scores mean."""
        ...

    @property
    def source(self) -> Source | None:
        """The pretrained source it reads rows with, None for one that needs none."""
        ...

    @property
    def encoders(self) -> tuple[NgramEncoder, ...]:
        """The vocabularies it holds, which are terms of the training rows; () for none."""
        ...

    def seen(
        self, rows: Dataset, *, cache: ActivationCache | None = None, progress: Progress = SILENT
    ) -> Matrix | None:
        """What it sees of the contents, (rows, dimension): float32 vectors, sparse TF-IDF, or None."""
        ...

    def scores_of(self, seen: Matrix | None, rows: Dataset) -> np.ndarray:
        """Probabilities (rows, outputs) or values (rows,), float64, of rows whose contents were seen already."""
        ...

    def scores(self, rows: Dataset, *, progress: Progress = SILENT) -> np.ndarray:
        """Probabilities (rows, outputs) or values (rows,), float64."""
        ...

    def facts(self) -> dict[str, Any]:
        """What JSON can hold of it."""
        ...

    def arrays(self) -> dict[str, np.ndarray]:
        """What safetensors hold of it."""
        ...

    @classmethod
    def load(cls, folder: Path, output: Output, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """The model back from its facts and arrays; folder: where it was saved."""
        ...


@dataclass(frozen=True)
class MajorityModel:
    """Says the same of every row: the shares of the training rows."""

    output: Output
    level: np.ndarray
    kind: ClassVar[str] = "majority"
    explains: ClassVar[bool] = False
    source: ClassVar[None] = None
    encoders: ClassVar[tuple[NgramEncoder, ...]] = ()

    def seen(self, rows: Dataset, *, cache: ActivationCache | None = None, progress: Progress = SILENT) -> None:
        """Nothing."""

    def scores(self, rows: Dataset, *, progress: Progress = SILENT) -> np.ndarray:
        """The shares, repeated."""
        return self.scores_of(None, rows)

    def scores_of(self, seen: Matrix | None, rows: Dataset) -> np.ndarray:
        """The shares, repeated."""
        repeated = np.repeat(self.level[None, :].astype(np.float64), len(rows), axis=0)
        return repeated[:, 0] if self.output.task is Task.REGRESSION else repeated

    def facts(self) -> dict[str, Any]:
        """Nothing beyond the output."""
        return {}

    def arrays(self) -> dict[str, np.ndarray]:
        """The shares."""
        return {"level": self.level}

    @classmethod
    def load(cls, folder: Path, output: Output, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """Back from the shares."""
        return cls(output, arrays["level"])


@dataclass(frozen=True)
class ClassicalModel:
    """TF-IDF and a linear head."""

    output: Output
    encoders: tuple[NgramEncoder, ...]
    columns: ColumnEncoder
    weight: np.ndarray
    bias: np.ndarray
    kind: ClassVar[str] = "classical"
    explains: ClassVar[bool] = True
    source: ClassVar[None] = None

    def seen(
        self, rows: Dataset, *, cache: ActivationCache | None = None, progress: Progress = SILENT
    ) -> Matrix | None:
        """TF-IDF rows, sparse; None when no term was learnt."""
        return (
            encode_ngrams(self.encoders, rows.contents, np.zeros((len(rows), 0), np.float32)) if self.encoders else None
        )

    def scores(self, rows: Dataset, *, progress: Progress = SILENT) -> np.ndarray:
        """Finished scores."""
        return self.scores_of(self.seen(rows), rows)

    def scores_of(self, seen: Matrix | None, rows: Dataset) -> np.ndarray:
        """Finished scores of rows whose TF-IDF is known."""
        extra = sparse.csr_matrix(self.columns.encode(rows))
        blocks = [extra] if seen is None else [sparse.csr_matrix(seen), extra]
        return self.finished(sparse.csr_matrix(sparse.hstack(blocks, format="csr", dtype=np.float32)))

    def finished(self, matrix: sparse.csr_matrix) -> np.ndarray:
        """Finished scores of encoded rows, shape (rows, terms + columns)."""
        return self.output.finish(matrix @ self.weight.T + self.bias)

    def facts(self) -> dict[str, Any]:
        """Vocabularies."""
        encoders = [
            {"analyzer": one.analyzer, "ngrams": list(one.ngrams), "terms": list(one.terms)} for one in self.encoders
        ]
        return {"encoders": encoders, "columns": asdict(self.columns)}

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights."""
        idf = {f"idf.{number}": one.idf for number, one in enumerate(self.encoders)}
        return {"weight": self.weight, "bias": self.bias, **idf}

    @classmethod
    def load(cls, folder: Path, output: Output, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """Back from the vocabularies and weights."""
        encoders = tuple(ngrams_of(one, arrays[f"idf.{number}"]) for number, one in enumerate(facts["encoders"]))
        return cls(output, encoders, columns_of(facts["columns"]), arrays["weight"], arrays["bias"])


@dataclass(frozen=True, eq=False)
class RowModel:
    """Boosted trees or a linear model on the cells of rows."""

    output: Output
    columns: RowColumns
    scorer: Scorer
    kind: ClassVar[str] = "rows"
    explains: ClassVar[bool] = True
    source: ClassVar[None] = None
    encoders: ClassVar[tuple[NgramEncoder, ...]] = ()

    def seen(self, rows: Dataset, *, cache: ActivationCache | None = None, progress: Progress = SILENT) -> Matrix:
        """Standardised numbers and categories as 0 and 1, float32 (rows, width)."""
        return self.columns.matrix(self.columns.read(rows.contents))

    def scores(self, rows: Dataset, *, progress: Progress = SILENT) -> np.ndarray:
        """Finished scores."""
        return self.of_parted(self.columns.read(rows.contents))

    def scores_of(self, seen: Matrix | None, rows: Dataset) -> np.ndarray:
        """Finished scores; trees read the cells themselves."""
        if seen is None or isinstance(self.scorer, TreesOnRows):
            return self.scores(rows)
        return self.output.finish(product(seen, self.scorer.weight.T) + self.scorer.bias)

    def of_parted(self, parted: np.ndarray) -> np.ndarray:
        """Finished scores of rows as ``columns`` reads them."""
        if isinstance(self.scorer, TreesOnRows):
            return self.output.finish(self.scorer.logits(parted, self.output.task))
        matrix = self.columns.matrix(parted)
        return self.output.finish(product(matrix, self.scorer.weight.T) + self.scorer.bias)

    def facts(self) -> dict[str, Any]:
        """What is known of the columns, and what scores them."""
        trees = isinstance(self.scorer, TreesOnRows)
        return {"columns": asdict(self.columns), "scorer": "trees" if trees else "linear"}

    def arrays(self) -> dict[str, np.ndarray]:
        """Trees or weights."""
        if isinstance(self.scorer, TreesOnRows):
            return {"places": self.scorer.places, "rest": self.scorer.rest, **self.scorer.forest.arrays()}
        return {"weight": self.scorer.weight, "bias": self.scorer.bias}

    @classmethod
    def load(cls, folder: Path, output: Output, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """Back from the columns and the arrays."""
        columns = row_columns_of(facts["columns"])
        if facts["scorer"] == "linear":
            weight, bias = arrays["weight"], arrays["bias"]
            if weight.shape != (len(bias), columns.width) or bias.ndim != 1:
                raise ValueError("weights that do not fit the columns")
            return cls(output, columns, LinearOnRows(weight, bias))
        return cls(output, columns, trees_of(arrays, columns=len(columns.categorical) + len(columns.numeric)))


@dataclass(frozen=True)
class FeatureModel:
    """Numbers that are computed of contents, and a linear head. recipe: the name of what is computed."""

    output: Output
    recipe: str
    columns: ColumnEncoder
    weight: np.ndarray
    bias: np.ndarray
    kind: ClassVar[str] = "features"
    explains: ClassVar[bool] = True
    source: ClassVar[None] = None
    encoders: ClassVar[tuple[NgramEncoder, ...]] = ()

    def seen(self, rows: Dataset, *, cache: ActivationCache | None = None, progress: Progress = SILENT) -> np.ndarray:
        """What is computed of the contents, float32."""
        return feature_recipe(self.recipe).compute(rows.contents)

    def scores(self, rows: Dataset, *, progress: Progress = SILENT) -> np.ndarray:
        """Finished scores."""
        return self.scores_of(self.seen(rows), rows)

    def scores_of(self, seen: Matrix | None, rows: Dataset) -> np.ndarray:
        """Finished scores of rows whose numbers are known."""
        return self.output.finish(
            np.concatenate([np.asarray(seen), self.columns.encode(rows)], 1) @ self.weight.T + self.bias
        )

    def facts(self) -> dict[str, Any]:
        """What is computed."""
        return {"recipe": self.recipe, "columns": asdict(self.columns)}

    def arrays(self) -> dict[str, np.ndarray]:
        """The head."""
        return {"weight": self.weight, "bias": self.bias}

    @classmethod
    def load(cls, folder: Path, output: Output, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """Back from the name of the recipe and the head."""
        recipe = feature_recipe(facts["recipe"])
        return cls(output, recipe.name, columns_of(facts["columns"]), arrays["weight"], arrays["bias"])


@dataclass(frozen=True)
class VectorModel:
    """A source, whose weights may have been tuned, and a linear head on its vectors."""

    output: Output
    source: Source
    columns: ColumnEncoder | RowColumns
    weight: np.ndarray
    bias: np.ndarray
    kind: ClassVar[str] = "vectors"
    explains: ClassVar[bool] = True
    encoders: ClassVar[tuple[NgramEncoder, ...]] = ()

    def seen(self, rows: Dataset, *, cache: ActivationCache | None = None, progress: Progress = SILENT) -> np.ndarray:
        """Pooled vectors in float32, shape (rows, dimension). cache: where they may be known already."""
        encoder = self.encoder
        if cache is not None:
            encoder = encoder_of(self.source, cache=cache, precision=torch.float32)
        return encoder.vectors(rows.contents, progress=progress)[0]

    @cached_property
    def encoder(self) -> Encoder | JoinedEncoder:
        """The encoder of its source; one for the life of the model, so weights are read once."""
        return encoder_of(self.source, precision=torch.float32)

    def __getstate__(self) -> dict[str, Any]:
        # The encoder holds weights that its source can read again.
        return {name: value for name, value in self.__dict__.items() if name != "encoder"}

    def scores(self, rows: Dataset, *, progress: Progress = SILENT) -> np.ndarray:
        """Finished scores."""
        return self.scores_of(self.seen(rows, progress=progress), rows)

    def scores_of(self, seen: Matrix | None, rows: Dataset) -> np.ndarray:
        """Finished scores of rows whose vectors are known."""
        return self.output.finish(
            np.concatenate([np.asarray(seen), self.columns.encode(rows)], 1) @ self.weight.T + self.bias
        )

    def facts(self) -> dict[str, Any]:
        """Where it came from."""
        return {"columns": asdict(self.columns), "source": _source_facts(self.source)}

    def arrays(self) -> dict[str, np.ndarray]:
        """The head."""
        return {"weight": self.weight, "bias": self.bias}

    @classmethod
    def load(cls, folder: Path, output: Output, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """Back from the head and the source directory beside it."""
        source = _stated_source(folder / "source", facts["source"])
        return cls(output, source, _columns_beside(facts["columns"]), arrays["weight"], arrays["bias"])


MODELS: tuple[type[Model], ...] = (
    MajorityModel,
    ClassicalModel,
    FeatureModel,
    JoinedFeatureModel,
    RowModel,
    VectorModel,
)


def save_model(model: Model, folder: Path) -> None:
    """Write ``model.json``, ``model.safetensors`` and, for a source, the directory ``source``."""
    write_json(folder / "model.json", {"kind": model.kind, "output": asdict(model.output), **model.facts()})
    with whole_file(folder / "model.safetensors") as temporary:
        save_file({name: np.ascontiguousarray(array) for name, array in model.arrays().items()}, temporary)
    if model.source is not None:
        for part, place in source_places(model.source, folder / "source"):
            if part.weights.directory != place:
                copy_source(part, place)


def source_places(source: Source, folder: Path) -> list[tuple[Source, Path]]:
    """What a source is made of, and where each lies in the folder of a model: those side by side by their kinds."""
    return [(part, folder / part.reading.kind) for part in source.parts] or [(source, folder)]


def _source_facts(source: Source) -> dict[str, Any]:
    said: dict[str, Any] = {"reference": source.weights.reference, "revision": source.weights.revision}
    if source.parts:
        said |= {
            "kind": source.reading.kind,
            "parts": {part.reading.kind: _source_facts(part) for part in source.parts},
        }
    return said


def _stated_source(folder: Path, facts: dict[str, Any]) -> Source:
    """The source that lies in a folder. Raises ValueError where it is not what was stated."""
    if "parts" not in facts:
        return read_directory(folder, reference=facts["reference"], revision=facts["revision"])
    kind = kind_named(facts["kind"])
    names = [part.name for part in kind.parts if part.name in facts["parts"]]
    parts = [_stated_source(folder / name, facts["parts"][name]) for name in names]
    if not names or len(names) != len(facts["parts"]) or [part.reading.kind for part in parts] != names:
        raise ValueError(f"sources side by side that are not those of {kind.name}")
    return joined_source(parts, kind)


def copy_source(source: Source, folder: Path) -> None:
    """Copy the files of a source that are needed to use it."""
    names = {path for pattern in _SIDE_FILES for path in source.weights.directory.glob(pattern)}
    names |= {source.weights.directory / name for name in (*source.weights.files, *source.weights.side_files)}
    for path in sorted(names):
        with whole_file(folder / path.relative_to(source.weights.directory)) as temporary:
            shutil.copyfile(path, temporary)
    write_beside(source, folder)
    state_prompts(folder, source.reading.prompts)
    state_reading(folder, source.reading)
    state_columns(folder, source)


def save_tuned_body(body: Any, source: Source, folder: Path, *, reference: str) -> Source:
    """Write a tuned backbone as a source directory of its own, and describe it."""
    copy_source(replace(source, weights=replace(source.weights, files=())), folder)
    forget_head(folder)
    (folder / "model.safetensors.index.json").unlink(missing_ok=True)
    state = {name: value.detach().cpu().contiguous().numpy() for name, value in trainable(source).state(body).items()}
    with whole_file(folder / "model.safetensors") as temporary:
        save_file(state, temporary, metadata={"format": "pt"})
    return read_directory(folder, reference=reference)


def load_model(folder: Path) -> Model:
    """Read a model written by save_model. Raises BundleError when the files do not fit together."""
    try:
        facts = foreign.read_json(folder / "model.json")
        check_safetensors(folder / "model.safetensors")
        arrays = load_file(folder / "model.safetensors")
        output = Output(Task(facts["output"]["task"]), facts["output"]["mean"], facts["output"]["scale"])
        for name, array in arrays.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise ValueError(f"{name} in model.safetensors holds what is no number")
        made = {model.kind: model for model in MODELS}[facts["kind"]]
        return made.load(folder, output, facts, arrays)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        if isinstance(error, GraftError):
            raise
        raise BundleError(
            f"{folder} does not hold a model Graft can read ({type(error).__name__}: {error})",
            needed="model.json and model.safetensors as Graft wrote them",
            fix="copy the bundle again",
        ) from error


def _columns_beside(facts: dict[str, Any]) -> ColumnEncoder | RowColumns:
    """What stands beside vectors: of rows whose cells are the content, the columns their source cannot read."""
    return row_columns_of(facts) if "numeric" in facts else columns_of(facts)
