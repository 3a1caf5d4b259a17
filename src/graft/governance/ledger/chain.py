"""The walk along a chain: each event against the one before, the last against the head, noted heads against both."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, select

from graft.governance.ledger.events import GENESIS, Head, Row, broken_links, digest
from graft.governance.ledger.problems import Problem
from graft.governance.ledger.tables import EVENT, HEAD

_BATCH = 5000
_SEARCHED = 20
"""For so many altered events it is looked up whether their content belongs elsewhere in the chain."""


class Walk:
    """Reads rows in order and collects what is wrong. events: rows read. head: where the chain ends by them."""

    def __init__(self, known: Iterable[Head] = ()) -> None:
        self.events = 0
        self.head = Head()
        self.problems: list[Problem] = []
        self._altered: list[Row] = []
        self._wanted = {head.count: head.hash for head in known if head.count}

    def step(self, row: Row) -> None:
        """Check the next row."""
        self.events += 1
        wrong = broken_links(row, count=self.head.count, before=self.head.hash)
        sequence, own = row[0], row[-1]
        placed = type(sequence) is int
        self.problems += [Problem(what=what, sequence=sequence if placed else self.head.count + 1) for what in wrong]
        if wrong and placed and len(self._altered) < _SEARCHED:
            self._altered.append(row)
        count = sequence if placed else self.head.count + 1
        self.head = Head(count=count, hash=own if isinstance(own, str) else "")
        if self._wanted.pop(count, own) != own:
            self.problems.append(Problem(what="another hash was noted for it elsewhere", sequence=count))

    def along(self, connection: Connection) -> list[Problem]:
        """Walk along the chain of a ledger, in the transaction of ``connection``; what is wrong with it."""
        # One pass: asking for "those after the last one" again and again would never end on numbers that go backwards.
        for row in connection.execute(
            select(EVENT).order_by(EVENT.c.sequence), execution_options={"yield_per": _BATCH}
        ):
            self.step(row)
        return self.end(connection.execute(select(HEAD.c.count, HEAD.c.hash)).all())

    def end(self, heads: Sequence[Sequence[Any]]) -> list[Problem]:
        """What is wrong in all. heads: (count, hash) of every head row."""
        self.problems += [Problem(what=what) for what in _wrong_head(heads, self.head)]
        for count in sorted(self._wanted):
            self.problems.append(Problem(what="it was noted elsewhere and is missing", sequence=count))
        for row in self._altered:
            if home := _home(row, self.events):
                self.problems.append(
                    Problem(what=f"its content is that of event {home}: rows were moved", sequence=row[0])
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
