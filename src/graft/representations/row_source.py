"""Sources of rows: a residual network over the cells of a table, its columns, and its directory.

Decisions: a source knows its columns by name and type, with the statistics of the table it learnt from, and moves to
another table by these names: numbers are read by the source's mean and deviation, whatever the other table's are,
because a shift between two tables is something the weights learnt to read; a column it does not know is none of its
business, and one that is missing reads as an empty cell. A source that shares no column is refused. Its directory is
``config.json`` (the columns are part of the architecture) and safetensors. A network that nothing was learnt by is
drawn for a table from its contract, which knows no label.

Gorishniy et al. (2021), Revisiting deep learning models for tabular data, arXiv 2106.11959, section 3.2 (ResNet); here
with layer normalisation, which has no state that drifts while a part is frozen.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from graft.core.digests import key
from graft.core.errors import InputError, SourceError
from graft.core.files import read_json, write_json
from graft.representations.pooling import Pooling
from graft.representations.reading import PlainReading
from graft.representations.row_columns import RowColumns, row_columns_of
from graft.representations.source import Source, Weights
from graft.representations.weights.unchanged import weights_digest
from graft.representations.weights.weight_files import read_tensors, require_floats, weight_files_of
from graft.rows.content import Cells
from graft.rows.content.row import Cell, cell_name

MODEL_TYPE = "graft-row-resnet"
WIDTH, INNER, BLOCKS = 128, 256, 3
DRAWN = "row-resnet"
_LARGEST = 4096


@dataclass(frozen=True)
class RowShape:
    """How large a network is: numbers of a vector, of a block's inside, and blocks; classes of the head in its
    weights, 0 without one."""

    width: int = WIDTH
    inner: int = INNER
    blocks: int = BLOCKS
    outputs: int = 0


@dataclass(frozen=True)
class RowReading(PlainReading):
    """How rows become numbers: which columns are read, and by which statistics."""

    kind: ClassVar[str] = "row"
    unit: ClassVar[str] = "cells"
    limit: ClassVar[int] = 0
    columns: RowColumns

    @property
    def digest(self) -> str:
        """32 hexadecimal digits: of readings whose vectors may be compared."""
        return key(asdict(self.columns))

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are read."""
        return (*self.columns.numeric, *self.columns.categorical)

    def told(self) -> Mapping[str, str]:
        """Its columns."""
        return {"numeric": ", ".join(self.columns.numeric), "categorical": ", ".join(self.columns.categorical)}

    def shared(self, numeric: Sequence[str], categorical: Sequence[str]) -> tuple[str, ...]:
        """The columns of a table that are read, by name and type."""
        own = {*self.columns.numeric} & {*numeric} | {*self.columns.categorical} & {*categorical}
        return tuple(name for name in (*numeric, *categorical) if name in own)

    def understood(self, row: Cells, *, strict: bool = False) -> Cells:
        """A row that a person wrote, its cells of the types the columns have here: ``7`` is a number where numbers
        are read, and a name where names are. strict: every column must be known.

        Raises InputError for a cell that is no number where one is read, and for columns that are not known.
        """
        unknown = [name for name in row.names if name not in self.names]
        if len(unknown) == len(row.names) or (strict and unknown):
            close = get_close_matches(unknown[0], self.names, n=1) if unknown else []
            raise InputError(
                f"the source reads no column {unknown[0]!r}" if unknown else "a row without cells",
                needed=f"columns among {_listed(self.names)}",
                fix=f"did you mean {close[0]!r}?" if close else "name the columns as the source does",
            )
        cells = (self._typed(name, cell) for name, cell in zip(row.names, row.values, strict=True))
        return Cells(row.names, tuple(cells))

    def _typed(self, name: str, cell: Cell) -> Cell:
        if name in self.columns.numeric and isinstance(cell, str):
            try:
                number = float(cell)
            except ValueError:
                number = math.nan
            if not math.isfinite(number):
                raise InputError(f"{cell[:60]!r} in the column {name!r}", needed="a number", fix="write it as 7 or 0.5")
            return number
        return cell_name(cell) if name in self.columns.categorical and isinstance(cell, float) else cell


@dataclass(frozen=True, eq=False)
class RowInput:
    """Rows as the network takes them.

    numbers: float32 (rows, 2 * numeric columns), standardised and then whether missing. codes: int64 (rows, categorical
    columns), places in one table of all categories.
    """

    numbers: np.ndarray
    codes: np.ndarray

    @property
    def truncated(self) -> np.ndarray:
        """None is cut."""
        return np.zeros(len(self.numbers), bool)


def row_input(columns: RowColumns, rows: Sequence[Cells]) -> RowInput:
    """Rows for a network with these columns."""
    numbers, codes = columns.standardised(columns.read(rows))
    sizes = [len(known) + 1 for known in columns.categories]
    start = np.concatenate([[0], np.cumsum(sizes)])[:-1].astype(np.int64)
    unknown = np.array(sizes, np.int64) - 1
    places = np.where(np.isnan(codes), unknown, np.nan_to_num(codes)).astype(np.int64) + start
    return RowInput(numbers, places.reshape(len(rows), len(sizes)))


def row_reading(source: Source) -> RowReading:
    """The reading of a source of rows. Raises SourceError for another source."""
    if not isinstance(source.reading, RowReading):
        raise SourceError(
            f"{source.weights.reference} reads content of the kind {source.reading.kind!r}, and the rows are rows",
            needed="a source that reads rows",
            fix="make one of another table: graft sources pretrain",
        )
    return source.reading


