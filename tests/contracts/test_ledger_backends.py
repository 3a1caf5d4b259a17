"""What a ledger promises, on every database it can live in."""

import hashlib
import json
import sqlite3
import subprocess
import sys
import time
from itertools import count, pairwise

import pytest
from sqlalchemy import NullPool, create_engine

import postgres
from graft.core.errors import InputError
from graft.governance.ledger import Head, Ledger, LedgerError, export_events, guards, import_events
from graft.governance.ledger.events import next_event
from graft.governance.ledger.migrations import MIGRATIONS
from graft.governance.records import Asset
from graft.governance.registry import Registry

NUMBERS = count(1)
FACTS = {
    "text": "Grüße, 100 % 'quoted' \"twice\" :name %(name)s \\ \u0000 \u2028 🦉",
    "numbers": [0, -1, 2**70, 0.1, -0.0, 1e300],
    "nested": {"b": None, "a": [True, False, {}, []]},
}


@pytest.fixture(scope="session")
def postgres_server():
    if reason := postgres.why_not():
        pytest.skip(reason)
    with postgres.server() as folder:
        yield folder


@pytest.fixture(params=["sqlite", "postgresql"])
def new_place(request, tmp_path):
    """A function that names places where no ledger is yet."""
    if request.param == "sqlite":
        return lambda: str(tmp_path / f"ledger {next(NUMBERS)} ü?#%.sqlite")
    folder = request.getfixturevalue("postgres_server")

    def create() -> str:
        name = f"ledger_{next(NUMBERS)}"
        run_sql(postgres.url(folder), f"CREATE SCHEMA {name}")
        return postgres.url(folder, schema=name)

    return create


@pytest.fixture
def place(new_place):
    return new_place()


@pytest.fixture
def ledger(place):
    with Ledger(place) as opened:
        yield opened


@pytest.fixture
def ten(ledger):
    """A ledger of ten events, closed so that its place can be spoilt."""
    for number in range(1, 11):
        ledger.append("noted", f"thing:{number}", {"number": number, "text": "x" * number})
    assert ledger.verify().sound
    ledger.close()
    return ledger


