"""The texts of a table's rows, as they were embedded.

Decision: several text columns are joined as everywhere (``rows.values.joined``).
"""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from graft.core.errors import TableError
from graft.representations.spaces import Space
from graft.rows.values import joined

Encode = Callable[[Sequence[str]], np.ndarray]
"""Texts to vectors of one space, shape (texts, dimension)."""


def row_texts(rows: pa.Table, columns: Sequence[str]) -> list[str]:
    """The text of each row.

    >>> row_texts(pa.table({"subject": ["a", None], "body": ["b", "c"]}), ["subject", "body"])
    ['a\\nb', 'c']
    """
    return [one or "" for one in joined([pl.Series(name, rows[name].to_pylist(), pl.String) for name in columns])]


def require_texts(schema: pa.Schema, columns: Sequence[str]) -> tuple[str, ...]:
    """``columns``, when the table keeps all of them as text. Raises TableError when it does not."""
    kept = [field.name for field in schema if pa.types.is_string(field.type)]
    missing = [name for name in columns if name not in kept]
    if missing or not columns:
        raise TableError(
            f"the table does not keep the texts its rows were embedded from ({', '.join(missing) or 'none named'})",
            needed=f"columns of text, among {', '.join(schema.names)}",
            fix="name the column with --text, or upsert the texts as a column of the same rows first",
        )
    return tuple(columns)


def encoded(encode: Encode, texts: Sequence[str], space: Space) -> np.ndarray:
    """Vectors of ``texts`` (texts, dimension), float32. Raises TableError when the encoder gives anything else."""
    vectors = np.asarray(encode(texts), np.float32)
    if vectors.shape != (len(texts), space.dimension):
        raise TableError(
            f"the encoder gave vectors of shape {vectors.shape} for {len(texts)} texts",
            needed=f"shape ({len(texts)}, {space.dimension}), of the space migrated to",
            fix="give the encoder of that space",
        )
    return vectors
