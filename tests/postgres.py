"""A private PostgreSQL server for tests: started in a temporary directory, reached by a socket, gone afterwards."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))


def why_not() -> str:
    """Why no server can be started here; empty when one can."""
    if not BINARIES or not (BINARIES[-1] / "initdb").is_file():
        return "PostgreSQL's server is not installed (Debian: postgresql-15)"
    if os.getuid() == 0 and _owner() is None:
        return "PostgreSQL refuses to run as root, and there is no user 'postgres' to run it"
    return ""


def _owner() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return None


@contextmanager
def server() -> Iterator[str]:
    """The directory of the socket of a running server, whose superuser is ``postgres`` and asks for no password."""
    folder = Path(tempfile.mkdtemp(prefix="graft-postgres-"))
    data = folder / "data"
    prefix: list[str] = []
    owner = _owner()
    if os.getuid() == 0 and owner is not None:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        prefix = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]

    def run(name: str, *arguments: str) -> None:
        command = [*prefix, str(BINARIES[-1] / name), *arguments]
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"

    try:
        run("initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        # No TCP at all: the socket's name holds a port number, so any will do.
        options = f"-k {folder} -c listen_addresses='' -c fsync=off"
        run("pg_ctl", "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "-t", "60", "start")
        try:
            yield str(folder)
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def url(folder: str, *, schema: str = "public") -> str:
    """The URL of the server's database, with a schema in which tables are made and looked for."""
    return f"postgresql+psycopg://postgres@/postgres?host={folder}&options=-csearch_path%3D{schema}"
