"""A batch against its baseline: what moved, whether it is large, whether it hurts, and what to do.

Decisions: what is compared is what the model sees, row for row with the reference; rows that the model learnt from are
left out, for they are not new. A batch is checked once: the same rows again give the same record and count for nothing.
Three questions are kept apart. Did this batch move (a permutation test over everything that is looked at, at the level
of the check)? Did anything move since the baseline (bets on every check's p-value, which may be looked at for ever, and
all rows since the baseline together, at times ever further apart, so that what moves too slowly for one day is seen)?
Does it hurt (estimated without labels, measured where labels are there; where labels contradict the estimate it is not
trusted any more)?
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from graft.bundle.answers import read_truth
from graft.bundle.bundle import Bundle
from graft.bundle.judged_rows import are_judged, one_number
from graft.bundle.watch_erasure import word_marks
from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.core.means import group_places, mean_interval
from graft.core.progress import SILENT, Progress
from graft.core.seeds import generator
from graft.core.tasks import CLASSES, Task
from graft.decisions.calibration import fit_method
from graft.evidence.carried_over import Places, places
from graft.evidence.comparison import score_interval
from graft.evidence.direct_loss import expected_loss, fit_loss
from graft.evidence.label_arrival import LabelBets, bet_on_labels
from graft.evidence.least_gap import least_gap
from graft.evidence.looks import Looks
from graft.evidence.metrics import metric
from graft.evidence.pooled import Pooled, jackknife
from graft.evidence.predictions import Scored
from graft.evidence.score_shift import stability_index
from graft.evidence.shuffles import shuffles
from graft.evidence.unlabelled import (
    Answers,
    Recalibration,
    RowValues,
    expected_quality,
    expected_rows,
    recalibrate,
    row_cost,
    usual_range,
)
from graft.facts.watch import (
    EVERYTHING,
    AgeFact,
    BatchSample,
    BudgetPart,
    ColumnFact,
    ContextFact,
    CountFact,
    GroupGapFact,
    MovedRows,
    QualityFact,
    ShiftFact,
    TermFact,
    WatchBaseline,
    WatchCheck,
)
from graft.rows.named import ids_of, read_columns
from graft.rows.table import read_frame
from graft.watch.advice import LEAST_LABELLED, advised
from graft.watch.ages import ages_of, placed_rows
from graft.watch.baseline import Baseline, read_baseline, watch_folder
from graft.watch.batch import Batch, choices_of, notes_of, read_batch, until
from graft.watch.budget import alarm_budget
from graft.watch.columns import moved_columns
from graft.watch.comparison import bounded, compare, compare_all, exchanged, matched, shift_fact
from graft.watch.contexts import CONTEXT_SHARE, moved_contexts
from graft.watch.contributions import crowded_rows, newest_rows
from graft.watch.detectors import COLUMNS
from graft.watch.group_gaps import group_gaps
from graft.watch.history import History, WatchState
from graft.watch.reservoir import MOST, OTHERS
from graft.watch.row_times import RowTimes
from graft.watch.seen_rows import Arrived, SeenRows, ToldLabels, arrived, row_marks, told_labels
from graft.watch.terms import LEAST_DRAWS, SHARE, moved_terms, rare_words

_FEW, _COUNTED = 10, 50
_ANCHORED = ", anchored"
# As the margin of a study: of a share; of what rows or values vary by, where the unit is another.
MATTERS = 0.01


def check_batch(
    bundle: Bundle,
    rows: Any,
    *,
    labels: Any | None = None,
    group: str = "",
    times: RowTimes | None = None,
    dealt_with: str = "",
    by: str = "",
    folder: Path | None = None,
    progress: Progress = SILENT,
) -> WatchCheck:
    """Check a batch and remember what was found.

    rows: as for ``Bundle.predict``; labels in them are read too. labels: a table of the id column and the label column,
    for rows of this batch, and where times of labels are named of earlier ones too. times: which columns say when: with
    those of events and labels only labels count that had time to come, with those of vectors quality is told by their
    age. group: the column of what belongs together; that of the baseline when empty. dealt_with: what was done about
    what was found before, and by: who says so; then bets and looks begin anew, before this batch, or after it where it
    was checked already. folder: of the watch; beside the bundle when None.
    Raises InputError without a baseline, or where the baseline is of another bundle.
    """
    place = watch_folder(bundle.folder) if folder is None else folder
    history = History.of(place)
    baseline = read_baseline(place / "baseline")
    facts = baseline.facts
    if facts.bundle != bundle.manifest.seal:
        raise InputError(
            f"the baseline in {place} is of another bundle ({facts.bundle[:12]}, made {facts.made})",
            needed=f"a baseline of {bundle.folder} as it is now ({bundle.manifest.seal[:12]})",
            fix="graft watch baseline BUNDLE --rows reference.csv",
        )
    columns = tuple(dict.fromkeys((*facts.segments, *facts.allowed)))
    times = times or RowTimes()
    late, said = (None, ()) if labels is None or times.label else _late_labels(bundle, labels)
    batch = read_batch(
        bundle, rows, group=group or facts.group, segments=columns, labels=True, late=late, most=MOST, times=times,
        progress=progress,
    )  # fmt: skip
    batch = as_compared(baseline, replace(batch, notes=(*batch.notes, *said)))
    told = told_labels(bundle, batch, labels, times) if times.label else None
    with history.locked():
        state = history.state()
        again = history.found(batch.key)
        # What may be known now that was not then.
        asked = labels is not None or times.named or (again is not None and _more_labels(batch, again))
        if again is not None and not asked and (not dealt_with or again.dealt_with is not None):
            return again
        noted = state.dealt_with(dealt_with, by) if dealt_with else None
        if noted is not None:
            state = state.again()
        if again is not None and not asked:
            found = again.model_copy(update={"dealt_with": noted})
            history.add(found, state, None)
            return found
        if noted is not None:
            # What came before is dealt with; labels of these rows are told now.
            mine = np.isin(one_number(state.judged), one_number(row_marks(batch)))
            state = replace(state, judged=state.judged[~mine])
        found, state = checked(bundle, baseline, batch, state, again, told=told, times=times)
        if again is not None and noted is None:
            noted = again.dealt_with
        found = found.model_copy(update={"dealt_with": noted})
        if again is not None and _same(found, again):
            return again
        history.add(found, state, batch.take(~batch.learnt) if again is None else None)
    return found


def _same(one: WatchCheck, other: WatchCheck) -> bool:
    """Whether two checks of the same rows say the same, but for when they were done."""
    update: dict[str, Any] = {"at": other.at}
    if one.arrivals is not None and other.arrivals is not None:
        update["arrivals"] = one.arrivals.model_copy(update={"now": other.arrivals.now})
    return one.model_copy(update=update) == other


def checked(
    bundle: Bundle,
    baseline: Baseline,
    batch: Batch,
    state: WatchState,
    again: WatchCheck | None = None,
    *,
    told: ToldLabels | None = None,
    times: RowTimes | None = None,
) -> tuple[WatchCheck, WatchState]:
    """A batch against a baseline, and where the watch stands after it; nothing is remembered. again: what was found of
    the same rows before. told: labels of which it is known when they were told. times: as of ``check_batch``; rows are
    kept for labels that come later only where they are given."""
    facts = baseline.facts
    number = state.number + 1 if again is None else again.number
    rng = generator(facts.seed, "watch", "check", batch.key)
    notes = [*batch.notes]
    batch = as_compared(baseline, batch)
    whole = batch.whole
    learnt = whole.learnt if whole is not None else int(batch.learnt.sum())
    current = batch.take(~batch.learnt)
    kept = bounded(baseline.rows, generator(facts.seed, "watch", "bounded"))
    reference, matching = matched(kept, current, facts.allowed, rng, grouped=baseline.grouped)
    if len(matching) < len(current):
        notes.append(f"{len(current) - len(matching):,} rows are of parts that the reference does not have")
    if facts.group and matching.groups is None:
        raise InputError(
            f"the rows have no column {facts.group!r}",
            needed="the column by which rows belong together, as in the baseline",
            fix="add it, or make a baseline without it",
        )
    shifts: tuple[ShiftFact, ...] = ()
    stability = None
    looked = False
    terms: tuple[TermFact, ...] = ()
    contexts: tuple[ContextFact, ...] = ()
    columns: tuple[ColumnFact, ...] = ()
    gaps: tuple[GroupGapFact, ...] = ()
    if again is not None:
        shifts, stability, looked = again.shifts, again.stability, again.looked
        terms, contexts, columns = again.terms, again.contexts, again.columns
    elif not len(matching) or not len(reference):
        notes.append("no row of this batch can be compared")
    else:
        shifts = compare_all(
            reference, matching, baseline.detectors, segments=facts.segments, rng=rng, draws=facts.draws,
            level=facts.level, grouped=baseline.grouped, allowed=facts.allowed,
        )  # fmt: skip
        shifts, terms, contexts = _with_words(baseline, shifts, matching)
        shifts, columns = _with_columns(baseline, shifts, reference, matching)
        stability = _stability(reference, matching, rng, grouped=baseline.grouped)
        least = min((one.adjusted for one in shifts if not one.segment), default=1.0)
        state = replace(state, number=number, wealth=state.wealth.after_p(least, draws=facts.draws))
        late, looked = _looked(baseline, kept, matching, state, rng)
        shifts = (*shifts, *late)
    if not shifts and again is None:
        state = replace(state, number=number)
    ripe = whole.labelled if whole is not None else current
    arrival, came = None, SeenRows.none()
    ages: tuple[AgeFact, ...] = ()
    if times is not None and current.event is not None:
        arrival = _arrived(bundle, kept, current, state, told, times)
        if told is not None:
            mine = slice(len(arrival.seen) - len(current), None)
            ripe = current.with_truth(np.where(arrival.counted[mine], arrival.seen.label[mine], np.nan))
            came = arrival.late(one_number(state.judged))
        state = replace(state, seen=arrival.seen)
    quality, state = _quality(bundle, baseline, current, ripe, state, rng, came)
    if not quality and len(current):
        notes.append(_unknown_quality(bundle, baseline))
    if arrival is not None:
        lies = any(one.significant and one.of == "embeddings" for one in shifts)
        ages = ages_of(bundle, baseline, arrival.seen, arrival.counted, arrival.here, beyond=lies)
        state = replace(state, seen=state.seen.some())
    if facts.segments:
        seen = current
        if ripe.truth is not None and len(ripe) == len(current):
            seen = current.with_truth(ripe.truth)
        watched = {name: seen.segments[name] for name in facts.segments if name in seen.segments}
        seen = replace(seen, segments=watched)
        gaps = group_gaps(bundle, baseline.rows, seen, level=facts.level, grouped=baseline.grouped)
    if len(matching) and len(matching) < 1 / facts.level:
        rows = "1 row" if len(matching) == 1 else f"{len(matching)} rows"
        notes.append(f"{rows}: only very large shifts can be seen in so few")
    alarm = state.wealth.alarm(facts.level)
    unusable = batch.rows - (whole.usable if whole is not None else len(batch))
    beyond = any(one.significant for one in shifts)
    last = whole.until if whole is not None else until(batch)
    found = WatchCheck(
        batch=batch.key, bundle=facts.bundle, number=number, at=datetime.now(UTC).isoformat(timespec="seconds"),
        until=last, rows=batch.rows, usable=len(matching), learnt=learnt, problems=batch.problems, shifts=shifts,
        stability=stability, quality=quality, evidence=state.wealth.capital, highest=state.wealth.highest,
        looked=looked, level=facts.level, outcome="quiet",
        moved=_moved(reference, matching) if beyond else (), terms=terms, contexts=contexts,
        arrivals=None if arrival is None or told is None else arrival.fact, ages=ages, notes=tuple(notes),
        sample=_sample(batch), columns=columns, gaps=gaps, budget=_budget(facts, shifts, quality),
    )  # fmt: skip
    outcome, advice = advised(
        found, alarm=alarm, unusable=unusable / max(batch.rows, 1), network=bundle.model.source is not None
    )
    return found.model_copy(update={"outcome": outcome, "advice": advice}), state


def _budget(
    facts: WatchBaseline, shifts: Sequence[ShiftFact], quality: Sequence[QualityFact]
) -> tuple[BudgetPart, ...]:
    apart = {"terms": SHARE, "contexts": CONTEXT_SHARE}
    spent = {name: share for name, share in apart.items() if any(one.detector == name for one in shifts)}
    return alarm_budget(
        shifts, level=facts.level, horizon=facts.horizon, rest=1 - sum(spent.values()), apart=spent,
        qualities=len(quality),
    )  # fmt: skip


def as_compared(baseline: Baseline, batch: Batch) -> Batch:
    """A batch with what only its reference can tell: how much of each row was rarely seen there."""
    if baseline.terms is None or np.isfinite(batch.rare).all():
        return batch
    return replace(batch, rare=rare_words(baseline.terms, batch))


def _more_labels(batch: Batch, again: WatchCheck) -> bool:
    """Whether rows that were checked come with more labels than they had."""
    rows = batch.whole.labelled if batch.whole is not None else batch.take(~batch.learnt)
    count = 0 if rows.truth is None else int(np.isfinite(rows.truth).sum())
    return bool(again.quality) and count > max(one.labelled for one in again.quality)


def _with_words(
    baseline: Baseline, shifts: tuple[ShiftFact, ...], current: Batch
) -> tuple[tuple[ShiftFact, ...], tuple[TermFact, ...], tuple[ContextFact, ...]]:
    """With words and with their company, each of which spends a tenth of the level; all others have the rest."""
    facts = baseline.facts
    if baseline.terms is None or facts.allowed:
        return shifts, (), ()
    rng = generator(facts.seed, "watch", "terms", current.key)
    draws = max(facts.draws, LEAST_DRAWS)
    found: list[ShiftFact] = []
    terms: tuple[TermFact, ...] = ()
    contexts: tuple[ContextFact, ...] = ()
    left = 1.0
    if not baseline.refused("terms") and (
        told := moved_terms(baseline.terms, current, rng, draws=draws, level=facts.level, grouped=baseline.grouped)
    ):
        found, terms, left = [told[0]], told[1], left - SHARE
    if baseline.contexts is not None and not baseline.refused("contexts"):
        moved = moved_contexts(
            baseline.contexts, baseline.terms, current, rng, draws=draws, level=facts.level, grouped=baseline.grouped
        )
        if moved is not None:
            found, contexts, left = [*found, moved[0]], moved[1], left - CONTEXT_SHARE
    paid = tuple(
        one.model_copy(
            update={
                "adjusted": min(1.0, one.adjusted / left),
                "significant": one.adjusted / left <= facts.level,
                "large": one.large and one.adjusted / left <= facts.level,
            }
        )
        for one in shifts
    )
    return (*paid, *found), terms, contexts


def _with_columns(
    baseline: Baseline, shifts: tuple[ShiftFact, ...], reference: Batch, current: Batch
) -> tuple[tuple[ShiftFact, ...], tuple[ColumnFact, ...]]:
    """With the columns that moved, where any did; the shift of all of them is as large as what matters most among
    them, each by what matters in it."""
    place = next((at for at, one in enumerate(shifts) if one.detector == COLUMNS and not one.segment), None)
    if place is None or not shifts[place].significant:
        return shifts, ()
    facts, one = baseline.facts, shifts[place]
    drawn = exchanged(
        reference, current, rng=generator(facts.seed, "watch", "columns", current.key), draws=facts.draws,
        grouped=baseline.grouped, allowed=facts.allowed,
    )  # fmt: skip
    found = moved_columns(
        reference.columns, current.columns, drawn, adjusted=one.adjusted, level=facts.level,
        ever=baseline.rows.columns,
    )  # fmt: skip
    top = max(found, key=lambda fact: (fact.large, fact.effect.mean / fact.matters))
    large = any(fact.large for fact in found)
    moved = one.model_copy(update={"effect": top.effect, "matters": top.matters, "large": large})
    return (*shifts[:place], moved, *shifts[place + 1 :]), found


def _looked(
    baseline: Baseline, reference: Batch, batch: Batch, state: WatchState, rng: np.random.Generator
) -> tuple[tuple[ShiftFact, ...], bool]:
    """Everything since the baseline against it, where that is due by the number of checks since then."""
    facts = baseline.facts
    looks, day = Looks.over(facts.horizon, level=facts.level), state.wealth.days
    if day == 1 or not looks.due(day, last=day - 1):
        return (), False
    since = state.since(batch, baseline.rows)
    if not len(since):
        return (), False
    grouped = baseline.grouped and since.groups is not None
    reference, since = matched(reference, bounded(since, rng), facts.allowed, rng, grouped=grouped)
    if not len(since) or not len(reference):
        return (), False
    # Of earlier batches single columns are not kept.
    those = [one for one in baseline.detectors if one.name != COLUMNS]
    told = compare(reference, since, those, rng=rng, draws=looks.draws, grouped=grouped, allowed=facts.allowed)
    # In the unit of a check: what this look may spend is its share of the level.
    return tuple(
        shift_fact(one, shift, EVERYTHING, min(1.0, p * facts.level / looks.level), facts.level)
        for one, shift, p in told
    ), True


def _stability(
    reference: Batch, current: Batch, rng: np.random.Generator, *, grouped: bool
) -> tuple[float, float] | None:
    if not (np.isfinite(reference.certainty).all() and np.isfinite(current.certainty).all()):
        return None
    groups = None
    if grouped and reference.groups is not None and current.groups is not None:
        groups = (reference.groups, current.groups)
    drawn = shuffles(len(reference), len(current), rng=rng, groups=groups, draws=199)
    found = stability_index(reference.certainty, current.certainty, drawn)
    return found.value, found.usual


def _moved(reference: Batch, current: Batch) -> tuple[MovedRows, ...]:
    """The rows of the batch that lie where the reference has fewest, and what the model says of them."""
    # A baseline of rows that the network was tuned on has no vectors to compare.
    if not reference.vectors.shape[1] or not current.vectors.shape[1] or len(current) < _FEW:
        return ()
    return crowded_rows(reference, current) or newest_rows(reference, current)


# Whether it hurts


def _quality(
    bundle: Bundle,
    baseline: Baseline,
    current: Batch,
    ripe: Batch,
    state: WatchState,
    rng: np.random.Generator,
    late: SeenRows,
) -> tuple[tuple[QualityFact, ...], WatchState]:
    """Every quality, and the state after betting on labels that are new. ripe: the rows whose labels are looked at.
    late: rows of earlier checks whose labels count now for the first time."""
    task = bundle.contract.task
    known = baseline.rows.truth
    marks = row_marks(ripe)
    there = np.zeros(len(ripe), bool) if ripe.truth is None else np.isfinite(ripe.truth)
    new = there & ~are_judged(marks, state.judged)
    more = np.concatenate([marks[new], late.marks])
    judged = np.concatenate([state.judged, more]) if len(more) else state.judged
    if task not in CLASSES or known is None or not len(current):
        return _of_values(bundle, baseline, current, ripe, late), replace(state, judged=judged)
    labelled = np.flatnonzero(np.isfinite(known))
    if len(labelled) < LEAST_LABELLED or len(np.unique(known[labelled])) < 2:
        return (), replace(state, judged=judged)
    reference = baseline.rows.take(labelled)
    kind = "binary" if reference.scores.shape[1] == 2 else "multiclass"
    scored = _scored(bundle, kind, reference)
    calibration = recalibrate(
        scored,
        lambda scores, targets, weights: fit_method("temperature", scores, targets, task=kind, weights=weights).apply,
        # Of one baseline always the same, so that bets on labels of many batches add up.
        rng=generator(baseline.facts.seed, "watch", "calibration"), groups=reference.groups, draws=50,
    )  # fmt: skip
    answers = Answers(kind, current.scores, choices_of(bundle, current))
    rows = _Labelled.of(bundle, kind, ripe.take(there), late)
    fresh = _Labelled.of(bundle, kind, ripe.take(new), late)
    # Bets against an estimate that was not anchored were against another one.
    found, bets = [], {name: one for name, one in state.bets.items() if name.endswith(_ANCHORED)}
    lies = places(reference.vectors, current.vectors, rng=generator(baseline.facts.seed, "watch", "places"))
    several = _qualities(bundle, baseline)
    for name, of in several:
        fact, won = _one_quality(
            name, of, answers, calibration, scored, current.groups, rows, fresh, bets.get(name + _ANCHORED),
            baseline.facts.level, rng, share=baseline.facts.level / len(several), lies=lies,
        )  # fmt: skip
        found.append(fact)
        if won is not None:
            bets[name + _ANCHORED] = won
    return tuple(found), replace(state, bets=bets, judged=judged)


@dataclass(frozen=True, eq=False)
class _Labelled:
    """Rows with labels that count, of this batch and of earlier checks: the latter are ``late`` in number. scored: None
    without any. groups: of each, or None."""

    scored: Scored | None
    groups: np.ndarray | None
    late: int

    @classmethod
    def of(cls, bundle: Bundle, kind: str, some: Batch, late: SeenRows) -> "_Labelled":
        if not len(some) and not len(late):
            return cls(None, None, 0)
        if not len(late):
            return cls(_scored(bundle, kind, some), some.groups, 0)
        groups = None
        if some.groups is not None:
            groups = np.concatenate([word_marks(some.groups.tolist()), late.groups])
        before = late.scores.astype(np.float64)
        scores = np.concatenate([some.scores, before / before.sum(axis=1, keepdims=True)])
        truth = late.label if some.truth is None else np.concatenate([some.truth, late.label])
        chosen = np.concatenate([choices_of(bundle, some), late.chosen.astype(np.int64)])
        return cls(Scored(kind, truth.astype(np.int64), scores, chosen), groups, len(late))

    def __len__(self) -> int:
        return 0 if self.scored is None else self.scored.rows


def _unknown_quality(bundle: Bundle, baseline: Baseline) -> str:
    """Why nothing is said of quality."""
    if bundle.contract.task is Task.MULTILABEL:
        return "how good a model of several labels a row is, labels alone tell: graft watch sample"
    known = baseline.rows.truth
    count = 0 if known is None else int(np.isfinite(known).sum())
    of = " of two classes" if bundle.contract.task in CLASSES else ""
    return (
        f"the reference has {count:,} rows with a label: from {LEAST_LABELLED} on{of} it could be said how good the"
        " model is"
    )


def _qualities(bundle: Bundle, baseline: Baseline) -> list[tuple[str, str | RowValues]]:
    found: list[tuple[str, str | RowValues]] = [("accuracy", "accuracy")]
    name = baseline.facts.quality
    if name != "accuracy":
        found.append((name, name))
    if bundle.decision.policy is not None:
        table = bundle.decision.policy.table
        found.append((f"cost per row in {table.unit}", partial(row_cost, actions=table.actions)))
    return found


def _one_quality(
    name: str, of: str | RowValues, answers: Answers, calibration: Recalibration, reference: Scored,
    groups: np.ndarray | None, rows: _Labelled, fresh: _Labelled, before: LabelBets | None, level: float,
    rng: np.random.Generator, *, share: float, lies: Places | None = None,
) -> tuple[QualityFact, LabelBets | None]:  # fmt: skip
    """share: of the level, for saying that this quality is worse than usual. lies: where the reference's labelled rows
    and the batch lie to the model."""
    expected = expected_quality(answers, calibration, of, rng=rng, groups=groups, lies=lies, draws=400)
    higher = metric(of).higher_is_better if isinstance(of, str) else False
    bets, why, scale = before, "", 0.0
    measured = None if rows.scored is None else _measured(rows.scored, of, rows.groups)
    # Both as surely as they are told apart: one end of each.
    ends = 1 - 2 * min(share, 0.25)
    if fresh.scored is not None and (not isinstance(of, str) or metric(of).linear):
        known = Answers(reference.task, reference.scores, reference.choices)
        spread = expected_rows(known, calibration.fitted(reference.scores), of).deviation
        scale = float(np.sqrt(np.square(spread).mean()))
        if scale > 0:
            bets = bet_on_labels(
                before or LabelBets.none(calibration),
                Answers(fresh.scored.task, fresh.scored.scores, fresh.scored.choices), fresh.scored.targets,
                calibration=calibration, of=of, scale=scale, groups=fresh.groups,
            )  # fmt: skip
    matters = MATTERS * (float(np.std(_rows_of(reference, of))) if not isinstance(of, str) else 1.0)
    trusted = bets is None or not bets.contradicted(level)
    if not trusted and bets is not None:
        gap = f"{bets.gap:+.{_digits(bets.gap)}f}"
        why = f"labels contradict the estimate by {gap} a row over {bets.rows:,} labelled rows"
        # Of many labels the least gap is seen; one that is surely too small to matter leaves the estimate its worth.
        surely = abs(bets.gap) + 2 * scale / np.sqrt(bets.rows) < matters
        if trusted := bool(surely and not _apart_now(bets, before, matters)):
            why += f", too little to matter ({matters:.2g} does)"
    judged: Interval | None = expected.estimate
    found = judged
    usual = expected.usual
    if measured is not None and (len(rows) >= LEAST_LABELLED or not trusted):
        judged = measured
        assert rows.scored is not None
        found = _measured(rows.scored, of, rows.groups, level=ends)
        if len(rows) != answers.rows:
            # Fewer rows vary more.
            usual = usual_range(reference, of, rows=len(rows), rng=rng, groups=calibration.place)
    elif not trusted:
        judged = None
    low, high = usual.ends or (-np.inf, np.inf)
    unusual = False
    if judged is not None:
        # On the bad side, and not by the estimate's own doubt alone: of few rows all that can come out is far from it.
        few = max(answers.rows, len(rows)) < LEAST_LABELLED
        beyond = usual.mean - judged.mean if higher else judged.mean - usual.mean
        worse = not few and (judged.mean < low if higher else judged.mean > high)
        if worse and beyond >= matters:
            shown = _measured(reference, of, _places(calibration), level=ends)
            unusual = least_gap(*((shown, found) if higher else (found, shown))) > 0
        if worse and not unusual and not why:
            much = f"worse than usual by {beyond:.{_digits(beyond)}f}"
            why = f"{much}, too little to matter ({matters:.2g} does)"
            if beyond >= matters:
                here = f"{len(rows):,} labels here and {reference.rows:,}"
                told = here if judged is measured else f"{reference.rows:,} labels"
                why = f"{much}, which chance may do with {told} in the reference"
    return (
        QualityFact(
            quality=name, better="higher" if higher else "lower", estimated=expected.estimate, usual=usual,
            measured=measured, labelled=len(rows), late=rows.late, trusted=trusted, unusual=unusual, matters=matters,
            why=why,
        ),
        bets,
    )  # fmt: skip


def _rows_of(scored: Scored, of: str | RowValues) -> np.ndarray:
    assert not isinstance(of, str)
    return np.asarray(of(scored), np.float64)


def _digits(value: float) -> int:
    """Decimals that show two digits of a small number, three at least."""
    return 3 if abs(value) >= 0.01 or value == 0 else min(9, 1 - int(np.floor(np.log10(abs(value)))))


def _apart_now(bets: LabelBets, before: LabelBets | None, matters: float) -> bool:
    """Whether the labels that came now lie further off than matters, though those of all checks together do not."""
    if before is None or not before.rows or bets.rows == before.rows:
        return False
    rows = bets.rows - before.rows
    gap = ((bets.observed - before.observed) - (bets.expected - before.expected)) / rows
    return abs(gap) >= matters and abs(gap) >= 2 * abs(bets.gap)


def _places(calibration: Recalibration) -> np.ndarray | None:
    """The group of each row of the reference, None where every row is one."""
    place = calibration.place
    return None if int(place.max()) + 1 == len(place) else place


def _measured(scored: Scored, of: str | RowValues, groups: np.ndarray | None, *, level: float = 0.95) -> Interval:
    """What labels show, with its interval: rows without an error do not show that there are none, whatever the metric.
    A metric that is no mean over rows has the interval of a study's scores, nan where it is undefined on these rows."""
    if not isinstance(of, str):
        # What any row could have cost, had it been of another class.
        could = expected_rows(Answers(scored.task, scored.scores, scored.choices), scored.scores, of)
        possible = float(could.least.min()), float(could.most.max())
        return mean_interval(np.asarray(of(scored), np.float64), groups=groups, possible=possible, level=level)
    one = metric(of)
    if one.rows is not None:
        share = (0.0, 1.0) if of == "accuracy" else None
        return mean_interval(one.rows(scored), groups=groups, possible=share, level=level)
    value = float(one.per_draw(scored, np.ones((1, scored.rows)))[0])
    if not np.isfinite(value):
        return Interval(value)
    pooled = Pooled(scored, group_places(scored.rows, groups))
    found = score_interval(jackknife({of: [(1.0, pooled)]}, of), of, level=level)
    return found if one.higher_is_better else found.reversed