def require_shared(source: Source, numeric: Sequence[str], categorical: Sequence[str]) -> None:
    """Raise SourceError unless a source of rows reads a column of the table."""
    reading = row_reading(source)
    if not reading.shared(numeric, categorical):
        raise SourceError(
            f"{source.weights.reference} reads the columns {_listed(reading.names)}, and the table has none of them "
            f"with the same type: {_listed((*numeric, *categorical))}",
            needed="a column in common, by name and type (numeric or categorical)",
            fix="rename the columns that mean the same, or leave the source out",
        )


def is_row_directory(config: Mapping[str, Any]) -> bool:
    """Whether a configuration is of a source of rows."""
    return config.get("model_type") == MODEL_TYPE


def write_row_config(folder: Path, columns: RowColumns, shape: RowShape) -> None:
    """Write the ``config.json`` of a source of rows."""
    write_json(folder / "config.json", {"model_type": MODEL_TYPE, **asdict(shape), "columns": asdict(columns)})


def read_row_config(directory: Path, reference: str) -> tuple[RowColumns, RowShape]:
    """The columns and the shape a directory states. Raises SourceError with what is wrong."""
    config = read_json(directory / "config.json")
    try:
        columns = row_columns_of(config["columns"])
        shape = RowShape(config["width"], config["inner"], config["blocks"], config.get("outputs", 0))
        sizes = (shape.width, shape.inner, shape.blocks, shape.outputs + 1)
        if not all(type(one) is int and 0 < one <= _LARGEST for one in sizes) or not columns.width:
            raise ValueError(f"a network of {shape}")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(
            f"{reference}: its config.json does not describe a source of rows ({type(error).__name__}: {error})",
            needed="the file as graft sources pretrain wrote it",
            fix="copy the directory again",
        ) from error
    return columns, shape


def read_row_directory(directory: Path, reference: str, revision: str) -> Source:
    """Describe the directory of a source of rows, which was checked. Raises SourceError with what is wrong."""
    columns, shape = read_row_config(directory, reference)
    files = weight_files_of(directory, reference)
    entries = read_tensors(files, reference)
    require_floats(entries, reference)
    tensors = {entry.name: entry.shape for entry in entries}
    expected = shapes_of(columns, shape)
    if tensors != expected:
        odd = sorted(name for name in {*tensors, *expected} if tensors.get(name) != expected.get(name))
        raise SourceError(
            f"{reference}: its weights do not fit its config.json ({odd[0]})",
            needed="the weights of these columns",
            fix="copy the directory again",
        )
    weights = Weights(
        reference=reference,
        directory=directory,
        revision=revision,
        digest=weights_digest(files),
        files=tuple(file.name for file in files),
        architecture=key({**asdict(shape), "columns": asdict(columns)}),
        model_type=MODEL_TYPE,
        hidden=shape.width,
        layers=shape.blocks,
        parameters=sum(math.prod(one) for one in expected.values()),
    )
    return Source(weights, RowReading(columns), Pooling.MEAN, normalise=False)


def drawn_row_source(columns: RowColumns, place: Path, shape: RowShape | None = None, *, seed: int = 0) -> Source:
    """A network for these columns whose weights are drawn: it transfers nothing. place: for its configuration."""
    shape = shape or RowShape()
    place.mkdir(parents=True, exist_ok=True)
    write_row_config(place, columns, shape)
    weights = Weights(
        reference=DRAWN,
        directory=place,
        revision="",
        digest="",
        files=(),
        architecture="",
        model_type=MODEL_TYPE,
        hidden=shape.width,
        layers=shape.blocks,
        parameters=0,
        random_seed=seed,
    )
    return with_columns(Source(weights, RowReading(columns), Pooling.MEAN, normalise=False), columns)


def with_columns(source: Source, columns: RowColumns) -> Source:
    """A source of drawn weights for other columns, which are no longer those its directory states."""
    weights = source.weights
    _, shape = read_row_config(weights.directory, weights.reference)
    form = {**asdict(shape), "columns": asdict(columns)}
    drawn = replace(
        weights,
        digest=f"random-{key({**form, 'seed': weights.random_seed})}",
        architecture=key(form),
        parameters=sum(math.prod(one) for one in shapes_of(columns, shape).values()),
    )
    return replace(source, weights=drawn, reading=RowReading(columns))


def state_columns(folder: Path, source: Source) -> None:
    """Say beside a copy of a source of rows which columns it reads, where that is not what its directory says."""
    if isinstance(source.reading, RowReading):
        config = read_json(folder / "config.json")
        write_json(folder / "config.json", {**config, "columns": asdict(source.reading.columns)})


def shapes_of(columns: RowColumns, shape: RowShape) -> dict[str, tuple[int, ...]]:
    """The tensors of a network, by name."""
    width, inner = shape.width, shape.inner
    found: dict[str, tuple[int, ...]] = {"embed_bias": (width,)}
    if columns.numeric:
        found["embed_numbers.weight"] = (width, 3 * len(columns.numeric))
    if columns.categorical:
        found["embed_names.weight"] = (sum(len(known) + 1 for known in columns.categories), width)
    for block in range(shape.blocks):
        name = f"blocks.{block}."
        found |= {f"{name}norm.weight": (width,), f"{name}norm.bias": (width,)}
        found |= {f"{name}first.weight": (inner, width), f"{name}first.bias": (inner,)}
        found |= {f"{name}second.weight": (width, inner), f"{name}second.bias": (width,)}
    if shape.outputs:
        found |= {"head.weight": (shape.outputs, width), "head.bias": (shape.outputs,)}
    return found | {"norm.weight": (width,), "norm.bias": (width,)}


def _listed(names: Sequence[str]) -> str:
    shown: Callable[[str], str] = repr
    return ", ".join(map(shown, names[:8])) + (" …" if len(names) > 8 else "")
