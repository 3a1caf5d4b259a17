"""Running the trials: every candidate on every fold, each result stored as soon as it is there.

Decision: what is stored is not run again, wherever it was run before; the engine decides only where the rest runs.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from graft.core.progress import SILENT, Progress, Stage
from graft.core.seeds import derive
from graft.engine.engines import Engine
from graft.engine.store import ResultStore
from graft.evidence.training_curve import CurvePoint, Remark
from graft.inputs.splits import Fold
from graft.scores.fitting import Budget, Candidate, Fit, Weighing, warm
from graft.scores.freezing import FreezeRecord
from graft.scores.losses import Loss
from graft.scores.workbench import Workbench
from graft.studies.trial_specs import Runnable, TrialSpec, Workplace

Learnt = TypeVar("Learnt")
Asked = TypeVar("Asked", bound=Runnable[Any])


@dataclass(frozen=True)
class TrialRunner:
    """What all trials of a study share.

    place: what runs a spec; bench: its workbench in this process. identity: the key of the study, part of every trial's
    own. engine: where trials run.
    """

    bench: Workbench
    place: Workplace
    store: ResultStore
    identity: str
    budget: Budget
    weights: Weighing
    loss: Loss
    seed: int
    engine: Engine

    def spec(
        self,
        candidate: Candidate,
        fold: Fold,
        *,
        title: str = "",
        rows: np.ndarray | None = None,
        budget: Budget | None = None,
    ) -> TrialSpec:
        """The trial of a candidate on a fold; on some of its training rows when ``rows`` are given."""
        return TrialSpec(
            title=title or f"fold {fold.index + 1}",
            rows=self.bench.rows.fingerprint,
            source=candidate.source,
            strategy=str(candidate.strategy),
            label=candidate.label,
            train=fold.train if rows is None else rows,
            test=fold.test,
            budget=budget or self.budget,
            seed=derive(self.seed, "trial", fold.repeat, fold.index),
            weights=self.weights,
            loss=self.loss.name,
            study=self.identity,
            repeat=fold.repeat,
            fold=fold.index,
        )

    def run(self, specs: Sequence[TrialSpec], stage: Stage | None = None) -> list[Fit]:
        """The trials, in the order of their specs: those that are stored, and the others run and stored."""
        told = stage or _Nobody()
        found: dict[TrialSpec, Fit] = {}
        for spec in specs:
            stored = self.store.get(spec.asked())
            if stored is not None:
                found[spec] = _fit(stored[0]["scores"], stored[1])
                told.advance(1, str(spec))

        def done(spec: TrialSpec, fitted: Fit) -> None:
            self.store.put(spec.asked(), {"scores": fitted.scores}, _facts(fitted))
            found[spec] = fitted
            told.advance(1)

        missing = [spec for spec in specs if spec not in found]
        self._map(missing, lambda spec: told.advance(0, str(spec)), done)
        return [found[spec] for spec in specs]

    def learn(self, specs: Sequence[Runnable[Learnt]], stage: Stage) -> list[Learnt]:
        """What other specs give, in their order; it is not stored as trials are."""
        found: dict[Runnable[Learnt], Learnt] = {}

        def done(spec: Runnable[Learnt], learnt: Learnt) -> None:
            found[spec] = learnt
            stage.advance(1, str(spec))

        self._map(specs, lambda spec: stage.advance(0, str(spec)), done)
        return [found[spec] for spec in specs]

    def _map(
        self,
        specs: Sequence[Asked],
        begun: Callable[[Asked], None],
        done: Callable[[Asked, Any], None],
    ) -> None:
        if self.engine.apart:
            # Every worker would run the backbones over the same rows; this way it finds them in the cache.
            for spec in specs:
                warm(self.bench, spec.candidate)
            # What takes longest goes first, so that no worker waits for one that began late.
            specs = sorted(specs, key=lambda spec: not spec.candidate.strategy.trains_backbone)
        self.engine.map(self.place, specs, begun=begun, done=done)

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
                going = [candidate for candidate in candidates if candidate.name not in dropped]
                stage.advance(len(candidates) - len(going))
                fits = self.run([self.spec(candidate, fold) for candidate in going], stage)
                for candidate, fitted in zip(going, fits, strict=True):
                    found[candidate.name].append(fitted)
                if place + 1 < len(folds):
                    dropped |= ruled_out({one.name: found[one.name] for one in going}, folds[: place + 1])
        return found, dropped


class _Nobody:
    def advance(self, amount: int = 1, note: str = "") -> None:
        return None


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
        "kept": fitted.kept,
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
        kept=facts.get("kept"),
    )
