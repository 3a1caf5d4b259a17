"""What verification asks of an SQLite file beyond its events: structure and schema.

Decision: bytes that no reading depends on (free space, unused fields of the file header) are not looked at. Whoever can
write the file can write all of it anew; what proves that is a head noted elsewhere, not the state of a page.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

from sqlalchemy import URL, Connection, NullPool, create_engine, event

from graft.core.errors import InputError
from graft.governance.ledger.backend import connect_sqlite
from graft.governance.ledger.events import LedgerProblem
from graft.governance.ledger.migrations import MIGRATIONS, claimed_version

_OBJECTS = "SELECT type, name, tbl_name, sql, CASE WHEN type = 'trigger' THEN rootpage ELSE 0 END FROM sqlite_master"
_SHOWN = 20


@contextmanager
def opened(url: URL) -> Iterator[Connection]:
    """A connection for reading only, in one transaction, that creates and changes nothing.

    Raises InputError when there is no file.
    """
    path = Path(str(url.database))
    if not path.is_file():
        raise InputError(f"there is no ledger at {path}", needed="a file that Graft wrote", fix="check GRAFT_LEDGER")
    engine = create_engine(url, creator=lambda: connect_sqlite(path, mode="rw"), poolclass=NullPool)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    with engine.connect() as connection:
        yield connection


def broken_structure(connection: Connection) -> list[LedgerProblem]:
    """What SQLite's own check finds."""
    rows = connection.exec_driver_sql(f"PRAGMA integrity_check({_SHOWN})").scalars().all()
    said = " ".join(" ".join(map(str, rows)).split())
    return [] if rows == ["ok"] else [LedgerProblem(what=f"the file is malformed: {said}")]


def changed_schema(connection: Connection) -> list[LedgerProblem]:
    """Tables and guards that are missing, changed or strange."""
    wanted = {row[:2]: row for row in _wanted_objects(claimed_version(connection))}
    found = {row[:2]: row for row in map(tuple, connection.exec_driver_sql(_OBJECTS))}
    told = {
        "is missing": [key for key in wanted if key not in found],
        "was changed": [key for key in wanted if key in found and found[key] != wanted[key]],
        "does not belong to a ledger": [key for key in found if key not in wanted],
    }
    problems = [LedgerProblem(what=f"the {kind} {name} {what}") for what, keys in told.items() for kind, name in keys]
    numbers = list(connection.exec_driver_sql("SELECT rowid FROM sqlite_master ORDER BY rowid").scalars())
    if not problems and numbers != list(range(1, len(wanted) + 1)):
        problems.append(LedgerProblem(what="the rows of the schema were renumbered"))
    return problems


@cache
def _wanted_objects(version: int) -> tuple[tuple[str, str, str, str, int], ...]:
    """The tables and guards of a new ledger of that version, as SQLite keeps them."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for migration in MIGRATIONS[:version]:
            for statement in migration.sqlite:
                connection.execute(statement)
        return tuple(connection.execute(_OBJECTS).fetchall())
