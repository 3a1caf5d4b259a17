"""How long work tells the person waiting for it.

Decision: the layers that work know only this protocol; what a person sees (a bar, JSON lines, nothing) is chosen
at the top and handed down as a parameter.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Stage(Protocol):
    """One stage of work in progress."""

    def advance(self, amount: int = 1, note: str = "") -> None:
        """Report ``amount`` more units done; ``note`` replaces the text beside the bar."""
        ...


class Progress(Protocol):
    """Where stages are reported."""

    def stage(self, name: str, total: int, unit: str) -> AbstractContextManager[Stage]:
        """Open a stage of ``total`` units (``unit`` is a plural noun: rows, steps, trials)."""
        ...

    def say(self, text: str) -> None:
        """Tell the person one line."""
        ...


class _SilentStage:
    def advance(self, amount: int = 1, note: str = "") -> None:
        return None


class Silent:
    """Progress that nobody watches: the default of every function."""

    @contextmanager
    def stage(self, name: str, total: int, unit: str) -> Iterator[Stage]:
        """Open a stage that shows nothing."""
        yield _SilentStage()

    def say(self, text: str) -> None:
        """Show nothing."""


SILENT: Progress = Silent()
