"""A row of a table: its cells, by the names of their columns.

Decisions: a cell is a number, the name of a category, or nothing; what type a column has is said by whoever names it,
so a cell is never guessed at here. The names stand in one tuple that all rows of a table share. Rows repeat one another
when their cells are equal up to case and six digits, or when all categories are equal and every number is within a
thousandth of what is usual in its column (rounding, units converted there and back); with fewer than four numbers that
happens to rows that have nothing to do with each other, and counts for nothing. Neither do equal rows where chance
makes them: a table of class, sex and age group repeats its few combinations in thousands of rows, and none of them is a
copy.
"""

import json
from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from scipy.spatial import cKDTree

from graft.core.digests import content_digest
from graft.core.errors import InputError
from graft.rows.columns import number_name
from graft.rows.content.kind import ColumnMeasure, ContentKind, ContentProblem, Piece
from graft.rows.values import numbers, written_names

Cell: TypeAlias = float | str | None

_PIECES_AT_MOST = 2000
_DIGITS = 6
_NUMBERS_THAT_TELL = 4
_SHARE_OF_SPREAD = 5e-3  # of a column's deviation, for each part of similarity that is missing to 1
_MADE_UP = (("number", "name"), ((0.0, "a"), (1.5, "b"), (None, "c"), (-2e6, None)))


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of one row.

    names: of the columns. values: a number, the name of a category, or None for each; no number is infinite or NaN.
    """

    names: tuple[str, ...]
    values: tuple[Cell, ...]

    def without(self, place: int) -> "Cells":
        """The same row with one cell empty."""
        return Cells(self.names, (*self.values[:place], None, *self.values[place + 1 :]))


def cells_of(columns: Sequence[pl.Series]) -> list[Cells | None]:
    """The cells of each row: numbers of columns of numbers, names of all others; None for a row without any."""
    names = tuple(column.name for column in columns)
    values: list[list[Cell]] = []
    for column in columns:
        if column.dtype.is_numeric():
            found = numbers(column)[0] + 0.0  # there is one zero
            values.append([None if one != one else one for one in found.tolist()])
        else:
            values.append(written_names(column).to_list())
    if not columns:
        return []
    return [None if all(cell is None for cell in row) else Cells(names, row) for row in zip(*values, strict=True)]


def _read(columns: Sequence[pl.Series], folder: Path | None) -> list[Cells | None]:
    """Columns as they are, or one column of rows that were written down (``_written``)."""
    if len(columns) == 1 and columns[0].dtype == pl.String:
        stated = columns[0].drop_nulls()
        if len(stated) and stated.str.starts_with("{").all():
            return [None if cell is None else _restored(cell) for cell in columns[0].to_list()]
    return cells_of(columns)


def _measure(column: pl.Series, folder: Path | None) -> ColumnMeasure:
    stated = numbers(column)[0] == numbers(column)[0] if column.dtype.is_numeric() else None
    present = written_names(column).is_not_null().to_numpy() if stated is None else np.asarray(stated)
    return ColumnMeasure(present, column.filter(pl.Series(present)).n_unique(), np.ones(int(present.sum()), np.int64))


def _problem(row: Cells | None) -> ContentProblem | None:
    if row is None or not any(cell is not None for cell in row.values):
        return ContentProblem("missing-row", "every cell of the row is empty", fatal=True)
    return None


def _digest(row: Cells) -> bytes:
    parts = []
    for name, cell in zip(row.names, row.values, strict=True):
        parts += [name, "" if cell is None else cell.hex() if isinstance(cell, float) else f"={cell}"]
    return content_digest(*parts)


def _loose(row: Cells) -> tuple[Cell, ...]:
    return tuple(
        cell.casefold() if isinstance(cell, str) else cell if cell is None else float(f"{cell:.{_DIGITS}g}")
        for cell in row.values
    )


def _strict(row: Cells) -> tuple[Cell, ...]:
    return row.values


def _near(
    rows: Sequence[tuple[Cell, ...]], strict: Sequence[Collection[Any]], threshold: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Similarity falls with the largest distance of two numbers of one column, in parts of the column's deviation."""
    nothing = np.zeros((0, 2), np.int64), np.zeros(0)
    groups: dict[tuple[Any, ...], list[int]] = {}
    for place, row in enumerate(rows):
        plain = tuple(True if isinstance(cell, float) else cell for cell in row)
        groups.setdefault(plain, []).append(place)
    alike = {
        form: places
        for form, places in groups.items()
        if len(places) > 1 and sum(cell is True for cell in form) >= _NUMBERS_THAT_TELL
    }
    reach = (1 - threshold) * _SHARE_OF_SPREAD
    if not alike or reach <= 0:
        return nothing
    spread = _spreads(rows)
    pairs, distances = [], []
    for form, places in alike.items():
        of = [column for column, cell in enumerate(form) if cell is True]
        scaled = np.array([[rows[place][column] for column in of] for place in places], np.float64) / spread[of]
        found = cKDTree(scaled).query_pairs(reach, p=np.inf, output_type="ndarray").astype(np.int64)
        if len(found):
            distances.append(np.abs(scaled[found[:, 0]] - scaled[found[:, 1]]).max(axis=1))
            pairs.append(np.sort(np.array(places, np.int64)[found], axis=1))
    if not pairs:
        return nothing
    return np.concatenate(pairs), 1 - np.concatenate(distances) / _SHARE_OF_SPREAD


