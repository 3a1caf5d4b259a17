"""Detectors of drift: false alarms, power, groups and speed.

``python -m bench detectors draws=1000 only=50,100 keep=FILE``: a thousand checks without drift for each number of rows
(``only`` of these), of rows with heavy tails and a falling spectrum; the share that alarms at 5 %, with its lower
99.9 % limit, and of the whole check (all tests, corrected together). ``detectors-power`` plants shifts of the mean in
300 + 300 rows of 64 dimensions; ``detectors-groups`` has groups of 20 rows with a correlation of .5 and no drift, told
by whole groups and, wrongly, by rows. ``detectors-speed`` needs neither. ``detectors-evidently peer=PYTHON`` has
Evidently's defaults judge the same batches, by an interpreter that has it (``python3 -m venv DIR; DIR/bin/pip install
evidently "pandas<3"``). With ``keep`` a run goes on where it stopped.
"""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from scipy import stats

from bench.draws import Found, kept
from graft.core.memory import peak_memory
from graft.evidence.score_shift import number_shift
from graft.evidence.shuffles import shuffles, together
from graft.evidence.two_samples import VECTOR_TESTS, Shift, TwoSamples, mmd

SIZES = (50, 100, 200, 500, 1000, 2000, 5000)
SHIFTS = (0.04, 0.06, 0.08)
WANTED = {0.04: 0.30, 0.06: 0.75, 0.08: 0.95}
COLUMNS, BATCH, DRAWS = 64, 50, 199
_PEER = Path(__file__).with_name("evidently_peer.py")
Pairs = Callable[[list[tuple[np.ndarray, np.ndarray]]], list[dict[str, int]]]
PLACE = np.arange(30).repeat(20)  # of rows in groups
SEEDS = {"null": 1, "shift": 2, "groups": 3}
Groups = tuple[np.ndarray, np.ndarray] | None


def checked(one: np.ndarray, other: np.ndarray, rng: np.random.Generator, groups: Groups = None) -> list[Shift]:
    """Every test of vectors, and Kolmogorov-Smirnov of the first column, on the same draws."""
    made = shuffles(len(one), len(other), rng=rng, groups=groups, draws=DRAWS)
    samples = TwoSamples(one, other, made)
    return [*(test(samples, rng=rng) for test in VECTOR_TESTS), number_shift(one[:, 0], other[:, 0], made)]


def counted(seen: list[Shift]) -> dict[str, int]:
    alarms = {one.test: int(one.p_value <= 0.05) for one in seen}
    return alarms | {"whole check": int(min(together([one.values for one in seen])) <= 0.05)}


def heavy(rng: np.random.Generator, rows: int) -> np.ndarray:
    spectrum = np.arange(1, COLUMNS + 1) ** -0.5
    return np.asarray((rng.standard_t(5, size=(rows, COLUMNS)) * spectrum).astype(np.float32))


def null(rows: int, seed: int) -> Found:
    rng = np.random.default_rng([seed, rows])
    return total([counted(checked(heavy(rng, rows), heavy(rng, rows), rng)) for _ in range(BATCH)])


def moved(shift: float, seed: int) -> Found:
    rng = np.random.default_rng([seed, round(1000 * shift)])
    return total([counted(checked(normal(rng), normal(rng, shift), rng)) for _ in range(BATCH)])


def normal(rng: np.random.Generator, mean: float = 0.0) -> np.ndarray:
    return rng.normal(mean, size=(300, COLUMNS)).astype(np.float32)


def grouped(seed: int) -> Found:
    rng = np.random.default_rng(seed)
    found: list[dict[str, int]] = []
    for _ in range(BATCH):
        one, other = alike(rng), alike(rng)
        by_rows = counted(checked(one, other, rng))
        blocks = counted(checked(one, other, rng, (PLACE, PLACE + 30)))
        found.append(blocks | {f"{name}, by rows": hit for name, hit in by_rows.items()})
    return total(found)


def alike(rng: np.random.Generator) -> np.ndarray:
    """Rows of thirty groups, correlated by one half within each."""
    return np.asarray(np.sqrt(0.5) * (rng.normal(size=(30, COLUMNS))[PLACE] + rng.normal(size=(600, COLUMNS))))