def run_sql(place, *statements):
    """Run statements as anybody could who reaches the database."""
    if "://" not in place:
        connection = sqlite3.connect(place, isolation_level=None)
        try:
            for statement in statements:
                connection.execute(statement)
        finally:
            connection.close()
        return
    engine = create_engine(place, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def spoil(place, *statements):
    """Run statements behind the guards' back, as the owner of a database can, and leave no trace of having done so."""
    if "://" in place:
        run_sql(place, "SET session_replication_role = replica", *statements)
        return
    names = [statement.split()[2] for statement in guards.SQLITE]
    run_sql(place, *(f"DROP TRIGGER {name}" for name in names), *statements, *guards.SQLITE, "VACUUM")


def told(ledger, **options):
    """What verification finds, in lines."""
    return [str(problem) for problem in ledger.verify(**options).problems]


def hash_of(event):
    fields = [event.sequence, event.time, event.kind, event.subject, event.body, event.previous]
    return hashlib.sha256(json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def test_events_come_back_as_they_were_written(place):
    with Ledger(place) as ledger:
        first = ledger.append("noted", "thing:é", FACTS)
        second = ledger.append("noted-again", "thing:é", {})
    with Ledger(place) as again:
        third = again.append("noted", "other", {"last": True})
        found = list(again.events())
        assert found == [first, second, third]
        assert [event.sequence for event in found] == [1, 2, 3]
        assert found[0].facts == FACTS
        assert found[0].body == json.dumps(FACTS, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert found[0].previous == "0" * 64
        assert all(event.hash == hash_of(event) for event in found)
        assert all(after.previous == before.hash for before, after in pairwise(found))
        assert again.head() == Head(count=3, hash=third.hash)
        assert list(again.events(after=Head(count=2, hash=second.hash))) == [third]
        verified = again.verify()
        assert verified.sound
        assert (verified.events, verified.head) == (3, again.head())


def test_a_new_ledger_is_empty_and_sound(ledger):
    assert list(ledger.events()) == []
    assert ledger.head() == Head()
    assert ledger.verify().sound


@pytest.mark.parametrize(
    ("kind", "subject", "facts"),
    [
        ("Noted", "thing", {}),
        ("noted_", "thing", {}),
        ("", "thing", {}),
        ("noted", "", {}),
        ("noted", "a\0b", {}),
        ("noted", "\ud800", {}),
        ("noted", "thing", {"x": float("nan")}),
        ("noted", "thing", {"x": "\ud800"}),
        ("noted", "thing", {"x": object()}),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing(ledger, kind, subject, facts):
    with pytest.raises(InputError):
        ledger.append(kind, subject, facts)
    assert ledger.head() == Head()
    assert ledger.append("noted", "thing", {}).sequence == 1


def test_an_event_at_a_head_is_written_once(ledger):
    head = ledger.head()
    first = ledger.append_at(head, "noted", "thing", {})
    assert first is not None
    assert ledger.append_at(head, "noted", "thing", {}) is None
    assert ledger.append_at(Head(count=1, hash="a" * 64), "noted", "thing", {}) is None
    assert list(ledger.events()) == [first]


PROCESSES = """
import os, sys
from graft.governance.ledger import Ledger
from graft.governance.records import Asset
from graft.governance.registry import Registry
place, turns = sys.argv[1], int(sys.argv[3])
children = []
for number in range(int(sys.argv[2])):
    child = os.fork()
    if not child:
        WORK
        os._exit(0)
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0] * len(children)
print("done")
"""
WRITE = """
        with Ledger(place) as ledger:
            for turn in range(turns):
                ledger.append("noted", f"writer:{number}", {"turn": turn})
"""


def processes(work, place, *, number, turns):
    """Start ``number`` processes that each do ``work``, none knowing of the others."""
    code = PROCESSES.replace("WORK", work.strip())
    command = [sys.executable, "-W", "error", "-c", code, place, str(number), str(turns)]
    return subprocess.Popen(command, stdout=-1, stderr=-1, text=True)


@pytest.mark.parametrize(("number", "turns"), [(3, 10), pytest.param(8, 40, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_several_processes_write_one_chain(place, number, turns):
    assert processes(WRITE, place, number=number, turns=turns).communicate(timeout=100) == ("done\n", "")
    with Ledger(place) as ledger:
        verified = ledger.verify()
        assert verified.sound, verified
        assert verified.events == number * turns
        said = {f"writer:{one}": [] for one in range(number)}
        for event in ledger.events():
            said[event.subject].append(event.facts["turn"])
        assert said == {subject: list(range(turns)) for subject in said}


@pytest.mark.parametrize("turns", [100, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_a_ledger_is_sound_whenever_it_is_looked_at(place, turns):
    with Ledger(place) as ledger:
        ledger.append("noted", "first", {})
        writer = processes(WRITE, place, number=1, turns=turns)
        seen = set()
        while writer.poll() is None:
            verified = ledger.verify()
            assert verified.sound, verified
            assert verified.events == verified.head.count
            seen.add(verified.events)
            time.sleep(0.005)  # most of the time the other process only imports
        assert writer.communicate() == ("done\n", "")
        assert len(seen) > 1
        assert ledger.head().count == turns + 1


COPY = "SELECT {}, time, kind, subject, body, previous, hash FROM ledger_event WHERE sequence = 10"
REFUSED = [
    "UPDATE ledger_event SET body = '{}' WHERE sequence = 3",
    "UPDATE ledger_event SET sequence = 30 WHERE sequence = 3",
    "DELETE FROM ledger_event WHERE sequence = 10",
    "DELETE FROM ledger_event",
    f"INSERT INTO ledger_event {COPY.format(12)}",
    f"INSERT INTO ledger_event {COPY.format(11)}",
    "UPDATE ledger_head SET count = 9",
    "UPDATE ledger_head SET count = 11",
    "UPDATE ledger_head SET hash = 'x'",
    "DELETE FROM ledger_head",
    "INSERT INTO ledger_head VALUES (1, 0, 'x')",
    "UPDATE ledger_schema SET version = 9 WHERE version = 1",
    "DELETE FROM ledger_schema",
]


def test_the_database_refuses_by_itself(ten, place):
    for statement in REFUSED:
        with pytest.raises(Exception, match=r"never|must follow|moves only|one head"):
            run_sql(place, statement)
    assert ten.verify().sound
    assert ten.head().count == 10


def test_the_database_refuses_its_own_ways_to_replace_and_empty(ten, place):
    if "://" in place:
        statements = [f"TRUNCATE {table} CASCADE" for table in ("ledger_event", "ledger_head", "ledger_schema")]
    else:
        copy = "SELECT 3, time, kind, subject, body, previous, hash FROM ledger_event WHERE sequence = 5"
        statements = [
            f"INSERT OR REPLACE INTO ledger_event {copy}",
            "UPDATE OR REPLACE ledger_event SET sequence = 4 WHERE sequence = 5",
            "INSERT OR REPLACE INTO ledger_head VALUES (1, 3, 'x')",
        ]
    for statement in statements:
        with pytest.raises(Exception, match=r"never|must follow|one head"):
            run_sql(place, statement)
    assert ten.verify().sound


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("time", "'2020-01-01T00:00:00.000000Z'"),
        ("kind", "'noticed'"),
        ("subject", "'thing:0'"),
        ("body", "'{}'"),
        ("previous", f"'{'f' * 64}'"),
        ("hash", f"'{'f' * 64}'"),
    ],
)
def test_edited_fields_are_found_and_their_events_named(ten, place, column, value):
    spoil(place, f"UPDATE ledger_event SET {column} = {value} WHERE sequence IN (1, 5, 10)")
    named = [line.partition(":")[0] for line in told(ten) if "its content does not match its hash" in line]
    assert named == ["event 1", "event 5", "event 10"]
    with pytest.raises(LedgerError, match="event 1: "):
        list(ten.events())
    assert not any(line.startswith("event 3:") for line in told(ten))


def test_a_removed_event_is_found_and_named(ten, place):
    spoil(place, "DELETE FROM ledger_event WHERE sequence = 4")
    assert told(ten)[0] == "event 5: event 4 is missing before it"
    spoil(place, "DELETE FROM ledger_event WHERE sequence IN (5, 6)")
    assert told(ten)[0] == "event 7: events 4 to 6 are missing before it"
    with pytest.raises(LedgerError, match="events 4 to 6 are missing"):
        list(ten.events())


def test_removing_the_first_or_the_last_events_is_found(ten, place):
    spoil(place, "DELETE FROM ledger_event WHERE sequence > 8")
    assert told(ten) == ["the head counts 10 events: events 9 to 10 are missing at the end"]
    with pytest.raises(LedgerError, match="its head and its last event disagree"):
        list(ten.events())
    spoil(place, "DELETE FROM ledger_event WHERE sequence < 3")
    assert told(ten)[0] == "event 3: events 1 to 2 are missing before it"
    spoil(place, "DELETE FROM ledger_event")
    assert told(ten) == ["the head counts 10 events: events 1 to 10 are missing at the end"]
    with pytest.raises(LedgerError, match="its head and its last event disagree"):
        ten.append("noted", "next", {})


def test_reordered_events_are_found_and_where_they_belong(ten, place):
    spoil(
        place,
        "UPDATE ledger_event SET sequence = -3 WHERE sequence = 3",
        "UPDATE ledger_event SET sequence = 3 WHERE sequence = 7",
        "UPDATE ledger_event SET sequence = 7 WHERE sequence = -3",
    )
    lines = told(ten)
    assert "event 3: its content is that of event 7: rows were moved" in lines
    assert "event 7: its content is that of event 3: rows were moved" in lines


def test_an_inserted_event_is_found(ten, place):
    spoil(
        place,
        "INSERT INTO ledger_event SELECT 11, time, kind, subject, body, previous, hash FROM ledger_event "
        "WHERE sequence = 10",
    )
    lines = told(ten)
    assert lines[0].startswith("event 11: it does not follow event 10")
    assert "the head counts 10 events, and there are 11: the head was changed" in lines


def test_an_event_hashed_anew_shows_at_the_next_one(ten, place):
    event = list(ten.events())[4]
    ten.close()
    forged = event.model_copy(update={"body": '{"number":500}'})
    spoil(place, f"UPDATE ledger_event SET body = '{forged.body}', hash = '{hash_of(forged)}' WHERE sequence = 5")
    assert told(ten) == ["event 6: it does not follow event 5: the hash it names as its predecessor's is another"]


def test_a_whole_chain_hashed_anew_or_put_back_shows_against_a_noted_head(ten, place):
    noted = ten.head()
    events = list(ten.events())
    ten.close()
    previous, statements = events[3].hash, []
    for event in events[4:]:
        forged = event.model_copy(update={"subject": "thing:forged", "previous": previous})
        previous = hash_of(forged)
        statements.append(
            f"UPDATE ledger_event SET subject = 'thing:forged', previous = '{forged.previous}', hash = '{previous}' "
            f"WHERE sequence = {event.sequence}"
        )
    spoil(place, *statements, f"UPDATE ledger_head SET hash = '{previous}'")
    assert ten.verify().sound, "without a key or a noted head, this is a chain like any other"
    assert told(ten, known=(noted,)) == ["event 10: another hash was noted for it elsewhere"]
    known = (Head(), Head(count=4, hash=events[3].hash))
    assert told(ten, known=known) == []
    with pytest.raises(LedgerError, match="event 10, which it held before, is gone or another"):
        list(ten.events(after=noted))
    spoil(
        place,
        "DELETE FROM ledger_event WHERE sequence > 4",
        f"UPDATE ledger_head SET count = 4, hash = '{events[3].hash}'",
    )
    assert told(ten, known=known) == []
    assert told(ten, known=(noted,)) == ["event 10: it was noted elsewhere and is missing"]
    with pytest.raises(LedgerError, match="event 10, which it held before, is gone or another"):
        list(ten.events(after=noted))


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        ("DELETE FROM ledger_head", "the head is missing"),
        ("UPDATE ledger_head SET count = 11", "the head counts 11 events: event 11 is missing at the end"),
        ("UPDATE ledger_head SET count = 9", "the head counts 9 events, and there are 10: the head was changed"),
        ("UPDATE ledger_head SET count = 0", "the head counts 0 events, and there are 10: the head was changed"),
        (
            f"UPDATE ledger_head SET hash = '{'0' * 64}'",
            "the head names another hash than event 10 has: one of them was changed",
        ),
    ],
)
def test_a_changed_or_missing_head_is_found(ten, place, statement, line):
    spoil(place, statement)
    assert told(ten) == [line]
    with pytest.raises(LedgerError, match="its head"):
        ten.append("noted", "next", {})
    with pytest.raises(LedgerError, match="its head"):
        ten.head()


def test_a_missing_guard_is_found(ten, place):
    on = " ON ledger_event" if "://" in place else ""
    run_sql(place, f"DROP TRIGGER ledger_event_stays{on}")
    assert told(ten) == ["the trigger ledger_event_stays is missing"]


def test_a_foreign_trigger_is_found(ten, place):
    if "://" in place:
        run_sql(
            place,
            "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            "CREATE TRIGGER quiet BEFORE INSERT ON ledger_event FOR EACH ROW EXECUTE FUNCTION skip()",
        )
    else:
        run_sql(place, "CREATE TRIGGER quiet BEFORE INSERT ON ledger_event BEGIN SELECT RAISE(IGNORE); END")
    assert told(ten) == ["the trigger quiet does not belong to a ledger"]


def test_a_changed_guard_is_found(ten, place):
    if "://" in place:
        run_sql(
            place,
            "ALTER TABLE ledger_head DISABLE TRIGGER ledger_head_steps",
            "CREATE OR REPLACE FUNCTION ledger_follow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        )
        assert told(ten) == [
            "the trigger ledger_head_steps is switched off or was changed",
            "the trigger ledger_event_follows calls a function that was changed",
        ]
    else:
        run_sql(
            place,
            "DROP TRIGGER ledger_head_steps",
            "CREATE TRIGGER ledger_head_steps BEFORE UPDATE ON ledger_head WHEN 0 BEGIN SELECT 1; END",
        )
        assert told(ten) == ["the trigger ledger_head_steps was changed"]


def test_an_old_ledger_is_brought_up_to_date_and_keeps_its_events(place):
    """A ledger of version 1 had no guards, and wrote its head itself."""
    with Ledger(place, migrations=MIGRATIONS[:1]) as old:
        assert old.head() == Head()
    event = next_event(Head(), "noted", "first", {"old": True})
    columns = ", ".join(f"'{value}'" for value in dict(event).values())
    run_sql(
        place,
        f"INSERT INTO ledger_event VALUES ({columns})",
        f"UPDATE ledger_head SET count = 1, hash = '{event.hash}'",
    )
    with Ledger(place) as ledger:
        assert ledger.verify().sound, "verification takes an old ledger as it is"
        assert list(ledger.events()) == [event]
        assert ledger.append("noted", "second", {}).previous == event.hash
        assert ledger.verify().sound
    with pytest.raises(Exception, match="never"):
        run_sql(place, "DELETE FROM ledger_event")


def test_a_newer_ledger_is_refused(ten, place):
    run_sql(place, "INSERT INTO ledger_schema VALUES (3, 'something of tomorrow')")
    for use in (lambda: list(ten.events()), lambda: ten.append("noted", "x", {}), ten.head):
        ten.close()
        with pytest.raises(InputError, match="has schema version 3") as raised:
            use()
        assert raised.value.needed.startswith("version 2 or older")
        assert "upgrade" in raised.value.fix
    assert told(ten) == ["its schema has version 3; this version of Graft knows 2: upgrade"]


def test_an_export_moves_between_databases(ten, new_place, tmp_path):
    head = export_events(ten, tmp_path / "ten.jsonl")
    assert head == ten.head()
    lines = (tmp_path / "ten.jsonl").read_text().splitlines()
    assert json.loads(lines[0]) == {"format": "graft-ledger-1", "count": 10, "hash": head.hash}
    assert [json.loads(line)["sequence"] for line in lines[1:]] == list(range(1, 11))
    for other in (tmp_path / "copy.sqlite", new_place()):
        with Ledger(other) as copy:
            assert import_events(copy, tmp_path / "ten.jsonl") == 10
            assert list(copy.events()) == list(ten.events())
            assert copy.verify(known=(head,)).sound
            assert import_events(copy, tmp_path / "ten.jsonl") == 0
            copy.append("noted", "eleven", {})
            assert import_events(copy, tmp_path / "ten.jsonl") == 0, "an older export of the same chain adds nothing"
            assert copy.head().count == 11


def test_an_import_continues_the_same_chain_only(ten, new_place, tmp_path):
    export_events(ten, tmp_path / "ten.jsonl")
    ten.append("noted", "eleven", {"a": 1})
    ten.append("noted", "twelve", {})
    head = export_events(ten, tmp_path / "twelve.jsonl")
    with Ledger(new_place()) as copy:
        assert import_events(copy, tmp_path / "ten.jsonl") == 10
        assert import_events(copy, tmp_path / "twelve.jsonl") == 2
        assert copy.head() == head
    with Ledger(new_place()) as branched:
        import_events(branched, tmp_path / "ten.jsonl")
        branched.append("noted", "eleven", {"a": 2})
        before = branched.head()
        with pytest.raises(LedgerError, match="two different chains: their event 11 differs"):
            import_events(branched, tmp_path / "twelve.jsonl")
        assert branched.head() == before
        for turn in range(3):
            branched.append("noted", "more", {"turn": turn})
        with pytest.raises(LedgerError, match="two different chains: their event 12 differs"):
            import_events(branched, tmp_path / "twelve.jsonl")
        assert branched.head().count == 14
    with Ledger(new_place()) as other:
        other.append("noted", "something else", {})
        with pytest.raises(LedgerError, match="two different chains: their event 1 differs"):
            import_events(other, tmp_path / "ten.jsonl")
        assert other.head().count == 1


def test_a_spoilt_export_is_named_by_line_and_nothing_is_written(ten, new_place, tmp_path):
    path = tmp_path / "ten.jsonl"
    export_events(ten, path)
    whole = path.read_text().splitlines(keepends=True)
    spoilt = {
        "line 1: ": whole[1:],
        "line 6: events? .*missing before it": whole[:5] + whole[6:],
        "line 5: .*missing|line 5: it does not": [*whole[:4], whole[5], whole[4], *whole[6:]],
        "line 10: it is the last one": whole[:-1],
        "line 4: its content does not match": [*whole[:3], whole[3].replace("thing:3", "thing:4"), *whole[4:]],
        "line 8: it is not a line": [*whole[:7], whole[7].replace(":", ": ", 1), *whole[8:]],
        "line 11: it is not a line": [*whole[:10], whole[10][:-1]],
        "line 12: it is not a line": [*whole, "\n"],
    }
    for said, lines in spoilt.items():
        path.write_text("".join(lines))
        with Ledger(new_place()) as copy:
            with pytest.raises(LedgerError, match=said):
                import_events(copy, path)
            assert copy.head() == Head()


def test_a_damaged_ledger_is_not_exported(ten, place, tmp_path):
    spoil(place, "UPDATE ledger_event SET body = '{}' WHERE sequence = 7")
    with pytest.raises(LedgerError, match="event 7"):
        export_events(ten, tmp_path / "out.jsonl")
    assert list(tmp_path.glob("*out.jsonl*")) == []


REGISTER = """
        with Registry(place) as registry:
            for asset in range(turns):
                registry.add_asset(Asset(kind="data", name=f"data-{asset}", digest=f"{asset:064d}"))
            registry.open_holdout("holdout", "study-shared")
            registry.open_holdout("holdout", f"study-{number}")
            registry.start_study("study-shared")
            registry.finish_study("study-shared", verdict="helps", bundle="ab")
"""


@pytest.mark.parametrize("number", [2, pytest.param(4, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_processes_that_say_the_same_say_it_once(place, number):
    assert processes(REGISTER, place, number=number, turns=10).communicate(timeout=100) == ("done\n", "")
    with Registry(place) as registry:
        assert len(registry.assets()) == 10
        assert set(registry.holdout("holdout").studies) == {"study-shared", *(f"study-{n}" for n in range(number))}
        assert registry.ledger.head().count == 10 + (number + 1) + 2
        assert registry.ledger.verify().sound


def test_a_registry_sees_what_others_write(place):
    with Registry(place) as one, Registry(place) as other:
        one.add_asset(Asset(kind="source", name="minilm", digest="53aa"))
        assert other.find("minilm") == one.find("minilm")
        other.add_asset(Asset(kind="source", name="minilm", digest="53aa", publisher="someone"))
        assert one.find("minilm").publisher == "someone"
        assert [event.kind for event in one.ledger.events()] == ["asset-added", "asset-updated"]
