"""Where everything that a command prints passes through.

Decisions: what acts on a terminal is spelt out in one place, whoever prints it: the streams of the process are wrapped
while a command runs. Rich writes its own colours and bars past the wrapper, so its texts are spelt out before they are
laid out (``graft.core.display.Terminal``). A character that the terminal's encoding lacks is
spelt out too, rather than ending the command.
"""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from graft.core.escapes import visible


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
