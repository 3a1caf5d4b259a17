"""CSV and TSV to columns of text, refusing what would be read wrongly.

Decisions: the standard library's reader, strict about quotes, because a lenient one shifts cells silently; an
unreadable file is refused with line numbers (lines of the file, from 1), never repaired by dropping rows. A
tab-separated file whose quotes do not pair up is read with quotes as plain characters, which is what such files mean.
An unquoted empty cell and a quoted one are both missing. A first line ``sep=;``, which spreadsheets write, says what
separates the cells. A first line that looks like data is doubted, not moved: only a person knows the column names.
"""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile

import polars as pl

from graft.core.errors import InputError
from graft.rows.headers import repeated, require_width
from graft.rows.skipped import UNDECODABLE, Skipped, is_decoded

_DELIMITERS = (",", "\t", ";", "|")
_NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "vertical bar"}
_SAMPLE_RECORDS = 200
_SAMPLE_CHARS = 1 << 18
_SHOWN = 5
_MOST_BROKEN = 1000
_LONG_CELLS = 8
_SAYS_DELIMITER = re.compile(r'^"?sep=(.)"?[ ,;\t]*(\r\n|\n|\r)', re.IGNORECASE)
_SENTENCE_WORDS, _FEWEST_ROWS, _FEWEST_TITLED = 5, 3, 3
_VALUE = re.compile(r"^[+-]?\d+([.,]\d+)?$|^\d{4}-\d{2}-\d{2}([T ].*)?$")


@dataclass(frozen=True)
class Delimited:
    """The cells of a file as they were written: String columns, null where a cell was empty.

    skipped: records that were passed over, when that was asked for. doubt: why the first line looks like data, not like
    names of columns; "" when it does not. delimiter: between the cells.
    """

    frame: pl.DataFrame
    notes: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()
    doubt: str = ""
    delimiter: str = ","


def parse_delimited(
    text: str, *, name: str, max_cell_chars: int, tabs: bool = False, lenient: bool = False, empty: bool = False
) -> Delimited:
    """The columns of a delimited file with a header line.

    text: the decoded file. name: how errors call it. max_cell_chars: longest cell accepted, in characters.
    tabs: the file says it is tab-separated. lenient: pass over records that cannot be read and list them. empty: a
    header without rows is an answer.
    Raises InputError for an empty file or repeated column names and, unless lenient, for a ragged file, quotes that do
    not pair up, or a cell that is too long.

    >>> parse_delimited("text;label\\nhi;a\\n", name="x.csv", max_cell_chars=100).frame.columns
    ['text', 'label']
    """
    if not text.strip():
        raise InputError(f"{name} is empty", needed="a header line and at least one row", fix="check the export")
    said = _SAYS_DELIMITER.match(text)
    if said:
        # The line end stays, so that lines are counted as in the file.
        text = text[said.start(2) :]
    delimiter = said[1] if said else "\t" if tabs and "\t" in text else _sniff(text)
    notes: list[str] = []
    skipped: list[Skipped] = []
    try:
        records = _records(text, delimiter, name=name)
    except InputError:
        if lenient and delimiter != "\t":
            records, skipped = _readable(text, delimiter, max_cell_chars)
        elif delimiter == "\t":
            records = _records(text, delimiter, name=name, quoting=csv.QUOTE_NONE)
            notes.append(f"{name}: its quotes do not pair up, so they were read as plain characters")
        else:
            raise
    if not records:
        raise InputError(f"{name} is empty", needed="a header line and at least one row", fix="check the export")
    body = records[1:]
    require_width(len(records[0][1]), len(body), name)
    _refuse_title(records, name)
    doubt = _doubt(records[0][1], body)
    header, names_notes = _header(records[0][1], name, doubt)
    notes.extend(names_notes)
    body, again = _without_headers(body, records[0][1])
    if again and not lenient:
        raise InputError(
            f"{name}: line {again[0].line} is the header again"
            + (f", as are {len(again) - 1} further lines" if len(again) > 1 else ""),
            needed="one header line, at the top",
            fix="were files put one after the other? Remove their header lines but the first",
        )
    if lenient:
        body, unfit = _fitting(body, header, max_cell_chars)
        skipped = sorted([*skipped, *again, *unfit], key=lambda one: one.line)
    _refuse_ragged(body, header, delimiter, name)
    if not body and not empty:
        raise InputError(
            f"{name} holds a header and no rows", needed="at least one row under the header", fix="check the export"
        )
    _refuse_long(body, header, name, max_cell_chars)
    cells = zip(*(record for _, record in body), strict=True) if body else [[] for _ in header]
    series = [
        pl.Series(column, [cell or None for cell in column_cells], dtype=pl.String)
        for column, column_cells in zip(header, cells, strict=True)
    ]
    if doubt:
        notes.append(f"{name}: its first line was read as the names of the columns, but {doubt}")
    return Delimited(pl.DataFrame(series), tuple(notes), tuple(skipped), doubt, delimiter)


