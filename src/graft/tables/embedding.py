"""Rows of a file, embedded into a table.

Decisions: only rows whose content changed are encoded, whatever else changed; a row that cannot be kept (no id, an id
twice, no text) is listed and the others go on; the contents are kept as columns, because a table that forgot them could
never move to another source. Of which kind they are is said by the reading of the source. What is encoded lies in the
activation cache at once, so a killed run encodes nothing twice. Types are those the table has: a file whose cells say
less (blank, ``NA``, whole numbers only) changes none.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

from graft.core.errors import SourceError, SpaceMismatch, TableError
from graft.core.progress import SILENT, Progress
from graft.core.several import several
from graft.inputs.contract import require_columns
from graft.representations.reading import Prompts, Reading, Role, cut_in_words
from graft.rows.content import Content, ContentKind, kind_named
from graft.rows.table import Table
from graft.tables.columns import OURS, fitted
from graft.tables.encoders import pinned
from graft.tables.erasing_map import eraser_of
from graft.tables.pointer import POINTER, Precision, local_folder
from graft.tables.table import EmbeddingTable

if TYPE_CHECKING:
    from graft.representations.encoding.encoder import Encoder, EncodeReport

_CHUNK = 4096
_ID = "id"
_SHOWN = 5


@dataclass(frozen=True)
class LeftOut:
    """A row that is not in the table. place: as a person finds it, such as ``line 17`` or ``row 3 (id 'x')``."""

    place: str
    why: str


@dataclass(frozen=True)
class EmbeddingReport:
    """What embedding rows did. encoded: contents the source ran for; the others were known. left_out: rows, and why.

    cut: contents, of those that were new or changed, of which ``reading`` left out the rest.
    """

    rows: int
    inserted: int
    updated: int
    unchanged: int
    encoded: int
    left_out: tuple[LeftOut, ...]
    version: int
    cut: int = 0
    reading: Reading | None = None

    def words(self) -> str:
        """What was cut, as a person reads it; empty when nothing was."""
        return "" if self.reading is None else cut_in_words(self.cut, self.rows, self.reading)


@dataclass(frozen=True)
class _Kept:
    """The rows that can be embedded. numbers: their places in the file's rows."""

    numbers: np.ndarray
    ids: list[str]
    contents: list[Content]
    digests: list[str]
    columns: pa.Table


def embed_into(
    path: Path,
    rows: Table,
    encoder: "Encoder",
    *,
    id_column: str,
    content: str | Sequence[str],
    unread: Mapping[int, str] = MappingProxyType({}),
    precision: Precision = "native",
    strict: bool = False,
    progress: Progress = SILENT,
) -> tuple[EmbeddingTable, EmbeddingReport]:
    """Insert and update rows in the table at ``path``, which is made when it is not there.

    id_column, content: columns of ``rows``; the source's kind of content says what several are together. unread: why
    some rows have no content, by their positions, where that is known. strict: raise
    TableError for the first row that cannot be kept, before anything is encoded. Raises SpaceMismatch when the table is
    of another space.
    """
    names = several(content)
    path, encoder = local_folder(path), encoder.reading_as(Role.DOCUMENT)
    require_columns(rows, [id_column, *names])
    if id_column in names:
        rows, id_column = _named_by_content(rows, id_column)
    _require_names(rows, id_column)
    known = EmbeddingTable.open(path).schema if (path / POINTER).is_file() else OURS
    kind = kind_named(encoder.source.reading.kind)
    kept, left_out = _sorted_out(rows, id_column, names, kind, known, unread)
    if strict and left_out:
        raise _refused(left_out)
    table = _table(path, encoder, id_column, names, precision)
    needed = table.changed(kept.ids, kept.digests)
    encoded: list[EncodeReport] = []
    said = table.upsert(_batches(kept, needed, encoder, encoded, progress), strict=strict)
    refused = [
        LeftOut(f"row {kept.numbers[one.row]}" + (f" (id {one.id!r})" if one.id else ""), one.why)
        for one in said.refused
    ]
    report = EmbeddingReport(
        len(rows.frame),
        said.inserted,
        said.updated,
        said.unchanged,
        sum(one.computed for one in encoded),
        (*left_out, *refused),
        said.version,
        sum(one.cut for one in encoded),
        encoder.source.reading,
    )
    return table, report