def _spreads(rows: Sequence[tuple[Cell, ...]]) -> np.ndarray:
    """The deviation of the numbers of each column, (columns,); infinite where there are none, so nothing is far."""
    found = np.full(len(rows[0]), np.inf)
    for place in range(len(found)):
        some = np.array([row[place] for row in rows if isinstance(row[place], float)], np.float64)
        unit = float(np.abs(some).max(initial=0.0))
        deviation = float((some / unit).std()) * unit if unit > 0 else 0.0
        if deviation > 0:
            found[place] = deviation
    return found


def repeats_by_chance(rows: Sequence[Hashable]) -> bool:
    """Whether rows of these loose forms would repeat one another even if nobody had copied any.

    That is so when columns filled independently of each other, each with the values it has, are expected to make a pair
    of equal rows. Columns that go together make some pairs more, which do no harm on one side of a split.

    >>> repeats_by_chance([(one, other) for one in "abc" for other in "xy"] * 5)
    True
    >>> repeats_by_chance([("first", "man")] * 30 + [("second", "man")] * 20)
    False
    """
    table = [row for row in rows if isinstance(row, tuple)]
    pairs = len(table) * (len(table) - 1) / 2
    if not table or pairs * _alike(table) < 1:
        return False
    # Whole rows that were written many times make every column repeat itself: each is counted once. In a single
    # column that cannot be told apart.
    return len(table[0]) < 2 or pairs * _alike(list(dict.fromkeys(table))) >= 1


def _alike(table: Sequence[tuple[Any, ...]]) -> float:
    """The chance that two rows are equal when each column is filled independently of the others."""
    size, chance = len(table), 1.0
    if size < 2:
        return 0.0
    for column in zip(*table, strict=True):
        counts = np.array(list(Counter(column).values()), np.float64)
        chance *= float((counts * (counts - 1)).sum()) / (size * (size - 1.0))
    return chance


def _shown(row: Cells, limit: int) -> str:
    cells = (f"{name}={cell_name(cell)}" for name, cell in zip(row.names, row.values, strict=True) if cell is not None)
    line = " ".join(", ".join(cells).split()) or "(empty)"
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def cell_name(cell: Cell) -> str:
    """A cell as a person reads it.

    >>> cell_name(39.0), cell_name(0.30000001), cell_name("Private"), cell_name(None)
    ('39', '0.3', 'Private', '')
    """
    if isinstance(cell, float):
        return number_name(cell) if cell.is_integer() else f"{cell:.{_DIGITS}g}"
    return cell or ""


