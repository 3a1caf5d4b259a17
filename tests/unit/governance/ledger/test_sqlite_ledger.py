"""What only a ledger in a file can suffer."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys

import pytest

from graft.core.errors import InputError, MissingExtra, OutputError
from graft.governance.ledger import Head, Ledger, LedgerError

BODY = {"text": "x" * 50}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def written(path):
    """The path of a closed ledger of twenty events."""
    with Ledger(path) as ledger:
        for number in range(20):
            ledger.append("noted", f"thing:{number}", BODY)
    assert list(path.parent.iterdir()) == [path]
    return path


def told(path):
    return [str(problem) for problem in Ledger(path).verify().problems]


def raised_by_use(path):
    with Ledger(path) as ledger, pytest.raises(InputError) as raised:
        ledger.append("noted", "more", BODY)
    return raised.value


def test_nothing_is_made_before_it_is_needed_and_folders_are_made_then(tmp_path):
    ledger = Ledger(tmp_path / "a" / "b" / "ledger.sqlite")
    assert list(tmp_path.iterdir()) == []
    assert ledger.head() == Head()
    ledger.close()
    assert (tmp_path / "a/b/ledger.sqlite").is_file()
    assert list(ledger.events()) == [], "a closed ledger opens again when it is used"
    ledger.close()


def test_verifying_makes_and_changes_nothing(written, tmp_path):
    with pytest.raises(InputError, match=f"there is no ledger at {tmp_path}/none.sqlite"):
        Ledger(tmp_path / "none.sqlite").verify()
    before = written.read_bytes()
    assert told(written) == []
    assert written.read_bytes() == before
    assert list(tmp_path.iterdir()) == [written]


def test_the_write_ahead_log_is_on_and_syncs_as_said(written):
    with Ledger(written) as ledger, ledger.writing() as connection:
        pragmas = ("journal_mode", "synchronous", "secure_delete", "application_id", "auto_vacuum")
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
    assert found == ["wal", 1, 1, int.from_bytes(b"GRFT", "big"), 0]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda whole: b"not a database at all" * 100, "is not a ledger"),
        (lambda whole: b"\0" + whole[1:], "is not a ledger"),
        (lambda whole: whole[: len(whole) // 2], "malformed"),
        (lambda whole: whole[:4096], "malformed"),
        (lambda whole: whole[:-1], "event 17: its content does not match"),
        (lambda whole: whole[:4096] + b"\xff" * (len(whole) - 4096), "malformed"),
        (lambda whole: whole[:4096] + bytes(len(whole) - 4096), "malformed"),
        (lambda whole: b"", "missing"),
    ],
    ids=["noise", "first byte", "half", "one page", "a byte short", "ones", "zeros", "empty"],
)
def test_a_malformed_file_is_named_in_words(written, damage, said):
    written.write_bytes(damage(written.read_bytes()))
    problems = told(written)
    assert problems, "verification found nothing"
    assert said in " ".join(problems)


@pytest.mark.parametrize("damage", [lambda whole: b"text " * 900, lambda whole: whole[:4096]], ids=["noise", "cut"])
def test_a_malformed_file_is_no_traceback_for_whoever_uses_it(written, damage):
    written.write_bytes(damage(written.read_bytes()))
    error = raised_by_use(written)
    assert isinstance(error, LedgerError)
    assert str(written) in error.given
    assert "backup" in error.fix


def test_a_file_of_something_else_is_refused_and_left_alone(path):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE photos (name TEXT)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    assert "is an SQLite file of something else" in raised_by_use(path).given
    assert path.read_bytes() == before
    assert "the table ledger_event is missing" in told(path)


def test_long_ledgers_are_read_in_parts(written, monkeypatch):
    with Ledger(written) as ledger:
        whole = list(ledger.events())
        monkeypatch.setattr("graft.governance.ledger.store._BATCH", 7)
        assert list(ledger.events()) == whole
        reading = ledger.events(after=whole[4].head)
        assert next(reading) == whole[5]
        written_meanwhile = ledger.append("noted", "meanwhile", {})
        assert list(reading) == [*whole[6:], written_meanwhile]
    with sqlite3.connect(written) as connection:
        connection.execute("DROP TRIGGER ledger_event_remains")
        connection.execute("DELETE FROM ledger_event WHERE sequence IN (8, 9)")
    connection.close()
    with Ledger(written) as ledger, pytest.raises(LedgerError, match="event 10: events 8 to 9 are missing before it"):
        list(ledger.events())


def test_a_directory_is_no_ledger(tmp_path):
    assert "cannot be opened" in raised_by_use(tmp_path).given
    with pytest.raises(InputError, match="there is no ledger"):
        Ledger(tmp_path).verify()


def test_a_file_in_the_way_of_the_folder_is_told(tmp_path):
    (tmp_path / "file").write_text("x")
    error = raised_by_use(tmp_path / "file" / "ledger.sqlite")
    assert isinstance(error, OutputError)
    assert "GRAFT_LEDGER" in error.fix


def test_bytes_that_are_no_text_are_found_not_raised(written):
    with sqlite3.connect(written) as connection:
        for name in ("ledger_event_stays", "ledger_head_steps"):
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE ledger_event SET subject = CAST(x'ff00fe' AS TEXT) WHERE sequence = 4")
        connection.execute("UPDATE ledger_event SET body = CAST(body AS BLOB) WHERE sequence = 6")
        connection.execute("UPDATE ledger_head SET hash = CAST(hash AS BLOB)")
    connection.close()
    found = told(written)
    assert "event 4: its content does not match its hash: it was edited or moved" in found
    assert "event 6: a field is of another type than it was written with" in found
    assert "the head is of another type than it was written with" in found
    with Ledger(written) as ledger, pytest.raises(LedgerError, match="event 4"):
        list(ledger.events())


KILLED = """
import os, signal, sys
from graft.governance.ledger import Ledger
ledger = Ledger(sys.argv[1])
for number in range(500):
    ledger.append("noted", f"thing:{number}", {"text": "x" * 100})
