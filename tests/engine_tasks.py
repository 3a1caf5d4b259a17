"""Functions that engines run in tests. Workers import them, so they must not live in a test module."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from graft.core.errors import InputError


@dataclass(frozen=True)
class Asked:
    """A spec: a number, and where something may be written down."""

    number: int
    folder: Path | None = None

    def __str__(self) -> str:
        return f"number {self.number}"


class Counting:
    """A function that builds something once a process, as a workbench is."""

    def __init__(self) -> None:
        self.built = 0
        self.calls = 0

    def __reduce__(self):
        return Counting, ()

    def __call__(self, spec: Asked) -> tuple[int, int, int]:
        self.built = self.built or os.getpid()
        self.calls += 1
        return spec.number, self.built, self.calls


def square(spec: Asked) -> int:
    # The first ones take longest, so that they are not the first to be done.
    time.sleep(0.02 * max(0, 4 - spec.number))
    return spec.number**2


def threads(spec: Asked) -> tuple[str | None, str | None]:
    return os.environ.get("OMP_NUM_THREADS"), os.environ.get("MKL_NUM_THREADS")


def refused(spec: Asked) -> int:
    if spec.number in (2, 3):
        raise InputError(f"{spec.number} rows", needed="more", fix="collect some")
    return spec.number


def broken(spec: Asked) -> int:
    if spec.number == 2:
        raise ZeroDivisionError("a number by none")
    return spec.number


def unsendable(spec: Asked) -> object:
    return lambda: spec


def killed_once(spec: Asked) -> int:
    mark = spec.folder / str(spec.number)
    if spec.number % 3 == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return spec.number


def always_killed(spec: Asked) -> int:
    if spec.number == 1:
        (spec.folder / f"try-{time.monotonic_ns()}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return spec.number


def leaves(spec: Asked) -> int:
    os._exit(7)


def sleeps(spec: Asked) -> int:
    (spec.folder / f"{spec.number}.pid").write_text(str(os.getpid()))
    time.sleep(600)
    return spec.number


def chatters(spec: Asked) -> int:
    print("a library says hello")
    return spec.number
