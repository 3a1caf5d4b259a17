"""Work in processes of this machine.

Decisions: a worker is a fresh interpreter that never sees the caller's main module, so it works from scripts without a
guard and from notebooks; it lives until the engine is left, so what it built for one call serves the next. Every worker
has the same few threads however many workers there are, so their number never changes a result. A worker that is killed
takes nothing along: what it had is run again in a new one, three times at most. Ctrl-C ends all of them at once.
"""

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import TypeVar

from graft.core.errors import EngineError, InputError
from graft.engine.engines import unheard
from graft.engine.worker import Failure, Order, WorkerReply

Spec = TypeVar("Spec")
Given = TypeVar("Given")

_TRIES = 3
_PATIENCE = 5.0
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from graft.engine.worker import work; work(int(sys.argv[1]))"
)
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS")


class _Worker:
    """One process and the socket to it. function: what it was sent last."""

    def __init__(self, threads: int) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _START, str(theirs.fileno()), json.dumps(sys.path)],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=2,  # what a library prints is no part of our output
                env={**os.environ, **dict.fromkeys(_THREADS, str(threads))},
                start_new_session=True,  # Ctrl-C reaches this process alone
            )
        self.connection: Connection[bytes, bytes] = Connection(ours.detach())
        self.function: bytes | None = None

    def send(self, function: bytes, spec: bytes) -> None:
        self.connection.send_bytes(pickle.dumps(Order(function if function is not self.function else None, spec)))
        self.function = function

    def end(self, *, gently: bool) -> str:
        """End it, and how it ended in words."""
        with suppress(OSError):
            self.connection.close()
        if not gently:
            self.process.kill()
        try:
            code = self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        return f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended with exit code {code}"


class Processes:
    """Work runs in processes of this machine.

    workers: how many; each is started when there is work for it. threads: of each of them. tell: told in words when a
    worker was killed.

    >>> with Processes(2) as engine:
    ...     engine.map(abs, [-1, 2, -3])
    [1, 2, 3]
    """

    apart = True

    def __init__(self, workers: int, *, threads: int = 1, tell: Callable[[str], None] = unheard) -> None:
        if workers < 1 or threads < 1:
            raise InputError(
                f"{workers} workers of {threads} threads", needed="one or more of both", fix="for example --workers 4"
            )
        self.workers, self.threads, self.tell = workers, threads, tell
        self._idle: list[_Worker] = []
        self._busy: dict[_Worker, int] = {}
        self._sent: tuple[object, bytes] = (None, b"")

    def map(
        self,
        function: Callable[[Spec], Given],
        specs: Sequence[Spec],
        *,
        begun: Callable[[Spec], None] = unheard,
        done: Callable[[Spec, Given], None] = unheard,
    ) -> list[Given]:
        """The results of ``function`` for ``specs``, in their order.

        An error of ours is raised as it was raised in the worker, with a note of its spec; any other one, and a worker
        killed three times over one spec, as an EngineError.
        """
        try:
            return self._map(function, specs, begun, done)
        except BaseException:
            # Ctrl-C, or an error of whoever was told: nobody waits for what is under way.
            self._end_busy()
            raise

    def _map(
        self,
        function: Callable[[Spec], Given],
        specs: Sequence[Spec],
        begun: Callable[[Spec], None],
        done: Callable[[Spec, Given], None],
    ) -> list[Given]:
        written = self._written(function)
        waiting = deque(range(len(specs)))
        results: dict[int, Given] = {}
        failures: dict[int, Exception] = {}
        killed: Counter[int] = Counter()
        while waiting or self._busy:
            while waiting and not failures and len(self._busy) < self.workers:
                place = waiting.popleft()
                self._order(place, written, pickle.dumps(specs[place]))
                begun(specs[place])
            if not self._busy:
                break
            for connection in wait([one.connection for one in self._busy]):
                worker = next(one for one in self._busy if one.connection is connection)
                place = self._busy[worker]
                try:
                    answer: WorkerReply = pickle.loads(worker.connection.recv_bytes())
                except (EOFError, OSError):
                    killed[place] += 1
                    how = self._buried(worker)
                    if killed[place] < _TRIES:
                        self.tell(f"a worker {how} while it ran {specs[place]}: it is run again")
                        waiting.appendleft(place)
                    else:
                        failures[place] = _killed(how, specs[place], self.workers)
                    continue
                del self._busy[worker]
                self._idle.append(worker)
                if answer.failure is not None:
                    failures[place] = _error(answer.failure, specs[place])
                    continue
                results[place] = answer.result
                done(specs[place], results[place])
        if failures:
            raise failures[min(failures)]
        return [results[place] for place in range(len(specs))]

    def _written(self, function: Callable[[Spec], Given]) -> bytes:
        """A function as bytes; the very same bytes for the same function, so that workers keep what it built."""
        if self._sent[0] is not function:
            written = pickle.dumps(function)
            self._sent = (function, self._sent[1] if written == self._sent[1] else written)
        return self._sent[1]

    def _order(self, place: int, function: bytes, spec: bytes) -> None:
        """Give a spec to a worker that idles, or to a new one."""
        while self._idle:
            worker = self._idle.pop()
            self._busy[worker] = place
            try:
                worker.send(function, spec)
            except OSError:
                # It was killed while it idled: nothing is lost.
                self._buried(worker)
            else:
                return
        worker = _Worker(self.threads)
        self._busy[worker] = place
        # One that dies at once is noticed when its answer is awaited.
        with suppress(OSError):
            worker.send(function, spec)

    def _buried(self, worker: _Worker) -> str:
        del self._busy[worker]
        return worker.end(gently=True)

    def _end_busy(self) -> None:
        for worker in [*self._busy]:
            del self._busy[worker]
            worker.end(gently=False)

    def __enter__(self) -> "Processes":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the workers."""
        self._end_busy()
        while self._idle:
            self._idle.pop().end(gently=True)


def _error(failure: Failure, spec: object) -> Exception:
    if failure.error is not None:
        failure.error.add_note(f"in a worker, while it ran {spec}")
        return failure.error
    error = EngineError(
        f"{spec} failed in a worker: {failure.message}",
        fix="run it without workers to see it fail here; finished work is kept",
    )
    error.add_note(failure.trace)
    return error


def _killed(how: str, spec: object, workers: int) -> EngineError:
    return EngineError(
        f"{spec}: a worker {how}, {_TRIES} times in a row",
        needed=f"memory for {workers} worker{'' if workers == 1 else 's'} beside this process",
        fix="run the same command again with fewer workers, or without: finished work is kept",
    )
