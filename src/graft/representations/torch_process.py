"""What torch has one of in a process: its random stream, and its threads.

Decisions: where a library draws from the stream and cannot be given another, one thread at a time does so, and leaves
it as it was, so that two studies in two threads are what each is alone. A process that was forked from one that has
computed keeps to one thread: OpenMP's threads do not come along, and a child that waits for them waits for ever.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch

from graft.core.seeds import process_alone

os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))


@contextmanager
def torch_stream() -> Iterator[None]:
    """Torch's random stream for this thread alone, and afterwards as it was before."""
    with process_alone(), torch.random.fork_rng(devices=[]):
        yield
