"""Draws of the long benches, kept in a file: a run of hours goes on where it was stopped.

A line of ``FILE`` is one draw as JSON: which bench, cell and seed, the commit it ran on, and what was found. Asked for
again, it is read, whatever commit it comes from; the commits are printed beside the figures. ``keep=FILE`` of a bench.
"""

import json
import statistics
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
        self._found: dict[tuple[str, str, int], Found] = {
            (one["bench"], one["cell"], one["seed"]): one for one in map(json.loads, lines)
        }

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


def told(cell: str, drawn: list[Found], margin: float = 0.01) -> Found:
    """A cell in one line: its verdicts, how many had the wrong sign, and what an unbiased oracle would have settled.

    drawn: of each draw the ``verdict``, the study's ``difference`` and, where rows were left to know it from, the
    ``truth``, the difference on rows that the study did not see. The oracle knows the mean truth and how much the
    differences of studies vary around it, and settles what lies beyond the margin by 1.96 of these.
    """
    verdicts, differences = [str(one["verdict"]) for one in drawn], [_number(one, "difference") for one in drawn]
    found: Found = {
        "cell": cell,
        "draws": len(drawn),
        **{said: verdicts.count(said) for said in sorted(set(verdicts))},
        "difference": round(statistics.fmean(differences), 4),
        "commits": sorted({str(one["commit"]) for one in drawn}),
    }
    if "truth" not in drawn[0]:
        return found
    truths = [_number(one, "truth") for one in drawn]
    wrong = [
        (said == "helps" and one < 0) or (said == "harms" and one > 0)
        for said, one in zip(verdicts, truths, strict=True)
    ]
    found |= {"truth": round(statistics.fmean(truths), 4), "wrong_sign": sum(wrong)}
    errors = [said - one for said, one in zip(differences, truths, strict=True)]
    if len(drawn) > 1 and (spread := statistics.stdev(errors)) > 0:
        normal = statistics.NormalDist()
        reach = (abs(statistics.fmean(truths)) - margin) / spread - normal.inv_cdf(0.975)
        found |= {"spread": round(spread, 4), "oracle_power": round(normal.cdf(reach), 3)}
    return found


def _number(one: Found, name: str) -> float:
    return float(one[name])  # type: ignore[arg-type]
