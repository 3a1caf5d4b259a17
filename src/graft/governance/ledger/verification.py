"""Verification: every event, the head, the schema, and for SQLite every page of the file.

Decisions: it never creates, upgrades or repairs anything; what it finds it names, by sequence where there is one;
it goes on after the first finding, because the second may be the one that matters. All events are read in one
snapshot, so a ledger may be verified while others write to it. A file that cannot be opened or read for a reason that
is not in its content (permissions, a disk) is an error and no finding.
"""

from collections.abc import Callable, Iterable

from sqlalchemy import URL, Connection, select
from sqlalchemy.exc import DBAPIError

from graft.core.errors import LedgerError
from graft.governance.ledger import postgresql, sqlite_file
from graft.governance.ledger.chain import Walk
from graft.governance.ledger.events import Head
from graft.governance.ledger.faults import MALFORMED, explained
from graft.governance.ledger.migrations import MIGRATIONS
from graft.governance.ledger.place import shown
from graft.governance.ledger.problems import Problem, Verification
from graft.governance.ledger.tables import SCHEMA

Question = Callable[[Connection], list[Problem]]


def verify_ledger(url: URL, known: Iterable[Head] = ()) -> Verification:
    """Check the ledger at ``url``. known: heads noted elsewhere. Raises InputError when there is none."""
    place, walked, found = shown(url), Walk(known), list[Problem]()
    sqlite = url.get_backend_name() == "sqlite"
    questions: tuple[Question, ...] = (
        (sqlite_file.broken_structure, sqlite_file.changed_schema) if sqlite else (postgresql.changed_schema,)
    )
    try:
        with (sqlite_file.opened if sqlite else postgresql.opened)(url) as connection:
            for question in (*questions, _wrong_migrations, walked.along):
                found += _asked(question, connection, place)
            if sqlite and not found:
                found += _asked(sqlite_file.stray_content, connection, place)
    except DBAPIError as error:
        found += _as_problem(error, place)
    return Verification(place=place, events=walked.events, head=walked.head, problems=tuple(dict.fromkeys(found)))


def _asked(question: Question, connection: Connection, place: str) -> list[Problem]:
    try:
        return question(connection)
    except DBAPIError as error:
        return _as_problem(error, place)
    except MALFORMED as error:
        return [Problem(what=f"the ledger {place} is malformed: {error}")]


def _as_problem(error: DBAPIError, place: str) -> list[Problem]:
    told = explained(error, place)
    if not isinstance(told, LedgerError):
        raise told from error
    return [Problem(what=told.given)]


def _wrong_migrations(connection: Connection) -> list[Problem]:
    """What is wrong with the list of migrations a ledger says it has had."""
    rows = [tuple(row) for row in connection.execute(select(SCHEMA).order_by(SCHEMA.c.version))]
    wanted = [(number, migration.what) for number, migration in enumerate(MIGRATIONS, 1)]
    if len(rows) > len(wanted) and rows[: len(wanted)] == wanted:
        return [Problem(what=f"its schema has version {len(rows)}; this version of Graft knows {len(wanted)}: upgrade")]
    if not rows or rows != wanted[: len(rows)]:
        return [Problem(what="the list of its migrations was changed")]
    return []