def _of_values(
    bundle: Bundle, baseline: Baseline, current: Batch, ripe: Batch, late: SeenRows
) -> tuple[QualityFact, ...]:
    """The absolute error of predicted values: foretold from the predictions, and what labels show."""
    known = baseline.rows.truth
    if bundle.contract.task is not Task.REGRESSION or known is None or not len(current):
        return ()
    before = baseline.rows.take(np.isfinite(known))
    units = len(before) if before.groups is None else len(np.unique(before.groups))
    if units < LEAST_LABELLED or before.truth is None:
        return ()
    rng = generator(baseline.facts.seed, "watch", "losses")
    model = fit_loss(before.scores, np.abs(before.truth - before.scores[:, 0]), rng=rng, groups=before.groups)
    told = expected_loss(model, current.scores, rng=rng, groups=current.groups, draws=400)
    now = ripe.take(np.isfinite(ripe.truth) if ripe.truth is not None else np.zeros(len(ripe), bool))
    said = np.concatenate([now.scores, late.scores]) if len(late) else now.scores
    truth = np.zeros(0) if now.truth is None else now.truth
    truth = np.concatenate([truth, late.label]) if len(late) else truth
    groups = now.groups
    if groups is not None and len(late):
        groups = np.concatenate([word_marks(groups.tolist()), late.groups])
    measured, same, usual = None, told, told.usual
    if len(truth):
        measured = mean_interval(np.abs(truth - said[:, 0]), groups=groups)
        if len(truth) != len(current) or len(late):
            same = expected_loss(model, said, rng=rng, groups=groups, draws=400)
    matters = MATTERS * float(np.std(before.truth))
    # What labels show, where there are enough; they contradict what was foretold of the same rows where the two
    # intervals are apart.
    trusted = measured is None or not _apart(measured, same.estimate) or _surely_near(measured, same.estimate, matters)
    judged = told.estimate
    if measured is not None and (len(truth) >= LEAST_LABELLED or not trusted):
        judged, usual = measured, same.usual
    high = usual.high if usual.high is not None else np.inf
    unusual = judged.mean > high and judged.mean - usual.mean >= matters
    if unusual:
        ends = 1 - 2 * min(baseline.facts.level, 0.25)
        lost = np.abs(before.truth - before.scores[:, 0])
        if judged is measured:
            judged = mean_interval(np.abs(truth - said[:, 0]), groups=groups, level=ends)
        unusual = least_gap(judged, mean_interval(lost, groups=before.groups, level=ends)) > 0
    return (
        QualityFact(
            quality="absolute error", better="lower", estimated=told.estimate, usual=usual, measured=measured,
            labelled=len(truth), late=len(late), trusted=trusted, matters=matters,
            unusual=unusual,
            why="" if trusted else "labels contradict the estimate",
        ),
    )  # fmt: skip


