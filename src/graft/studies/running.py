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

from graft.bundle import Bundle, load_bundle
from graft.core import foreign
from graft.core.digests import file_sha256
from graft.core.errors import GateNotMet, InputError
from graft.core.files import write_text
from graft.core.progress import SILENT, Progress
from graft.engine.engines import Here
from graft.engine.processes import Processes
from graft.facts.study import PlanFacts, StudyRecord, read_study
from graft.rows.table import Table, read_frame
from graft.studies.decision_facts import read_costs
from graft.studies.folder import ToSave, claim, save_study
from graft.studies.prepared import prepare
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
    source: Any,
    settings: StudySettings,
    *,
    table: Table | None = None,
    out: Path,
    costs: Path | None = None,
    after: Path | None = None,
    test: Any = None,
    tested: Table | None = None,
    progress: Progress = SILENT,
    on_plan: Callable[[PlanFacts], None] = lambda plan: None,
) -> StudyResult:
    """Run a study, or continue one that was interrupted.

    source: whatever ``read_frame`` accepts. table: what it read of it, where that was done already. out: its folder.
    costs: a cost table. after: the folder of an earlier study on fewer labels; its holdout is kept out again, and grows
    with the labels. test: rows of the user's own to test on, which are never learnt from; tested: what was read of
    them, where that was done already. on_plan: called with the plan before anything is trained.
    """
    started = time.perf_counter()
    table = read_frame(source) if table is None else table
    tested = read_frame(test) if tested is None and test is not None else tested
    if after is not None and test is not None:
        raise InputError(
            "an earlier study and a test file",
            needed="one of them: each says which rows are tested on",
            fix="leave out --test to keep the earlier holdout, or --after to test on the file",
        )
    earlier = None if after is None else read_study(after)
    held = None if after is None else _held_digests(after)
    prepared = prepare(
        table,
        settings,
        held_digests=held,
        costs="" if costs is None else file_sha256(_there(costs)),
        test=tested,
    )
    claim(out, prepared.identity)
    done = _finished(out, prepared.identity)
    if done is not None:
        gate_again(prepared, settings.uses)
        progress.say(f"this study is finished: its results are in {out}")
        return done
    # A cost table that does not fit must stop the study before hours of training, not after.
    costs_table = read_costs(costs, prepared.rows.contract.labels, prepared.rows.contract.task)
    engine = Processes(settings.workers, tell=progress.say) if settings.workers else Here()
    with governed(prepared, source) as governance, engine, rows_within_reach(engine, prepared.rows, out):
        governance.gate(settings.uses)
        stages = Stages(prepared, settings, out, costs_table, progress, engine=engine)
        study, saved = _conduct(stages, governance, earlier, started, on_plan, _name_of(test, tested))
        record = compose(study)
        save_study(out, study, record, saved, progress=progress)
        governance.finish(out / "bundle", record.verdict.outcome)
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


def _held_digests(after: Path) -> frozenset[bytes]:
    file = after / "holdout.json"
    if not file.is_file():
        raise InputError(f"{after} does not say which rows it held out", needed="holdout.json", fix="check the path")
    stated = foreign.read_json(file)
    try:
        return frozenset(bytes.fromhex(digest) for digest in stated)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{file} is damaged: it is no list of digests",
            needed="the file as graft study wrote it",
            fix="copy it again",
        ) from error


def _there(costs: Path) -> Path:
    if not costs.is_file():
        raise InputError(f"there is no cost table {costs}", needed="a CSV or YAML file", fix="check the path")
    return costs


def _finished(out: Path, identity: str) -> StudyResult | None:
    if not (out / "study.json").is_file() or not (out / "bundle" / "manifest.json").is_file():
        return None
    record = read_study(out)
    return StudyResult(record, out) if record.key == identity else None


def _name_of(test: Any, tested: Table | None) -> str:
    """What the user's own test rows are called in the record; empty without them."""
    if tested is None:
        return ""
    return str(test) if isinstance(test, str | Path) else f"(a {type(test).__name__} of {len(tested):,} rows)"
