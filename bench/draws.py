"""Draws of the long benches, kept in a file: a run of hours goes on where it was stopped.

A line of ``FILE`` is one draw as JSON: which bench, cell and seed, the commit it ran on, and what was found. Asked for
again, it is read, whatever commit it comes from; the commits are printed beside the figures. ``keep=FILE`` of a bench.
"""

import json
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

Found = dict[str, object]


@cache
def commit() -> str:
    here = Path(__file__).resolve().parent
    said = subprocess.run(["git", "-C", here, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return said.stdout.strip() or "unknown"


class Draws:
    """What was found before, by bench, cell and seed. file: None keeps nothing."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        lines = file.read_text().splitlines() if file is not None and file.exists() else []
        self._found = {(one["bench"], one["cell"], one["seed"]): one for one in map(json.loads, lines)}

    def of(self, bench: str, cell: str, seed: int, find: Callable[[], Found]) -> Found:
        """The draw as it was found before, or found now and kept; with ``commit``."""
        key = (bench, cell, seed)
        if key not in self._found:
            self._found[key] = {"bench": bench, "cell": cell, "seed": seed, "commit": commit(), **find()}
            if self._file is not None:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                with self._file.open("a") as lines:
                    lines.write(json.dumps(self._found[key]) + "\n")
        return self._found[key]


def kept(keep: tuple[str, ...]) -> Draws:
    """Of the option ``keep`` as the command gives it."""
    return Draws(Path(keep[0]) if keep else None)
