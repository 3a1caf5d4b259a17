"""What verification asks of a PostgreSQL database beyond its events: that the guards stand."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, text

from graft.core.errors import InputError
from graft.governance.ledger.backend import open_backend
from graft.governance.ledger.events import LedgerProblem
from graft.governance.ledger.faults import told
from graft.governance.ledger.guards import FUNCTIONS, TRIGGERS
from graft.governance.ledger.migrations import claimed_version, version
from graft.governance.ledger.place import shown

_GUARDED_SINCE = 2
_STANDING = text(
    "SELECT t.tgname, t.tgrelid::regclass::text, p.proname, t.tgenabled::text FROM pg_trigger t "
    "JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal "
    "AND t.tgrelid IN (to_regclass('ledger_event'), to_regclass('ledger_head'), to_regclass('ledger_schema'))"
)
_BODIES = text(
    "SELECT DISTINCT p.proname, p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
    "WHERE t.tgrelid IN (to_regclass('ledger_event'), to_regclass('ledger_head'), to_regclass('ledger_schema'))"
)


@contextmanager
def opened(url: URL) -> Iterator[Connection]:
    """A connection for reading only, in one snapshot. Raises InputError when the database holds no ledger."""
    backend = open_backend(url)
    try:
        with told(backend.place), backend.reader.connect() as connection:
            if not version(connection):
                raise InputError(
                    f"there is no ledger at {shown(url)}", needed="the tables Graft made", fix="check GRAFT_LEDGER"
                )
            yield connection
    finally:
        backend.reader.dispose()


def changed_schema(connection: Connection) -> list[LedgerProblem]:
    """Guards that are missing, changed, switched off or strange."""
    if claimed_version(connection) < _GUARDED_SINCE:
        return []
    wanted = {name: (table, function, "O") for name, table, function in TRIGGERS}
    found = {name: (table, function, enabled) for name, table, function, enabled in connection.execute(_STANDING)}
    bodies = {row.proname: row.prosrc for row in connection.execute(_BODIES)}
    told = {
        "is missing": [name for name in wanted if name not in found],
        "is switched off or was changed": [name for name in wanted if name in found and found[name] != wanted[name]],
        "does not belong to a ledger": [name for name in found if name not in wanted],
        "calls a function that was changed": [
            name for name, _, function in TRIGGERS if bodies.get(function, FUNCTIONS[function]) != FUNCTIONS[function]
        ],
    }
    return [LedgerProblem(what=f"the trigger {name} {what}") for what, names in told.items() for name in names]
