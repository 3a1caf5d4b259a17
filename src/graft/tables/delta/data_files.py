"""The Parquet files of a table: written in pieces, read by row group.

Decisions: vectors are stored plain (no compression, no dictionary), because the bits of floats hardly compress and
plain pages are read at the speed of memory; so are digests; everything else is compressed. A file ends at about 128
MB or 262,144 rows, so that a deletion vector for it stays below 33 kB, and a row group at about 24 MB, which is what
reading holds at a time. Files are written whole under their final name before any log entry speaks of them. Every page
carries a checksum, and the log states one of the footer (in the file's tags). The footer is compared whenever the file
is opened, a page when a process reads it for the first time (which makes reading 200,000 x 384 vectors a sixth longer)
and again when the file was changed since.
"""

import io
import json
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from graft.core.errors import TableError
from graft.core.files import whole_file
from graft.tables.delta.commits import now
from graft.tables.delta.parquet import footer_checksum, read_footer
from graft.tables.delta.snapshots import DataFile, lost_file

FILE_BYTES = 128 << 20
_FILE_ROWS = 1 << 18
_GROUP_BYTES = 24 << 20
_GROUP_ROWS = 1 << 16
_PLAIN = ("vector", "digest")
_FOOTER = "graft.footer"
# Pages that were right when this process read them: mark of the file, row group, column.
_VERIFIED: set[tuple[tuple[int, int, int, int], int, str]] = set()
_REMEMBERED = 1 << 18
_YOUNG = 2_000_000_000


@dataclass
class FileWriter:
    """Writes rows into as many data files as they need. root: folder. version: what the names begin with.

    changes: whether rows come, rather than move.
    """

    root: Path
    schema: pa.Schema
    version: int
    changes: bool = True
    adds: list[dict[str, Any]] = field(default_factory=list)
    _waiting: list[pa.Table] = field(default_factory=list)
    _rows: int = 0
    _bytes: int = 0

    def write(self, rows: pa.Table) -> None:
        """Take rows of exactly the schema; they reach the disk when they fill a file, or in ``close``."""
        self._waiting.append(rows)
        self._rows += rows.num_rows
        self._bytes += rows.nbytes
        if self._rows >= _FILE_ROWS or self._bytes >= FILE_BYTES:
            self._flush()

    def close(self) -> list[dict[str, Any]]:
        """Write what is left; the ``add`` actions of all files."""
        if self._rows:
            self._flush()
        return self.adds

    def discard(self) -> None:
        """Remove what was written: no log entry speaks of it."""
        for add in self.adds:
            with suppress(OSError):
                (self.root / add["path"]).unlink(missing_ok=True)

    def _flush(self) -> None:
        rows = pa.concat_tables(self._waiting)
        self._waiting, self._rows, self._bytes = [], 0, 0
        name = f"part-{self.version:020d}-{len(self.adds):05d}-{uuid.uuid4().hex}.parquet"
        with whole_file(self.root / name) as temporary, temporary.open("wb") as stream:
            pq.write_table(
                rows, stream, row_group_size=_group_rows(rows), write_page_checksum=True, **_layout(self.schema)
            )
        nulls = {column: rows[column].null_count for column in rows.column_names}
        flat = {name: count for name, count in nulls.items() if not pa.types.is_nested(rows.schema.field(name).type)}
        self.adds.append(
            {
                "path": name,
                "partitionValues": {},
                "size": (self.root / name).stat().st_size,
                "modificationTime": now(),
                "dataChange": self.changes,
                # No smallest and largest values: ids in the log would outlive the rows they belong to.
                "stats": json.dumps({"numRecords": rows.num_rows, "nullCount": flat, "tightBounds": True}),
                "tags": {_FOOTER: footer_checksum(self.root / name)},
            }
        )


