"""Sources that were pretrained here, against the same network from random weights and against the truth.

``python -m bench digits draws=20 keep=build/digits.jsonl``: scikit-learn's digits; a network learns 0 to 4, and studies
of 5 to 9 with ten rows of each reuse it. ``python -m bench speakers draws=20 keep=…``: spoken digits; a network learns
them from three speakers, and studies of the other three reuse it. ``strategy=frozen,full``; ``size=10``. A draw scores
what was compared on all rows the study did not see; a verdict is wrong when its sign is not that of the truth.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.metrics import f1_score

import graft
from bench.draws import Found, kept
from graft.inputs import Roles, build_dataset, infer_contract
from graft.representations.cache import ActivationCache
from graft.representations.sources import resolve_source
from graft.rows import read_frame
from graft.scores.fitting import Candidate, fit
from graft.scores.strategies import parse_strategy
from graft.scores.workbench import Workbench
from graft.studies.plan import budget_of
from graft.studies.settings import make_settings

SPOKEN = Path(__file__).resolve().parents[2] / "shared" / "data" / "spoken_digits"
_WORK = tempfile.TemporaryDirectory(prefix="graft-bench-")


@dataclass(frozen=True, eq=False)
class Moved:
    """Rows to pretrain on and rows to study, of one kind. options: of pretraining."""

    kind: str
    source: tuple[list[object], list[str], list[str]]
    target: tuple[list[object], list[str]]
    options: dict[str, object]

    @property
    @cache  # noqa: B019 - two in a process
    def reference(self) -> str:
        """The source, pretrained once."""
        contents, labels, groups = self.source
        rows = {"content": contents, "label": labels, "group": groups}
        made = graft.pretrain_source(
            rows, label="label", out=Path(_WORK.name) / self.kind, task="multiclass", progress=False, **self.options,
            **{self.kind: "content"},
        )  # fmt: skip
        return made.reference

    @property
    @cache  # noqa: B019
    def bench(self) -> Workbench:
        """The rows that are studied, all of them."""
        contents, labels = self.target
        table = read_frame({"content": contents, "label": labels})
        roles = Roles(content=("content",), label=("label",), kind=self.kind)
        contract = infer_contract(table, roles, task="multiclass")
        return Workbench(build_dataset(table, contract, labelled=True)[0], ActivationCache())


@cache
def written_digits() -> Moved:
    """Pictures of 8 x 8 pixels: 0 to 4, and 5 to 9."""
    from sklearn.datasets import load_digits

    numbers, truth = load_digits(return_X_y=True)
    pictures = [(one.reshape(8, 8) * 255 / 16).astype(np.uint8) for one in numbers]
    low, high = np.flatnonzero(truth < 5).tolist(), np.flatnonzero(truth >= 5).tolist()
    source = [pictures[row] for row in low], [str(truth[row]) for row in low], [str(row) for row in low]
    return Moved("image", source, ([pictures[row] for row in high], [str(truth[row]) for row in high]), {"side": 16})


@cache
def spoken_digits() -> Moved:
    """Ten digits by three speakers, and by three others; three are too few to keep any of them back in pretraining."""
    clips = pl.read_csv(SPOKEN / "clips.csv", schema_overrides={"digit": pl.String})
    clips = clips.with_columns(pl.concat_str(pl.lit(f"{SPOKEN}/"), "path").alias("path"))
    known = clips.filter(pl.col("speaker").is_in(["s1", "s2", "s3"]))
    others = clips.filter(~pl.col("speaker").is_in(["s1", "s2", "s3"]))
    source = known["path"].to_list(), known["digit"].to_list(), known["speaker"].to_list()
    return Moved("audio", source, (others["path"].to_list(), others["digit"].to_list()), {})


def digits(
    draws: int = 1, size: int = 10, strategy: tuple[str, ...] = ("frozen",), keep: tuple[str, ...] = ()
) -> Found:
    """Written digits: what was found."""
    return _found("digits", written_digits(), draws, size, strategy, keep)


def speakers(
    draws: int = 1, size: int = 5, strategy: tuple[str, ...] = ("frozen",), keep: tuple[str, ...] = ()
) -> Found:
    """Spoken digits: what was found."""
    return _found("speakers", spoken_digits(), draws, size, strategy, keep)


def _found(name: str, moved: Moved, draws: int, size: int, strategy: Sequence[str], keep: tuple[str, ...]) -> Found:
    cell, margin = f"{size} {','.join(strategy)}", 1e-9
    drawn = [
        kept(keep).of(name, cell, seed, lambda: draw(moved, size, strategy, seed))  # noqa: B023
        for seed in range(draws)
    ]
    verdicts = [str(one["verdict"]) for one in drawn]
    truths = [float(one["truth"]) for one in drawn]  # type: ignore[arg-type]
    ahead = [float(one["reused"]) >= float(one["scratch"]) - margin for one in drawn]  # type: ignore[arg-type]
    wrong = [
        (said == "helps" and truth < 0) or (said == "harms" and truth > 0)
        for said, truth in zip(verdicts, truths, strict=True)
    ]
    means = {one: float(np.mean([row[one] for row in drawn])) for one in ("reused", "scratch", "classical", "truth")}  # type: ignore[misc]
    counts = {said: verdicts.count(said) for said in sorted(set(verdicts))}
    return {"cell": cell, "draws": len(drawn), "at least scratch": sum(ahead), "wrong": sum(wrong), **counts, **means}


def draw(moved: Moved, size: int, strategy: Sequence[str], seed: int) -> Found:
    """One study of so many rows of each class, and what its rows do not show."""
    contents, labels = moved.target
    rng, held = np.random.default_rng(seed), np.array(labels)
    drawn = np.concatenate([rng.permutation(np.flatnonzero(held == one))[:size] for one in np.unique(held)])
    rest = np.setdiff1d(np.arange(len(held)), drawn)
    rows = {"content": [contents[row] for row in drawn], "label": [labels[row] for row in drawn]}
    source = resolve_source(moved.reference)
    with tempfile.TemporaryDirectory() as folder:
        record = graft.study(
            rows, label="label", task="multiclass", source=moved.reference, strategy=strategy, effort="quick",
            seed=seed, out=Path(folder) / "study", progress=False, **{moved.kind: "content"},
        ).record  # fmt: skip
    settings = make_settings({"roles": record.data.contract.roles, "effort": "quick", "sources": (moved.reference,)})
    budget = budget_of(settings, len(drawn), [source])
    scores = {}
    # The control that begins at random weights is named after its source too.
    chosen, control = record.verdict.chosen.strategy, record.verdict.control.split(" ")[-1]
    for name in {chosen, control, "scratch", "classical"}:
        candidate = Candidate(parse_strategy(name), None if name in ("classical", "majority") else source)
        made = fit(moved.bench, candidate, drawn, rest, budget=budget, seed=seed)
        truth = moved.bench.targets[rest]
        scores[name] = float(f1_score(truth, made.scores.argmax(1), average="macro"))
    return {
        "verdict": str(record.verdict.outcome),
        "difference": record.verdict.difference.mean,
        "chosen": chosen,
        "control": control,
        "reused": scores[chosen],
        "scratch": scores["scratch"],
        "classical": scores["classical"],
        "truth": scores[chosen] - scores[control],
    }
