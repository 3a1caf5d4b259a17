"""A process that has everything imported and forks itself for each command, so that a hundred kills cost one import.

Nothing with threads of its own is used before the fork. Tables are written in small pieces here, so that a kill may
fall between two. ``python tests/preloaded.py`` reads orders, a JSON object a line, and answers with the number of the
process and, when it ended, its status.
"""

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PIECE = 64
IMPORTED = (
    *("deltalake", "polars", "sklearn.linear_model", "torch", "transformers"),
    *("transformers.models.auto.modeling_auto", "transformers.models.bert.modeling_bert", "peft"),
    *("graft.api", "graft.bundle.loading", "graft.cli.app", "graft.cli.tables.migration", "graft.studies.stages"),
    *("graft.tables.migration.plan", "graft.tables.migration.swap"),
)


def upserts(folder: str, rows: str, done: str) -> None:
    """Write the editions of a file into a table, one after the other, and note each one that is done."""
    import pyarrow.parquet as pq

    from graft.tables.table import EmbeddingTable

    whole = pq.read_table(rows)
    table = EmbeddingTable.open(folder)
    for edition in sorted(set(whole["edition"].to_pylist())):
        table.upsert(whole.filter([one == edition for one in whole["edition"].to_pylist()]))
        with Path(done).open("a") as stream:
            stream.write(f"{edition}\n")
            stream.flush()
            os.fsync(stream.fileno())


def compaction(folder: str) -> None:
    """Fold a table's files, and remove those that nothing needs any more."""
    from graft.tables.table import EmbeddingTable

    table = EmbeddingTable.open(folder)
    table.compact()
    table.vacuum(0)


def _prepare() -> None:
    for name in IMPORTED:
        importlib.import_module(name)
    from graft.tables import embedding, table
    from graft.tables.migration import next_generation

    embedding._CHUNK = PIECE
    table._CHUNK_BYTES = PIECE * 4 * 32
    next_generation.build.__kwdefaults__["chunk"] = PIECE


def _work(order: dict[str, object]) -> None:
    os.environ.update(order["environment"])
    for stream, name in ((0, os.devnull), (1, order["said"]), (2, order["said"])):
        descriptor = os.open(str(name), os.O_RDONLY if stream == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(descriptor, stream)
    name, *given = order["command"]
    if name == "graft":
        from graft.cli import main

        sys.argv = ["graft", *given]
        main()
    else:
        globals()[name](*given)


def _serve() -> None:
    _prepare()
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            code = 0
            try:
                _work(order)
            except SystemExit as end:
                code = int(end.code or 0)
            except BaseException:
                traceback.print_exc()
                code = 1
            sys.stdout.flush()
            os._exit(code)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


@dataclass(frozen=True)
class Ended:
    """code: 0, or the signal that ended it, negative. seconds: it took. said: what it printed."""

    code: int
    seconds: float
    said: str


class Preloaded:
    """The process, to be given commands. said: a file for what they print."""

    def __init__(self, said: Path) -> None:
        self.said = said
        self._server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self._line() == "ready"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()

    def run(
        self, command: Sequence[str | Path], *, environment: dict[str, str], killed_after: float | None = None
    ) -> Ended:
        """Run a command to its end, or kill it after so many seconds."""
        self.said.unlink(missing_ok=True)
        order = {"command": [str(one) for one in command], "environment": environment, "said": str(self.said)}
        self._server.stdin.write(json.dumps(order) + "\n")
        child, started = int(self._line()), time.monotonic()
        if killed_after is not None and not select.select([self._server.stdout], [], [], killed_after)[0]:
            os.kill(child, signal.SIGKILL)
        code = int(self._line())
        said = self.said.read_text() if self.said.exists() else ""
        return Ended(code, time.monotonic() - started, said)

    def _line(self) -> str:
        return self._server.stdout.readline().strip()


if __name__ == "__main__":
    _serve()