def _group_rows(rows: pa.Table) -> int:
    return max(1024, min(_GROUP_ROWS, _GROUP_BYTES * int(rows.num_rows) // max(int(rows.nbytes), 1)))


def _layout(schema: pa.Schema) -> dict[str, Any]:
    """How each leaf of the schema is stored."""
    empty = io.BytesIO()
    pq.write_table(schema.empty_table(), empty)
    leaves = pq.ParquetFile(empty).schema
    paths = [leaves.column(number).path for number in range(len(leaves))]
    squeezed = [path for path in paths if path.split(".")[0] not in _PLAIN]
    return {
        "compression": {path: "zstd" if path in squeezed else "none" for path in paths},
        "use_dictionary": [path for path in squeezed if path != "id"],
        "write_statistics": [path for path in squeezed if path != "id"],
    }


class OpenFile:
    """A data file whose footer is the one its log lists. Raises TableError when it is gone or damaged.

    Pages are verified when they are read for the first time in a process, and again when the file has changed since.
    """

    def __init__(self, file: DataFile) -> None:
        self.file = file
        try:
            self._footer = read_footer(file.path, root=file.root)
            stated = (file.add.get("tags") or {}).get(_FOOTER)
            if stated is not None and self._footer.checksum != stated:
                raise pa.ArrowInvalid("its footer was changed after it was written")
            if self._footer.metadata.num_rows != file.rows:
                raise pa.ArrowInvalid(f"{self._footer.metadata.num_rows:,} rows where {file.rows:,} are listed")
        except (OSError, pa.ArrowException) as error:
            raise lost_file(file.path, error) from error

    @property
    def groups(self) -> list[int]:
        """How many rows each row group holds."""
        return [
            self._footer.metadata.row_group(number).num_rows for number in range(self._footer.metadata.num_row_groups)
        ]

    def read(self, number: int, columns: Sequence[str], *, schema: pa.Schema) -> pa.Table:
        """One row group as the table's ``schema`` has it: columns the file does not have yet are null."""
        present = [name for name in columns if name in self._names]
        rows = self._footer.metadata.row_group(number).num_rows
        try:
            found = self._pages(number, present)
            arrays = [
                _conformed(found[name], schema.field(name).type)
                if name in present
                else pa.nulls(rows, schema.field(name).type)
                for name in columns
            ]
        except (OSError, pa.ArrowException) as error:
            raise TableError(
                f"a data file of the table is damaged: {self.file.path} ({error})",
                needed="the file as it was written",
                fix="restore it from a copy",
            ) from error
        return pa.table(arrays, schema=pa.schema([schema.field(name) for name in columns]))

    @cached_property
    def _names(self) -> list[str]:
        return list(self._footer.metadata.schema.to_arrow_schema().names)

    def _pages(self, number: int, columns: list[str]) -> pa.Table:
        pages = {(self._footer.mark, number, name) for name in columns}
        verify = not pages <= _VERIFIED
        opened = pq.ParquetFile(
            self.file.path, memory_map=True, metadata=self._footer.metadata, page_checksum_verification=verify
        )
        found = opened.read_row_group(number, columns=columns, use_threads=False)
        # Two changes within a tick of the clock leave the same time, so what is that young is not believed to stay.
        if verify and time.time_ns() - self._footer.mark[3] > _YOUNG:
            if len(_VERIFIED) > _REMEMBERED:
                _VERIFIED.clear()
            _VERIFIED.update(pages)
        return found


def read_rows(file: DataFile, columns: Sequence[str], *, schema: pa.Schema, mask: np.ndarray) -> Iterator[pa.Table]:
    """The rows of a file at which ``mask``, shape (rows,), is true, in order, a row group at a time."""
    opened, start = OpenFile(file), 0
    for number, count in enumerate(opened.groups):
        kept = mask[start : start + count]
        if kept.any():
            rows = opened.read(number, columns, schema=schema)
            yield rows if kept.all() else rows.filter(pa.array(kept))
        start += count


def _conformed(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    return column if column.type == kind else column.cast(kind)
