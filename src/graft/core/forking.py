"""A process that was forked off another one has lost its threads.

Decision: Polars and usearch keep threads for a process's whole life; after ``fork`` they are gone in the child
and whoever waits for them waits for ever. Nothing can give them back, so what needs them is refused in words, in a
child of a process that used them before. One that was spawned, or forked before the first use, is as good as any.
"""

import os

from graft.core.errors import EngineError

_used_in: set[int] = set()


def require_threads() -> None:
    """Note that this process uses libraries with threads of their own. Raises EngineError in a fork of one that did."""
    if os.getpid() in _used_in:
        return
    if _used_in:
        raise EngineError(
            "a process that was forked off one that had used tables: it would wait for ever",
            needed="a process that was spawned, or forked before the first use",
            fix='multiprocessing.get_context("spawn"), or joblib with its usual backend "loky"',
        )
    _used_in.add(os.getpid())
