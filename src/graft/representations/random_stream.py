"""Torch's own random stream, of which a process has one.

Decision: where a library draws from it and cannot be given another, one thread at a time does so, and leaves it as it
was: two studies in two threads are what each is alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from graft.core.seeds import process_alone


@contextmanager
def torch_stream() -> Iterator[None]:
    """Torch's random stream for this thread alone, and afterwards as it was before."""
    with process_alone(), torch.random.fork_rng(devices=[]):
        yield
