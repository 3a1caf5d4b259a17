"""The process in which a file that nobody vouches for is opened: started by ``running``, with nothing to lose.

Decisions: it runs alone (``python -I``), imports nothing of Graft, limits itself before it touches the file, and ends
at once when anything tries to start a process, to reach the network or to write outside its folder. What is done there
is a file by itself, the job, with three functions: ``prepare`` loads the libraries, before memory is limited; ``work``
does it and returns a small table, never objects; ``reason`` says in words why it failed.
"""

import importlib.util
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

REPORT = "report.json"
VIOLATION = 86
_FORBIDDEN = (
    "subprocess.",
    "socket.",
    "pty.",
    "ctypes.",
    "shutil.",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
)
_ACTIONS = "system remove rename rmdir mkdir link symlink chmod chown truncate kill putenv"
_FORBIDDEN_NAMES = frozenset(f"os.{action}" for action in _ACTIONS.split())


def main(arguments: dict[str, Any]) -> None:
    """Do the job with its arguments in a folder, and write the report there."""
    folder = Path(arguments["folder"])
    _die_with_parent()
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, arguments["cpu"])
    _limit(resource.RLIMIT_FSIZE, arguments["memory"])
    _limit(resource.RLIMIT_NOFILE, 256)
    sys.path.extend(path for path in arguments["packages"] if path not in sys.path)
    job = _job(arguments["job"])
    job.prepare(arguments["given"])
    size = _address_space()
    if size:
        _limit(resource.RLIMIT_AS, size + arguments["memory"])
    guard(folder)
    try:
        report = job.work(arguments["given"], folder)
    except BaseException as error:  # a panic of a library in Rust is no Exception
        report = {"refused": job.reason(error)}
    (folder / REPORT).write_text(json.dumps(report), encoding="utf-8")


def _job(file: str) -> Any:
    spec = importlib.util.spec_from_file_location("job", file)
    assert spec is not None
    assert spec.loader is not None
    job = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(job)
    return job


def guard(folder: Path) -> None:
    """From here on: no processes, no network, no writing outside ``folder``; whoever tries ends the process."""
    inside, changing = str(folder.resolve()) + os.sep, os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            writing = (isinstance(mode, str) and set(mode) & set("wax+")) or flags & changing
            allowed = not writing or isinstance(path, int) or str(Path(os.fsdecode(path)).resolve()).startswith(inside)
        else:
            allowed = not event.startswith(_FORBIDDEN) and event not in _FORBIDDEN_NAMES
        if not allowed:
            os.write(2, f"forbidden: {event}\n".encode())
            os._exit(VIOLATION)

    sys.addaudithook(watch)


def _die_with_parent() -> None:
    """Linux: end when the process that started this one ends."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, 9)


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def _address_space() -> int:
    """Bytes of address space in use, or 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    except OSError:
        return 0


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
