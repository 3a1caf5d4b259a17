"""What somebody who may write the ledger's file can do, and what shows it: heads that were noted elsewhere."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from graft.cli.app import app
from graft.core.errors import InputError, LedgerError, OutputError
from graft.governance.descent_file import Descent
from graft.governance.heads import note_head, read_heads
from graft.governance.ledger import Head, Ledger, guards
from graft.governance.ledger.events import digest
from graft.governance.registry import Registry

BARE = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"] if os.getuid() == 0 else []
"""Before a command: without the capabilities that let root write everywhere."""

cannot_be_bare = pytest.mark.skipif(bool(BARE) and shutil.which("setpriv") is None, reason="root may write everywhere")


@pytest.fixture
def path(tmp_path, monkeypatch):
    found = tmp_path / "place" / "ledger.sqlite"
    monkeypatch.setenv("GRAFT_LEDGER", str(found))
    return found


@pytest.fixture
def ten(path):
    """The head of a closed ledger of ten events."""
    with Ledger(path) as ledger:
        return [ledger.append("noted", f"thing:{number}", {"number": number}) for number in range(10)][-1].head


def says(*words):
    done = CliRunner().invoke(app, words)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def rewritten(path, *, start, change):
    """Events from ``start`` on with other subjects and a sound chain, as the owner of a file can write them."""
    with Ledger(path) as ledger:
        events = list(ledger.events())
    previous = events[start - 2].hash if start > 1 else "0" * 64
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in guards.SQLITE:
        connection.execute(f"DROP TRIGGER {statement.split()[2]}")
    for event in events[start - 1 :]:
        subject = change(event.subject)
        own = digest(event.sequence, event.time, event.kind, subject, event.body, previous)
        connection.execute(
            "UPDATE ledger_event SET subject = ?, previous = ?, hash = ? WHERE sequence = ?",
            (subject, previous, own, event.sequence),
        )
        previous = own
    connection.execute("UPDATE ledger_head SET hash = ?", (previous,))
    for statement in guards.SQLITE:
        connection.execute(statement)
    connection.close()


def cut(path, *, to):
    """The first events alone, with a head that fits."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in guards.SQLITE:
        connection.execute(f"DROP TRIGGER {statement.split()[2]}")
    connection.execute("DELETE FROM ledger_event WHERE sequence > ?", (to,))
    connection.execute(
        "UPDATE ledger_head SET count = ?, hash = (SELECT hash FROM ledger_event WHERE sequence = ?)", (to, to)
    )
    for statement in guards.SQLITE:
        connection.execute(statement)
    connection.close()


def put_back(path):
    """An older copy of the file."""
    older = path.with_name("older.sqlite")
    shutil.copyfile(path, older)
    with Ledger(path) as ledger:
        ledger.append("noted", "thing:11", {})
        head = ledger.head()
    shutil.move(older, path)
    return head


def swapped(path):
    path.unlink()
    with Ledger(path) as other:
        for number in range(10):
            other.append("noted", f"thing:{number}", {"number": number})


