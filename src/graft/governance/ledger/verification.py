"""Verification: every event, the head, the schema, and for SQLite the structure of the file.

Decisions: it never creates, upgrades or repairs anything; what it finds it names, by sequence where there is one;
it goes on after the first finding, because the second may be the one that matters. All events are read in one
snapshot, so a ledger may be verified while others write to it. A file that cannot be opened or read for a reason that
is not in its content (permissions, a disk) is an error and no finding. Along the chain each event is held against the
one before, the last against the head, and noted heads against both.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import URL, Connection, select
from sqlalchemy.exc import DBAPIError

from graft.core.errors import LedgerError
from graft.governance.ledger import postgresql, sqlite_file
from graft.governance.ledger.events import GENESIS, Head, LedgerProblem, Row, Verification, broken_links, digest
from graft.governance.ledger.faults import MALFORMED, explained
from graft.governance.ledger.migrations import EVENT, HEAD, MIGRATIONS, SCHEMA
from graft.governance.ledger.place import shown

_BATCH = 5000
_SEARCHED = 20
"""For so many altered events it is looked up whether their content belongs elsewhere in the chain."""


class ChainReader:
    """Reads rows in order and collects what is wrong. events: rows read. head: where the chain ends by them."""

    def __init__(self, known: Iterable[Head] = ()) -> None:
        self.events = 0
        self.head = Head()
        self.problems: list[LedgerProblem] = []
        self._altered: list[Row] = []
        self._wanted: dict[int, set[str]] = {}
        for head in known:
            if head.count:
                self._wanted.setdefault(head.count, set()).add(head.hash)

    def step(self, row: Row) -> None:
        """Check the next row."""
        self.events += 1
        wrong = broken_links(row, count=self.head.count, before=self.head.hash)
        sequence, own = row[0], row[-1]
        placed = type(sequence) is int
        self.problems += [
            LedgerProblem(what=what, sequence=sequence if placed else self.head.count + 1) for what in wrong
        ]
        if wrong and placed and len(self._altered) < _SEARCHED:
            self._altered.append(row)
        count = sequence if placed else self.head.count + 1
        self.head = Head(count=count, hash=own if isinstance(own, str) else "")
        if self._wanted.pop(count, {own}) != {own}:
            self.problems.append(LedgerProblem(what="another hash was noted for it elsewhere", sequence=count))

    def along(self, connection: Connection) -> list[LedgerProblem]:
        """Walk along the chain of a ledger, in the transaction of ``connection``; what is wrong with it."""
        # One pass: asking for "those after the last one" again and again would never end on numbers that go backwards.
        for row in connection.execute(
            select(EVENT).order_by(EVENT.c.sequence), execution_options={"yield_per": _BATCH}
        ):
            self.step(row)
        return self.end(connection.execute(select(HEAD.c.count, HEAD.c.hash)).all())

    def end(self, heads: Sequence[Sequence[Any]]) -> list[LedgerProblem]:
        """What is wrong in all. heads: (count, hash) of every head row."""
        self.problems += [LedgerProblem(what=what) for what in _wrong_head(heads, self.head)]
        for count in sorted(self._wanted):
            self.problems.append(LedgerProblem(what="it was noted elsewhere and is missing", sequence=count))
        for row in self._altered:
            if home := _home(row, self.events):
                self.problems.append(
                    LedgerProblem(what=f"its content is that of event {home}: rows were moved", sequence=row[0])
                )
        return self.problems


def _wrong_head(heads: Sequence[Sequence[Any]], reached: Head) -> Iterator[str]:
    if len(heads) != 1:
        yield "the head is missing" if not heads else f"there are {len(heads)} heads"
        return
    count, own = heads[0]
    if type(count) is not int or not isinstance(own, str):
        yield "the head is of another type than it was written with"
    elif count > reached.count:
        span = f"event {count} is" if count == reached.count + 1 else f"events {reached.count + 1} to {count} are"
        yield f"the head counts {count:,} events: {span} missing at the end"
    elif count < reached.count:
        yield f"the head counts {count:,} events, and there are {reached.count:,}: the head was changed"
    elif own != (reached.hash if count else GENESIS):
        yield f"the head names another hash than event {count} has: one of them was changed"


def _home(row: Row, count: int) -> int | None:
    """The sequence an altered row's content was written with, if it is another one among the first ``count``."""
    sequence, *fields, own = row
    if not all(isinstance(field, str) for field in fields):
        return None
    places = range(1, count + 1)
    return next((place for place in places if place != sequence and digest(place, *fields) == own), None)


Question = Callable[[Connection], list[LedgerProblem]]


def verify_ledger(url: URL, known: Iterable[Head] = ()) -> Verification:
    """Check the ledger at ``url``. known: heads noted elsewhere. Raises InputError when there is none."""
    place, walked, found = shown(url), ChainReader(known), list[LedgerProblem]()
    sqlite = url.get_backend_name() == "sqlite"
    questions: tuple[Question, ...] = (
        (sqlite_file.broken_structure, sqlite_file.changed_schema) if sqlite else (postgresql.changed_schema,)
    )
    try:
        with (sqlite_file.opened if sqlite else postgresql.opened)(url) as connection:
            for question in (*questions, _wrong_migrations, walked.along):
                found += _asked(question, connection, place)
    except DBAPIError as error:
        found += _as_problem(error, place)
    return Verification(place=place, events=walked.events, head=walked.head, problems=tuple(dict.fromkeys(found)))


def _asked(question: Question, connection: Connection, place: str) -> list[LedgerProblem]:
    try:
        return question(connection)
    except DBAPIError as error:
        return _as_problem(error, place)
    except MALFORMED as error:
        return [LedgerProblem(what=f"the ledger {place} is malformed: {error}")]


def _as_problem(error: DBAPIError, place: str) -> list[LedgerProblem]:
    told = explained(error, place)
    if not isinstance(told, LedgerError):
        raise told from error
    return [LedgerProblem(what=told.given)]


def _wrong_migrations(connection: Connection) -> list[LedgerProblem]:
    """What is wrong with the list of migrations a ledger says it has had."""
    rows = [tuple(row) for row in connection.execute(select(SCHEMA).order_by(SCHEMA.c.version))]
    wanted = [(number, migration.what) for number, migration in enumerate(MIGRATIONS, 1)]
    if len(rows) > len(wanted) and rows[: len(wanted)] == wanted:
        return [
            LedgerProblem(
                what=f"its schema has version {len(rows)}; this version of Graft knows {len(wanted)}: upgrade"
            )
        ]
    if not rows or rows != wanted[: len(rows)]:
        return [LedgerProblem(what="the list of its migrations was changed")]
    return []
