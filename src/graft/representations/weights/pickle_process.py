"""Reading a pickle in a process of its own, and what came of it.

Decisions: the process starts alone and nearly without an environment, so it holds no secrets; it gets the open file,
never a name; it answers in a file of its folder, which is bounded and checked, because what it read was not ours. When
the time is up, or this process is interrupted, it is killed with everything it might have started.
"""

import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from graft.core.errors import SourceError
from graft.representations.weights import pickle_child
from graft.representations.weights.pickle_scan import refused
from graft.representations.weights.weight_files import shown

_REPORT_LIMIT = 64 << 20
_MORE = "if you trust its size, give it more memory or time; else ask for safetensors"
_FROM_ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class Report(BaseModel):
    """The answer of the process; see ``converting.Conversion`` for its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    refused: str = ""
    unwrapped: list[str] = []
    prefix: str = ""
    shared: list[str] = []
    left_out: list[str] = []
    tensors: int = 0
    numbers: int = 0


def read_apart(stream: io.BufferedReader, pickle: Path, place: Path, *, memory_limit: int, seconds: float) -> Report:
    """Let a process of its own read the open file ``stream`` and write the weights into the folder ``place``.

    pickle: the name of the file, for the message. memory_limit: bytes. seconds: until it is killed.
    Raises SourceError with what went wrong.
    """
    arguments = {
        "descriptor": stream.fileno(),
        "folder": str(place),
        "memory": memory_limit,
        "seconds": max(1, round(seconds)),
        "packages": _packages(),
    }
    kept = {name: os.environ[name] for name in _FROM_ENVIRONMENT if name in os.environ}
    with (place / "errors.txt").open("wb") as errors:
        child = subprocess.Popen(
            [sys.executable, "-I", "-B", pickle_child.__file__, json.dumps(arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={**kept, "OMP_NUM_THREADS": "1", "HOME": str(place), "TMPDIR": str(place)},
            cwd=place,
            pass_fds=(stream.fileno(),),
            start_new_session=True,
        )
        try:
            code = child.wait(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise refused(pickle, f"reading it took longer than {seconds:g} seconds", fix=_MORE) from error
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
    if code:
        raise _ended(code, pickle, place / "errors.txt")
    return _read_report(place / pickle_child.REPORT, pickle)


def _packages() -> list[str]:
    """Where this process finds torch and safetensors, for a child that does not look into the user's folders."""
    found = (importlib.util.find_spec(name) for name in ("torch", "safetensors"))
    return sorted({str(Path(spec.origin).parent.parent) for spec in found if spec is not None and spec.origin})


def _ended(code: int, pickle: Path, errors: Path) -> SourceError:
    """What the end of the process means."""
    if code == pickle_child.VIOLATION:
        return refused(pickle, "it tried to start something, to use the network or to write elsewhere, and was stopped")
    if code in (-signal.SIGKILL, -signal.SIGXCPU):
        return refused(pickle, "reading it used up the time or the memory it may use", fix=_MORE)
    last = (errors.read_text(encoding="utf-8", errors="replace").strip().splitlines() or [""])[-1]
    return refused(pickle, f"the process that read it broke (exit {code}; {shown(last)})", fix=_MORE)


def _read_report(path: Path, pickle: Path) -> Report:
    try:
        if path.stat().st_size > _REPORT_LIMIT:
            raise refused(pickle, "it holds more names than a model has")
        report = Report.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise refused(pickle, "the process that read it gave no answer") from error
    if report.refused:
        raise refused(pickle, "".join(mark if mark.isprintable() else "?" for mark in report.refused))
    return report
