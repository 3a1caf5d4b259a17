"""Where the ledger is: an SQLite file of this user, unless another place was named."""

import os
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from graft.core.errors import InputError

_NEEDED = "a path, sqlite:///PATH, or postgresql+psycopg://USER@HOST/DATABASE"


def data_directory() -> Path:
    """The folder of what Graft must not lose: ``$XDG_DATA_HOME/graft``, else ``~/.local/share/graft``."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "graft"


def ledger_url(place: str | Path | None = None) -> URL:
    """The URL of a ledger.

    place: a path or a database URL; None: ``$GRAFT_LEDGER``, else ``ledger.sqlite`` in the user's data directory.
    Raises InputError for a URL of another kind.

    >>> ledger_url("/tmp/team.sqlite").render_as_string()
    'sqlite:////tmp/team.sqlite'
    >>> ledger_url("postgresql://ann:secret@db/graft").render_as_string()
    'postgresql+psycopg://ann:***@db/graft'
    """
    named = place or os.environ.get("GRAFT_LEDGER") or data_directory() / "ledger.sqlite"
    if isinstance(named, Path) or "://" not in named:
        return _file(Path(named))
    try:
        url = make_url(named)
    except (ArgumentError, ValueError) as error:
        raise InputError("the URL of the ledger cannot be read", needed=_NEEDED, fix="check GRAFT_LEDGER") from error
    if url.drivername in ("sqlite", "sqlite+pysqlite") and url.database and url.database != ":memory:":
        return _file(Path(url.database))
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    kept = "memory keeps nothing" if url.drivername.startswith("sqlite") else f"{url.drivername!r} is not supported"
    raise InputError(f"a ledger cannot be kept there: {kept}", needed=_NEEDED, fix="check GRAFT_LEDGER")


def _file(path: Path) -> URL:
    return URL.create("sqlite", database=str(path.expanduser().absolute()))


def shown(url: URL) -> str:
    """How messages call the ledger: its path, or its URL without the password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.render_as_string(hide_password=True)
