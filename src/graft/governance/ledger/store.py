"""The ledger: events are added at the end, one transaction each, and never changed.

Decisions: whoever reads is shown only events whose hashes hold, so no state is ever built on an altered row; whoever
appends is refused when the head and the last event disagree. A head row, which the database moves in the transaction
of the event, makes the removal of the last events visible.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, insert, select

from graft.core.errors import GraftError
from graft.governance.ledger.backend import Backend, open_backend
from graft.governance.ledger.events import GENESIS, Event, Head, Verification, broken_links, next_event
from graft.governance.ledger.faults import damaged, told
from graft.governance.ledger.migrations import EVENT, HEAD, MIGRATIONS, Migration, apply_next, refuse_newer, version
from graft.governance.ledger.place import ledger_url, shown
from graft.governance.ledger.verification import verify_ledger

_BATCH = 5000
_HEAD_AND_LAST = select(HEAD.c.count, HEAD.c.hash, EVENT.c.hash).select_from(
    HEAD.outerjoin(EVENT, EVENT.c.sequence == HEAD.c.count)
)
_ADD = insert(EVENT)


class Ledger:
    """A chain of events in a file or a database.

    place: a path or a database URL; None: ``$GRAFT_LEDGER``, else a file of this user. Nothing is opened before it is
    needed; the first use creates a ledger or brings an older one up to date. One object serves many threads.

    >>> import tempfile
    >>> with Ledger(Path(tempfile.mkdtemp()) / "ledger.sqlite") as ledger:
    ...     _ = ledger.append("asset-seen", "source:53aa", {"name": "minilm"})
    ...     [(event.sequence, event.kind, event.facts) for event in ledger.events()]
    [(1, 'asset-seen', {'name': 'minilm'})]
    """

    def __init__(self, place: str | Path | None = None, *, migrations: tuple[Migration, ...] = MIGRATIONS) -> None:
        self.url = ledger_url(place)
        self.place = shown(self.url)
        self._migrations = migrations
        self._backend: Backend | None = None
        self._opening = threading.Lock()

    @property
    def exists(self) -> bool:
        """Whether the file of the ledger is there; of a database only its server can tell, when it is asked."""
        return self.url.get_backend_name() != "sqlite" or Path(str(self.url.database)).is_file()

    def append(self, kind: str, subject: str, facts: Mapping[str, Any]) -> Event:
        """Add an event in a transaction of its own; it is kept when this returns.

        kind: lower-case words joined by hyphens. facts: what JSON can express. Raises InputError for others, and
        LedgerError when the ledger is damaged at its end.
        """
        with self.writing() as connection:
            return add(connection, next_event(current_head(connection, self.place), kind, subject, facts))

    def append_at(self, head: Head, kind: str, subject: str, facts: Mapping[str, Any]) -> Event | None:
        """Add an event if the chain still ends at ``head``; None when others wrote since."""
        with self.writing() as connection:
            ends_there = current_head(connection, self.place) == head
            return add(connection, next_event(head, kind, subject, facts)) if ends_there else None

    def events(self, *, after: Head | None = None) -> Iterator[Event]:
        """The events in order; those that came after the head ``after`` only, if one is given.

        Raises LedgerError at the first event that does not continue the chain, at the end when the head says that more
        should follow, and at once when the chain does not contain ``after``.
        """
        count, before = (after.count, after.hash) if after else (0, GENESIS)
        if after is not None and not self.holds(after):
            raise damaged(self.place, f"event {count}, which it held before, is gone or another")
        while True:
            rows = self._batch(count)
            for row in rows:
                if wrong := broken_links(row, count=count, before=before):
                    raise damaged(self.place, f"event {row.sequence}: {wrong[0]}")
                count, before = row.sequence, row.hash
                yield Event.of(row)
            if not rows and self.head().count <= count:
                return

    def _hash_at(self, sequence: int) -> str | None:
        statement = select(EVENT.c.hash).where(EVENT.c.sequence == sequence)
        with told(self.place), self._opened().reader.connect() as connection:
            found: str | None = connection.execute(statement).scalar()
            return found

    def _batch(self, after: int) -> list[Any]:
        statement = select(EVENT).where(EVENT.c.sequence > after).order_by(EVENT.c.sequence).limit(_BATCH)
        with told(self.place), self._opened().reader.connect() as connection:
            return list(connection.execute(statement))

    def head(self) -> Head:
        """How far the chain has come: worth noting elsewhere, and giving to ``verify`` later."""
        with told(self.place), self._opened().reader.connect() as connection:
            return current_head(connection, self.place)

    def first(self) -> str:
        """The hash of the first event, which tells this ledger from every other; that before all events without one."""
        return self._hash_at(1) or GENESIS

    def holds(self, head: Head) -> bool:
        """Whether the chain passes through ``head``."""
        return self._hash_at(head.count) == head.hash if head.count else head.hash == GENESIS

    def verify(self, *, known: tuple[Head, ...] = ()) -> Verification:
        """Check every event, the head, the schema and, for a file, its structure; nothing is created or upgraded.

        known: heads noted elsewhere, which the chain must contain. Raises InputError when there is no ledger.
        """
        return verify_ledger(self.url, known)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction during which nobody else writes."""
        with told(self.place), self._opened().writer.begin() as connection:
            yield connection

    def _opened(self) -> Backend:
        with self._opening:
            if self._backend is None:
                backend = open_backend(self.url)
                try:
                    with told(self.place):
                        self._bring_up_to_date(backend)
                except GraftError:
                    backend.reader.dispose()
                    raise
                self._backend = backend
            return self._backend

    def _bring_up_to_date(self, backend: Backend) -> None:
        with backend.reader.connect() as connection:
            found = version(connection)
        refuse_newer(found, self.place, known=len(self._migrations))
        unfinished = found < len(self._migrations)
        while unfinished:
            with backend.writer.begin() as connection:
                unfinished = apply_next(connection, self._migrations, self.place)

    def close(self) -> None:
        """Close all connections; a later use opens new ones."""
        if self._backend is not None:
            self._backend.reader.dispose()
            self._backend = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def current_head(connection: Connection, place: str) -> Head:
    """The head, once it agrees with the last event. Raises LedgerError when it does not."""
    rows = connection.execute(_HEAD_AND_LAST).all()
    if len(rows) != 1:
        raise damaged(place, "its head is missing" if not rows else "it has more than one head")
    count, own, last = rows[0]
    if type(count) is not int or own != (last if count else GENESIS):
        raise damaged(place, "its head and its last event disagree")
    return Head(count=count, hash=own)


def add(connection: Connection, event: Event) -> Event:
    """Write an event that follows the head; the database moves the head onto it in the same transaction."""
    connection.execute(_ADD, dict(event))
    return event
