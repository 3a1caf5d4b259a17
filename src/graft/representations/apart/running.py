"""Starting a job in a process of its own, and what came of it.

Decisions: the process starts alone and nearly without an environment, so it holds no secrets; it answers in a file of
its folder, which is bounded, because what it read was not ours. When the time is up, or this process is interrupted, it
is killed with everything it might have started.
"""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from graft.representations.apart import child

_REPORT_LIMIT = 64 << 20
_FROM_ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


@dataclass(frozen=True)
class Limits:
    """What a job may use. memory: bytes beside what its libraries take (enforced on Linux), and of one file. seconds:
    until it is killed. cpu: seconds of one processor."""

    memory: int
    seconds: float
    cpu: float


class Broken(Exception):
    """A job that gave no answer. more: whether more time or memory might have helped."""

    def __init__(self, why: str, *, more: bool) -> None:
        super().__init__(why)
        self.why, self.more = why, more


def run_apart(
    job: str,
    given: Mapping[str, object],
    place: Path,
    *,
    limits: Limits,
    packages: Sequence[str],
    descriptors: Sequence[int] = (),
) -> bytes:
    """Run a job in a process of its own; the JSON it answered.

    job: the file with its functions, see ``child``. given: what it is told. place: a folder of its own. packages: names
    of the modules it imports, which are found as this process finds them. descriptors: open files it may read.
    Raises Broken when there is no answer.
    """
    arguments = {
        "job": job,
        "given": given,
        "folder": str(place),
        "memory": limits.memory,
        "cpu": max(1, round(limits.cpu)),
        "packages": _folders_of(packages),
    }
    kept = {name: os.environ[name] for name in _FROM_ENVIRONMENT if name in os.environ}
    with (place / "errors.txt").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-I", "-B", child.__file__, json.dumps(arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={**kept, "OMP_NUM_THREADS": "1", "HOME": str(place), "TMPDIR": str(place)},
            cwd=place,
            pass_fds=tuple(descriptors),
            start_new_session=True,
        )
        try:
            code = process.wait(timeout=limits.seconds)
        except subprocess.TimeoutExpired as error:
            raise Broken(f"reading it took longer than {limits.seconds:g} seconds", more=True) from error
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if code:
        raise _ended(code, place / "errors.txt")
    return _report(place / child.REPORT)


def _folders_of(packages: Sequence[str]) -> list[str]:
    """Where this process finds packages, for a child that does not look into the user's folders."""
    found = (importlib.util.find_spec(name) for name in packages)
    return sorted({str(Path(spec.origin).parent.parent) for spec in found if spec is not None and spec.origin})


def _ended(code: int, errors: Path) -> Broken:
    """What the end of the process means."""
    if code == child.VIOLATION:
        return Broken(
            "it tried to start something, to use the network or to write elsewhere, and was stopped", more=False
        )
    if code in (-signal.SIGKILL, -signal.SIGXCPU):
        return Broken("reading it used up the time or the memory it may use", more=True)
    with errors.open("rb") as stream:
        stream.seek(max(0, errors.stat().st_size - 4096))
        last = (stream.read().decode("utf-8", "replace").strip().splitlines() or [""])[-1]
    shown = last[:100] if last.isascii() and last.isprintable() else ascii(last[:100])
    return Broken(f"the process that read it broke (exit {code}; {shown})", more=True)


def _report(path: Path) -> bytes:
    try:
        if path.stat().st_size > _REPORT_LIMIT:
            raise Broken("it holds more names than a model has", more=False)
        return path.read_bytes()
    except OSError as error:
        raise Broken("the process that read it gave no answer", more=False) from error