ATTACKS = {
    "written anew from the beginning": lambda path: rewritten(path, start=1, change=lambda subject: f"{subject}-x"),
    "written anew from the middle": lambda path: rewritten(path, start=5, change=lambda subject: f"{subject}-x"),
    "only the last event written anew": lambda path: rewritten(path, start=10, change=lambda subject: f"{subject}-x"),
    "cut by one event": lambda path: cut(path, to=9),
    "cut to its first event": lambda path: cut(path, to=1),
    "an older copy": put_back,
    "the ledger of somebody else": swapped,
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_a_sound_chain_that_is_not_the_one_that_was_is_seen_by_every_kind_of_anchor(path, ten, tmp_path, attack):
    heads = tmp_path / "heads.txt"
    note_head(ten, heads)
    head = attack(path) or ten
    if head != ten:
        note_head(head, heads)
    assert Ledger(path).verify().sound, "by itself, this is a chain like any other"
    code, told = says("assets", "ledger", "verify")
    assert (code, "sound by itself" in told) == (0, True)
    for command in (("assets", "ledger", "verify"), ("assets", "verify")):
        for options in (("--expect", str(head)), ("--heads", str(heads))):
            code, told = says(*command, *options)
            assert code == 3, (command, options)
            assert re.search(r"event 1[01]: (it was noted elsewhere and is missing|another hash was noted)", told)


def test_what_was_noted_still_holds_when_the_ledger_has_grown(path, ten, tmp_path, monkeypatch):
    heads = tmp_path / "heads.txt"
    assert says("assets", "ledger", "head", "--note", str(heads)) == (0, f"{ten}\n")
    with Ledger(path) as ledger:
        ledger.append("noted", "more", {})
    assert says("assets", "ledger", "verify", "--expect", str(ten)) == (
        0,
        "ledger: sound, and it holds what was noted elsewhere: 1 head\n",
    )
    says("assets", "ledger", "head", "--note", str(heads))
    monkeypatch.setenv("GRAFT_LEDGER_HEADS", str(heads))
    assert "2 heads" in says("assets", "verify")[1]
    assert [one.head.count for one in read_heads(heads)] == [10, 11]


def test_a_head_noted_after_a_rewrite_does_not_hide_the_one_before(path, ten, tmp_path):
    heads = tmp_path / "heads.txt"
    note_head(ten, heads)
    rewritten(path, start=3, change=lambda subject: f"{subject}-x")
    says("assets", "ledger", "head", "--note", str(heads))
    assert says("assets", "ledger", "verify", "--heads", str(heads))[0] == 3


def test_an_edited_row_is_listed_by_both_commands(path, ten):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DROP TRIGGER ledger_event_stays")
    connection.execute("UPDATE ledger_event SET body = '{}' WHERE sequence IN (2, 7)")
    connection.close()
    for command in (("assets", "verify"), ("assets", "ledger", "verify")):
        code, told = says(*command)
        assert code == 3
        assert [line.split(":")[1] for line in told.splitlines() if "was edited" in line] == [" event 2", " event 7"]


@pytest.mark.parametrize(
    "text", ["", "10", "10:ab", "x:" + "a" * 64, "10:" + "A" * 64, "-1:" + "a" * 64, "1e3:" + "a" * 64, "a" * 64]
)
def test_what_is_no_head_is_refused_before_anything_is_compared(path, ten, text):
    with pytest.raises(InputError, match="is not the head of a ledger"):
        says("assets", "ledger", "verify", "--expect", text)


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"", InputError, "holds no heads"),
        (b"\n\n", InputError, "holds no heads"),
        (b"\xff\xfe", InputError, "is no file of heads: .* is not UTF-8"),
        (b"2026-01-01T00:00:00Z 3:abc\n", LedgerError, "line 1: .* is not a noted head"),
        (b"hello\n", LedgerError, "line 1: 'hello' is not a noted head"),
    ],
)
def test_a_file_of_heads_that_holds_none_is_no_proof(tmp_path, path, ten, content, kind, said):
    (tmp_path / "heads.txt").write_bytes(content)
    with pytest.raises(kind, match=said):
        says("assets", "ledger", "verify", "--heads", str(tmp_path / "heads.txt"))


def test_heads_that_cannot_be_noted_are_told(tmp_path, path, ten):
    with pytest.raises(OutputError, match="the head cannot be noted"):
        says("assets", "ledger", "head", "--note", str(tmp_path / "none" / "heads.txt"))
    with pytest.raises(InputError, match="is no file of heads"):
        says("assets", "ledger", "verify", "--heads", str(tmp_path))


