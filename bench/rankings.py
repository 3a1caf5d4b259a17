"""Rankings of real sources against what a head on each of them then scores on the rows that were left.

A draw takes so many rows of each class, ranks the sources for them (``graft sources rank``), and solves a head on each
source's vectors of the same rows; the truth is its mean recall over the classes on the other rows of the set. Of every
score Kendall's tau with the truth over the sources that have it, of the ranking as a whole also the regret: how much
less the source that was ranked first scores than the best. Texts and recordings say how few their sources are.
``python -m bench rankings draws=5 keep=build/rankings.jsonl``; ``names=trashnet``, ``sizes=10,40``, ``rows=1000`` of a
set.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

import graft
from bench.draws import Found, kept
from bench.images import image_workbench, images_of, mean_recall
from graft.evidence.hindsight import RankAgreement, accumulated_tau, rank_agreement
from graft.facts.ranking import RankedSource
from graft.representations.sources import resolve_source
from graft.representations.weights.converting import convert_weights
from graft.scores.fitting import Budget, Candidate, fit
from graft.scores.strategies import parse_strategy
from graft.scores.workbench import Workbench

SOURCES = Path(__file__).resolve().parents[2] / "shared" / "data" / "sources"
# What comes with Graft and lies beside the project, by the kind it reads.
FEW = {"text": ("minilm",), "audio": ("speech",)}
_RANKING = "ranking"


def rankings(
    draws: int = 1,
    names: tuple[str, ...] = ("trashnet", "sign_digits", "fashion_mnist"),
    sizes: tuple[str, ...] | int = ("10", "40"),
    rows: int = 1000,
    keep: tuple[str, ...] = (),
) -> Found:
    """What every score and the ranking were worth, for each set and size, and over all of them."""
    held, cells, every = kept(keep), [], []
    with tempfile.TemporaryDirectory(prefix="graft-bench-") as place, _own_ledger(Path(place)):
        sources = _sources(Path(place))
        for name in names:
            pictures, classes = _some(*images_of(name), rows)
            bench = image_workbench(pictures, classes)
            for size in (sizes,) if isinstance(sizes, int) else map(int, sizes):
                draw = partial(_draw, bench, pictures, classes, size, sources)
                drawn = [held.of("rankings", f"{name} {size}", seed, partial(draw, seed)) for seed in range(draws)]
                cells.append({"cell": f"{name} {size}", "draws": draws, **_told(drawn)})
                every += drawn
    few = [f"{kind}: {len(known)} source ({', '.join(known)}), nothing to rank" for kind, known in FEW.items()]
    return {"sources": list(sources), "cells": cells, "all": _told(every), "few": few}


@contextmanager
def _own_ledger(place: Path) -> Iterator[None]:
    """A ledger of this run: rankings that nobody asked for have no place in a person's."""
    before = os.environ.get("GRAFT_LEDGER")
    os.environ["GRAFT_LEDGER"] = str(place / "ledger.sqlite")
    try:
        yield
    finally:
        os.environ.pop("GRAFT_LEDGER")
        if before is not None:
            os.environ["GRAFT_LEDGER"] = before


def _sources(place: Path) -> dict[str, str]:
    """References of the real sources of pictures, by their names."""
    found = {"lite0": "lite0"}
    found |= {folder.name: f"path:{folder}" for folder in sorted(SOURCES.glob("mobilenetv2-*"))}
    for file in sorted((SOURCES / "resnet-cifar10").glob("*.th")):
        name = file.stem.partition("-")[0] + "-cifar10"
        convert_weights(file, place / name)
        found[name] = f"path:{place / name}"
    return found


def _some(pictures: Sequence[object], classes: Sequence[str], rows: int) -> tuple[list[object], list[str]]:
    """At most so many of the rows, drawn once for all draws, so that each is encoded once."""
    chosen = np.sort(np.random.default_rng(0).permutation(len(classes))[:rows]).tolist()
    return [pictures[row] for row in chosen], [classes[row] for row in chosen]


def _draw(
    bench: Workbench,
    pictures: Sequence[object],
    classes: Sequence[str],
    size: int,
    sources: dict[str, str],
    seed: int,
) -> Found:
    rng, held = np.random.default_rng(seed), np.array(classes)
    drawn = np.concatenate([rng.permutation(np.flatnonzero(held == one))[:size] for one in np.unique(held)])
    rest = np.setdiff1d(np.arange(len(held)), drawn)
    asked = {"picture": [pictures[row] for row in drawn], "kind": [classes[row] for row in drawn]}
    record = graft.rank_sources(
        asked, image="picture", label="kind", source=tuple(sources.values()), seed=seed, progress=False
    )
    by_reference = {one.reference: one for one in record.sources}
    scores, truth = {}, {}
    for name, reference in sources.items():
        scores[name] = _scores(by_reference[reference])
        made = fit(
            bench,
            Candidate(parse_strategy("frozen"), resolve_source(reference)),
            drawn,
            rest,
            budget=Budget(),
            seed=seed,
        )
        truth[name] = mean_recall(made.scores.argmax(1), bench.targets[rest])
    return {"scores": scores, "truth": truth}


def _scores(one: RankedSource) -> dict[str, float]:
    """Every score of a source, higher is better; the ranking as a whole by its places."""
    found = {score.name: score.value.mean for score in one.scores if score.value is not None}
    found |= {f"cue: {cue.name}": -cue.value for cue in one.cues}
    return {**found, _RANKING: -one.mean_place}


def _told(drawn: Sequence[Found]) -> Found:
    """Of each score the mean of Kendall's tau over draws, and of the ranking what following it cost."""
    agreements: dict[str, list[RankAgreement]] = {}
    for draw in drawn:
        scores: dict[str, dict[str, float]] = draw["scores"]  # type: ignore[assignment]
        truth: dict[str, float] = draw["truth"]  # type: ignore[assignment]
        for score in dict.fromkeys(name for own in scores.values() for name in own):
            named = [name for name in truth if score in scores[name]]
            given, true = (
                np.array([of[name] for name in named]) for of in ({n: -scores[n][score] for n in named}, truth)
            )
            agreements.setdefault(score, []).append(rank_agreement(given, true))
    taus = {
        name: {"tau": _mean([one.tau for one in found if one.tau is not None]), "pairs": accumulated_tau(found)}
        for name, found in agreements.items()
    }
    regrets = [one.regret for one in agreements[_RANKING]]
    firsts = {name: _mean([one.regret for one in found]) for name, found in agreements.items()}
    means = {name: _mean([draw["truth"][name] for draw in drawn]) for name in drawn[0]["truth"]}  # type: ignore[index, attr-defined]
    return {"tau": taus, "regret": float(np.mean(regrets)), "worst": max(regrets), "regret by": firsts, "truth": means}


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 4) if len(values) else None
