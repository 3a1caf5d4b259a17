"""Verdicts of studies of real recordings: spoken digits, and who speaks them.

The digit is studied over all recordings, splits by speaker; the seed draws the splits, and nothing is left to know the
truth from. The speaker is studied from so many recordings of each, and the truth is scored on the others. ``python -m
bench audio draws=40 keep=build/audio.jsonl``; ``sizes=10,40``.
"""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

import graft
from bench.draws import Found, kept, told
from graft.inputs import Roles, build_dataset, infer_contract
from graft.representations.cache import ActivationCache
from graft.representations.sources import resolve_source
from graft.rows import read_frame
from graft.scores.fitting import Budget, Candidate, fit
from graft.scores.strategies import parse_strategy
from graft.scores.workbench import Workbench

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "data" / "spoken_digits" / "clips.csv"


def audio(draws: int = 1, sizes: tuple[str, ...] | int = ("10", "40"), keep: tuple[str, ...] = ()) -> Found:
    """What was found for the digit, and for the speaker at each size."""
    clips = read_frame(CLIPS).frame.to_dict(as_series=False)
    clips["path"] = [str(CLIPS.parent / name) for name in clips["path"]]
    held = kept(keep)
    cells: dict[str, Callable[[int], Found]] = {"digit": partial(_study, clips)}
    for size in (sizes,) if isinstance(sizes, int) else map(int, sizes):
        cells[f"speaker {size}"] = partial(_draw, clips, size)
    found = [
        told(cell, [held.of("audio", cell, seed, partial(draw, seed)) for seed in range(draws)])
        for cell, draw in cells.items()
    ]
    return {"cells": found}


def _study(clips: dict[str, list[str]], seed: int, label: str = "digit", group: str | None = "speaker") -> Found:
    with tempfile.TemporaryDirectory() as folder:
        record = graft.study(
            clips, audio="path", label=label, group=group, strategy="frozen", effort="quick", seed=seed,
            out=Path(folder) / "study", progress=False,
        ).record  # fmt: skip
    return {"verdict": str(record.verdict.outcome), "difference": record.verdict.difference.mean}


def _draw(clips: dict[str, list[str]], size: int, seed: int) -> Found:
    rng, speakers = np.random.default_rng(seed), np.array(clips["speaker"])
    drawn = np.concatenate([rng.permutation(np.flatnonzero(speakers == one))[:size] for one in np.unique(speakers)])
    rest = np.setdiff1d(np.arange(len(speakers)), drawn)
    table = read_frame({name: clips[name] for name in ("path", "speaker")})
    contract = infer_contract(table, Roles(content=("path",), label=("speaker",), kind="audio"))
    bench = Workbench(build_dataset(table, contract, labelled=True)[0], ActivationCache())
    scores = {}
    for name, of in (("frozen", resolve_source("speech")), ("classical", None)):
        made = fit(bench, Candidate(parse_strategy(name), of), drawn, rest, budget=Budget(), seed=seed)
        scores[name] = float((made.scores.argmax(1) == bench.targets[rest]).mean())
    said = _study({name: [clips[name][row] for row in drawn] for name in ("path", "speaker")}, seed, "speaker", None)
    return {**said, "truth": scores["frozen"] - scores["classical"], **scores}