def _named_by_content(rows: Table, name: str) -> tuple[Table, str]:
    """Rows whose content names them: the ids become a column of their own, so that the content is kept as well."""
    if _ID in rows.frame.columns and name != _ID:
        raise TableError(
            f"a column {_ID!r} beside {name!r}, which is embedded and names the rows",
            needed="one column that names each row",
            fix=f"--id {_ID}, or rename that column",
        )
    if name == _ID:
        raise TableError(
            f"the column {_ID!r} names the rows and is what is embedded",
            needed="another name: a table keeps the ids in a column called so",
            fix="rename it",
        )
    return replace(rows, frame=rows.frame.with_columns(rows.as_ids(name).alias(_ID))), _ID


def _require_names(rows: Table, id_column: str) -> None:
    """Raise TableError when a column is called as one of the table's own, which would take its place."""
    ours = [name for name in rows.frame.columns if name != id_column and name.lower() in OURS.names]
    if ours:
        raise TableError(
            f"columns that are called as the table's own: {', '.join(map(repr, ours))}",
            needed=f"other names than {', '.join(OURS.names)}, which the table keeps for itself",
            fix="rename these columns, or leave them out",
        )


def _sorted_out(
    rows: Table,
    id_column: str,
    names: tuple[str, ...],
    kind: ContentKind,
    known: pa.Schema = OURS,
    unread: Mapping[int, str] = MappingProxyType({}),
) -> tuple[_Kept, list[LeftOut]]:
    ids = rows.as_ids(id_column).to_list()
    contents = kind.read([rows.as_written(name) for name in names], rows.folder)
    counts = Counter(ids)
    left_out = [LeftOut(f"line {one.line}", one.why) for one in rows.skipped]
    others = [name for name in rows.frame.columns if name not in (id_column, *names)]
    frame, odd = fitted(rows, others, known)
    numbers: list[int] = []
    for row, (name, content) in enumerate(zip(ids, contents, strict=True)):
        problem = kind.problem(content)
        place = f"row {row}" + (f" (id {name!r})" if name else "")
        if not name:
            left_out.append(LeftOut(place, f"it has no {id_column!r}"))
        elif counts[name] > 1:
            left_out.append(LeftOut(place, f"{counts[name]} rows have this id, and nobody knows which one is meant"))
        elif row in unread:
            left_out.append(LeftOut(place, unread[row]))
        elif problem is not None and problem.fatal:
            why = "" if content is None else f": {problem.message}"
            left_out.append(LeftOut(place, f"it has no {kind.name}{why}"))
        elif row in odd:
            left_out.append(LeftOut(place, odd[row]))
        else:
            numbers.append(row)
    as_read = [_as_kept(rows, name, kind) for name in names]
    written = rows.frame.with_columns([*frame.get_columns(), *as_read])
    ordered = written.select(name for name in rows.frame.columns if name != id_column)
    columns = ordered[numbers].to_arrow() if numbers and ordered.width else ordered.clear().to_arrow()
    chosen = [contents[row] for row in numbers]
    digests = [kind.digest(one).hex() for one in chosen]
    return _Kept(np.array(numbers, np.int64), [ids[row] for row in numbers], chosen, digests, columns), left_out


def _as_kept(rows: Table, name: str, kind: ContentKind) -> pl.Series:
    """A column of contents as the table keeps it: what names a file names it so that it is found from anywhere."""
    column = rows.as_written(name)
    if kind.travels:
        return column.cast(kind.column).alias(name)
    contents = kind.read([column], rows.folder)
    return pl.Series(name, [None if one is None else kind.cell(one) for one in contents], kind.column)


