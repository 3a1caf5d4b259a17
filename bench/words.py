"""Verdicts of studies with averaged word vectors against the truth of the rows they did not see.

A draw takes 20 intents of Banking77 and so many rows of each, studies the source (frozen, quick), and scores what was
compared on all other rows of these intents, those of the test file too. ``python -m bench words draws=40
keep=build/words.jsonl``; ``sizes=8,40``, ``source=glove``.
"""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np

import graft
from bench.draws import Found, kept, told
from bench.images import mean_recall
from bench.rows import banking
from graft.inputs import Roles, build_dataset, infer_contract
from graft.representations.cache import ActivationCache
from graft.representations.sources import resolve_source
from graft.rows import read_frame
from graft.scores.fitting import Budget, Candidate, fit
from graft.scores.strategies import parse_strategy
from graft.scores.workbench import Workbench

_CLASSES = 20


def words(
    draws: int = 1,
    sizes: tuple[str, ...] | int = ("8", "40"),
    source: tuple[str, ...] = ("glove",),
    keep: tuple[str, ...] = (),
) -> Found:
    """What was found for each size and source."""
    held, found = kept(keep), []
    for size in (sizes,) if isinstance(sizes, int) else map(int, sizes):
        for one in source:
            cell = f"banking77 {_CLASSES} x {size} {one.rpartition('/')[2]}"
            drawn = [held.of("words", cell, seed, partial(_draw, size, one, seed)) for seed in range(draws)]
            found.append(told(cell, drawn))
            print(found[-1], flush=True)
    return {"cells": found}


def _draw(size: int, source: str, seed: int) -> Found:
    parts = [banking(part) for part in ("train", "test")]
    texts = np.array([text for part in parts for text in part[0]], dtype=object)
    intents = np.concatenate([part[1] for part in parts])
    rng = np.random.default_rng([seed, size])
    chosen = rng.permutation(np.unique(intents))[:_CLASSES]
    inside = np.flatnonzero(np.isin(intents, chosen))
    table = read_frame({"text": list(texts[inside]), "intent": [parts[0][2][one] for one in intents[inside]]})
    contract = infer_contract(table, Roles(content=("text",), label=("intent",), kind="text"))
    bench = Workbench(build_dataset(table, contract, labelled=True)[0], ActivationCache())
    targets = bench.targets
    drawn = np.concatenate([rng.permutation(np.flatnonzero(targets == one))[:size] for one in np.unique(targets)])
    rest = np.setdiff1d(np.arange(len(targets)), drawn)
    scores = {}
    for name, of in (("frozen", resolve_source(source)), ("classical", None)):
        made = fit(bench, Candidate(parse_strategy(name), of), drawn, rest, budget=Budget(), seed=seed)
        scores[name] = mean_recall(made.scores.argmax(1), targets[rest])
    rows = {"text": [bench.contents[row] for row in drawn], "intent": [contract.labels[targets[row]] for row in drawn]}
    with tempfile.TemporaryDirectory() as folder:
        record = graft.study(
            rows, text="text", label="intent", source=source, strategy="frozen", effort="quick", seed=seed,
            out=Path(folder) / "study", progress=False,
        ).record  # fmt: skip
    return {
        "verdict": str(record.verdict.outcome),
        "difference": record.verdict.difference.mean,
        "truth": scores["frozen"] - scores["classical"],
        **scores,
    }
