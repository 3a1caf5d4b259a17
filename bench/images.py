"""Verdicts of studies of real pictures against the truth of the rows they did not see.

A draw takes so many pictures of each class, studies them (frozen, quick), and scores what was compared on all other
rows of the set. A verdict is wrong when its sign is not that of the truth. ``python -m bench images draws=40
keep=build/images.jsonl``; ``names=trashnet``, ``sizes=10,40``,
``source=lite0,path:../shared/data/sources/mobilenetv2-inat-bird``. ``scratch=0`` leaves out the network from random
weights, four fifths of the time of a study at this effort: where another control is chosen, as it is with so few rows,
the verdict and the difference stay the same to the last digit.
"""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

import numpy as np

import graft
from bench.draws import Found, kept, told
from graft.inputs import Roles, build_dataset, infer_contract
from graft.representations.cache import ActivationCache
from graft.representations.sources import resolve_source
from graft.rows import read_frame
from graft.scores.fitting import Budget, Candidate, fit
from graft.scores.strategies import STRATEGIES, parse_strategy
from graft.scores.workbench import Workbench
from graft.studies import plan

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_MOST = 3000


def images(
    draws: int = 1,
    names: tuple[str, ...] = ("trashnet", "sign_digits", "fashion_mnist"),
    sizes: tuple[str, ...] | int = ("10", "40"),
    source: tuple[str, ...] = ("lite0",),
    keep: tuple[str, ...] = (),
    scratch: int = 1,
) -> Found:
    """What was found for each set, size and source."""
    found = []
    with ExitStack() as left_out:
        if not scratch:
            fewer = tuple(one for one in STRATEGIES if one.name != "scratch")
            left_out.enter_context(patch.object(plan, "STRATEGIES", fewer))
        for name in names:
            pictures, classes = images_of(name)
            bench = image_workbench(pictures, classes)
            for size in (sizes,) if isinstance(sizes, int) else map(int, sizes):
                for one in source:
                    cell = f"{name} {size} {one.rpartition('/')[2]}"
                    drawn = [
                        kept(keep).of("images", cell, seed, lambda: _draw(bench, pictures, classes, size, one, seed))  # noqa: B023
                        for seed in range(draws)
                    ]
                    found.append(told(cell, drawn))
    return {"cells": found}


def images_of(name: str) -> tuple[list[object], list[str]]:
    """The pictures of a set, files or pixels, and their classes."""
    if name == "fashion_mnist":
        held = np.load(DATA / name / "fashion_mnist.npz")
        order = np.random.default_rng(0).permutation(len(held["y_train"]))[:_MOST]
        # Asked for once: the file is read anew each time, and a row would keep all of it.
        pixels, named = held["x_train"], held["y_train"]
        return [pixels[row] for row in order], [str(named[row]) for row in order]
    files = sorted(path for path in (DATA / name).glob("*/*") if path.suffix.lower() == ".jpg")
    return [str(path) for path in files], [path.parent.name for path in files]


def image_workbench(pictures: list[object], classes: list[str]) -> Workbench:
    """Pictures of which every source is asked once."""
    table = read_frame({"picture": pictures, "kind": classes})
    contract = infer_contract(table, Roles(content=("picture",), label=("kind",), kind="image"))
    return Workbench(build_dataset(table, contract, labelled=True)[0], ActivationCache())


def _draw(bench: Workbench, pictures: list[object], classes: list[str], size: int, source: str, seed: int) -> Found:
    rng, held = np.random.default_rng(seed), np.array(classes)
    drawn = np.concatenate([rng.permutation(np.flatnonzero(held == one))[:size] for one in np.unique(held)])
    rest = np.setdiff1d(np.arange(len(held)), drawn)
    rows = {"picture": [pictures[row] for row in drawn], "kind": [classes[row] for row in drawn]}
    with tempfile.TemporaryDirectory() as folder:
        record = graft.study(
            rows, image="picture", label="kind", source=source, strategy="frozen", effort="quick", seed=seed,
            out=Path(folder) / "study", progress=False,
        ).record  # fmt: skip
    scores = {}
    for name, of in (("frozen", resolve_source(source)), ("classical", None)):
        made = fit(bench, Candidate(parse_strategy(name), of), drawn, rest, budget=Budget(), seed=seed)
        scores[name] = mean_recall(made.scores.argmax(1), bench.targets[rest])
    difference = record.verdict.difference
    return {
        "verdict": str(record.verdict.outcome),
        "difference": difference.mean,
        "ends": difference.ends,
        "control": record.verdict.control,
        "doubt": record.verdict.doubt,
        "grown": record.verdict.grown,
        "truth": scores["frozen"] - scores["classical"],
        **scores,
    }


def mean_recall(said: np.ndarray, true: np.ndarray) -> float:
    """The share of each class that is recognised, averaged over the classes."""
    return float(np.mean([(said == true)[true == one].mean() for one in np.unique(true)]))
