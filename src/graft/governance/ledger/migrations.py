"""How a ledger gets its tables, and older ones become newer: a schema changes only by appending to ``MIGRATIONS``.

Decisions: each migration is one transaction and leaves its number in ``ledger_schema``; a ledger of a higher number
than this version knows is refused, because it may hold what this version would overlook. The statements are written
out for each database, not generated, so what an old ledger contains can be read here for ever; the three tables stand
above them, as later statements are built on them.
"""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, Table, Text, insert, inspect, select
from sqlalchemy.sql.functions import max as largest

from graft.core.errors import InputError, LedgerError
from graft.governance.ledger import guards
from graft.governance.ledger.events import GENESIS

_META = MetaData()

EVENT = Table(
    "ledger_event",
    _META,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    *(Column(name, Text) for name in ("time", "kind", "subject", "body", "previous", "hash")),
)
HEAD = Table("ledger_head", _META, Column("id", Integer), Column("count", BigInteger), Column("hash", Text))
SCHEMA = Table("ledger_schema", _META, Column("version", Integer), Column("what", Text))


APPLICATION_ID = 0x47524654
"""In the header of our SQLite files: "GRFT"."""


@dataclass(frozen=True)
class Migration:
    """One step of the schema. what: it brings. sqlite, postgresql: the statements."""

    what: str
    sqlite: tuple[str, ...]
    postgresql: tuple[str, ...]


def _tables(integer: str) -> tuple[str, ...]:
    return (
        "CREATE TABLE ledger_schema (version INTEGER PRIMARY KEY, what TEXT NOT NULL)",
        f"CREATE TABLE ledger_event (sequence {integer} PRIMARY KEY, time TEXT NOT NULL, kind TEXT NOT NULL, "
        "subject TEXT NOT NULL, body TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL)",
        f"CREATE TABLE ledger_head (id INTEGER PRIMARY KEY CHECK (id = 1), count {integer} NOT NULL, "
        "hash TEXT NOT NULL)",
        f"INSERT INTO ledger_head (id, count, hash) VALUES (1, 0, '{GENESIS}')",
    )


MIGRATIONS = (
    Migration(
        "events and their head",
        sqlite=(f"PRAGMA application_id = {APPLICATION_ID}", *_tables("INTEGER")),
        postgresql=_tables("BIGINT"),
    ),
    Migration("the database refuses changes and moves the head", sqlite=guards.SQLITE, postgresql=guards.POSTGRESQL),
)


def version(connection: Connection) -> int:
    """How many migrations the ledger has had; 0 when there is none yet."""
    if not inspect(connection).has_table(SCHEMA.name):
        return 0
    found = connection.execute(select(largest(SCHEMA.c.version))).scalar()
    return found if isinstance(found, int) else 0


def claimed_version(connection: Connection) -> int:
    """The schema to expect of a ledger: the version it says, or the newest when it says nothing sensible."""
    found = version(connection)
    return found if 0 < found <= len(MIGRATIONS) else len(MIGRATIONS)


def refuse_newer(found: int, place: str, *, known: int) -> None:
    """Raise InputError when a ledger was written by a newer version of Graft. known: migrations this version has."""
    if found > known:
        raise InputError(
            f"the ledger {place} has schema version {found}",
            needed=f"version {known} or older, which is what this version of Graft knows",
            fix="pip install --upgrade graft-ml",
        )


def apply_next(connection: Connection, migrations: tuple[Migration, ...], place: str) -> bool:
    """Apply the first migration the ledger has not had; False when it has had all. Call in a transaction that locks.

    Raises LedgerError for an SQLite file that holds something else.
    """
    done = version(connection)
    if done >= len(migrations):
        return False
    migration, sqlite = migrations[done], connection.dialect.name == "sqlite"
    if sqlite and not done and inspect(connection).get_table_names():
        raise LedgerError(
            f"{place} is an SQLite file of something else", needed="a ledger, or a new file", fix="name another file"
        )
    for statement in migration.sqlite if sqlite else migration.postgresql:
        connection.exec_driver_sql(statement)
    connection.execute(insert(SCHEMA).values(version=done + 1, what=migration.what))
    return True
