"""Export and import as JSON lines: one line about the chain, then one line for each event.

Decisions: a line is the canonical JSON of what it holds and nothing else is accepted, so every byte counts; an import
checks the whole chain before it writes anything, writes all of it or nothing, and never joins two chains.
"""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from graft.core import foreign
from graft.core.errors import LedgerError
from graft.core.files import whole_file
from graft.governance.ledger.events import Event, Head, broken_links, canonical
from graft.governance.ledger.store import Ledger, add, current_head

FORMAT = "graft-ledger-1"
_LIMIT = 64 << 30
_LINE = 64 << 20
_FIELDS = tuple(Event.model_fields)


def export_events(ledger: Ledger, path: Path) -> Head:
    """Write all events to ``path``, whole or not at all; the head they end at.

    Raises LedgerError when the ledger is damaged.
    """
    head, written = ledger.head(), Head()
    with whole_file(path) as temporary, temporary.open("wb") as stream:
        stream.write(_line({"count": head.count, "format": FORMAT, "hash": head.hash}))
        for event in islice(ledger.events(), head.count):
            stream.write(_line(event.model_dump()))
            written = event.head
    if written != head:
        raise LedgerError(f"the ledger {ledger.place} ends before its head", needed="a sound ledger", fix="verify it")
    return head


def import_events(ledger: Ledger, path: Path) -> int:
    """Add the events of an export that the ledger does not have; how many those were.

    The ledger is empty, or holds the beginning of the same chain. Raises LedgerError for an export that was changed or
    cut, and for one of another chain; then nothing was written. Raises InputError for what is no plain file.
    """
    with foreign.opened(path, limit=_LIMIT) as stream:
        for _ in read_export(stream, path.name):
            pass
        stream.seek(0)
        return _add_missing(ledger, read_export(stream, path.name), path.name)


def _add_missing(ledger: Ledger, events: Iterator[Event], name: str) -> int:
    added = 0
    with ledger.writing() as connection:
        head = current_head(connection, ledger.place)
        last = Head()
        for event in events:
            last = event.head
            if event.sequence == head.count and last != head:
                raise _other_chain(ledger, name, event.sequence)
            if event.sequence > head.count:
                add(connection, event)
                added += 1
        shorter = last.count < head.count
    if shorter:
        _expect(ledger, last, name)
    return added


def _expect(ledger: Ledger, last: Head, name: str) -> None:
    """Raise LedgerError unless the ledger, which is longer than the export, continues it."""
    found = next(islice(ledger.events(), last.count - 1, None)) if last.count else None
    if found is not None and found.hash != last.hash:
        raise _other_chain(ledger, name, last.count)


def _other_chain(ledger: Ledger, name: str, sequence: int) -> LedgerError:
    return LedgerError(
        f"{name} and the ledger {ledger.place} hold two different chains: their event {sequence} differs",
        needed="an empty ledger, or one that holds the beginning of the same chain",
        fix="import it into a new ledger: name another place in GRAFT_LEDGER",
    )


def read_export(stream: BinaryIO, name: str) -> Iterator[Event]:
    """The events of an export, each checked against the one before, all against the first line.

    name: how messages call the file. Raises LedgerError at the first line that is not as it was written.
    """
    stated = _parsed(stream.readline(_LINE), 1, name)
    try:
        end = Head.model_validate({"count": stated["count"], "hash": stated["hash"]}, strict=True)
        if stated != {"count": end.count, "format": FORMAT, "hash": end.hash}:
            raise ValueError("unknown keys")
    except (KeyError, ValueError) as error:
        raise _changed(name, 1, "it does not say how many events follow, in the format of this version") from error
    head = Head()
    for number, line in enumerate(iter(lambda: stream.readline(_LINE), b""), 2):
        fields = _parsed(line, number, name)
        if set(fields) != set(_FIELDS):
            raise _changed(name, number, "it does not hold the fields of an event")
        row = [fields[field] for field in _FIELDS]
        if wrong := broken_links(row, count=head.count, before=head.hash):
            raise _changed(name, number, wrong[0])
        event = Event.of(row)
        head = event.head
        yield event
    if head != end:
        raise _changed(name, head.count + 1, f"it is the last one, and the first line counts {end.count:,} events")


def _line(value: dict[str, Any]) -> bytes:
    return canonical(value).encode() + b"\n"


def _parsed(line: bytes, number: int, name: str) -> dict[str, Any]:
    try:
        value = json.loads(line.decode("utf-8"))
        if isinstance(value, dict) and _line(value) == line:
            return value
    except (ValueError, RecursionError):
        pass
    raise _changed(name, number, "it is not a line as an export writes it")


def _changed(name: str, number: int, what: str) -> LedgerError:
    return LedgerError(
        f"{name}, line {number}: {what}",
        needed="an export as it was written",
        fix="export the ledger again, or use a backup",
    )
