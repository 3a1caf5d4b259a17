"""What goes wrong with a ledger, in words: no traceback of a database driver reaches the reader.

Decision: a database says what happened by a code (SQLite's result codes, PostgreSQL's SQLSTATE); the sentence is chosen
by that code and never by the driver's prose, which changes with versions and languages.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError

from graft.core.errors import GraftError, InputError, LedgerError, OutputError

MALFORMED = (UnicodeDecodeError, MemoryError, OverflowError)
"""What Python says of a file whose schema is no text, or that states a length beyond any memory."""


def damaged(place: str, what: str) -> LedgerError:
    """The error for a ledger that cannot be trusted as it is."""
    return LedgerError(
        f"the ledger {place} is damaged: {what}",
        needed="events and a head as they were written",
        fix="graft assets ledger verify tells all that is wrong; then restore a backup, or import the last export",
    )


_SQLITE: dict[str, tuple[type[GraftError], str, str, str]] = {
    "NOTADB": (
        LedgerError,
        "is not a ledger: its first bytes are not those of an SQLite file",
        "the file Graft wrote",
        "name another file, or restore this one from a backup",
    ),
    "CORRUPT": (
        LedgerError,
        "is malformed",
        "the file Graft wrote",
        "restore it from a backup, or import its last export",
    ),
    "BUSY": (
        InputError,
        "has been locked by another process for too long",
        "a free moment to write",
        "look for a process that keeps a transaction open on it, then run this again",
    ),
    "FULL": (OutputError, "cannot grow: the disk is full", "free space", "free some space and run this again"),
    "READONLY": (
        OutputError,
        "cannot be written: it is read-only",
        "a file and a folder this user may write",
        "change its permissions, or name another place in GRAFT_LEDGER",
    ),
    "CANTOPEN": (
        OutputError,
        "cannot be opened",
        "a file in a folder this user may write",
        "check the path and its permissions, or name another place in GRAFT_LEDGER",
    ),
    "IOERR": (
        OutputError,
        "cannot be read or written: the disk reported an error",
        "a disk that works",
        "check the disk and the permissions of the file and of its folder",
    ),
}
_REFUSED = ("the database refused the change", "events are added at the end, and never changed or removed")


@contextmanager
def told(place: str) -> Iterator[None]:
    """Turn the errors of a database into ours. place: how the ledger is called in messages."""
    try:
        yield
    except DBAPIError as error:
        raise explained(error, place) from error
    except MALFORMED as error:
        raise damaged(place, f"it is malformed ({error})") from error


def explained(error: DBAPIError, place: str) -> GraftError:
    """The error for what a database reported about the ledger at ``place``."""
    name = getattr(error.orig, "sqlite_errorname", None)
    if isinstance(name, str):
        for code, (kind, given, needed, fix) in _SQLITE.items():
            if name.startswith(f"SQLITE_{code}"):
                return kind(f"the ledger {place} {given}", needed=needed, fix=fix)
        if name.startswith("SQLITE_CONSTRAINT"):
            return _refused(place, str(error.orig))
        return LedgerError(
            f"the ledger {place} cannot be used: {error.orig} ({name})", needed="a sound ledger", fix="verify it"
        )
    return _postgresql(error, place)


def _postgresql(error: DBAPIError, place: str) -> GraftError:
    state = getattr(error.orig, "sqlstate", None)
    said = str(error.orig).strip().splitlines()
    first = said[0] if said else type(error.orig).__name__
    if state is None and not isinstance(error, OperationalError):
        state = type(error.orig).__name__
    if state is None or state[:2] in ("08", "28", "3D", "57"):
        return InputError(
            f"the ledger {place} cannot be reached: {first}",
            needed="a running PostgreSQL server, a database and a role that may use it",
            fix="check host, port, database, role and password in GRAFT_LEDGER",
        )
    if state == "42501":
        return OutputError(
            f"the ledger {place} cannot be used: {first}",
            needed="a role that may create and fill tables",
            fix="grant it CREATE on the schema, and SELECT, INSERT and UPDATE on the ledger's tables",
        )
    if state[:2] == "53":
        return OutputError(f"the ledger {place} cannot grow: {first}", needed="free resources", fix="ask its keeper")
    if state[:2] == "23" or state == "P0001":
        return _refused(place, first)
    return LedgerError(
        f"the ledger {place} cannot be used: {first} ({state})", needed="a sound ledger", fix="verify it"
    )


def _refused(place: str, said: str) -> LedgerError:
    return LedgerError(f"the ledger {place}: {_REFUSED[0]} ({said})", needed=_REFUSED[1], fix="verify the ledger")
