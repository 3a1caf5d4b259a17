"""A process that works for another one: it is sent a function once and specs one by one, and sends back what they gave.

Decisions: it listens in a thread of its own, so it ends the moment the other process is gone, even in the middle of a
spec; Ctrl-C is for the other process, which ends its workers. What a function raises is sent back whole where it is an
error of ours, and in words where it may be anything.
"""

import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from graft.core.errors import GraftError


@dataclass(frozen=True)
class Order:
    """What a worker is sent. function: pickled; None when it is the one sent before. spec: pickled."""

    function: bytes | None
    spec: bytes


@dataclass(frozen=True)
class Failure:
    """What a function raised. error: itself where it is an error of ours; message: in one line; trace: for us."""

    error: GraftError | None
    message: str
    trace: str


@dataclass(frozen=True)
class WorkerReply:
    """What a worker sends back: a result, or why there is none."""

    result: Any = None
    failure: Failure | None = None


def work(descriptor: int) -> None:
    """Take orders from an inherited socket until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection: Connection[bytes, bytes] = Connection(descriptor)
    orders: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(connection, orders), daemon=True).start()
    function: Callable[[Any], Any] | None = None
    while True:
        try:
            order: Order = pickle.loads(orders.get())
            if order.function is not None:
                function = None
                function = pickle.loads(order.function)
            assert function is not None, "the function came with the first order"
            answer = pickle.dumps(WorkerReply(function(pickle.loads(order.spec))))
        except BaseException as error:
            answer = pickle.dumps(WorkerReply(failure=_failure(error)))
        connection.send_bytes(answer)


def _listen(connection: "Connection[bytes, bytes]", orders: "SimpleQueue[bytes]") -> None:
    while True:
        try:
            orders.put(connection.recv_bytes())
        except (EOFError, OSError):
            # Nobody is left to work for; what is under way was asked for by nobody, and files are whole or absent.
            os._exit(0)


def _failure(error: BaseException) -> Failure:
    trace = "".join(traceback.format_exception(error))
    whole = error if isinstance(error, GraftError) else None
    try:
        if type(pickle.loads(pickle.dumps(whole))) is not type(whole):
            whole = None
    except Exception:
        whole = None
    return Failure(whole, "".join(traceback.format_exception_only(error)).strip(), trace)
