"""An event, the chain that holds events together, and what verification says of both.

Decisions: the hash of an event covers every field of it and the hash of the event before, so nothing can be edited,
removed, inserted or reordered without breaking the chain from there on. The chain has no key: somebody who rewrites
*all* events from one on can compute new hashes. A ``Head`` noted elsewhere (in a bundle, a file of heads, a commit) is
what proves such a rewrite, a cut tail, or an older copy put back.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from graft.core.errors import InputError
from graft.governance.records import Record

GENESIS = "0" * 64
"""The hash before the first event."""

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
_COUNT, _HASH = re.compile(r"0|[1-9][0-9]{0,17}"), re.compile(r"[0-9a-f]{64}")
_KIND = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class Event(Record):
    """One thing that happened.

    sequence: 1, 2, 3 ... time: of the writer's clock, UTC, ISO 8601. kind: what happened. subject: to what.
    body: the facts, canonical JSON text of an object. previous: hash of the event before. hash: of this one.
    """

    sequence: int
    time: str
    kind: str
    subject: str
    body: str
    previous: str
    hash: str

    @classmethod
    def of(cls, row: "Row") -> "Event":
        """The event in a row that was checked."""
        sequence, time, kind, subject, body, previous, own = row
        return cls(sequence=sequence, time=time, kind=kind, subject=subject, body=body, previous=previous, hash=own)

    @property
    def head(self) -> "Head":
        """The head of the chain that ends here."""
        return Head(count=self.sequence, hash=self.hash)

    @property
    def facts(self) -> dict[str, Any]:
        """The body, parsed."""
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed


class Head(Record):
    """How far a chain has come. count: events. hash: of the last one.

    Its text, ``COUNT:HASH``, is what people note elsewhere:

    >>> str(Head(count=2, hash="ab" * 32))[:10]
    '2:abababab'
    """

    count: int = 0
    hash: str = GENESIS

    def __str__(self) -> str:
        return f"{self.count}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """The head that somebody noted as its text. Raises InputError for another text.

        >>> Head.parse("2:" + "ab" * 32).count
        2
        """
        count, _, own = text.strip().partition(":")
        if _COUNT.fullmatch(count) is None or _HASH.fullmatch(own) is None:
            raise InputError(
                f"{text!r} is not the head of a ledger",
                needed="COUNT:HASH, a number of events and 64 hexadecimal digits",
                fix="copy the whole line that graft assets ledger head printed",
            )
        return cls(count=int(count), hash=own)


Row = Sequence[Any]
"""The fields of an event as a database or a file holds them, in the order of ``Event``: not yet to be trusted."""


def canonical(value: Any) -> str:
    """JSON text of a value, the same for equal values. Raises ValueError for what JSON or UTF-8 cannot express.

    >>> canonical({"b": 1, "a": ["é", None]})
    '{"a":["é",null],"b":1}'
    """
    text = _CANONICAL(value)
    text.encode("utf-8")
    return text


def digest(sequence: int, time: str, kind: str, subject: str, body: str, previous: str) -> str:
    """SHA-256, in hexadecimal, of the canonical JSON list of an event's other fields.

    >>> digest(1, "2026-01-01T00:00:00.000000Z", "noted", "x", "{}", GENESIS)[:16]
    '572f58f58b403d93'
    """
    text = _CANONICAL([sequence, time, kind, subject, body, previous])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def next_event(head: Head, kind: str, subject: str, facts: Mapping[str, Any]) -> Event:
    """The event that follows ``head``, now.

    Raises InputError for a kind that is not lower-case words joined by hyphens, an empty subject, or facts that JSON
    cannot express.
    """
    if _KIND.fullmatch(kind) is None:
        raise InputError(f"{kind!r} is not a kind of event", needed="lower-case words joined by hyphens")
    if not subject or "\0" in subject:
        raise InputError(f"an event of kind {kind!r} about {subject!r}", needed="a subject: a text without NUL")
    try:
        body = canonical(dict(facts))
        canonical(subject)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"the facts of an event {kind!r} cannot be written: {error}",
            needed="text in Unicode, finite numbers, lists and objects with text keys",
        ) from error
    sequence, time = head.count + 1, utc_now()
    own = digest(sequence, time, kind, subject, body, head.hash)
    return Event(sequence=sequence, time=time, kind=kind, subject=subject, body=body, previous=head.hash, hash=own)


def utc_now() -> str:
    """The time in UTC, ISO 8601, with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def broken_links(row: Row, *, count: int, before: str) -> list[str]:
    """What is wrong with ``row`` as the event that follows; empty when nothing is.

    count: of the events before it. before: hash of the last of them.
    """
    sequence, *texts = row
    if type(sequence) is not int or not all(isinstance(text, str) for text in texts):
        return ["a field is of another type than it was written with"]
    found = []
    if sequence != count + 1:
        found.append(_out_of_place(sequence, count + 1))
    time, kind, subject, body, previous, own = texts
    if previous != before:
        last = f"event {count}" if count else "the beginning"
        found.append(f"it does not follow {last}: the hash it names as its predecessor's is another")
    if digest(sequence, time, kind, subject, body, previous) != own:
        found.append("its content does not match its hash: it was edited or moved")
    return found


def _out_of_place(sequence: int, wanted: int) -> str:
    if sequence < wanted:
        return f"event {wanted} was expected in its place"
    missing = f"event {wanted} is" if sequence == wanted + 1 else f"events {wanted} to {sequence - 1} are"
    return f"{missing} missing before it"


class LedgerProblem(Record):
    """Something in a ledger that is not as it was written. sequence: of the event it is about, if it is about one."""

    what: str
    sequence: int | None = None

    def __str__(self) -> str:
        return self.what if self.sequence is None else f"event {self.sequence}: {self.what}"


class Verification(Record):
    """The answer to "is this ledger as it was written?".

    place: what was verified. events: how many were read. head: how far the chain goes by its events.
    """

    place: str
    events: int
    head: Head
    problems: tuple[LedgerProblem, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.problems