print(ledger.head().hash, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_loses_nothing_that_was_appended(path):
    done = subprocess.run([sys.executable, "-c", KILLED, path], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert path.with_name(path.name + "-wal").stat().st_size > 0
    verified = Ledger(path).verify()
    assert verified.sound, verified
    assert verified.head == Head(count=500, hash=done.stdout.strip())
    with Ledger(path) as ledger:
        assert ledger.append("noted", "after", {}).sequence == 501


def test_a_fork_opens_connections_of_its_own(path):
    code = """
import os, sys
from graft.governance.ledger import Ledger
ledger = Ledger(sys.argv[1])
ledger.append("noted", "parent", {})
child = os.fork()
for number in range(50):
    ledger.append("noted", "child" if not child else "parent", {})
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert ledger.verify().sound
print(ledger.head().count)
"""
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert done.stdout == "101\n", done.stderr


def test_a_lock_held_too_long_is_told(written, monkeypatch):
    monkeypatch.setattr("graft.governance.ledger.backend.BUSY_SECONDS", 0.1)
    other = sqlite3.connect(written, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        assert "has been locked by another process" in raised_by_use(written).given
        with Ledger(written) as ledger:
            assert ledger.head().count == 20, "readers wait for nobody"
    finally:
        other.close()


@pytest.mark.skipif(os.getuid() == 0 and shutil.which("setpriv") is None, reason="root may write everywhere")
def test_a_ledger_one_may_only_read_can_be_read_and_verified(written):
    code = """
import sys
from graft.core.errors import OutputError
from graft.governance.ledger import Ledger
with Ledger(sys.argv[1]) as ledger:
    assert len(list(ledger.events())) == 20
    assert ledger.verify().sound
    try:
        ledger.append("noted", "more", {})
    except OutputError as error:
        print(error.given)
"""
    written.chmod(0o444)
    # Without the capabilities that let root write everywhere.
    bare = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"] if os.getuid() == 0 else []
    done = subprocess.run([*bare, sys.executable, "-c", code, written], capture_output=True, text=True, check=False)
    assert done.stdout == f"the ledger {written} cannot be written: it is read-only\n", done.stderr


def test_postgresql_without_its_driver_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"graft-ml\[postgres\]"):
        Ledger("postgresql://nobody@localhost/none").head()


def test_a_server_that_is_not_there_is_told_without_the_password():
    with pytest.raises(InputError, match=r"nobody:\*\*\*@127.0.0.1:1/none cannot be reached") as raised:
        Ledger("postgresql://nobody:secret@127.0.0.1:1/none").head()
    assert "secret" not in str(raised.value)