def _surely_near(one: Interval, other: Interval, matters: float) -> bool:
    ends, theirs = one.ends, other.ends
    return ends is not None and theirs is not None and max(ends[1] - theirs[0], theirs[1] - ends[0]) < matters


def _apart(one: Interval, other: Interval) -> bool:
    ends, theirs = one.ends, other.ends
    return ends is not None and theirs is not None and (ends[1] < theirs[0] or theirs[1] < ends[0])


def _scored(bundle: Bundle, kind: str, batch: Batch) -> Scored:
    assert batch.truth is not None
    return Scored(kind, batch.truth.astype(np.int64), batch.scores, choices_of(bundle, batch))


def _late_labels(bundle: Bundle, labels: Any) -> tuple[dict[str, float], tuple[str, ...]]:
    """Class or value by id, from a table of ids and labels, of which the last of several counts; and what to say."""
    roles = bundle.contract.roles
    if bundle.contract.task is Task.MULTILABEL:
        raise InputError(
            "labels for a model of several labels a row",
            needed="a model of classes or values",
            fix="draw rows to label with graft watch sample",
        )
    if roles.id is None:
        raise InputError(
            "labels in a table of their own, and rows without an id column",
            needed="a contract with an id column",
            fix="put the labels into the rows, or study with --id",
        )
    frame = read_columns(labels, [roles.id, roles.label[0]], what="labels")
    ids = ids_of(frame, roles.id, what="labels").to_list()
    # Before the first label has come its table has a header alone.
    found = read_truth(bundle.contract, read_frame(frame, empty=True))
    told: dict[str, float] = {}
    other: set[str] = set()
    for name, value in zip(ids, found.values.tolist(), strict=True):
        if not np.isfinite(value):
            continue
        if told.setdefault(name, value) != value:
            other.add(name)
        told[name] = value
    several = "of 1 row the labels say" if len(other) == 1 else f"of {len(other):,} rows the labels say"
    said = (f"{several} more than one thing: the last one counts, with --times the newest",) if other else ()
    return told, (*notes_of(found.unknown), *said)