def _pieces(row: Cells) -> tuple[Piece, ...]:
    """Every cell that is there."""
    stated = [place for place, cell in enumerate(row.values) if cell is not None][:_PIECES_AT_MOST]
    return tuple(
        Piece(f"{row.names[place]}={cell_name(row.values[place])[:60]}", row.without(place)) for place in stated
    )


def _made_up(words: Sequence[str]) -> tuple[Cells, ...]:
    names, rows = _MADE_UP
    return tuple(Cells(names, values) for values in rows)


def _written(row: Cells) -> str:
    return json.dumps(dict(zip(row.names, row.values, strict=True)), ensure_ascii=False)


def _restored(written: str) -> Cells:
    """Raises ValueError for what is no row: it may come from anywhere."""
    given = json.loads(written)
    if not isinstance(given, dict):
        raise ValueError("a row that is no mapping of columns to cells")
    values: list[Cell] = []
    for cell in given.values():
        number = isinstance(cell, int | float) and not isinstance(cell, bool)
        value = float(cell) if number else cell
        if not (value is None or isinstance(value, str) or (number and np.isfinite(value))):
            raise ValueError(f"a cell that is neither a number nor a name: {str(cell)[:60]!r}")
        values.append(value)
    return Cells(tuple(given), tuple(values))


def row_in_words(words: str) -> Cells:
    """A row as a person types it, ``size=7, colour=red``, or as JSON: every cell is as written.

    >>> row_in_words("size=7, colour=dark red").values
    ('7', 'dark red')

    Raises InputError for words that name no column.
    """
    if words.strip().startswith("{"):
        try:
            return _restored(words)
        except ValueError as error:
            raise InputError(f"{words[:60]!r} is no row ({error})", needed='{"size": 7, "colour": "red"}') from error
    pairs = [part.partition("=") for part in words.split(",") if part.strip()]
    names, cells = [name.strip() for name, _, _ in pairs], [cell.strip() or None for _, _, cell in pairs]
    if not pairs or not all(between and name for name, (_, between, _) in zip(names, pairs, strict=True)):
        raise InputError(
            f"{words[:60]!r} names no columns",
            needed="columns and what they hold: size=7, colour=red",
            fix='write name=value, or JSON where a value has a comma: {"size": 7, "colour": "red, dark"}',
        )
    if len(set(names)) < len(names):
        raise InputError(f"{words[:60]!r} names a column twice", needed="each once", fix="drop one")
    return Cells(tuple(names), tuple(cells))


def _fits(given: Any) -> bool:
    return isinstance(given, Cells | Mapping)


def _taken(given: Any) -> Cells:
    """A mapping of columns to cells as a row. Raises InputError for cells that are neither numbers nor names."""
    if isinstance(given, Cells):
        return given
    values: list[Cell] = []
    for name, cell in given.items():
        number = isinstance(cell, int | float | np.number) and not isinstance(cell, bool)
        if not (cell is None or isinstance(cell, str | bool) or number) or (number and np.isinf(cell)):
            raise InputError(
                f"the cell {name!r} is {str(cell)[:60]!r}", needed="a number, a name or None", fix="drop that column"
            )
        words = str(cell).lower() if isinstance(cell, bool) else cell
        values.append(None if number and np.isnan(cell) else float(cell) + 0.0 if number else words)
    return Cells(tuple(map(str, given)), tuple(values))


def _size(row: Cells) -> int:
    return sum(cell is not None for cell in row.values)


ROW = ContentKind(
    name="row",
    plural="rows",
    unit="cells",
    pieces_at_most=_PIECES_AT_MOST,
    column=pl.String(),
    blank=None,
    fits=_fits,
    taken=_taken,
    measure=_measure,
    read=_read,
    cell=_written,
    problem=_problem,
    size=_size,
    digest=_digest,
    loose=_loose,
    strict=_strict,
    near=_near,
    shown=_shown,
    pieces=_pieces,
    made_up=_made_up,
    written=_written,
    restored=_restored,
    cells=True,
    by_chance=repeats_by_chance,
)
