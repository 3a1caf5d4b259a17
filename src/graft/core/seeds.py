"""One seed, many independent streams.

Decision: randomness is a parameter. A stream is named by what it is for, so adding a new consumer
never shifts the numbers another one draws.
"""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

_PROCESS = threading.RLock()


def derive(seed: int, *names: str | int) -> int:
    """A 63-bit seed for the stream called ``names`` under ``seed``.

    >>> derive(0, "folds") == derive(0, "folds"), derive(0, "folds") == derive(1, "folds")
    (True, False)
    """
    text = "\x1f".join([str(seed), *(str(name) for name in names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A NumPy generator for the stream called ``names`` under ``seed``."""
    return np.random.default_rng(derive(seed, *names))


def first_seen(values: np.ndarray) -> np.ndarray:
    """A number for each distinct value, from 0, by where it first stands, shape (values,): what is drawn by it does not
    hang on how values are called, as numbers that stand for people are made anew.

    >>> first_seen(np.array(["z", "a", "z", "m"])).tolist()
    [0, 1, 0, 2]
    """
    _, first, place = np.unique(values, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[place.ravel()])


@contextmanager
def process_alone() -> Iterator[None]:
    """For what changes the process for all its threads (first imports, logging, warnings): one thread at a time.

    Libraries that import their parts when they are first asked for are not safe in two threads.
    """
    with _PROCESS:
        yield
