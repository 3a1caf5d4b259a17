"""Copying rows and erasing them exclude one another.

Decision: a migration reads rows, encodes them and writes them elsewhere; if they were erased in between, it would
bring them back from its memory, into the new generation and into the activation cache. Both therefore hold one lock:
the migration for a chunk at a time, so that an erasure waits for seconds, not hours.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock


@contextmanager
def none_erased(path: Path) -> Iterator[None]:
    """Held while rows of the table at ``path`` are copied, or erased."""
    with FileLock(path / ".erasing.lock"):
        yield