def beside(cell: str, seed: int, peer: Pairs) -> Found:
    """Our tests and a peer on the same batches of a cell: ``null 50``, ``shift 0.04`` or ``groups``."""
    kind, _, size = cell.partition(" ")
    rng = np.random.default_rng([seed, SEEDS[kind], round(1000 * float(size or 0))])
    if kind == "null":
        pairs = [(heavy(rng, int(size)), heavy(rng, int(size))) for _ in range(BATCH)]
    elif kind == "shift":
        pairs = [(normal(rng), normal(rng, float(size))) for _ in range(BATCH)]
    else:
        pairs = [(alike(rng), alike(rng)) for _ in range(BATCH)]
    blocks = (PLACE, PLACE + 30) if kind == "groups" else None
    ours = [counted(checked(one, other, rng, blocks)) for one, other in pairs]
    theirs = [
        {f"evidently, {name}": hit for name, hit in one.items()} | {"evidently, any column": int(one["columns"] > 0)}
        for one in peer(pairs)
    ]
    return total([one | other for one, other in zip(ours, theirs, strict=True)])


def total(found: list[dict[str, int]]) -> Found:
    return {name: sum(one[name] for one in found) for name in found[0]}


def rates(parts: list[Found], runs: int) -> Found:
    """Shares that alarmed, and how surely they are above 5 %: the lower 99.9 % limit (Clopper & Pearson)."""
    names = [name for name in parts[0] if name not in ("bench", "cell", "seed", "commit")]
    hits = {name: sum(int(str(part[name])) for part in parts) for name in names if name != "evidently, columns"}
    limits = {name: float(stats.beta.ppf(0.001, hit, runs - hit + 1)) if hit else 0.0 for name, hit in hits.items()}
    return {
        **{name: round(hit / runs, 4) for name, hit in hits.items()},
        "above 5 %": [name for name, limit in limits.items() if limit > 0.05],
    }


