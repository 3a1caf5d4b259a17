"""What a person sees while work runs: live bars on a terminal or in a notebook, elsewhere a line a minute, JSON lines
for machines.

Decision: a log that says nothing for hours looks like a program that hangs, and one with a line for every step hides
what matters; a line a minute is neither.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.text import Text

from graft.core.escapes import visible
from graft.core.progress import SILENT, Stage
from graft.core.progress import Progress as Told

_EVERY = 60.0  # seconds between two lines of a log


class Terminal(Console):
    """A console that shows texts as they are and spells out what acts on a terminal. stderr: where it prints."""

    def __init__(self, *, stderr: bool = False) -> None:
        # In square brackets stands what was written there, no markup.
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The pieces of a renderable; what moves the cursor is Rich's own."""
        for piece in super().render(renderable, options):
            yield piece if piece.control else Segment(visible(piece.text), piece.style)


class _BarStage:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def advance(self, amount: int = 1, note: str = "") -> None:
        self._progress.advance(self._task, amount)
        if note:
            self._progress.update(self._task, note=note)


class _LogStage:
    """A stage that says a line now and then."""

    def __init__(self, bars: "Bars", name: str, total: int, unit: str) -> None:
        self._bars, self._name, self._total, self._unit = bars, name, total, unit
        self._done = 0

    def advance(self, amount: int = 1, note: str = "") -> None:
        self._done += amount
        said = f"{self._name}: {self._done:,} of {self._total:,} {self._unit}"
        self._bars.now_and_then(f"{said}, {note}" if note else said)


class Bars:
    """Live bars with the time left, where the console can show them; a line a minute where it cannot.

    clock: seconds from some moment on, for the lines.
    """

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._open: Progress | None = None
        self._begun = self._said = clock()

    def now_and_then(self, line: str) -> None:
        """Say a line, unless one was said in the last minute."""
        now = self._clock()
        if now - self._said >= _EVERY:
            self._said = now
            self._console.print(f"{line}, {(now - self._begun) / 60:.0f} min so far", highlight=False, markup=False)

    @property
    def live(self) -> bool:
        """Whether the console can show a line that changes."""
        if self._console.is_jupyter:
            return find_spec("ipywidgets") is not None
        return self._console.is_terminal

    @contextmanager
    def stage(self, name: str, total: int, unit: str) -> Iterator[Stage]:
        """Show one bar while the block runs; a stage inside another is a second bar below."""
        if not self.live:
            yield _LogStage(self, name, total, unit)
            return
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
        with Progress(*columns, console=self._console, transient=True) as progress:
            self._open = progress
            started = time.perf_counter()
            try:
                yield _BarStage(progress, progress.add_task(name, total=total, unit=unit, note=""))
            finally:
                self._open = None
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


def as_progress(given: Told | bool) -> Told:
    """What is told while work runs: bars or lines for True, nothing for False, and whatever else was given."""
    if isinstance(given, bool):
        return Bars(Terminal(stderr=True)) if given else SILENT
    return given
