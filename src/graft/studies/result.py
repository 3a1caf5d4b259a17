"""The study, from a table to a verdict, a bundle and ``study.json``.

The order is the argument: the rows are understood before anything is trained, the plan is stated before it is
followed, the controls run beside the candidates, the choice is made on folds, and the holdout is opened once, at the
end.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from graft.bundle.bundle import Bundle
from graft.bundle.loading import load_bundle
from graft.core.errors import GateNotMet
from graft.core.files import write_text
from graft.core.progress import SILENT, Progress
from graft.engine.engines import Here
from graft.engine.processes import Processes
from graft.facts.study import PlanFacts, StudyRecord, read_study
from graft.studies.claim import seal_of
from graft.studies.folder import ToSave, save_study
from graft.studies.prepared import Prepared
from graft.studies.settings import StudySettings
from graft.studies.side_results import optimism
from graft.studies.stages import Stages
from graft.studies.study_record import StudyParts, compose
from graft.studies.terms import Governed, gate_again, governed, terms_facts
from graft.studies.trial_specs import rows_within_reach


@dataclass(frozen=True)
class StudyResult:
    """A finished study. folder: where its bundle, ``study.json`` and results are."""

    record: StudyRecord
    folder: Path

    @property
    def verdict(self) -> str:
        """``helps``, ``no practical difference``, ``harms`` or ``inconclusive``."""
        return self.record.verdict.outcome.value

    @cached_property
    def bundle(self) -> Bundle:
        """The saved model, verified and loaded."""
        return load_bundle(self.folder / "bundle")

    def require(self, outcome: str) -> None:
        """Raise GateNotMet unless the verdict is ``outcome``."""
        if self.verdict != outcome:
            raise GateNotMet(
                f"the verdict is {self.verdict!r}",
                needed=f"{outcome!r}",
                fix=self.record.next_steps[0] if self.record.next_steps else "",
            )


def run_study(
    prepared: Prepared,
    settings: StudySettings,
    *,
    source: Any,
    out: Path,
    after: Path | None = None,
    test_file: str = "",
    progress: Progress = SILENT,
    on_plan: Callable[[PlanFacts], None] = lambda plan: None,
) -> StudyResult:
    """Run a study, or continue one that was interrupted.

    prepared: what was agreed before anything was trained. source: what its rows were read from. out: its folder, which
    it has claimed. after: the folder of the earlier study whose holdout is kept out again. test_file: what the user's
    own test rows are called. on_plan: called with the plan before anything is trained.
    """
    started = time.perf_counter()
    earlier = None if after is None else read_study(after)
    done = _finished(out, prepared.identity)
    if done is not None:
        gate_again(prepared, source, settings.uses, keeps_rows=settings.keep_rows, tell=progress.say)
        progress.say(f"this study is finished: its results are in {out}")
        return done
    engine = Processes(settings.workers, tell=progress.say) if settings.workers else Here()
    with governed(prepared, source) as governance, engine, rows_within_reach(engine, prepared.rows, out):
        governance.gate(settings.uses, keeps_rows=settings.keep_rows, tell=progress.say)
        stages = Stages(prepared, settings, out, prepared.costs, progress, seal=seal_of(out), engine=engine)
        study, saved = _conduct(stages, governance, earlier, started, on_plan, test_file)
        record = compose(study)
        save_study(out, study, record, saved, progress=progress)
        governance.finish(out / "bundle", record.verdict.outcome)
        # A ranking saw the rows to learn from, and not those of a test file.
        seen = prepared.rows.take(prepared.splits.development) if prepared.tested else prepared.rows
        governance.tuned(record, seen.labelled)
    write_text(out / "study.json", record.to_json())
    return StudyResult(record, out)


def _conduct(
    stages: Stages,
    governance: Governed,
    earlier: StudyRecord | None,
    started: float,
    on_plan: Callable[[PlanFacts], None],
    test_file: str,
) -> tuple[StudyParts, ToSave]:
    """Everything between the rows and the record."""
    prepared, settings = stages.prepared, stages.settings
    plan, candidates = stages.plan()
    on_plan(plan)
    gathered = stages.gather(candidates)
    openings = governance.open_holdout(prepared.holdout)
    concluded = stages.conclude(candidates, gathered)
    decided = stages.decide(gathered, concluded)
    shipped = stages.ship(candidates, gathered, concluded)
    winner = next(one for one in candidates if one.name == concluded.shipped)
    descent = governance.descent(winner.name, winner.source, winner.strategy, keeps_rows=settings.keep_rows)
    answers = governance.answers(descent)
    study = StudyParts(
        prepared=prepared,
        settings=settings,
        stages=stages,
        plan=plan,
        candidates=candidates,
        gathered=gathered,
        concluded=concluded,
        decided=decided,
        shipped=shipped,
        openings=openings,
        licences=governance.licences(),
        terms=terms_facts(descent, answers, settings.uses),
        optimism=optimism(stages.runner, candidates, concluded.judgement, prepared, settings),
        earlier=earlier,
        test_file=test_file,
        seconds=time.perf_counter() - started,
    )
    return study, ToSave(shipped.model, shipped.parts, descent, answers)


def _finished(out: Path, identity: str) -> StudyResult | None:
    if not (out / "study.json").is_file() or not (out / "bundle" / "manifest.json").is_file():
        return None
    record = read_study(out)
    return StudyResult(record, out) if record.key == identity else None
