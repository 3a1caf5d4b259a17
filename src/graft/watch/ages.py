"""Whether quality falls with the age of the vectors that rows were decided by, or because rows moved.

Decisions: rows are alike where they lie in one neighbourhood of the reference, and moved as far as they are more at
home in their batch than in the reference (the witness of the MMD): without a shift that is chance, so hard rows are not
taken for moved ones. All rows with labels that count are asked, of earlier checks too; where labels are few, what is
expected of each row of this batch is asked instead, which shows only what the model knows of its own doubt. A vector
that is newer than the event it was used for was not used for it.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from sklearn.cluster import KMeans

from graft.bundle.bundle import Bundle
from graft.core.intervals import Interval
from graft.core.seeds import generator
from graft.core.tasks import CLASSES, Task
from graft.decisions.calibration import fit_method
from graft.evidence.direct_loss import fit_loss
from graft.evidence.embedding_age import quality_by_age
from graft.evidence.predictions import Scored
from graft.evidence.shuffles import shuffles
from graft.evidence.two_samples import TwoSamples
from graft.evidence.unlabelled import Answers, RowValues, expected_rows, row_cost, row_outcomes
from graft.evidence.witness import witness
from graft.facts.watch import AgeFact
from graft.watch.baseline import Baseline
from graft.watch.batch import Batch, choices_of
from graft.watch.seen_rows import CLOCK, SeenRows

Values = Callable[[SeenRows], np.ndarray]
LEAST, MONTH = 40, 30.0
KINDS, OF_A_KIND, _ROWS, _DRAWS = 8, 25, 4_000, 1


def placed_rows(seen: SeenRows, reference: Batch, current: Batch, rng: np.random.Generator) -> SeenRows:
    """Rows of a batch with how far they moved and whom they are like, where both have vectors."""
    if not reference.vectors.shape[1] or not current.vectors.shape[1] or len(reference) < 2 or not len(current):
        return seen
    groups = None
    if reference.groups is not None and current.groups is not None:
        groups = (reference.groups, current.groups)
    drawn = shuffles(len(reference), len(current), rng=rng, groups=groups, draws=_DRAWS)
    shift = witness(TwoSamples(reference.vectors, current.vectors, drawn), rng=rng).current
    some = np.sort(np.random.default_rng(0).permutation(len(reference))[:_ROWS])
    before = reference.vectors[some].astype(np.float64)
    count = min(KINDS, len(np.unique(before, axis=0)))
    # Of one reference always the same, so that rows of several checks are alike by the same measure.
    made = KMeans(count, n_init=1, random_state=0).fit(before)
    return replace(seen, shift=shift, kind=made.predict(current.vectors.astype(np.float64)).astype(np.int32))


def ages_of(
    bundle: Bundle, baseline: Baseline, seen: SeenRows, counted: np.ndarray, here: np.ndarray, *, beyond: bool
) -> tuple[AgeFact, ...]:
    """Each quality that is a mean over rows by the age of vectors; nothing where no row says how old its vector is.

    counted: rows whose labels count, bool (n,). here: rows of this batch. beyond: whether rows moved beyond chance.
    """
    if not (np.isfinite(seen.embedded) & np.isfinite(seen.event)).any():
        return ()
    found = [
        quality_ages(seen, counted, here, quality=name, higher=higher, value=value, expected=expected, beyond=beyond)
        for name, higher, value, expected in _qualities(bundle, baseline)
    ]
    return tuple(one for one in found if one is not None)


def _qualities(bundle: Bundle, baseline: Baseline) -> list[tuple[str, bool, Values, Values]]:
    """Each quality: its name, whether higher is better, what it is of rows with labels, what is expected of others."""
    if bundle.contract.task is Task.REGRESSION:
        return [("absolute error", False, lambda rows: np.abs(rows.label - rows.scores[:, 0]), _losses(baseline))]
    if bundle.contract.task not in CLASSES:
        return []
    kind = "binary" if len(bundle.contract.labels) == 2 else "multiclass"
    calibrated = _calibrated(bundle, baseline, kind)

    def of(what: str | RowValues) -> tuple[Values, Values]:
        def value(rows: SeenRows) -> np.ndarray:
            return row_outcomes(_answers(kind, rows), what).of(rows.label.astype(np.int64))

        def expected(rows: SeenRows) -> np.ndarray:
            answers = _answers(kind, rows)
            return expected_rows(answers, calibrated(answers.scores), what).mean

        return value, expected

    told: list[tuple[str, bool, Values, Values]] = [("accuracy", True, *of("accuracy"))]
    if bundle.decision.policy is not None:
        table = bundle.decision.policy.table
        told.append((f"cost per row in {table.unit}", False, *of(partial(row_cost, actions=table.actions))))
    return told


def _answers(kind: str, rows: SeenRows) -> Answers:
    scores = rows.scores.astype(np.float64)
    return Answers(kind, scores / scores.sum(axis=1, keepdims=True), rows.chosen.astype(np.int64))


def _calibrated(bundle: Bundle, baseline: Baseline, kind: str) -> Callable[[np.ndarray], np.ndarray]:
    """Probabilities as the reference's labels say they are; as the bundle says where it has none."""
    known = baseline.rows.truth
    labelled = np.flatnonzero(np.isfinite(known)) if known is not None else np.zeros(0, np.int64)
    if len(labelled) < LEAST or known is None or len(np.unique(known[labelled])) < 2:
        return lambda scores: scores
    rows = baseline.rows.take(labelled)
    scored = Scored(kind, known[labelled].astype(np.int64), rows.scores, choices_of(bundle, rows))
    return fit_method("temperature", scored.scores, scored.targets, task=kind).apply


