from pathlib import Path

import pytest

from graft.core.errors import InputError
from graft.governance.ledger.place import ledger_url, shown


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    monkeypatch.delenv("GRAFT_LEDGER", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def test_the_default_is_a_file_of_this_user(nowhere, monkeypatch):
    assert shown(ledger_url()) == str(nowhere / "home/.local/share/graft/ledger.sqlite")
    monkeypatch.setenv("XDG_DATA_HOME", str(nowhere / "data"))
    assert shown(ledger_url()) == str(nowhere / "data/graft/ledger.sqlite")
    monkeypatch.setenv("GRAFT_LEDGER", "team.sqlite")
    assert shown(ledger_url()) == str(Path.cwd() / "team.sqlite")
    monkeypatch.setenv("GRAFT_LEDGER", "postgresql+psycopg://ann:secret@db:5433/graft")
    assert ledger_url().host == "db"
    assert shown(ledger_url("~/mine.sqlite")) == str(nowhere / "home/mine.sqlite")


@pytest.mark.parametrize("name", ["sqlite:////srv/team.sqlite", "sqlite+pysqlite:////srv/team.sqlite"])
def test_a_url_may_name_a_file(name):
    assert shown(ledger_url(name)) == "/srv/team.sqlite"


@pytest.mark.parametrize("name", ["postgresql://ann:secret@db/graft", "postgres://ann:secret@db/graft"])
def test_a_url_may_name_a_database_and_no_message_shows_its_password(name):
    url = ledger_url(name)
    assert url.drivername == "postgresql+psycopg"
    assert url.password == "secret"
    assert shown(url) == "postgresql+psycopg://ann:***@db/graft"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sqlite://", "memory keeps nothing"),
        ("sqlite:///:memory:", "memory keeps nothing"),
        ("mysql://ann:secret@db/graft", "'mysql' is not supported"),
        ("postgresql+psycopg2://ann:secret@db/graft", r"'postgresql\+psycopg2' is not supported"),
        ("postgresql://db:port/graft", "cannot be read"),
    ],
)
def test_other_places_are_refused(name, said):
    with pytest.raises(InputError, match=said) as raised:
        ledger_url(name)
    assert "secret" not in str(raised.value)
    assert "postgresql+psycopg://" in raised.value.needed
