"""The guards: the database itself refuses to change or remove events, and keeps the head, whoever writes.

An event must continue the chain, and moves the head onto itself in its own transaction; nothing else may happen to
rows. ``INSERT OR REPLACE`` removes them in SQLite without firing delete triggers; the trigger on insertion stops it.
An owner of the database can drop a guard; verification says which one is missing.
"""

_FOLLOWS = "NEW.sequence = count + 1 AND NEW.previous = hash"
_STEPS = "NEW.id = OLD.id AND NEW.count = OLD.count + 1"
_ONTO = "SELECT 1 FROM ledger_event WHERE sequence = NEW.count AND previous = OLD.hash AND hash = NEW.hash"
_MUST_FOLLOW = "an event must follow the head of the ledger"
_MUST_STEP = "the head moves only onto the event after it"


def _sqlite(name: str, moment: str, table: str, why: str, *, unless: str = "") -> str:
    condition = f" WHEN NOT ({unless})" if unless else ""
    return f"CREATE TRIGGER {name} BEFORE {moment} ON {table}{condition} BEGIN SELECT RAISE(ABORT, '{why}'); END"


_MOVE = "UPDATE ledger_head SET count = NEW.sequence, hash = NEW.hash"

SQLITE = (
    _sqlite(
        "ledger_event_follows", "INSERT", "ledger_event", _MUST_FOLLOW,
        unless=f"EXISTS (SELECT 1 FROM ledger_head WHERE {_FOLLOWS})",
    ),
    f"CREATE TRIGGER ledger_event_moves_head AFTER INSERT ON ledger_event BEGIN {_MOVE}; END",
    _sqlite("ledger_event_stays", "UPDATE", "ledger_event", "events are never changed"),
    _sqlite("ledger_event_remains", "DELETE", "ledger_event", "events are never removed"),
    _sqlite("ledger_head_steps", "UPDATE", "ledger_head", _MUST_STEP, unless=f"{_STEPS} AND EXISTS ({_ONTO})"),
    _sqlite("ledger_head_remains", "DELETE", "ledger_head", "the head is never removed"),
    _sqlite("ledger_head_is_one", "INSERT", "ledger_head", "a ledger has one head"),
    _sqlite("ledger_schema_stays", "UPDATE", "ledger_schema", "migrations are never changed"),
    _sqlite("ledger_schema_remains", "DELETE", "ledger_schema", "migrations are never removed"),
)  # fmt: skip
"""Statements that create the guards in SQLite."""


def _unless(condition: str, why: str) -> str:
    return f"BEGIN IF NOT ({condition}) THEN RAISE EXCEPTION '{why}'; END IF; RETURN NEW; END"


# No percent sign in these: the driver would take it for a parameter.
FUNCTIONS = {
    "ledger_refuse": "BEGIN RAISE EXCEPTION 'its rows are never changed or removed'; END",
    "ledger_follow": _unless(f"EXISTS (SELECT 1 FROM ledger_head WHERE {_FOLLOWS})", _MUST_FOLLOW),
    "ledger_move": f"BEGIN {_MOVE}; RETURN NULL; END",
    "ledger_step": _unless(f"{_STEPS} AND EXISTS ({_ONTO})", _MUST_STEP),
}
"""The functions behind the guards in PostgreSQL, by name."""

_TRIGGERS = (
    ("ledger_event_follows", "BEFORE INSERT", "ledger_event", "ROW", "ledger_follow"),
    ("ledger_event_moves_head", "AFTER INSERT", "ledger_event", "ROW", "ledger_move"),
    ("ledger_event_stays", "BEFORE UPDATE OR DELETE OR TRUNCATE", "ledger_event", "STATEMENT", "ledger_refuse"),
    ("ledger_head_steps", "BEFORE UPDATE", "ledger_head", "ROW", "ledger_step"),
    ("ledger_head_stays", "BEFORE INSERT OR DELETE OR TRUNCATE", "ledger_head", "STATEMENT", "ledger_refuse"),
    ("ledger_schema_stays", "BEFORE UPDATE OR DELETE OR TRUNCATE", "ledger_schema", "STATEMENT", "ledger_refuse"),
)
TRIGGERS = tuple((name, table, function) for name, _, table, _, function in _TRIGGERS)
"""The guards in PostgreSQL: name, table, and the function each calls."""

POSTGRESQL = (
    *(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$" for name, body in FUNCTIONS.items()),
    *(
        f"CREATE TRIGGER {name} {moment} ON {table} FOR EACH {each} EXECUTE FUNCTION {function}()"
        for name, moment, table, each, function in _TRIGGERS
    ),
)
"""Statements that create the guards in PostgreSQL."""
