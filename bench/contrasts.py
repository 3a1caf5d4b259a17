"""Verdicts on real rows, drawn again and again: ``python -m bench contrasts`` and ``prospective``.

A study of the frozen source against its cheap controls, with everything a real one does up to the verdict (folds,
halves, calibration, holdout); nothing is saved. Truth is the difference of models learnt from as many rows, on all
rows left.
"""

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from bench.draws import kept
from bench.regret import Rows, _files, _in_time

if TYPE_CHECKING:
    from graft.studies.settings import StudySettings

# name, classes (0: as they come), labels a class at first
CONTRASTS = (("banking77", 8, 40), ("cisa_kev", 2, 120))
FIRST = ("banking77", 20, 8)
PROSPECTIVE = (("banking77", 8, 10), ("hwu64", 10, 8), ("sms_spam", 2, 30))


@dataclass(frozen=True)
class Seen:
    """One draw. verdict: its outcome. difference, error: of the comparison. truth: on the rows left. control: best."""

    verdict: str
    difference: float
    error: float
    truth: float
    control: str


def pool(name: str) -> Rows:
    """All rows of a set."""
    parts = _in_time(name) if name in ("cisa_kev", "tickets") else _files(name)
    return Rows(np.concatenate([one.texts for one in parts]), np.concatenate([one.labels for one in parts]))


def classes_of(rows: Rows, count: int, needed: int) -> list[str]:
    """The same classes in every draw: some of those with enough rows."""
    names, counts = np.unique(rows.labels, return_counts=True)
    fit = names[counts >= needed]
    return sorted(np.random.default_rng(5).permutation(fit)[:count].tolist())