def _table(
    path: Path, encoder: "Encoder", id_column: str, content: tuple[str, ...], precision: Precision
) -> EmbeddingTable:
    prompts = encoder.source.reading.prompts
    if not (path / POINTER).is_file():
        _require_cosine(encoder)
        return EmbeddingTable.create(
            path,
            encoder.space,
            source=pinned(encoder.source.weights.reference),
            content=content,
            id_column=id_column,
            precision=precision,
            prompt_query=prompts.query,
            prompt_document=prompts.document,
        )
    table = EmbeddingTable.open(path)
    if (eraser := eraser_of(path, table.generation)) is not None:
        raise SpaceMismatch(
            f"table {table.name!r} holds vectors from which {', '.join(eraser.attributes)} was erased",
            needed="rows that go through the same eraser",
            fix="embed them into the first table, and erase it again with graft audit leakage --erase-into",
        )
    if table.space.fingerprint != encoder.space.fingerprint:
        known, given = table.generation, encoder.source.weights.reference
        theirs = Prompts(query=known.prompt_query or "", document=known.prompt_document or "").said()
        ours = Prompts(query=prompts.query, document=prompts.document).said()
        words = [f", prompts {', '.join(one) or 'none'}" if theirs != ours else "" for one in (theirs, ours)]
        raise SpaceMismatch(
            f"table {table.name!r} holds vectors of {known.source or 'another space'} "
            f"({known.precision}{words[0]}), and these would be of {given}{words[1]}",
            needed="one space in a table",
            fix=f"graft tables migrate {path} --to {given}, or embed with the table's own source",
        )
    if (table.generation.id, table.generation.content) != (id_column, content):
        raise TableError(
            f"table {table.name!r} embeds {', '.join(table.generation.content)} of rows named by "
            f"{table.generation.id!r}",
            needed=f"the same columns; given were {', '.join(content)} and {id_column!r}",
            fix="name the same columns, or make another table",
        )
    return table


def _require_cosine(encoder: "Encoder") -> None:
    """Raise SourceError for a source whose vectors were trained to be compared in another way than tables do."""
    if not encoder.source.plain_similarity:
        raise SourceError(
            f"the vectors of {encoder.source.weights.reference} were trained to be compared by "
            f"{encoder.source.similarity} (similarity_fn_name), and they are not all of one length",
            needed="a source whose vectors are compared by their angle, which is how a table is searched",
            fix="choose another source; to use the angle all the same, state similarity_fn_name: cosine in a copy",
        )


def _batches(
    kept: _Kept, needed: np.ndarray, encoder: "Encoder", encoded: "list[EncodeReport]", progress: Progress
) -> Iterator[pa.Table]:
    """The rows chunk by chunk, with vectors where they are needed."""
    starts = range(0, len(kept.ids), _CHUNK)
    chunks = [np.arange(start, min(start + _CHUNK, len(kept.ids))) for start in starts]
    contents = ([kept.contents[row] for row in chunk[needed[chunk]]] for chunk in chunks)
    made = encoder.stream(contents, rows=int(needed.sum()), progress=progress)
    for chunk, (vectors, report) in zip(chunks, made, strict=True):
        encoded.append(report)
        yield _rows(kept, chunk, needed[chunk], vectors)


def _rows(kept: _Kept, chunk: np.ndarray, given: np.ndarray, vectors: np.ndarray) -> pa.Table:
    offsets = np.concatenate([[0], np.cumsum(given * vectors.shape[1])]).astype(np.int32)
    values = pa.array(np.ascontiguousarray(vectors, np.float32).reshape(-1))
    names = [name for name in kept.columns.column_names if name not in OURS.names]
    columns = kept.columns.select(names).slice(int(chunk[0]), len(chunk))
    ours = {
        "id": pa.array([kept.ids[row] for row in chunk], pa.string()),
        "vector": pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(~given)),
        "digest": pa.array([kept.digests[row] for row in chunk], pa.string()),
    }
    return pa.table({**ours, **{name: columns[name] for name in names}})


def _refused(left_out: list[LeftOut]) -> TableError:
    shown = "; ".join(f"{one.place}: {one.why}" for one in left_out[:_SHOWN])
    more = f" and {len(left_out) - _SHOWN} more" if len(left_out) > _SHOWN else ""
    return TableError(
        f"{len(left_out):,} rows cannot be kept: {shown}{more}",
        needed="rows that can be read, each with an id of its own and a text",
        fix="correct these rows, or leave out --strict to list them and keep the others",
    )