def _readable(text: str, delimiter: str, max_cell_chars: int) -> tuple[list[tuple[int, list[str]]], list[Skipped]]:
    """The records that can be read; reading starts again after each line that begins one that cannot.

    A quote that is never closed would make one record of the rest: a record ends where it is longer than any can be.
    """
    lines = text.splitlines(keepends=True)
    records: list[tuple[int, list[str]]] = []
    skipped: list[Skipped] = []
    start = 0
    with _no_field_limit():
        while start < len(lines) and len(skipped) < _MOST_BROKEN:
            feed = _Feed(lines, start, _LONG_CELLS * max_cell_chars)
            reader = csv.reader(feed, delimiter=delimiter, strict=True)
            line = start + 1
            try:
                for record in reader:
                    feed.read = 0
                    if record:
                        records.append((line, record))
                    line = start + reader.line_num + 1
                return records, skipped
            except csv.Error as error:
                skipped.append(Skipped(line, f"its quotes do not pair up ({error})"))
                start = line
    if start < len(lines):
        raise InputError(
            f"more than {_MOST_BROKEN:,} records cannot be read, the first in line {skipped[0].line}",
            needed='cells with quotes written as "she said ""no""", opened and closed',
            fix="export the file again",
        )
    return records, skipped


class _Feed:
    """Lines from ``start`` on, until one record has taken more than ``most`` characters. read: by this record."""

    def __init__(self, lines: list[str], start: int, most: int) -> None:
        self._lines, self._next, self._most = lines, start, most
        self.read = 0

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        if self._next >= len(self._lines):
            raise StopIteration
        line = self._lines[self._next]
        self._next += 1
        self.read += len(line)
        if self.read > self._most:
            raise csv.Error("it has no end within its longest cells")
        return line


def _fitting(
    body: list[tuple[int, list[str]]], header: list[str], limit: int
) -> tuple[list[tuple[int, list[str]]], list[Skipped]]:
    """The records with as many cells as the header, none too long or undecodable; the others, listed."""
    kept: list[tuple[int, list[str]]] = []
    skipped: list[Skipped] = []
    for line, record in body:
        if len(record) != len(header):
            skipped.append(Skipped(line, f"it has {len(record)} cells and the header {len(header)}"))
        elif max(map(len, record)) > limit:
            skipped.append(Skipped(line, f"it holds a cell of {max(map(len, record)):,} characters"))
        elif not all(map(is_decoded, record)):
            skipped.append(Skipped(line, UNDECODABLE))
        else:
            kept.append((line, record))
    return kept, skipped


