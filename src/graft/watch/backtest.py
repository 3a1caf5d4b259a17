"""What the advice would have been worth on labelled history: doing nothing, always learning anew, or following it.

Decisions: history is walked through batch by batch, in its order; labels of a batch are known ``delay`` batches later,
and nothing is learnt from them before. What is learnt anew is the head: a logistic regression on the vectors of the
bundle, of all rows whose labels are known by then. All three policies begin with the same head, so they differ in when
they learn and in nothing else; the bundle as it is stands beside them. Who learns anew gets a new reference: the rows
that were learnt, with what the head says of them while it has not learnt them.

Vovk et al. (2021), Retrain or not retrain: conformal test martingales for change-point detection.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from graft.bundle.bundle import Bundle
from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.core.means import mean_interval
from graft.core.progress import SILENT, Progress
from graft.core.seeds import generator
from graft.core.tasks import CLASSES
from graft.facts.watch import BacktestBatch, BacktestPolicy, WatchBacktest
from graft.rows.table import read_frame
from graft.watch.baseline import LEAST_ROWS, Baseline, make_baseline
from graft.watch.batch import UNDECIDED, Batch, read_batch
from graft.watch.check import checked
from graft.watch.history import WatchState

NOTHING, ALWAYS, ADVICE, SERVED = "nothing", "always", "advice", "the bundle as it is"
_LEARN = ("retrain the head", "tune deeper")
_FOLDS = 5


@dataclass(frozen=True, eq=False)
class _Head:
    """A head on vectors. classes: the labels it knows, in the order of its scores. learnt: rows it was learnt from."""

    model: LogisticRegression | None
    classes: np.ndarray
    learnt: np.ndarray

    def scores(self, vectors: np.ndarray, count: int) -> np.ndarray:
        found = np.zeros((len(vectors), count))
        if self.model is None:
            found[:, int(self.classes[0])] = 1.0
        else:
            found[:, self.classes.astype(int)] = self.model.predict_proba(vectors)
        return found


def backtest(
    bundle: Bundle,
    rows: Any,
    *,
    batch: int = 150,
    start: int | None = None,
    delay: int = 1,
    group: str = "",
    seed: int = 0,
    progress: Progress = SILENT,
) -> WatchBacktest:
    """Walk through labelled history.

    rows: in their order; where they have the contract's time column, they are sorted by it. batch: rows of one. start:
    rows of the first reference; three batches when None. delay: batches until labels are known. Raises InputError for
    values and several labels, for a model without vectors, and for too short a history.
    """
    if bundle.contract.task not in CLASSES:
        raise InputError(f"a backtest of {bundle.contract.task}", needed="a model of classes")
    if batch < 10 or delay < 0 or not isinstance(delay, int):
        raise InputError(f"batches of {batch} rows and a delay of {delay}", needed="10 rows and 0 batches or more")
    table = read_frame(rows)
    whole = read_batch(bundle, table, group=group, labels=True, progress=progress)
    if whole.truth is None or not np.isfinite(whole.truth).all():
        lacking = len(whole) if whole.truth is None else int((~np.isfinite(whole.truth)).sum())
        raise InputError(f"{lacking:,} rows of {len(whole):,} have no known label", needed="history with its labels")
    if not whole.vectors.shape[1]:
        raise InputError("the model sees no vectors", needed="a model whose head can be learnt anew")
    if whole.times is not None:
        whole = whole.take(np.argsort(whole.times, kind="stable"))
    first = start if start is not None else 3 * batch
    if first < LEAST_ROWS or len(whole) < first + 2 * batch:
        raise InputError(
            f"{len(whole):,} rows for a reference of {first:,} and batches of {batch:,}",
            needed=f"a reference of {LEAST_ROWS} rows or more, and two batches after it",
            fix="give more history, or smaller batches",
        )
    given = whole.rows_given[:first].tolist()
    baseline = make_baseline(
        bundle, replace(table, frame=table.frame[given]), group=group, batch=batch, runs=20, draws=199, seed=seed,
        progress=progress,
    )  # fmt: skip
    ends = list(range(first, len(whole) - batch + 1, batch))
    head = _learnt(whole, np.arange(first), seed)
    policies: dict[str, Callable[[int, Any], bool]] = {
        NOTHING: lambda _, __: False,
        ALWAYS: lambda _, __: True,
        ADVICE: lambda _, found: any(one.action in _LEARN for one in found.advice),
    }
    told, batches = [], []
    with progress.stage("backtest", len(policies) * len(ends), "batches") as stage:
        for name, learns in policies.items():
            right, cost, again, outcomes = _walk(
                bundle, baseline, whole, head, ends, batch, first, delay, learns, seed, stage.advance,
                judged=name == ADVICE,
            )  # fmt: skip
            told.append(_policy(name, right, cost, again))
            if name == ADVICE:
                batches = [
                    BacktestBatch(rows=batch, outcome=outcome, advice=advice, right=float(np.mean(one)))
                    for (outcome, advice), one in zip(outcomes, right, strict=True)
                ]
    served = [_outcome(bundle, whole.take(np.arange(end, end + batch))) for end in ends]
    told.append(_policy(SERVED, [one[0] for one in served], [one[1] for one in served], 0))
    return WatchBacktest(
        bundle=bundle.manifest.seal, rows=len(whole), first=first, batch=batch, delay=delay, policies=tuple(told),
        batches=tuple(batches), unit=bundle.decision.policy.table.unit if bundle.decision.policy else "errors",
    )  # fmt: skip


def _walk(
    bundle: Bundle, baseline: Baseline, whole: Batch, head: _Head, ends: list[int], batch: int, first: int, delay: int,
    learns: Callable[[int, Any], bool], seed: int, advance: Callable[[], None], *, judged: bool,
) -> tuple[list[np.ndarray], list[np.ndarray], int, list[tuple[str, tuple[str, ...]]]]:  # fmt: skip
    """One policy: what was right and what it cost in each batch, how often it learnt, and what checks said."""
    state, again = WatchState(), 0
    reference = _said(bundle, whole.take(np.arange(first)), _held_out(whole, np.arange(first), seed))
    right, cost = [], []
    outcomes: list[tuple[str, tuple[str, ...]]] = []
    for place, end in enumerate(ends):
        rows = np.arange(end, end + batch)
        current = _said(bundle, whole.take(rows), head.scores(whole.vectors[rows], _count(bundle)))
        one, other = _outcome(bundle, current)
        right.append(one)
        cost.append(other)
        known = np.arange(max(first, end + batch - delay * batch))
        found = None
        if judged:
            # Of this batch labels are known only without a delay; of earlier ones the check was done with its labels.
            blind = current if delay == 0 else replace(current, truth=None)
            found, state = checked(bundle, replace(baseline, rows=reference, terms=None), blind, state)
            if delay and place >= delay:
                past = np.arange(ends[place - delay], ends[place - delay] + batch)
                late = _said(bundle, whole.take(past), head.scores(whole.vectors[past], _count(bundle)))
                if not np.isin(past, head.learnt).any():
                    found, _ = checked(bundle, replace(baseline, rows=reference, terms=None), late, state)
            outcomes.append((found.outcome, tuple(advice.action for advice in found.advice)))
        if learns(place, found) and len(known) > len(head.learnt):
            head = _learnt(whole, known, seed)
            reference = _said(bundle, whole.take(known), _held_out(whole, known, seed))
            state, again = state.again(), again + 1
        advance()
    return right, cost, again, outcomes


def _count(bundle: Bundle) -> int:
    return len(bundle.contract.labels)


def _learnt(whole: Batch, rows: np.ndarray, seed: int) -> _Head:
    assert whole.truth is not None
    truth = whole.truth[rows].astype(np.int64)
    classes = np.unique(truth)
    if len(classes) < 2:
        return _Head(None, classes, rows)
    model = LogisticRegression(max_iter=500, random_state=seed).fit(whole.vectors[rows], truth)
    return _Head(model, model.classes_, rows)


def _held_out(whole: Batch, rows: np.ndarray, seed: int) -> np.ndarray:
    """What heads say of rows that they have not learnt, shape (rows, classes)."""
    assert whole.truth is not None
    truth = whole.truth[rows].astype(np.int64)
    count = whole.scores.shape[1]
    found = np.zeros((len(rows), count))
    places = generator(seed, "watch", "folds").permutation(len(rows))
    smallest = int(np.bincount(truth)[np.unique(truth)].min())
    if smallest >= _FOLDS:
        folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed).split(rows, truth)
    else:
        parts = np.array_split(places, _FOLDS)
        folds = ((np.setdiff1d(places, part), part) for part in parts)
    for inside, outside in folds:
        head = _learnt(whole, rows[inside], seed)
        found[outside] = head.scores(whole.vectors[rows[outside]], count)
    return found


def _said(bundle: Bundle, batch: Batch, scores: np.ndarray) -> Batch:
    """The batch with what a head says of it, decided by the bundle's policy."""
    policy = bundle.decision.policy
    decided = policy.decide(scores).decided if policy is not None else scores.argmax(axis=1)
    names = np.array([*bundle.contract.labels, UNDECIDED], dtype=str)
    certainty = np.where(decided < 0, scores.max(axis=1), scores[np.arange(len(scores)), decided])
    nothing = np.zeros(len(batch), bool)
    # A batch by itself: of the history it is a part of nothing is counted as lost.
    batch = replace(batch, rows=len(batch), problems={}, notes=())
    return replace(
        batch, scores=scores, decided=names[decided.astype(np.int64)], certainty=certainty, far=nothing, learnt=nothing
    )


def _outcome(bundle: Bundle, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """Whether each row was decided rightly, and what it cost."""
    assert batch.truth is not None
    places = {name: place for place, name in enumerate(bundle.contract.labels)} | {UNDECIDED: -1}
    decided = np.array([places[one] for one in batch.decided.tolist()])
    truth = batch.truth.astype(np.int64)
    right = (decided == truth).astype(np.float64)
    if bundle.decision.policy is None:
        return right, 1 - right
    actions = bundle.decision.policy.table.actions
    return right, np.asarray(actions[truth, decided])


def _policy(name: str, right: list[np.ndarray], cost: list[np.ndarray], again: int) -> BacktestPolicy:
    batches = np.repeat(np.arange(len(right)), [len(one) for one in right])
    told = [mean_interval(np.concatenate(one), groups=batches) for one in (right, cost)]
    made: tuple[Interval, ...] = tuple(told)
    return BacktestPolicy(policy=name, accuracy=made[0], cost=made[1], learnt=again)
