"""Incoming rows, looked at one by one before anything is written.

Decisions: a row that cannot be kept is left out and listed with its number and the reason; the others go on. When two
rows of one batch share an id, both are left out, because nobody here knows which one is meant. What concerns all rows
at once (vectors of another space or another dimension, a column of an impossible type) is an error. A vector in a
space of unit vectors must have length 1 within a hundredth: distances there are inner products, and another length
would quietly spoil them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from graft.core.digests import content_digest
from graft.core.errors import SpaceMismatch, TableError
from graft.representations.spaces import Space
from graft.rows import values
from graft.tables.columns import OURS, is_digest, user_columns

_AT_ONCE = 1 << 14
_LENGTH_TOLERANCE = 0.01
_SHOWN = 5


@dataclass(frozen=True)
class Problem:
    """A row that was left out. row: its number among those given, from 0. id: if it has one."""

    row: int
    id: str | None
    why: str

    def __str__(self) -> str:
        return f"row {self.row}{'' if self.id is None else f' (id {self.id!r})'}: {self.why}"


@dataclass(frozen=True)
class Rows:
    """Rows that can be kept.

    numbers: their place among the rows given, int64, shape (rows,). ids, digests: strings, a digest may be null where
    no vector is given. vectors: float32, shape (rows, dimension), zeros where none is given. given: where one is,
    shape (rows,). columns: the user's.
    """

    numbers: np.ndarray
    ids: pa.Array
    digests: pa.Array
    vectors: np.ndarray
    given: np.ndarray
    columns: pa.Table

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: np.ndarray) -> "Rows":
        """The rows at these positions, int64, ascending."""
        if len(rows) == len(self):
            return self
        index = pa.array(rows)
        return Rows(
            self.numbers[rows],
            self.ids.take(index),
            self.digests.take(index),
            self.vectors[rows],
            self.given[rows],
            self.columns.take(index),
        )


def arrow(rows: pa.Table | pa.RecordBatch | pl.DataFrame) -> pa.Table:
    """Rows of any of the kinds ``upsert`` takes, as an Arrow table."""
    if isinstance(rows, pl.DataFrame):
        return rows.to_arrow()
    return pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else rows


def refusal(problems: Sequence[Problem]) -> TableError:
    """The error that rows cannot be kept, where leaving them out was not allowed."""
    shown = "; ".join(str(problem) for problem in problems[:_SHOWN])
    more = f" and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return TableError(
        f"{len(problems)} rows cannot be kept: {shown}{more}",
        needed="rows with an id of their own and a vector of finite numbers",
        fix="correct these rows, or leave out --strict to list them and keep the others",
    )


def check_rows(rows: pa.Table, space: Space, *, id_column: str, first: int = 0) -> tuple[Rows, list[Problem]]:
    """Split rows into those that can be kept and problems. first: the number of the first row.

    Raises SpaceMismatch for rows of another space or dimension, TableError for columns that cannot be kept.
    """
    ids = _ids(rows, id_column)
    _require_own_time(rows)
    _require_space(rows, space)
    columns = user_columns(rows, besides=(id_column,))
    vectors, given, wrong = _vectors(rows, space.dimension)
    why = _id_problems(ids, first)
    why |= {row: reason for row, reason in _digest_problems(rows).items() if row not in why}
    why |= {row: reason for row, reason in wrong.items() if row not in why}
    why |= {row: reason for row, reason in _number_problems(vectors, given, space).items() if row not in why}
    names = ids.to_pylist() if why else []
    problems = [Problem(first + row, names[row] or None, why[row]) for row in sorted(why)]
    digests = _digests(rows, vectors, given)
    numbers = first + np.arange(rows.num_rows)
    kept = np.setdiff1d(np.arange(rows.num_rows), np.fromiter(why, np.int64, len(why)))
    return Rows(numbers, ids, digests, vectors, given, columns).take(kept), problems


def _ids(rows: pa.Table, id_column: str) -> pa.Array:
    name = next((name for name in (id_column, "id") if name in rows.column_names), None)
    if name == id_column != "id" and "id" in rows.column_names:
        raise TableError(
            f"rows with a column 'id' beside {id_column!r}, which names them",
            needed="one of the two: the table keeps the names of its rows as 'id'",
            fix="rename or drop the column 'id'",
        )
    if name is None or rows.column_names.count(name) > 1:
        raise TableError(
            f"rows with the columns {', '.join(rows.column_names) or 'none'}",
            needed=f"one column {id_column!r} that names each row",
            fix="name the column of ids when the table is created, or rename it",
        )
    kind = rows.schema.field(name).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    if pa.types.is_floating(kind) and bool(pc.all(pc.equal(pc.floor(rows[name]), rows[name])).as_py() in (True, None)):
        # Whole numbers that a column with a gap has made floats of.
        return values.ids(pl.Series(name, rows[name].to_pylist(), pl.Float64)).to_arrow().cast(pa.string())
    if not (text or pa.types.is_integer(kind) or pa.types.is_null(kind)):
        raise TableError(f"ids of type {kind}", needed="text or whole numbers", fix=f"convert column {name!r}")
    return pa.concat_arrays([pa.array([], pa.string()), *rows[name].cast(pa.string()).chunks])


def _require_own_time(rows: pa.Table) -> None:
    """Raise TableError for a column of the user's that is called ``updated_at``: the table's own would take its place.

    Rows as a table gives them, which have all its columns, may be handed back.
    """
    if "updated_at" not in rows.column_names or set(OURS.names) <= set(rows.column_names):
        return
    raise TableError(
        "a column called 'updated_at'",
        needed="another name: under this one the table keeps when it changed a row",
        fix="rename the column, or leave it out",
    )


def _require_space(rows: pa.Table, space: Space) -> None:
    if "space" not in rows.column_names:
        return
    others = sorted(set(map(str, rows["space"].unique().drop_null().to_pylist())) - {space.fingerprint})
    if others:
        raise SpaceMismatch(
            f"rows of the embedding space {', '.join(others[:3])}",
            needed=f"rows of the table's space {space.fingerprint}",
            fix="embed them with the table's source, or migrate the table to theirs",
        )


def _id_problems(ids: pa.Array, first: int) -> dict[int, str]:
    why = dict.fromkeys(np.flatnonzero(pc.equal(pc.fill_null(ids, ""), "")).tolist(), "it has no id")
    counts = ids.value_counts()
    many = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    rows = np.flatnonzero(pc.is_in(ids, value_set=many)) if len(many) else ()
    places: dict[str, list[int]] = {}
    for row in map(int, rows):
        if row not in why:
            places.setdefault(ids[row].as_py(), []).append(row)
    for same in places.values():
        shown = ", ".join(str(first + row) for row in same[:5])
        why |= dict.fromkeys(same, f"its id is there more than once, in the rows {shown}")
    return why


def _digest_problems(rows: pa.Table) -> dict[int, str]:
    if "digest" not in rows.column_names:
        return {}
    texts = rows["digest"].to_pylist()
    bad = (row for row, text in enumerate(texts) if not (text is None or (isinstance(text, str) and is_digest(text))))
    return dict.fromkeys(bad, "its digest is not 32 hexadecimal digits")


def _digests(rows: pa.Table, vectors: np.ndarray, given: np.ndarray) -> pa.Array:
    """The digests given; where there is none but a vector, the digest of the vector."""
    stated = rows["digest"].to_pylist() if "digest" in rows.column_names else [None] * rows.num_rows
    for row in np.flatnonzero(given).tolist():
        if stated[row] is None:
            stated[row] = content_digest(vectors[row].tobytes()).hex()
    return pa.array(stated, pa.string())


def _vectors(rows: pa.Table, dimension: int) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """The vectors, where there are any, and the rows whose vectors have another dimension."""
    count = rows.num_rows
    absent = "vector" not in rows.column_names or pa.types.is_null(rows.schema.field("vector").type)
    if absent:
        return np.broadcast_to(np.float32(0), (count, dimension)), np.zeros(count, bool), {}
    column = rows["vector"]
    _require_list(column.type)
    lengths = pc.fill_null(pc.list_value_length(column), -1).to_numpy()
    fits, present = lengths == dimension, lengths >= 0
    if present.any() and not fits.any():
        raise SpaceMismatch(
            f"vectors of {int(lengths[present][0])} numbers",
            needed=f"vectors of {dimension} numbers, the dimension of the table's space",
            fix="embed the rows with the table's source",
        )
    wrong = np.flatnonzero(present & ~fits)
    why = {row: f"its vector has {lengths[row]} numbers instead of {dimension}" for row in wrong.tolist()}
    if fits.all() and column.num_chunks == 1:
        return _numbers(column.chunk(0), dimension), fits, why
    vectors, start = np.zeros((count, dimension), np.float32), 0
    for chunk in column.chunks:
        here = fits[start : start + len(chunk)]
        vectors[start : start + len(chunk)][here] = _numbers(chunk.filter(pa.array(here)), dimension)
        start += len(chunk)
    return vectors, fits, why


def _require_list(kind: pa.DataType) -> None:
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    if not is_list or not (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)):
        raise TableError(
            f"a column 'vector' of type {kind}",
            needed="a list of numbers in each row",
            fix="give vectors as lists of float32 (graft.tables.columns.vector_column makes them from an array)",
        )


def _numbers(lists: pa.Array, dimension: int) -> np.ndarray:
    values = lists.flatten()
    values = values if pa.types.is_float32(values.type) else values.cast(pa.float32(), safe=False)
    # A missing number inside a vector becomes NaN here and is refused with the others.
    values = values.fill_null(float("nan")) if values.null_count else values
    numbers: np.ndarray = values.to_numpy(zero_copy_only=False)
    return numbers.reshape(-1, dimension)


def _number_problems(vectors: np.ndarray, given: np.ndarray, space: Space) -> dict[int, str]:
    why: dict[int, str] = {}
    if not given.any():
        return why
    for start in range(0, len(vectors), _AT_ONCE):
        part = vectors[start : start + _AT_ONCE]
        squares = np.einsum("ij,ij->i", part, part)
        # The sum of squares is finite unless a number is not, or is enormous: only then is each number looked at.
        for row in np.flatnonzero(~np.isfinite(squares) & given[start : start + _AT_ONCE]).tolist():
            if not np.isfinite(part[row]).all():
                why[start + row] = "its vector holds a number that is missing, NaN or infinite"
        if space.normalise:
            lengths = np.sqrt(squares)
            odd = given[start : start + _AT_ONCE] & ~(np.abs(lengths - 1) <= _LENGTH_TOLERANCE)
            for row in np.flatnonzero(odd).tolist():
                reason = f"its vector has length {lengths[row]:.3g} in a space of vectors of length 1"
                why.setdefault(start + row, reason)
    return why
