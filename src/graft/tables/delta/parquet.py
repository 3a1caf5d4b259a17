"""Opening Parquet files that somebody else may have made.

Decisions: a reader of Parquet believes the footer, which says how many rows and bytes there are before one is read. So
the file must be a plain one inside its table, the footer is bounded before it is parsed, and what it promises is
bounded by the size of the file: rows of data are seldom packed to less than a hundredth, a bomb is.
"""

import io
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from graft.tables.inside import require_plain

_FOOTER_BYTES = 16 << 20
_PARTS = 100_000
_FREE_BYTES, _FREE_ROWS = 256 << 20, 1 << 20
# Columns that say the same in every row are packed to nearly nothing; rows with ids and vectors are not.
_RATIO = 200


@dataclass(frozen=True)
class Footer:
    """What a file says of itself. mark: device, inode, size and last change (of the inode, which nobody can set back).

    checksum: CRC-32 of the footer's bytes.
    """

    metadata: pq.FileMetaData
    mark: tuple[int, int, int, int]
    checksum: str


def read_footer(path: Path, *, root: Path) -> Footer:
    """The footer of a file below ``root``, once it is known to promise no more than the file can hold.

    Raises TableError for a link or what is no plain file, OSError and ArrowInvalid for what is no whole Parquet file.
    """
    facts = require_plain(root, path)
    raw = _footer_bytes(path)
    metadata = pq.ParquetFile(path, thrift_string_size_limit=_FOOTER_BYTES, thrift_container_size_limit=_PARTS).metadata
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    rows = [group.num_rows for group in groups]
    if min(rows, default=0) < 0 or sum(rows) != metadata.num_rows or not fits(metadata.num_rows, facts.st_size):
        raise pa.ArrowInvalid(f"it promises {metadata.num_rows:,} rows in {facts.st_size:,} bytes")
    unpacked = [group.column(number).total_uncompressed_size for group in groups for number in range(group.num_columns)]
    if min(unpacked, default=0) < 0 or sum(unpacked) > max(_FREE_BYTES, _RATIO * facts.st_size):
        raise pa.ArrowInvalid(f"it unpacks {facts.st_size:,} bytes to {sum(unpacked):,}")
    mark = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_ctime_ns)
    return Footer(metadata, mark, f"{zlib.crc32(raw):08x}")


def footer_checksum(path: Path) -> str:
    """Of all that says where the columns of a Parquet file lie and what they are: the thrift footer and its length."""
    return f"{zlib.crc32(_footer_bytes(path)):08x}"


def fits(rows: int, size: int) -> bool:
    """Whether a file of ``size`` bytes may well hold so many rows.

    >>> fits(262_144, 400_000_000), fits(2**40, 400)
    (True, False)
    """
    return 0 <= rows <= max(_FREE_ROWS, _RATIO * size)


def read_parquet(path: Path, *, root: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A whole file, or some columns of it; pages with a checksum are verified. Raises as ``read_footer``."""
    footer = read_footer(path, root=root)
    with pq.ParquetFile(path, metadata=footer.metadata, page_checksum_verification=True) as opened:
        return opened.read(columns=None if columns is None else list(columns))


def _footer_bytes(path: Path) -> bytes:
    with path.open("rb") as stream:
        end = os.fstat(stream.fileno()).st_size
        stream.seek(max(0, end - 8))
        length = int.from_bytes(stream.read(4), "little")
        if length > min(end, _FOOTER_BYTES):
            raise pa.ArrowInvalid(f"a footer of {length:,} bytes")
        stream.seek(max(0, end - 8 - length), io.SEEK_SET)
        return stream.read()