@contextmanager
def _no_field_limit() -> Iterator[None]:
    """Lift the reader's own limit on a cell, which would stop without naming the row; ours is checked after."""
    before = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _records(text: str, delimiter: str, *, name: str, quoting: int = csv.QUOTE_MINIMAL) -> list[tuple[int, list[str]]]:
    """(first line, cells) of every record; blank lines are passed over."""
    strict = quoting != csv.QUOTE_NONE
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=strict, quoting=quoting)  # type: ignore[arg-type]
    records: list[tuple[int, list[str]]] = []
    line = 1
    with _no_field_limit():
        try:
            for record in reader:
                if record:
                    records.append((line, record))
                line = reader.line_num + 1
        except csv.Error as error:
            raise InputError(
                f"{name}: the record that starts in line {line} cannot be read ({error})",
                needed='a cell with quotes written as "she said ""no""", opened and closed',
                fix=f"look for a lone double quote in or after line {line} and double it",
            ) from error
    return records


def _sniff(text: str) -> str:
    """The delimiter under which the header has several cells and most sampled records have as many."""
    best, best_score = ",", (0.0, 0)
    below = ""
    for delimiter in _DELIMITERS:
        widths = _widths(text, delimiter)
        if not widths:
            continue
        if widths[0] == 1:
            rest = widths[1:]
            # Cells in all lines but the first: a title stands above the names.
            if rest and rest[0] >= _FEWEST_TITLED and rest.count(rest[0]) * 10 >= 9 * len(rest):
                below = below or delimiter
            continue
        score = (round(widths.count(widths[0]) / len(widths), 3), widths[0])
        if score > best_score:
            best, best_score = delimiter, score
    one_column = best_score == (0.0, 0) and set(_widths(text, best)) == {1}
    return below if below and best_score == (0.0, 0) and not one_column else best


def _widths(text: str, delimiter: str) -> list[int]:
    """Cells in each of the first records."""
    widths: list[int] = []
    with _no_field_limit():
        for record in csv.reader(io.StringIO(text[:_SAMPLE_CHARS], newline=""), delimiter=delimiter):
            if record:
                widths.append(len(record))
            if len(widths) == _SAMPLE_RECORDS:
                break
    return widths


def _doubt(header: list[str], body: list[tuple[int, list[str]]]) -> str:
    """Why the first line looks like a row of data: its cells occur below, or are values or sentences as those are."""
    rows = [record for _, record in body if len(record) == len(header) and record != header]
    sentence = any(len(cell.split()) >= _SENTENCE_WORDS for cell in header)
    for place, cell in enumerate(header):
        name = cell.strip()
        present = [record[place].strip() for record in rows if record[place].strip()]
        if not name or len(present) < _FEWEST_ROWS:
            continue
        # Columns of marks are often called 0, 1, 2 or by the mark itself.
        if name in present and len(set(present)) > 1 and (sentence or not name.isdigit()):
            line = next(n for n, one in body if len(one) == len(header) and one[place].strip() == name)
            return f"{_shown(name)} stands below it too (line {line}); a file without a header line needs one"
        if _VALUE.match(name) and not name.isdigit() and all(map(_VALUE.match, present)):
            return f"{_shown(name)} is a value like those below it; a file without a header line needs one"
    return ""


def _refuse_title(records: list[tuple[int, list[str]]], name: str) -> None:
    """First lines with one cell above a line of names: a title that a spreadsheet was given, or remarks.

    A title may be padded. Of two columns it takes several such lines, or one that begins as remarks do: a single word
    may be the only name that there is.
    """
    lines = [record for _, record in records[:_SAMPLE_RECORDS]]
    short = takewhile(lambda record: _is_alone(record) and (len(record) == 1 or _is_remark(record)), lines[1:])
    above = [lines[0], *short] if _is_alone(lines[0]) else []
    rest = [record for _, record in records[len(above) : len(above) + _SAMPLE_RECORDS]]
    width = len(rest[0]) if rest else 0
    sure = width >= _FEWEST_TITLED or len(above) > 1 or (above and _is_remark(above[0]))
    if not above or width < 2 or not sure or not all(cell.strip() for cell in rest[0]):
        return
    if all(len(record) in (1, width) for record in above) and (
        sum(len(record) == width for record in rest) * 10 >= 9 * len(rest)
    ):
        names = ", ".join(_shown(cell.strip()) for cell in rest[0][:_SHOWN])
        alone = "in its first line" if len(above) == 1 else f"in the first of {len(above)} such lines"
        raise InputError(
            f"{name} begins with {_shown(above[0][0].strip())} alone {alone}, and line {records[len(above)][0]} has "
            f"{width} cells: {names}{', …' if width > _SHOWN else ''}",
            needed="the names of the columns in the first line",
            fix="remove what stands above them, such as a title or remarks",
        )


