"""Memory: its peak over a stretch of work, and looking for garbage in it.

Decision: the kernel keeps the high-water mark and lets a process reset its own, so no sampling thread is needed;
where it does not (not Linux), the mark of the whole process is reported, which is never too low.
"""

import gc
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Peak:
    """The high-water mark in mebibytes; filled in when the stretch ends."""

    megabytes: float = 0.0


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Measure the peak resident memory of the block."""
    clear, status = Path("/proc/self/clear_refs"), Path("/proc/self/status")
    peak = Peak()
    try:
        clear.write_text("5")
        own = True
    except OSError:
        own = False
    try:
        yield peak
    finally:
        if own:
            line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
            peak.megabytes = int(line.split()[1]) / 1024
        else:
            used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            peak.megabytes = used / (1 << 20 if sys.platform == "darwin" else 1 << 10)


@contextmanager
def collection_paused() -> Iterator[None]:
    """While many small records are made, none of them garbage: looking for garbage costs a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
