"""Running the trials: every candidate on every fold, each result stored as soon as it is there."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graft.core.digests import array_digest
from graft.core.progress import SILENT, Progress
from graft.core.seeds import derive
from graft.engine.store import ResultStore
from graft.evidence.training_curve import CurvePoint, Remark
from graft.inputs.splits import Fold
from graft.scores.fitting import Budget, Candidate, Fit, fit
from graft.scores.freezing import FreezeRecord
from graft.scores.workbench import Workbench


@dataclass(frozen=True)
class TrialRunner:
    """What all trials of a study share. identity: the key of the study, part of every trial's own."""

    bench: Workbench
    store: ResultStore
    identity: str
    budget: Budget
    weights: str
    seed: int

    def run(
        self, candidate: Candidate, fold: Fold, *, rows: np.ndarray | None = None, budget: Budget | None = None
    ) -> Fit:
        """The trial of a candidate on a fold; on some of its training rows when ``rows`` are given."""
        used = fold.train if rows is None else rows
        budget = budget or self.budget
        asked = {
            "study": self.identity,
            "candidate": candidate.name,
            "repeat": fold.repeat,
            "fold": fold.index,
            "rows": array_digest([np.asarray(used, np.int64)]),
            "steps": budget.steps,
        }
        seed = derive(self.seed, "trial", fold.repeat, fold.index)

        def compute() -> tuple[dict[str, np.ndarray], dict[str, Any]]:
            fitted = fit(self.bench, candidate, used, fold.test, budget=budget, seed=seed, weights=self.weights)
            return {"scores": fitted.scores}, _facts(fitted)

        arrays, facts = self.store.run(asked, compute)
        return _fit(arrays["scores"], facts)

    def run_all(
        self,
        candidates: Sequence[Candidate],
        folds: Sequence[Fold],
        *,
        ruled_out: "Callable[[dict[str, list[Fit]], Sequence[Fold]], dict[str, str]]" = lambda found, folds: {},
        progress: Progress = SILENT,
    ) -> tuple[dict[str, list[Fit]], dict[str, str]]:
        """Every candidate on every fold, fold by fold: name to trials in the order of ``folds``, and who was dropped.

        ruled_out: asked after every fold but the last, with the trials so far; names to the reason why a candidate need
        not go on.
        """
        found: dict[str, list[Fit]] = {candidate.name: [] for candidate in candidates}
        dropped: dict[str, str] = {}
        with progress.stage("trials", len(candidates) * len(folds), "trials") as stage:
            for place, fold in enumerate(folds):
                for candidate in candidates:
                    if candidate.name in dropped:
                        stage.advance(1)
                        continue
                    stage.advance(0, f"{candidate.name}, fold {fold.index + 1}")
                    found[candidate.name].append(self.run(candidate, fold))
                    stage.advance(1)
                if place + 1 < len(folds):
                    going = {name: fits for name, fits in found.items() if name not in dropped}
                    dropped |= ruled_out(going, folds[: place + 1])
        return found, dropped


def _facts(fitted: Fit) -> dict[str, Any]:
    return {
        "seconds": fitted.seconds,
        "peak_mb": fitted.peak_mb,
        "steps": fitted.steps,
        "trainable": fitted.trainable,
        "under_trained": fitted.under_trained,
        "configuration": fitted.configuration,
        "curve": [[point.step, _plain(point.train), _plain(point.held)] for point in fitted.curve],
        "freeze": [fitted.freeze.frozen, fitted.freeze.trained, fitted.freeze.digest],
        "notes": list(fitted.notes),
        "remarks": [[one.code, one.text] for one in fitted.remarks],
    }


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _fit(scores: np.ndarray, facts: dict[str, Any]) -> Fit:
    curve = tuple(
        CurvePoint(step, math.nan if train is None else train, math.nan if held is None else held)
        for step, train, held in facts["curve"]
    )
    return Fit(
        scores=scores,
        seconds=facts["seconds"],
        peak_mb=facts["peak_mb"],
        steps=facts["steps"],
        trainable=facts["trainable"],
        under_trained=facts["under_trained"],
        configuration=facts["configuration"],
        curve=curve,
        freeze=FreezeRecord(*facts["freeze"]),
        notes=tuple(facts["notes"]),
        remarks=tuple(Remark(*one) for one in facts["remarks"]),
    )
