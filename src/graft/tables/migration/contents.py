"""The contents of a table's rows, as they were embedded.

Decision: the kind of the space says how columns are read (``rows.content``); several text columns are joined as
everywhere. Rows of one kind never move to a source that reads another.
"""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from graft.core.errors import TableError
from graft.representations.spaces import Space, content_kind
from graft.rows.content import Content, ContentKind

Encode = Callable[[Sequence[Content]], np.ndarray]
"""Contents to vectors of one space, shape (contents, dimension)."""


def row_contents(rows: pa.Table, columns: Sequence[str], kind: ContentKind) -> list[Content]:
    """The content of each row. Raises TableError for a row that has none, where its kind must have one.

    >>> from graft.rows.content import TEXT
    >>> row_contents(pa.table({"subject": ["a", None], "body": ["b", "c"]}), ["subject", "body"], TEXT)
    ['a\\nb', 'c']
    """
    found = kind.read([pl.Series(name, rows[name].to_pylist(), kind.column) for name in columns], None)
    contents = [kind.blank if one is None else one for one in found]
    missing = [row for row, one in enumerate(contents) if one is None]
    if missing:
        raise TableError(
            f"{len(missing):,} rows have no {kind.name} in {', '.join(columns)}",
            needed=f"a {kind.name} in every row that is embedded",
            fix="fill these cells, or delete the rows",
        )
    return contents


def require_contents(schema: pa.Schema, columns: Sequence[str], before: Space, after: Space) -> tuple[str, ...]:
    """``columns``, when the table keeps all of them as the contents that ``after`` is computed from.

    Raises TableError when it does not, or ``before`` is of another kind.
    """
    kind = content_kind(after)
    if before.kind not in ("", kind.name):
        raise TableError(
            f"the table is of {content_kind(before).plural}, and the new source reads {kind.plural}",
            needed=f"a source that reads {content_kind(before).plural}",
            fix=f"choose one, or make another table of {kind.plural}",
        )
    types = pl.DataFrame(schema.empty_table()).schema
    missing = [name for name in columns if types.get(name) != kind.column]
    if missing or not columns:
        raise TableError(
            f"the table does not keep the {kind.plural} its rows were embedded from "
            f"({', '.join(missing) or 'none named'})",
            needed=f"columns of {kind.name}, among {', '.join(schema.names)}",
            fix=f"name the column with --{kind.name}, or upsert the {kind.plural} as a column of the same rows first",
        )
    return tuple(columns)


def encoded(encode: Encode, contents: Sequence[Content], space: Space) -> np.ndarray:
    """Vectors of ``contents``, shape (contents, dimension), float32.

    Raises TableError when the encoder gives anything else.
    """
    vectors = np.asarray(encode(contents), np.float32)
    if vectors.shape != (len(contents), space.dimension):
        raise TableError(
            f"the encoder gave vectors of shape {vectors.shape} for {len(contents)} {content_kind(space).plural}",
            needed=f"shape ({len(contents)}, {space.dimension}), of the space migrated to",
            fix="give the encoder of that space",
        )
    return vectors
