"""What a person sees while work runs: a live bar on a terminal, JSON lines for machines, nothing in a pipe."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from graft.core.progress import Stage


class _BarStage:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def advance(self, amount: int = 1, note: str = "") -> None:
        self._progress.advance(self._task, amount)
        if note:
            self._progress.update(self._task, note=note)


class Bars:
    """Live bars with the time left; silent when the console is not a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._open: Progress | None = None

    @contextmanager
    def stage(self, name: str, total: int, unit: str) -> Iterator[Stage]:
        """Show one bar while the block runs; a stage inside another is a second bar below."""
        if self._open is not None:
            task = self._open.add_task(name, total=total, unit=unit, note="")
            yield _BarStage(self._open, task)
            self._open.remove_task(task)
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}", markup=False),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]}", style="dim", markup=False),
        )
        shown = self._console.is_terminal
        with Progress(*columns, console=self._console, transient=True, disable=not shown) as progress:
            self._open = progress
            started = time.perf_counter()
            try:
                yield _BarStage(progress, progress.add_task(name, total=total, unit=unit, note=""))
            finally:
                self._open = None
        if shown:
            took = f" {name}: {total:,} {unit}, {time.perf_counter() - started:.0f} s"
            self._console.print(Text.assemble(("✓", "green"), took), highlight=False)

    def say(self, text: str) -> None:
        """One line."""
        self._console.print(text, highlight=False)


class _JsonStage:
    def __init__(self, stream: TextIO, name: str, total: int, unit: str) -> None:
        self._stream, self._facts = stream, {"stage": name, "total": total, "unit": unit}
        self._done = 0

    def advance(self, amount: int = 1, note: str = "") -> None:
        self._done += amount
        if amount:
            _write(self._stream, {"event": "progress", **self._facts, "done": self._done, "note": note})


class JsonLines:
    """One JSON object a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @contextmanager
    def stage(self, name: str, total: int, unit: str) -> Iterator[Stage]:
        """Report the stage's start, its progress and its end."""
        _write(self._stream, {"event": "start", "stage": name, "total": total, "unit": unit})
        yield _JsonStage(self._stream, name, total, unit)
        _write(self._stream, {"event": "end", "stage": name})

    def say(self, text: str) -> None:
        """One message."""
        _write(self._stream, {"event": "message", "text": text})


def _write(stream: TextIO, facts: dict[str, object]) -> None:
    stream.write(json.dumps(facts, ensure_ascii=False) + "\n")
    stream.flush()
