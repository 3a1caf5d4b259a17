"""Whatever a name, a label or a file says, a command prints it as text: nothing of it acts on the terminal."""

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from graft.cli import main
from graft.cli.output import visible_output
from graft.core.display import Bars, Terminal
from graft.core.errors import InputError

HOSTILE = "a\x1b[2J\x9b31m\u202eb\x07\r"
ACTING = {"\x1b", "\x9b", "\u202e", "\x07", "\r", "\x08"}


def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[str, object]:
    monkeypatch.setattr(sys, "argv", ["graft", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    captured = capsys.readouterr()
    return captured.out + captured.err, ended.value.code


def test_names_in_messages_are_spelt_out(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "x\x1b[31m\u202e.csv"
    Path(name).write_text("a\x9bb,c\n1,2\n")
    for arguments in (
        ("predict", HOSTILE, name),
        ("embed", name, "--text", HOSTILE, "--out", "v.npy"),
        ("report", HOSTILE),
        ("tables", "show", HOSTILE),
        ("study", name, "--text", "no", "--label", HOSTILE),
    ):
        text, code = said(capsys, monkeypatch, *arguments)
        assert code == 2
        assert not ACTING & set(text)
        assert "\\x1b[" in text


def test_a_name_writes_no_line_of_its_own(capsys, monkeypatch):
    text, code = said(capsys, monkeypatch, "predict", "x\n  fix:    rm -rf", "y.csv")
    assert code == 2
    assert text.startswith("graft: there is no folder x\\n  fix:    rm -rf\n  needed: ")


def test_what_is_not_text_in_this_encoding_is_spelt_out(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    with visible_output():
        print("caf\xe9 \udcff")
    stream.flush()
    assert stream.buffer.getvalue() == b"caf\\xe9 \\udcff\n"
    assert sys.stdout is stream


def test_json_stays_the_json_it_was(capsys):
    with visible_output():
        print('{"text": "\u202e\x9b"}')
    assert capsys.readouterr().out == '{"text": "\\u202e\\u009b"}\n'


def shown(*things: object) -> str:
    stream = io.StringIO()
    console = Terminal()
    console._file = stream
    for thing in things:
        console.print(thing)
    return stream.getvalue()


def test_what_rich_lays_out_is_spelt_out_and_brackets_are_brackets():
    table = Table()
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)
    text = shown(HOSTILE, Text(HOSTILE, "bold"), table, Panel(Text(HOSTILE)), "[red]x[/] [/nothing] :smile:")
    assert not ACTING & set(text)
    assert text.count("\\x1b[2J") == 5
    assert "[red]x[/] [/nothing] :smile:" in text


def in_a_terminal(code: str) -> str:
    """What a person would be sent."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200"}
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=follower, stdout=follower, stderr=follower, env=environment
    )
    os.close(follower)
    pieces = []
    try:
        while piece := os.read(leader, 1 << 16):
            pieces.append(piece)
    except OSError:
        pass  # the other side is closed
    child.wait()
    os.close(leader)
    return b"".join(pieces).decode()


BARS = f"""
from graft.cli.output import visible_output
from graft.core.display import Terminal
from graft.core.display import Bars
with visible_output():
    bars = Bars(Terminal())
    with bars.stage({HOSTILE!r}, 2, "rows") as stage:
        stage.advance(note={HOSTILE!r} + "[/x]")
    bars.say({HOSTILE!r})
    print({HOSTILE!r})
"""


def test_bars_move_and_what_they_name_does_not():
    text = in_a_terminal(BARS)
    assert "\x1b[2J" not in text
    assert not {"\x9b", "\u202e", "\x07"} & set(text)
    assert "✓" in text
    assert "\x1b[" in text
    assert "\\x1b[2J" in text


def test_a_message_has_a_line_for_each_part():
    error = InputError("a\nb", needed="c\r\nd", fix="e")
    assert str(error) == "a\\nb\n  needed: c\\r\\nd\n  fix:    e"
    assert error.given == "a\nb"
    Bars(Terminal()).say("")