def pick(rows: Rows, classes: list[str], per_class: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of a draw, nested for growing ``per_class``, and of the rows left (at most 2,500)."""
    rng = np.random.default_rng([seed, 1])
    orders = [rng.permutation(np.flatnonzero(rows.labels == name)) for name in classes]
    drawn = np.concatenate([order[:per_class] for order in orders])
    left = np.concatenate([order[per_class:] for order in orders])
    return drawn, rng.permutation(left)[:2500]


def study(rows: Rows, left: Rows | None, seed: int = 0) -> Seen:
    """A study of texts up to its verdict, and the truth when rows are left."""
    from graft.inputs.roles import Roles
    from graft.studies.settings import StudySettings

    settings = StudySettings(roles=Roles(content=("text",), label=("label",)), seed=seed, effort="quick")
    return judge(_frame(rows), None if left is None else _frame(left), settings)


def _frame(rows: Rows) -> pl.DataFrame:
    return pl.DataFrame({"text": list(rows.texts), "label": list(rows.labels)})


def judge(rows: pl.DataFrame, left: pl.DataFrame | None, settings: "StudySettings", *, scratch: bool = False) -> Seen:
    """A study of the frozen source against its cheap controls up to its verdict, and the truth when rows are left.

    scratch: whether the same network from random weights is among the controls. The truth is of the two that the
    verdict names, each with its calibration and its rule, learnt from all rows.
    """
    from sklearn.metrics import f1_score

    from graft.bundle.raw_scores import score
    from graft.core.progress import SILENT
    from graft.inputs.dataset import build_dataset
    from graft.rows.table import read_frame
    from graft.scores.fitting import Candidate
    from graft.scores.strategies import CLASSICAL, FROZEN, MAJORITY, SCRATCH
    from graft.studies.prepared import prepare
    from graft.studies.stages import Stages

    prepared = prepare(read_frame(rows), settings)
    source = prepared.sources[0]
    candidates = [Candidate(MAJORITY), Candidate(CLASSICAL), Candidate(FROZEN, source)]
    if scratch:
        candidates.append(Candidate(SCRATCH, prepared.architecture or source))
    with tempfile.TemporaryDirectory() as folder:
        stages = Stages(prepared, settings, Path(folder), None, SILENT)
        gathered = stages.gather(candidates)
        concluded = stages.conclude(candidates, gathered)
        gap, control = concluded.judgement.comparison, concluded.judgement.choice.control
        truth = float("nan")
        if left is not None:
            data, _ = build_dataset(read_frame(left), prepared.rows.contract, labelled=True)
            everything = np.arange(len(prepared.rows))
            both = [candidates[2], next(one for one in candidates if one.name == control)]
            with SILENT.stage("truth", len(both), "models") as stage:
                learnt = stages._fit(both, everything, Path(folder) / "truth", stage)
            said = []
            for one in both:
                model, parts = learnt[one.name].model, gathered.judged[one.name].parts
                assert model is not None
                decided = parts.policy.decide(parts.calibration.calibrator.apply(score(model, data).scores)).decided
                said.append(float(f1_score(data.targets, decided, average="macro")))
            truth = said[0] - said[1]
    return Seen(concluded.verdict.outcome.value, gap.estimate, gap.error, truth, control)


def contrasts(draws: int = 200, only: tuple[str, ...] = ()) -> dict[str, object]:
    """Settled shares on real contrasts, beside an unbiased oracle's that knows how much the draws vary.

    only: of these sizes, ``contrasts draws=20 only=20x8,``.
    """
    from scipy import stats

    found = {}
    for name, classes, per_class in (*CONTRASTS, FIRST):
        if only and f"{classes}x{per_class}" not in only:
            continue
        rows = pool(name)
        names = classes_of(rows, classes, 2 * per_class)
        seen = []
        for seed in range(draws if (name, classes, per_class) != FIRST else min(draws, 40)):
            drawn, left = pick(rows, names, per_class, seed)
            seen.append(study(rows.take(drawn), rows.take(left) if seed < 10 else None))
        truth = float(np.nanmean([one.truth for one in seen]))
        spread = float(np.std([one.difference for one in seen], ddof=1))
        reach = (abs(truth) - 0.01) / spread - stats.norm.ppf(0.975)
        outcomes = [one.verdict for one in seen]
        found[f"{name}, {classes} classes x {per_class}"] = {
            "truth": truth,
            "mean_estimate": float(np.mean([one.difference for one in seen])),
            "spread_of_draws": spread,
            "mean_error": float(np.mean([one.error for one in seen])),
            "oracle_power": float(stats.norm.cdf(reach)),
            "verdicts": {outcome: outcomes.count(outcome) / len(outcomes) for outcome in sorted(set(outcomes))},
            "draws": len(seen),
        }
        print(name, found[f"{name}, {classes} classes x {per_class}"], flush=True)
    return {**found, "wanted": "0.8 of the oracle's power; 20 classes x 8 settled in nine of ten"}


def prospective(draws: int = 30, only: tuple[str, ...] = (), keep: tuple[str, ...] = ()) -> dict[str, object]:
    """Verdicts at n and at 4n of the same draw: how many are settled, how many at n are contradicted at 4n.

    only: of these sets. keep: a file of draws found before, see ``bench.draws``.
    """
    found, contradicted, claimed, before = {}, 0, 0, kept(keep)
    for name, classes, per_class in PROSPECTIVE:
        if only and name not in only:
            continue
        rows = pool(name)
        names = classes_of(rows, classes, 4 * per_class)

        def find(seed: int, rows: Rows = rows, names: list[str] = names, size: int = per_class) -> dict[str, object]:
            small, large = (pick(rows, names, count, seed)[0] for count in (size, 4 * size))
            return {"at": study(rows.take(small), None).verdict, "later": study(rows.take(large), None).verdict}

        cell = f"{name}, {classes} classes x {per_class}"
        seen = [before.of("prospective", cell, seed, partial(find, seed)) for seed in range(draws)]
        pairs = [(one["at"], one["later"]) for one in seen]
        settled = [pair for pair in pairs if pair[0] != "inconclusive"]
        against = [pair for pair in settled if pair[1] not in (pair[0], "inconclusive")]
        claimed, contradicted = claimed + len(settled), contradicted + len(against)
        found[cell] = {
            "settled_at_n": len(settled) / draws,
            "settled_at_4n": sum(pair[1] != "inconclusive" for pair in pairs) / draws,
            "contradicted": against,
            "commits": sorted({one["commit"] for one in seen}),
        }
        print(name, found[cell], flush=True)
    return {**found, "contradicted_share": contradicted / max(1, claimed), "wanted": "at most 0.05"}
