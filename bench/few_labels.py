"""Few labels: Graft's frozen head against SetFit, with the same backbone, on the same rows.

A cell is a public set at 8 or 64 labels a class, of at most so many classes as ``classes`` says (SetFit with 150
classes of 64 rows takes hours without a GPU); the rows and the tests are those of ``bench.regret``. Told are macro-F1
on the test rows and the seconds of learning and predicting, weights loaded for SetFit and not yet for Graft, whose
cache is empty. Asked: at least SetFit's score in at most a fifth of its time. SetFit is installed into
``build/setfit-env`` at the first run. ``python -m bench few-labels names=banking77,sms_spam sizes=8 classes=20
keep=build/few.jsonl``; ``python=FILE`` for an environment that has SetFit already.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from bench.draws import Found, kept
from bench.regret import Cell, Rows, draw

SETS = ("banking77", "clinc150", "hwu64", "sms_spam", "tram", "cisa_kev")
ENVIRONMENT = Path(__file__).resolve().parents[1] / "build" / "setfit-env"
WANTED = ("setfit==1.2.0", "torch")
_PEER = Path(__file__).with_name("setfit_peer.py")
_TEST_ROWS = 1500


def few_labels(
    draws: int = 1,
    names: tuple[str, ...] = SETS,
    sizes: tuple[str, ...] | int = ("8", "64"),
    classes: int = 20,
    iterations: int = 20,
    python: tuple[str, ...] = (),
    keep: tuple[str, ...] = (),
) -> Found:
    """iterations: pairs of each sort that SetFit makes of a row."""
    peer, held, table = _peer(python), kept(keep), []
    for name in names:
        for size in (sizes,) if isinstance(sizes, int) else map(int, sizes):
            cell = Cell(name, size, classes)
            find = partial(_draw, cell, iterations, peer)
            found = [held.of("few-labels", str(cell), seed, partial(find, seed)) for seed in range(draws)]
            table.append({"cell": str(cell), "draws": draws, **_told(found)})
            print(table[-1], flush=True)
    return {
        "cells": table,
        "setfit": f"{iterations} pairs of each sort a row, one pass, 16 a step",
        "wanted": "graft at least setfit, and seconds at most a fifth",
    }


def _told(found: list[Found]) -> Found:
    names = ("rows", "classes", "steps", "graft", "setfit", "graft_seconds", "setfit_seconds")
    means = {name: round(statistics.fmean(float(str(one[name])) for one in found), 4) for name in names}
    return {
        **means,
        "share_of_time": round(means["graft_seconds"] / means["setfit_seconds"], 4),
        "commits": sorted({str(one["commit"]) for one in found}),
    }


def _draw(cell: Cell, iterations: int, peer: Path, seed: int) -> Found:
    from sklearn.metrics import f1_score

    rows, test = draw(cell, seed)
    if len(test.texts) > _TEST_ROWS:
        test = test.take(np.sort(np.random.default_rng(seed).permutation(len(test.texts))[:_TEST_ROWS]))
    said, seconds = _graft(rows, test)
    theirs = _setfit(rows, test, iterations, peer)
    return {
        "rows": len(rows.texts),
        "classes": len(np.unique(rows.labels)),
        "steps": theirs["steps"],
        "graft": float(f1_score(test.labels, said, average="macro")),
        "setfit": float(f1_score(test.labels, np.array(theirs["said"]), average="macro")),
        "graft_seconds": seconds,
        "setfit_seconds": float(str(theirs["fit_seconds"])) + float(str(theirs["predict_seconds"])),
    }


def _graft(rows: Rows, test: Rows) -> tuple[np.ndarray, float]:
    """Labels of the test rows, and the seconds to learn and to say them; nothing is known from before."""
    import graft

    before = os.environ.get("GRAFT_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GRAFT_CACHE"] = folder
        try:
            started = time.perf_counter()
            made = graft.TransferClassifier(strategy="frozen").fit(list(rows.texts), list(rows.labels))
            said = np.array(made.predict(list(test.texts)), dtype=str)
            return said, time.perf_counter() - started
        finally:
            os.environ.pop("GRAFT_CACHE") if before is None else os.environ.update(GRAFT_CACHE=before)


def _setfit(rows: Rows, test: Rows, iterations: int, peer: Path) -> Found:
    from graft.representations.sources import resolve_source

    with tempfile.TemporaryDirectory() as folder:
        asked = {
            "model": str(resolve_source("minilm").weights.directory),
            "texts": list(rows.texts),
            "labels": [str(label) for label in rows.labels],
            "test": list(test.texts),
            "iterations": iterations,
            "folder": folder,
        }
        environment = {**os.environ, "PYTHONPATH": "", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        done = subprocess.run(
            [peer, _PEER], input=json.dumps(asked), stdout=subprocess.PIPE, text=True, env=environment, check=True
        )
    found: Found = json.loads(done.stdout.splitlines()[-1])
    return found


def _peer(given: tuple[str, ...]) -> Path:
    """A Python that has SetFit; made where none was named."""
    if given:
        return Path(given[0])
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / "ready").exists():
        print(f"installing {', '.join(WANTED)} into {ENVIRONMENT}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *WANTED], check=True)
        (ENVIRONMENT / "ready").touch()
    return python
