"""What the trials reveal beside the verdict: optimism of a random split, slices, labels worth checking."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.core.seeds import derive
from graft.core.tasks import CLASSES
from graft.evidence.label_noise import suspicion
from graft.evidence.optimism import optimism_interval
from graft.evidence.predictions import Scored
from graft.evidence.slices import SliceScore, slice_differences
from graft.facts.study import SuspectFact
from graft.inputs.splits import make_splits
from graft.rows.content import Content, ContentKind, picture_of
from graft.scores.fitting import Candidate
from graft.scores.strategies import Trains
from graft.scores.workbench import Workbench
from graft.studies.judgement import Judged, Judgement, raw_fold_scores, test_fraction
from graft.studies.prepared import Prepared
from graft.studies.settings import StudySettings
from graft.studies.trials import TrialRunner

_MOST_VALUES, _SUSPECTS, _EXCERPT = 20, 30, 300


def optimism(
    runner: TrialRunner,
    candidates: Sequence[Candidate],
    judgement: Judgement,
    prepared: Prepared,
    settings: StudySettings,
) -> Interval | None:
    """By how much a random split flatters, when the study's own is grouped or forward in time; else None.

    The cheapest frozen candidate (or the classical control) is scored again on random folds of the same development
    rows.
    """
    splits = prepared.splits
    if splits.kind == "stratified":
        return None
    candidate = next(
        one for trains in (Trains.HEAD, Trains.TERMS) for one in candidates if one.strategy.trains is trains
    )
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
    moved = [
        type(fold)(repeat=-1, index=fold.index, train=inside[fold.train], test=inside[fold.test])
        for fold in random.folds
    ]
    own = [fold for fold in splits.folds if fold.repeat == 0]
    fits = runner.run([runner.spec(candidate, fold) for fold in (*moved, *own)])
    return optimism_interval(
        raw_fold_scores(bench, fits[: len(moved)], moved, judgement.metric),
        raw_fold_scores(bench, fits[len(moved) :], own, judgement.metric),
        random_fraction=1 / settings.folds,
        grouped_fraction=test_fraction(splits),
        level=settings.level,
    )


def slice_scores(
    prepared: Prepared,
    chosen: Judged,
    control: Judged,
    metric_name: str,
    settings: StudySettings,
) -> tuple[SliceScore, ...]:
    """The chosen candidate against the control, out of fold, by every column with few values and by length of text."""
    first = [one.seen.repeats == one.seen.repeats.min() for one in (chosen, control)]
    rows = chosen.seen.rows[first[0]]
    columns = _columns(prepared, rows)
    if not columns or not np.array_equal(rows, control.seen.rows[first[1]]):
        return ()
    return slice_differences(
        chosen.scored.take(np.flatnonzero(first[0])),
        control.scored.take(np.flatnonzero(first[1])),
        columns,
        metric_name,
        groups=prepared.clusters[rows],
        level=settings.level,
    )


def _columns(prepared: Prepared, rows: np.ndarray) -> dict[str, np.ndarray]:
    roles = prepared.rows.contract.roles
    taken = {*roles.content, *roles.label, roles.id, roles.time}
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
    kind, contents = prepared.rows.kind, [prepared.rows.contents[row] for row in rows]
    if not kind.parts:
        return found | _by_length(kind, contents)
    for part in kind.parts:
        there = [one.of(part.name) is not None for one in contents]
        if 0 < sum(there) < len(there):
            found[part.name] = np.where(there, "there", "missing")
        elif all(there):
            found |= _by_length(part, [one.of(part.name) for one in contents])
    return found


def _by_length(kind: ContentKind, contents: Sequence[Content]) -> dict[str, np.ndarray]:
    """The rows in three parts by how long their contents are."""
    lengths = np.array([kind.size(one) for one in contents])
    short, long = np.quantile(lengths, [1 / 3, 2 / 3])
    if short >= long:
        return {}
    return {
        f"length of {kind.name}": np.where(lengths <= short, "short", np.where(lengths <= long, "middling", "long"))
    }


@dataclass(frozen=True)
class Suspects:
    """Rows whose label is doubted. listed: how many the rule lists; if_clean: how many it would list were none
    wrong."""

    rows: tuple[SuspectFact, ...] = ()
    listed: int = 0
    if_clean: float | None = None


def suspects_of(bench: Workbench, judged: Judged) -> Suspects:
    """Rows whose label the model that ships, which had not seen them, finds implausible."""
    if bench.task not in CLASSES:
        return Suspects()
    labels, rows, seen = bench.rows.contract.labels, bench.rows, judged.seen
    first = np.flatnonzero(seen.repeats == seen.repeats.min())
    said = judged.scored.take(first)
    try:
        asked = suspicion(Scored(said.task, said.targets, said.scores), rng=np.random.default_rng(0), limit=_SUSPECTS)
    except InputError:
        return Suspects()
    # The rule also lists the model's own mistakes: no more rows are accused than may be wrong, none when none is shown.
    most = asked.likely_wrong.high
    found = asked.rows[: int(np.ceil(most))] if asked.shown and most is not None else ()
    facts = tuple(
        SuspectFact(
            row=int(rows.rows[seen.rows[first[one.row]]]),
            id=rows.ids[seen.rows[first[one.row]]],
            text=rows.shown(int(seen.rows[first[one.row]]), _EXCERPT),
            given=labels[one.given],
            suggested=labels[one.suggested],
            margin=one.margin,
            picture=picture_of(rows.kind, rows.contents[seen.rows[first[one.row]]]),
        )
        for one in found
    )
    return Suspects(facts, asked.listed, asked.expected_if_clean)