def _is_remark(record: list[str]) -> bool:
    return record[0].lstrip().startswith("#")


def _is_alone(record: list[str]) -> bool:
    """Whether a line holds its first cell and nothing else."""
    return bool(record[0].strip()) and not any(cell.strip() for cell in record[1:])


def _shown(name: str) -> str:
    return repr(name if len(name) <= 60 else name[:59] + "…")


def _header(cells: list[str], name: str, doubt: str) -> tuple[list[str], list[str]]:
    notes: list[str] = []
    header = [cell.strip() for cell in cells]
    if header != cells:
        notes.append(f"{name}: spaces around column names were removed")
    for position, column in enumerate(header):
        if not column:
            header[position] = f"column_{position + 1}"
            notes.append(f"{name}: column {position + 1} has no name and is called 'column_{position + 1}'")
    if twice := repeated(header):
        raise InputError(
            f"{name} names {', '.join(map(repr, twice))} more than once in its header",
            needed="every column name once",
            fix="rename or drop the repeated columns" + (f"; or write a header line: {doubt}" if doubt else ""),
        )
    return header, notes


def _without_headers(
    body: list[tuple[int, list[str]]], header: list[str]
) -> tuple[list[tuple[int, list[str]]], list[Skipped]]:
    """The records but those that repeat a header of several names, as files have that were put one after the other."""
    names = [cell.strip() for cell in header]
    if len(names) < 2:
        return body, []
    # A file's mark of its encoding may have come along.
    again = {
        place
        for place, (_, record) in enumerate(body)
        if len(record) == len(names)
        and record[1].strip() == names[1]
        and [cell.strip().removeprefix("\ufeff") for cell in record] == names
    }
    kept = [one for place, one in enumerate(body) if place not in again]
    return kept, [Skipped(body[place][0], "it is the header again") for place in sorted(again)]


def _refuse_ragged(body: list[tuple[int, list[str]]], header: list[str], delimiter: str, name: str) -> None:
    ragged = [(line, len(record)) for line, record in body if len(record) != len(header)]
    if ragged:
        mark = _NAMES.get(delimiter, repr(delimiter))
        empty = all(not any(cell.strip() for cell in record[len(header) :]) for _, record in body)
        shown = ", ".join(f"line {line} has {width}" for line, width in ragged[:_SHOWN])
        more = f" and {len(ragged) - _SHOWN} more lines" if len(ragged) > _SHOWN else ""
        raise InputError(
            f"{name}: the header has {len(header)} cells but {shown}{more}",
            needed=f"the same number of {mark}-separated cells in every line",
            fix="what is beyond the header is empty: name these columns in the header line, or export without them"
            if empty and all(width > len(header) for _, width in ragged)
            else f"put double quotes around cells that contain a {mark} or a line break",
        )


def _refuse_long(body: list[tuple[int, list[str]]], header: list[str], name: str, limit: int) -> None:
    for row, (line, record) in enumerate(body):
        for column, cell in zip(header, record, strict=True):
            if len(cell) > limit:
                raise too_long(name, row=row, column=column, chars=len(cell), limit=limit, line=line)


def too_long(name: str, *, row: int, column: str, chars: int, limit: int, line: int | None = None) -> InputError:
    """The error for a cell of more than ``limit`` characters; row counts data rows from 0."""
    at = f"row {row} (line {line})" if line is not None else f"row {row}"
    return InputError(
        f"{name}: {at}, column {column!r} holds a cell of {chars:,} characters",
        needed=f"at most {limit:,} characters in a cell",
        fix="split that document into passages, cut it, or raise max_cell_chars; write a picture or a recording to a "
        "file and name the file here; a quote never closed does this too",
    )
