"""The databases a ledger can live in, and how each begins a transaction.

Decisions: writers queue at the door, because a chain has one end: SQLite's ``BEGIN IMMEDIATE`` with a busy timeout,
PostgreSQL's advisory lock for the transaction. Readers see one snapshot and wait for nobody (write-ahead log;
``REPEATABLE READ``).

SQLite runs with ``synchronous=NORMAL``: a process that dies, even by ``kill -9``, loses no event that was appended; a
machine that loses power may lose the last ones, never the order or the soundness of those before.

A ledger in a folder that may not be written is read all the same. SQLite cannot share a write-ahead log there, so it is
told that nobody writes (``immutable``); and a log that was left behind, which ``immutable`` would pass over in silence,
is read in a copy.
"""

import os
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError

from graft.core.errors import OutputError
from graft.core.extras import require
from graft.governance.ledger.migrations import APPLICATION_ID
from graft.governance.ledger.place import shown

BUSY_SECONDS = 60.0
_WRITES = "ledger_writes"
_inherited: list[Any] = []


@dataclass(frozen=True)
class Backend:
    """A database. place: how messages call it. reader, writer: the same pool, beginning their transactions apart."""

    place: str
    reader: Engine
    writer: Engine


def open_backend(url: URL) -> Backend:
    """The database at ``url``; nothing is created but the folder of a file.

    Raises MissingExtra without the PostgreSQL driver, OutputError for a folder that cannot be made.
    """
    if url.get_backend_name() == "sqlite":
        path = Path(str(url.database))
        _make_folder(path)
        engine = create_engine(url, creator=lambda: connect_sqlite(path))
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        reader = engine
    else:
        require("psycopg", extra="postgres", what="the PostgreSQL driver")
        engine = create_engine(
            url, isolation_level="READ COMMITTED", pool_pre_ping=True, connect_args={"connect_timeout": 10}
        )
        event.listen(engine, "begin", _begin_postgresql)
        reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    event.listen(engine, "connect", _remember_process)
    event.listen(engine, "checkout", _refuse_inherited)
    return Backend(shown(url), reader, engine.execution_options(**{_WRITES: True}))


def connect_sqlite(path: Path, *, mode: str = "rwc") -> sqlite3.Connection:
    """A connection that begins no transaction by itself, and reads damaged text as text that no writer could write.

    mode: ``rwc`` creates the file, ``rw`` does not.
    """
    connection = _read_only(path) if path.is_file() and not os.access(path.parent, os.W_OK) else _connect(path, mode)
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    return connection


def _read_only(path: Path) -> sqlite3.Connection:
    """A connection to a file in a folder where nothing can be created."""
    log = path.with_name(path.name + "-wal")
    left = log.is_file() and log.stat().st_size > 0
    connection = _copied(path, log) if left else _connect(path, "ro&immutable=1")
    connection.execute("PRAGMA query_only = ON")
    return connection


def _copied(path: Path, log: Path) -> sqlite3.Connection:
    """What a file and its write-ahead log amount to, in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    with tempfile.TemporaryDirectory(prefix="graft-ledger-") as folder:
        copy = Path(folder, path.name)
        shutil.copyfile(path, copy)
        shutil.copyfile(log, copy.with_name(log.name))
        with closing(_connect(copy, "rw")) as source:
            source.backup(connection)
    return connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder {path.parent} of the ledger cannot be made: {error.strerror}",
            needed="a folder this user may write",
            fix="name another place in GRAFT_LEDGER",
        ) from error


def _prepare_sqlite(connection: sqlite3.Connection, _: Any) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")
    if connection.execute("PRAGMA query_only").fetchone()[0]:
        return
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal" and _ours_or_new(connection):
        _switch_to_wal(connection)


def _ours_or_new(connection: sqlite3.Connection) -> bool:
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return not tables or connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Turn the write-ahead log on. SQLite does not wait for others here whatever its timeout, so this does."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "SQLITE_BUSY" not in error.sqlite_errorname or time.monotonic() > until:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get(_WRITES):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({APPLICATION_ID})")


def _remember_process(_: Any, record: Any) -> None:
    record.info["process"] = os.getpid()


def _refuse_inherited(_: Any, record: Any, proxy: Any) -> None:
    """Open a new connection after a fork. The inherited one is kept, never closed: it is the parent's."""
    if record.info["process"] != os.getpid():
        _inherited.append(record.dbapi_connection)
        record.dbapi_connection = proxy.dbapi_connection = None
        raise DisconnectionError("this connection belongs to the process that forked this one")