def detectors(draws: int = 1000, only: tuple[str, ...] | int = (), keep: tuple[str, ...] = ()) -> Found:
    """False alarms without drift."""
    chosen = {str(only)} if isinstance(only, int) else set(only)
    seen, found, batches = kept(keep), {}, -(-draws // BATCH)
    for rows in (size for size in SIZES if not chosen or str(size) in chosen):
        parts = [
            seen.of("detectors", f"null {rows}", seed, lambda rows=rows, seed=seed: null(rows, seed))  # type: ignore[misc]
            for seed in range(batches)
        ]
        found[str(rows)] = rates(parts, batches * BATCH)
    return {"runs": batches * BATCH, **found, "wanted": "no lower 99.9 % limit above 5 %"}


def power(draws: int = 1000, keep: tuple[str, ...] = ()) -> Found:
    """Shares seen of small shifts of the mean."""
    seen, found, batches = kept(keep), {}, -(-draws // BATCH)
    for shift in SHIFTS:
        parts = [
            seen.of("detectors", f"shift {shift}", seed, lambda shift=shift, seed=seed: moved(shift, seed))  # type: ignore[misc]
            for seed in range(batches)
        ]
        seen_of = {name: share for name, share in rates(parts, batches * BATCH).items() if name != "above 5 %"}
        found[str(shift)] = {**seen_of, "wanted of mmd and mean": WANTED[shift]}
    return {"runs": batches * BATCH, **found}


def groups(draws: int = 1000, keep: tuple[str, ...] = ()) -> Found:
    """False alarms where rows of a group are alike, by groups and by rows."""
    seen, batches = kept(keep), -(-draws // BATCH)
    parts = [seen.of("detectors", "groups", seed, lambda seed=seed: grouped(seed)) for seed in range(batches)]  # type: ignore[misc]
    return {"runs": batches * BATCH, **rates(parts, batches * BATCH), "wanted": "at most .05 but for the last, by rows"}


def evidently(
    draws: int = 200, only: tuple[str, ...] | int = (), peer: tuple[str, ...] = (), keep: tuple[str, ...] = ()
) -> Found:
    """Evidently's defaults beside our tests on the same batches; ``only`` of ``50``, ``shift``, ``groups``, ..."""
    cells = [*(f"null {rows}" for rows in SIZES), *(f"shift {shift}" for shift in SHIFTS), "groups"]
    if not peer:
        raise ValueError("whose python? peer=DIR/bin/python of an environment with evidently and pandas below 3")
    words = {str(only)} if isinstance(only, int) else set(only)
    seen, found, batches = kept(keep), {}, -(-draws // BATCH)
    with asked(peer[0]) as ask:
        for cell in (one for one in cells if not words or words & set(one.split())):
            parts = [
                seen.of("evidently", cell, seed, lambda cell=cell, seed=seed: beside(cell, seed, ask))  # type: ignore[misc]
                for seed in range(batches)
            ]
            told = rates(parts, batches * BATCH)
            columns = sum(int(str(part["evidently, columns"])) for part in parts)
            found[cell] = {
                **{name: share for name, share in told.items() if name != "above 5 %"},
                "evidently, columns": round(columns / (batches * BATCH * COLUMNS), 4),
            }
            print(cell, found[cell], flush=True)
    return {"runs": batches * BATCH, **found}


@contextmanager
def asked(python: str) -> Iterator[Pairs]:
    """A peer that answers for as long as it is asked."""
    given = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": {**os.environ, "PYTHONPATH": ""}}
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen([python, _PEER], **given) as process:  # type: ignore[call-overload]

        def ask(pairs: list[tuple[np.ndarray, np.ndarray]]) -> list[dict[str, int]]:
            file = Path(folder) / "pairs.npz"
            np.savez(file, reference=[one for one, _ in pairs], current=[other for _, other in pairs])
            process.stdin.write(f"{file}\n")
            process.stdin.flush()
            while line := process.stdout.readline():
                if line.startswith("["):
                    return json.loads(line)  # type: ignore[no-any-return]
            raise RuntimeError(f"{python} ended with {process.wait()}: it needs evidently, and pandas below 3")

        yield ask
        process.stdin.close()


def speed() -> Found:
    """MMD of 2,000 + 2,000 rows against permuting and copying, and of 50,000 + 50,000 rows; a million rows.

    Ratios are of processor time, which other work on the machine disturbs less.
    """
    rng = np.random.default_rng(0)
    one, other = (rng.normal(size=(2000, 384)).astype(np.float32) for _ in range(2))
    started = time.process_time()
    samples = TwoSamples(one, other, shuffles(2000, 2000, rng=rng, draws=1000))
    mmd(samples, rng=rng, bandwidth=20.0)
    ours = time.process_time() - started
    copied = permute_and_copy(samples, 20.0, 20, 1000)
    found: Found = {
        "2,000 + 2,000 x 384, 1,000 draws, processor": round(ours, 2),
        "permute and copy, processor": round(copied, 1),
        "times": round(copied / ours, 1),
        "wanted": "at least 20",
    }
    for rows in (50_000, 500_000):
        one, other = (rng.standard_normal(size=(rows, 384), dtype=np.float32) for _ in range(2))
        with peak_memory() as peak:
            wall, started = time.perf_counter(), time.process_time()
            mmd(TwoSamples(one, other, shuffles(rows, rows, rng=rng, draws=1000)), rng=rng)
            wall, taken = time.perf_counter() - wall, time.process_time() - started
        found |= {
            f"{rows:,} + {rows:,} x 384, wall": round(wall, 1),
            f"{rows:,}, processor": round(taken, 1),
            f"{rows:,}, MB with the rows": round(peak.megabytes),
        }
    return found | {"wanted of 50,000": "10 s, 2 GB, on two cores"}


def permute_and_copy(samples: TwoSamples, bandwidth: float, measured: int, draws: int) -> float:
    """Processor seconds of draws as they are usually made: the kernel once, its rows and columns copied for each.

    measured: how many are timed, and taken for all.
    """
    rows = np.concatenate([samples.reference, samples.current])
    rng = np.random.default_rng(1)
    started = time.process_time()
    squared = np.square(rows).sum(axis=1)
    kernel = np.exp((2 * rows @ rows.T - squared[:, None] - squared) / (2 * bandwidth**2))
    once = time.process_time() - started
    started = time.process_time()
    border = len(samples.reference)
    for _ in range(measured):
        order = rng.permutation(len(rows))
        drawn = kernel.take(order, axis=0).take(order, axis=1)
        drawn[:border, :border].mean() + drawn[border:, border:].mean() - 2 * drawn[:border, border:].mean()
    return once + (time.process_time() - started) * draws / measured