@pytest.fixture
def keys(tmp_path):
    """The private and the public key of two people."""
    curves = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec")
    from cryptography.hazmat.primitives import serialization

    for name in ("ann", "bob"):
        key = curves.generate_private_key(curves.SECP256R1())
        (tmp_path / f"{name}.pem").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        (tmp_path / f"{name}.pub").write_bytes(
            key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
    return lambda name: tmp_path / name


def test_a_line_counts_only_when_the_owner_of_the_key_wrote_it(path, ten, tmp_path, keys):
    heads = tmp_path / "heads.txt"
    says("assets", "ledger", "head", "--note", str(heads), "--key", str(keys("ann.pem")))
    verify = ("assets", "ledger", "verify", "--heads", str(heads), "--key")
    assert says(*verify, str(keys("ann.pub")))[0] == 0
    with pytest.raises(LedgerError, match="not signed with the key"):
        says(*verify, str(keys("bob.pub")))
    signed = heads.read_text()
    for forged in (signed.replace(" 10:", " 9:"), "2020" + signed[4:], signed.rpartition(" ")[0] + " AAAA\n"):
        heads.write_text(forged)
        with pytest.raises(LedgerError, match="not signed with the key"):
            says(*verify, str(keys("ann.pub")))
    heads.write_text(signed)
    note_head(ten, heads)
    with pytest.raises(LedgerError, match=r"is not signed\n"):
        says(*verify, str(keys("ann.pub")))
    with pytest.raises(InputError, match="is no key that can be used"):
        says(*verify, str(heads))


def bundle(folder, *, head, first, study="s1"):
    """A folder that says what it was made from, as a bundle does."""
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    descent = Descent(name="tickets", study=study, ledger=head, ledger_first=first)
    (folder / "assets.json").write_text(descent.model_dump_json())
    return folder


def test_another_ledger_does_not_know_a_bundle_and_raises_no_alarm(path, ten, tmp_path):
    """It may hold the same study by the same key, and more or fewer events: that says nothing about the bundle."""
    made = bundle(tmp_path / "bundle", head=Head(count=4, hash="ab" * 32), first="cd" * 32)
    with Registry(path) as registry:
        registry.start_study("s1")
        registry.finish_study("s1", verdict="helps", bundle="another")
    code, told = says("assets", "verify", str(made))
    assert code == 0
    assert "this ledger does not know it: another ledger wrote it, in which event 4 has the hash abababababab" in told
    assert "another hash" not in told
    assert "files are as they were recorded" in told
    path.unlink()
    with Ledger(path) as empty:
        empty.head()
    code, told = says("assets", "verify", str(made))
    assert (code, "does not know it" in told) == (0, True)
    path.unlink()
    code, told = says("assets", "verify", str(made))
    assert (code, f"there is none at {path}; only the files" in told, path.exists()) == (0, True, False)


def test_the_ledger_that_wrote_a_bundle_and_no_longer_holds_its_event_is_an_alarm(path, ten, tmp_path):
    with Ledger(path) as ledger:
        first = ledger.first()
    made = bundle(tmp_path / "bundle", head=ten, first=first)
    code, told = says("assets", "verify", str(made))
    assert (code, "ledger: sound, and it holds what was noted elsewhere: 1 bundle" in told) == (0, True)
    cut(path, to=9)
    code, told = says("assets", "verify", str(made))
    assert code == 3
    assert "notes event 10" in told
    assert "put back to an older copy, cut or written anew" in told


def test_a_ledger_written_anew_from_its_first_event_shows_against_the_bundles_it_says_it_wrote(path, ten, tmp_path):
    from graft.governance.descent_file import read_bundle

    with Registry(path) as registry:
        registry.start_study("s1")
        made = bundle(tmp_path / "bundle", head=registry.ledger.head(), first=registry.ledger.first())
        asset = registry.add_asset(read_bundle(made)[0])
        registry.finish_study("s1", verdict="helps", bundle=asset.digest)
    assert "1 bundle" in says("assets", "verify")[1]
    rewritten(path, start=1, change=lambda subject: subject.replace("thing", "other"))
    for words in (("assets", "verify"), ("assets", "verify", str(made))):
        code, told = says(*words)
        assert code == 3
        assert "notes event 11" in told


READ = """
import sys
from graft.core.errors import OutputError
from graft.governance.ledger import Ledger
with Ledger(sys.argv[1]) as ledger:
    print(len(list(ledger.events())), ledger.head().count, ledger.verify().sound)
    try:
        ledger.append("noted", "more", {})
    except OutputError as error:
        print(error.given.removeprefix(f"the ledger {ledger.place} "))
"""


@cannot_be_bare
@pytest.mark.parametrize("left", ["nothing", "log", "log and its index"])
def test_a_ledger_in_a_place_one_may_only_read_is_read_with_all_its_events(path, ten, left):
    """A process that was killed leaves a write-ahead log: events in it count, though it cannot be merged there."""
    if left != "nothing":
        keep = Ledger(path)
        keep.append("noted", "more", {})
        for end in ("", "-wal", "-shm") if left != "log" else ("", "-wal"):
            shutil.copyfile(f"{path}{end}", path.parent.parent / f"kept{end}")
        keep.close()
        path.unlink()
        for end in ("", "-wal", "-shm") if left != "log" else ("", "-wal"):
            shutil.move(path.parent.parent / f"kept{end}", f"{path}{end}")
    before = sorted(path.parent.iterdir())
    for file in before:
        file.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        done = subprocess.run(
            [*BARE, sys.executable, "-c", READ, path], capture_output=True, text=True, check=False, cwd="/"
        )
    finally:
        path.parent.chmod(0o755)
    number = 10 if left == "nothing" else 11
    assert done.stdout == f"{number} {number} True\ncannot be written: it is read-only\n", done.stderr
    assert sorted(path.parent.iterdir()) == before


KILLED = """
import sys
from graft.governance.ledger import Ledger
ledger = Ledger(sys.argv[1])
while True:
    print(ledger.append("noted", "thing", {"text": "x" * 300}).head, flush=True)
"""


@pytest.mark.slow
def test_a_hundred_kills_leave_a_sound_ledger_that_holds_all_it_confirmed(path):
    """Killed at any moment, the first opening and its migrations too."""
    confirmed = []
    for turn in range(100):
        with subprocess.Popen([sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE, text=True) as writer:
            lines = [writer.stdout.readline() for _ in range(turn % 7)]
            writer.kill()
            lines += writer.stdout.read().splitlines()
        confirmed += [Head.parse(line) for line in lines if re.fullmatch(r"\d+:[0-9a-f]{64}", line.strip())]
        if path.exists() and turn % 5 == 4:
            assert Ledger(path).verify(known=tuple(confirmed)).sound
    verified = Ledger(path).verify(known=tuple(confirmed))
    assert verified.sound, verified
    assert verified.events >= len(confirmed) > 100
