"""What remembering costs, however many checks there were: ``python -m bench watch-history checks=10000``.

Seconds of processor of what a check does with its history (find the batch, read the state, write both), by the number
of checks so far, with a hundred labels a batch; then the size of what is kept, of the page, and what reading it all
takes. Between the counts that are measured checks are put into the table five hundred at once, as tidying leaves them.
"""

import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from deltalake import write_deltalake

from bench.draws import Found
from bench.watch_check import made
from graft.bundle.watch_erasure import CHECKS
from graft.core.intervals import Interval
from graft.facts.watch import (
    DetectorFact,
    MovedRows,
    PlantedShift,
    QualityFact,
    ShiftFact,
    TermFact,
    WatchAdvice,
    WatchBaseline,
    WatchCheck,
    WatchStory,
)
from graft.watch.batch import Batch
from graft.watch.detectors import DETECTORS
from graft.watch.history import _SCHEMA, History

LABELS = 100


def a_check(number: int, rng: np.random.Generator) -> WatchCheck:
    """As much as a usual record says."""
    numbers = iter(rng.random(500).tolist())
    shifts = tuple(
        ShiftFact(
            detector=one.name, of=one.of, means=one.means, segment=segment, p_value=next(numbers),
            adjusted=next(numbers), effect=Interval(next(numbers), next(numbers), next(numbers)), unit="share of rows",
            matters=one.matters, significant=False, large=False, rows=(5000, 500),
        )
        for segment in ("", "region=north", "region=south") for one in DETECTORS
    )  # fmt: skip
    quality = tuple(
        QualityFact(
            quality=name, better="higher", estimated=Interval(next(numbers), 0.5, 1.0), usual=Interval(0.9, 0.85, 0.95),
            measured=Interval(next(numbers), 0.5, 1.0), labelled=LABELS,
        )
        for name in ("accuracy", "macro_f1")
    )  # fmt: skip
    alarmed = number % 50 == 0
    return WatchCheck(
        batch=f"{number:032x}", bundle="b" * 32, number=number, at=f"2026-01-{1 + number % 28:02}T00:00:00+00:00",
        until="", rows=500, usable=500, learnt=0, problems={"missing-text": 3}, shifts=shifts, stability=(0.02, 0.04),
        quality=quality, evidence=next(numbers), level=0.05, outcome="act" if alarmed else "quiet",
        moved=(MovedRows(what="rows like a, b", share=0.2, before=0.1, certainty=None, examples=("a", "b")),) * alarmed,
        terms=(
            TermFact(term="parcel", emerged=True, before=3, now=40, difference=Interval(0.1, 0.05, 0.2), adjusted=0.01),
        ) * alarmed,
        advice=(WatchAdvice(action="nothing", why="nothing moved"),),
    )  # fmt: skip


def a_baseline() -> WatchBaseline:
    """Of no bundle."""
    share = Interval(0.05, 0.01, 0.1)
    return WatchBaseline(
        bundle="b" * 32, made="2025-01-01T00:00:00+00:00", graft="", task="multiclass", quality="accuracy", rows=5000,
        learnt=0, labelled=5000, unusable=0, dimension=384, group="", groups=None, segments=(), allowed=(), batch=500,
        level=0.05, runs=100, draws=999, seed=0, check_alarms=share,
        detectors=tuple(
            DetectorFact(
                name=one.name, of=one.of, means=one.means, matters=one.matters, alarms=share,
                power=(PlantedShift(share=0.1, found=share),),
            )
            for one in DETECTORS
        ),
    )  # fmt: skip


def watch_history(checks: tuple[str, ...] = ("0", "1000", "10000"), labels: int = LABELS, measured: int = 100) -> Found:
    """What so many checks cost after so many others."""
    from graft.report.watch import write_watch_page

    rng, number = np.random.default_rng(0), 0
    rows = made(LABELS, 0)
    folder = Path(tempfile.mkdtemp(prefix="graft-history-"))
    found: Found = {"labels a batch": labels}
    try:
        history = History(folder)
        for wanted in map(int, checks):
            number = _grown(history, number, wanted - number, labels, rng)
            taken, walls = np.zeros(measured), np.zeros(measured)
            for place in range(measured):
                number += 1
                record, batch = a_check(number, rng), _of_a_day(rows, rng)
                wall, started = time.perf_counter(), time.process_time()
                _remembered(history, record, batch, rng.integers(0, 1 << 63, size=(labels, 2)).astype(np.uint64))
                taken[place], walls[place] = time.process_time() - started, time.perf_counter() - wall
            found[f"after {wanted:,} checks"] = {
                "middle": round(float(np.median(taken)), 3), "mean": round(float(taken.mean()), 3),
                "worst": round(float(taken.max()), 3), "middle wall": round(float(np.median(walls)), 3),
                "files": sum(1 for one in folder.rglob("*") if one.is_file()),
                "MB": round(sum(one.stat().st_size for one in folder.rglob("*") if one.is_file()) / 1e6, 1),
            }  # fmt: skip
            print(wanted, found[f"after {wanted:,} checks"], file=sys.stderr, flush=True)
        started = time.process_time()
        told = tuple(history.each())
        found["seconds to read all"] = round(time.process_time() - started, 2)
        assert len(told) >= number
        started = time.process_time()
        page = folder / "page.html"
        write_watch_page(WatchStory(name="bundle", bundle="b" * 32, baseline=a_baseline(), checks=told), page)
        return found | {
            "seconds of the page": round(time.process_time() - started, 2),
            "page, KB": round(page.stat().st_size / 1e3),
        }
    finally:
        shutil.rmtree(folder)


def _remembered(history: History, record: WatchCheck, batch: Batch, marks: np.ndarray) -> None:
    with history.locked():
        state = history.state()
        assert history.found(record.batch) is None
        state = replace(state, number=record.number, judged=np.concatenate([state.judged, marks]))
        history.add(record, state, batch)


def _grown(history: History, number: int, more: int, labels: int, rng: np.random.Generator) -> int:
    """As after so many more checks, without a state for each."""
    if more < 1:
        return number
    for start in range(number, number + more, 500):
        several = [a_check(one + 1, rng) for one in range(start, min(start + 500, number + more))]
        rows = [
            {
                "batch": one.batch, "number": one.number, "bundle": one.bundle, "baseline": "", "at": one.at,
                "until": "", "outcome": one.outcome, "evidence": one.evidence, "record": one.to_json(),
            }
            for one in several
        ]  # fmt: skip
        table = pa.Table.from_pylist(rows, schema=_SCHEMA)
        write_deltalake(str(history.folder / CHECKS), table, mode="append")
    history._tidy(0)
    state = history.state()
    marks = rng.integers(0, 1 << 63, size=(labels * more, 2)).astype(np.uint64)
    last = number + more
    state = replace(state, number=last, judged=np.concatenate([state.judged, marks]))
    history.add(a_check(last, rng).model_copy(update={"batch": "f" * 32}), state, None)
    return last


def _of_a_day(rows: Batch, rng: np.random.Generator) -> Batch:
    return replace(rows, vectors=rows.vectors + rng.normal(size=rows.vectors.shape).astype(np.float32))
