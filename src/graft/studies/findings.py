"""What the trials reveal beside the verdict: optimism of a random split, slices, labels worth checking."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from graft.core.errors import InputError
from graft.core.seeds import derive, generator
from graft.evidence.label_noise import suspicion
from graft.evidence.optimism import optimism_interval
from graft.evidence.slices import slice_differences
from graft.inputs.roles import Task
from graft.inputs.splits import make_splits
from graft.scores.fitting import Candidate
from graft.scores.strategies import Kind
from graft.scores.workbench import Workbench
from graft.studies.deciding import OutOfFold, span
from graft.studies.judging import Judgement, fold_scores, scored
from graft.studies.preparing import Prepared
from graft.studies.record import SliceFacts, Span, SuspectFact
from graft.studies.settings import StudySettings
from graft.studies.trials import TrialRunner

_MOST_VALUES, _SUSPECTS, _EXCERPT = 20, 30, 300


def optimism(
    runner: TrialRunner,
    candidates: Sequence[Candidate],
    judgement: Judgement,
    prepared: Prepared,
    settings: StudySettings,
) -> Span | None:
    """By how much a random split flatters, when the study's own is grouped or forward in time; else None.

    The cheapest frozen candidate (or the classical control) is scored again on random folds of the same development
    rows.
    """
    splits = prepared.splits
    if splits.kind == "stratified":
        return None
    frozen = [one for one in candidates if one.strategy.kind is Kind.FROZEN]
    candidate = (frozen or [one for one in candidates if one.strategy.kind is Kind.CLASSICAL])[0]
    bench = runner.bench
    inside = splits.development
    random = make_splits(
        bench.targets[inside],
        task=bench.task,
        units=np.arange(len(inside)),
        folds=settings.folds,
        holdout=0.0,
        seed=derive(settings.seed, "optimism"),
    )
    scores = []
    for fold in random.folds:
        moved = type(fold)(repeat=-1, index=fold.index, train=inside[fold.train], test=inside[fold.test])
        fitted = runner.run(candidate, moved)
        scores.append(
            float(fold_scores(bench, [fitted], type(random)("", inside, inside, (moved,)), judgement.metric)[0])
        )
    return span(
        optimism_interval(
            np.array(scores),
            judgement.scores[candidate.name],
            random_fraction=1 / settings.folds,
            grouped_fraction=judgement.test_fraction,
            level=settings.level,
        )
    )


def slice_facts(
    bench: Workbench,
    prepared: Prepared,
    chosen: OutOfFold,
    control: OutOfFold,
    metric_name: str,
    settings: StudySettings,
) -> tuple[SliceFacts, ...]:
    """The chosen candidate against the control, out of fold, by every column with few values and by length of text."""
    rows = chosen.rows
    columns = _columns(prepared, rows)
    if not columns or not np.array_equal(rows, control.rows):
        return ()
    found = slice_differences(
        scored(bench, rows, chosen.scores),
        scored(bench, rows, control.scores),
        columns,
        metric_name,
        rng=generator(settings.seed, "slices"),
        groups=independent_groups(prepared)[rows],
        draws=1000,
        level=settings.level,
    )
    return tuple(
        SliceFacts(
            column=one.slice_column,
            value=one.value,
            rows=one.rows,
            candidate=one.candidate,
            control=one.control,
            difference=span(one.difference),
            hidden_harm=one.hidden_harm,
        )
        for one in found
    )


def independent_groups(prepared: Prepared) -> np.ndarray:
    """The group of each row, shape (rows,): the study's own groups, else near-duplicates. Rows of one go together."""
    groups = prepared.rows.groups
    return prepared.duplicates.groups if groups is None else np.unique(groups, return_inverse=True)[1]


def _columns(prepared: Prepared, rows: np.ndarray) -> dict[str, np.ndarray]:
    roles = prepared.rows.contract.roles
    taken = {*roles.text, *roles.label, roles.id, roles.time}
    positions = prepared.rows.rows[rows]
    found: dict[str, np.ndarray] = {}
    for name in prepared.table.frame.columns:
        series = prepared.table.frame[name]
        # A leading underscore marks a column as not for analysis.
        if name in taken or name.startswith("_") or series.dtype not in (pl.String, pl.Boolean, pl.Categorical):
            continue
        values = series.cast(pl.String).fill_null("(missing)").to_numpy()[positions]
        if 2 <= len(set(values)) <= _MOST_VALUES:
            found[name] = values.astype(str)
    lengths = np.array([len(prepared.rows.texts[row]) for row in rows])
    short, long = np.quantile(lengths, [1 / 3, 2 / 3])
    if short < long:
        found["length of text"] = np.where(lengths <= short, "short", np.where(lengths <= long, "middling", "long"))
    return found


def suspect_facts(bench: Workbench, seen: OutOfFold) -> tuple[SuspectFact, ...]:
    """Rows whose label the model that ships, which had not seen them, finds implausible."""
    if bench.task not in (Task.BINARY, Task.MULTICLASS):
        return ()
    labels = bench.rows.contract.labels
    try:
        asked = suspicion(scored(bench, seen.rows, seen.scores), rng=np.random.default_rng(0), limit=_SUSPECTS)
    except InputError:
        return ()
    # The rule also lists the model's own mistakes: no more rows are accused than may be wrong, none when none is shown.
    found = asked.rows[: int(np.ceil(asked.likely_wrong.high))] if asked.shown else ()
    rows = bench.rows
    return tuple(
        SuspectFact(
            row=int(rows.rows[seen.rows[one.row]]),
            id=rows.ids[seen.rows[one.row]],
            text=rows.texts[seen.rows[one.row]][:_EXCERPT],
            given=labels[one.given],
            suggested=labels[one.suggested],
            margin=one.margin,
        )
        for one in found
    )