def _sample(batch: Batch) -> BatchSample | None:
    whole = batch.whole
    if whole is None:
        return None
    length = whole.length
    return BatchSample(
        rows=len(batch), of=whole.usable - whole.learnt, cut=whole.cut,
        groups=None if batch.groups is None else len(np.unique(batch.groups)), labelled=whole.with_label,
        looked_at=len(whole.labelled) if whole.with_label else 0,
        length=(length.total / length.count, length.least, length.most) if length.count else None,
        counts=tuple(one for of, counts in whole.counts.items() for one in _counts(of, counts)),
    )  # fmt: skip


def _counts(of: str, counts: dict[str, int]) -> list[CountFact]:
    some = [(value, count) for value, count in counts.items() if value != OTHERS]
    beyond = sum(count for _, count in some[_COUNTED:]) + counts.get(OTHERS, 0)
    told = [*some[:_COUNTED], *([(OTHERS, beyond)] if beyond else [])]
    return [CountFact(of=of, value=value, rows=count) for value, count in told]


def _arrived(
    bundle: Bundle, reference: Batch, current: Batch, state: WatchState, told: ToldLabels | None, times: RowTimes
) -> Arrived:
    """All rows whose labels may still come, those of this batch last, and which labels count by now."""
    mine = SeenRows.of(bundle, current)
    if current.embedded is not None:
        mine = placed_rows(mine, reference, current, generator(0, "watch", "ages", current.key))
    seen = state.seen.with_rows(mine)
    if told is not None:
        return arrived(seen, mine.keys, told, times, one_number(state.judged))
    if current.truth is not None:
        seen = seen.with_truth(mine.keys, current.truth)
    return Arrived(seen, np.isfinite(seen.label), np.isin(seen.keys, mine.keys), None)


def outcomes(found: Sequence[WatchCheck]) -> str:
    """The worst outcome of several checks."""
    order = ("quiet", "look", "act")
    return max((one.outcome for one in found), key=order.index, default="quiet")
