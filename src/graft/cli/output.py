"""Where everything that a command prints passes through.

Decisions: what acts on a terminal is spelt out in one place, whoever prints it: the streams of the process are wrapped
while a command runs. Rich writes its own colours and bars past the wrapper, so its texts are spelt out before they are
laid out, and square brackets in them are brackets, not markup. A character that the terminal's encoding lacks is
spelt out too, rather than ending the command.
"""

import io
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from graft.core.escapes import visible


class Terminal(Console):
    """A console that shows texts as they are and spells out what acts on a terminal. stderr: where it prints."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The pieces of a renderable; what moves the cursor is Rich's own."""
        for piece in super().render(renderable, options):
            yield piece if piece.control else Segment(visible(piece.text), piece.style)


class _Visible(io.TextIOBase):
    """A stream of text that spells out what acts on a terminal. rich_proxied_file: where Rich writes instead."""

    def __init__(self, stream: TextIO) -> None:
        self.rich_proxied_file = stream

    def write(self, text: str, /) -> int:
        """Write a text; its length."""
        self.rich_proxied_file.write(visible(text))
        return len(text)

    def flush(self) -> None:
        """Hand on what was written."""
        self.rich_proxied_file.flush()

    def isatty(self) -> bool:
        """Whether a person sees it."""
        return self.rich_proxied_file.isatty()

    def fileno(self) -> int:
        """The descriptor behind it."""
        return self.rich_proxied_file.fileno()

    def writable(self) -> bool:
        """It is."""
        return True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)


@contextmanager
def visible_output() -> Iterator[None]:
    """While the block runs, nothing that is printed acts on the terminal."""
    before = sys.stdout, sys.stderr
    for stream in before:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = (_Visible(stream) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