def _losses(baseline: Baseline) -> Values:
    """The absolute error that is expected of each row; of all the same where the reference has too few labels."""
    known = baseline.rows.truth
    before = None if known is None else baseline.rows.take(np.isfinite(known))
    units = 0 if before is None else len(before) if before.groups is None else len(np.unique(before.groups))
    if before is None or before.truth is None or units < LEAST:
        return lambda rows: np.zeros(len(rows))
    rng = generator(baseline.facts.seed, "watch", "ages")
    lost = np.abs(before.truth - before.scores[:, 0])
    model = fit_loss(before.scores, lost, rng=rng, groups=before.groups, draws=0)
    return lambda rows: model.expectation(rows.scores.astype(np.float64)).mean


def quality_ages(
    seen: SeenRows,
    counted: np.ndarray,
    here: np.ndarray,
    *,
    quality: str,
    higher: bool,
    value: Values,
    expected: Values,
    beyond: bool = False,
) -> AgeFact | None:
    """How a quality changes with age; None where no row says how old its vector is.

    counted: rows whose labels count, bool (n,). here: rows of this batch. value: of rows with labels. expected: of rows
    without. beyond: whether rows moved beyond chance; if not, which of them look new is chance, and nothing is said
    of it.
    """
    age = seen.event - seen.embedded
    known, early = np.isfinite(age), age < -CLOCK
    if not known.any():
        return None
    usable = known & ~early
    measured = int((usable & counted).sum()) >= LEAST
    taken = usable & (counted if measured else here)
    left = int((here & ~known).sum()), int((here & early).sum())
    rows = seen.take(taken)
    old = np.maximum(age[taken], 0.0)
    if not len(rows):
        return AgeFact(
            quality=quality, better="higher" if higher else "lower", measured=False, by_age=None, by_shift=None,
            alone=None, apart=0.0, reading="too few", cost=None, rows=0, groups=0, periods=1, kinds=1,
            ages=(0.0, 0.0), left=left[0], early=left[1],
        )  # fmt: skip
    told = value(rows) if measured else expected(rows)
    moved = rows.shift if np.isfinite(rows.shift).all() else None
    found = quality_by_age(
        told, old, shift=moved, event=rows.event, kind=_kinds(rows.kind),
        groups=rows.groups if len(np.unique(rows.groups)) < len(rows) else None,
    )  # fmt: skip
    cost = None
    if found.by_age.ends is not None and found.separable:
        lost = _times(found.by_age, float(old.mean()))
        cost = lost.reversed if higher and lost is not None else lost
    reading = found.reading if beyond else {"both": "age", "shift": "neither"}.get(found.reading, found.reading)
    return AgeFact(
        quality=quality, better="higher" if higher else "lower", measured=measured, by_age=_times(found.by_age, MONTH),
        by_shift=_times(found.by_shift, 1.0), alone=_times(found.age_alone, MONTH),
        apart=found.apart, reading=reading, beyond=beyond, cost=cost, rows=found.rows, groups=found.groups,
        periods=found.periods, kinds=found.kinds,
        ages=(float(np.median(old)), float(old.max())), left=left[0], early=left[1],
    )  # fmt: skip


def _kinds(kind: np.ndarray) -> np.ndarray:
    """Neighbourhoods with rows enough to compare within; the others are one."""
    counts = np.bincount(kind)
    return np.where(counts[kind] >= OF_A_KIND, kind, -1)


def _times(slope: Interval | None, many: float) -> Interval | None:
    """A slope over so many units; None where there is none, since all rows are of one age."""
    if slope is None or not np.isfinite(slope.mean):
        return None
    return Interval(
        slope.mean * many, None if slope.low is None else slope.low * many,
        None if slope.high is None else slope.high * many,
    )  # fmt: skip
