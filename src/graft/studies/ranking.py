"""Which source, before tuning any: sources in an order, by scores that cost one pass over the rows.

Decisions: rankings shortlist and never decide. The order is by the mean place over the scores that every source has and
that need no head, because no one of them wins everywhere; what the ledger has seen of earlier rankings is printed
beside, so that whoever reads it knows what such an order was worth here. All sources see the same rows and the same
half-samples, so how often one comes first is a statement about the pair, not about two intervals. Near-duplicates stay
together in a half, and are no neighbours of one another: they would agree whatever the source.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from graft.core.intervals import Interval
from graft.core.progress import SILENT, Progress
from graft.core.seeds import generator
from graft.core.tasks import LABELS, Task
from graft.evidence.halves import half_sample_interval, halves
from graft.evidence.transferability import (
    chance_agreement,
    h_score,
    leep,
    logme,
    nce,
    neighbour_agreement,
    neighbour_fit,
)
from graft.facts.ranking import RankedSource, RankingRecord, RankingScore
from graft.governance.named_assets import read_source
from graft.governance.registry import Registry, SourcesRanked
from graft.representations.cache import ActivationCache
from graft.representations.source import Source
from graft.representations.source_head import answers_of, head_of
from graft.scores.workbench import Workbench
from graft.studies.cues import mismatch_cues
from graft.studies.hindsight import hindsight
from graft.studies.ranked_rows import RankedRows
from graft.studies.terms import rows_asset

_DRAWS, _FEW_ROWS, _FEW_A_CLASS = 50, 50, 4
_AGREEMENT = "neighbours"


@dataclass(frozen=True)
class Score:
    """A score of a source. meaning: in words, with its best value. tasks: it is defined for. by_head: it is of the
    answers of the source's own head, and not of its vectors. low, high: what it cannot leave."""

    name: str
    meaning: str
    tasks: tuple[Task, ...]
    value: Callable[[np.ndarray, np.ndarray, str, np.ndarray], float]
    by_head: bool = False
    low: float = -np.inf
    high: float = np.inf


SCORES: tuple[Score, ...] = (
    Score(
        "LogME",
        "how well a straight line through the vectors tells the labels, as log evidence a row; higher is better",
        tuple(Task),
        lambda vectors, targets, task, groups: logme(vectors, targets, task),
    ),
    Score(
        "H-score",
        "how much of the vectors' spread lies between the labels, shrunk; 0 for nothing",
        LABELS,
        lambda vectors, targets, task, groups: h_score(vectors, targets, task),
        low=0.0,
    ),
    Score(
        _AGREEMENT,
        "share of the five nearest rows with the same label; 1 is best",
        LABELS,
        lambda vectors, targets, task, groups: neighbour_agreement(vectors, targets, groups=groups),
        low=0.0,
        high=1.0,
    ),
    Score(
        "neighbours' mean",
        "how well the mean of the five nearest rows predicts the number, as R squared; 1 is best, 0 or less is nothing",
        (Task.REGRESSION,),
        lambda vectors, targets, task, groups: neighbour_fit(vectors, targets, groups=groups),
        high=1.0,
    ),
    Score(
        "LEEP",
        "how well the probabilities of the source's own labels tell these, as log likelihood a row; 0 is best",
        LABELS,
        lambda answers, targets, task, groups: leep(answers, targets, task),
        by_head=True,
        high=0.0,
    ),
    Score(
        "NCE",
        "how little is left open of these labels once the source's own label is known, in nats a row; 0 is best",
        LABELS,
        lambda answers, targets, task, groups: nce(answers, targets, task),
        by_head=True,
        high=0.0,
    ),
)


@dataclass(frozen=True, eq=False)
class _Looked:
    """A source as the rows show it. answers: of its own head; None without one. drawn: each score on each half."""

    source: Source
    values: dict[str, float]
    drawn: dict[str, np.ndarray]
    labels: tuple[str, ...]


def rank_sources(asked: RankedRows, *, given: Any, seed: int = 0, progress: Progress = SILENT) -> RankingRecord:
    """Sources in the order they promise to suit labelled rows, none of them tuned; recorded in the ledger.

    given: what the rows were read from.
    """
    bench = Workbench(asked.rows, ActivationCache(), progress)
    half = [
        part
        for part in halves(asked.groups, asked.strata, draws=_DRAWS, rng=generator(seed, "halves"))
        if len(part) > 1 and _told_apart(bench.targets[part])
    ]
    looked = []
    with progress.stage("sources", len(asked.sources), "sources") as stage:
        for source in asked.sources:
            looked.append(_look(bench, source, half, asked.groups, progress))
            stage.advance(1, source.weights.reference)
    return _in_ledger(_record(asked, looked, len(half), bench), asked, given)


def _told_apart(targets: np.ndarray) -> bool:
    return bool((targets != targets[0]).any())


def _look(
    bench: Workbench, source: Source, half: Sequence[np.ndarray], groups: np.ndarray, progress: Progress
) -> _Looked:
    """Every score of a source that its rows and its head allow, of all rows and of each half."""
    vectors, targets, task = bench.vectors(source), bench.targets, str(bench.task)
    head = head_of(source) if bench.task in LABELS else None
    answers = None if head is None else answers_of(head, bench.rows.contents, progress=progress)
    values: dict[str, float] = {}
    drawn: dict[str, np.ndarray] = {}
    with progress.stage(f"scores of {source.weights.reference}", len(half), "half-samples") as stage:
        asked = [
            (score, answers if score.by_head else vectors)
            for score in SCORES
            if bench.task in score.tasks and (answers is not None or not score.by_head)
        ]
        for score, given in asked:
            assert given is not None
            values[score.name] = score.value(given, targets, task, groups)
            drawn[score.name] = np.full(len(half), np.nan)
        for place, part in enumerate(half):
            for score, given in asked:
                assert given is not None
                drawn[score.name][place] = score.value(given[part], targets[part], task, groups[part])
            stage.advance()
    return _Looked(source, values, drawn, () if head is None else head.labels)


def _record(asked: RankedRows, looked: Sequence[_Looked], draws: int, bench: Workbench) -> RankingRecord:
    scores = [one for one in SCORES if bench.task in one.tasks]
    ordering = [one.name for one in scores if not one.by_head]
    mean = _mean_places([[one.values[name] for one in looked] for name in ordering])
    first = np.zeros(len(looked))
    for draw in range(draws):
        places = _mean_places([[one.drawn[name][draw] for one in looked] for name in ordering])
        first += (places == places.min()) / (places == places.min()).sum()
    places = rankdata(mean, method="min")
    rows = np.arange(len(bench.rows))
    ranked = [
        RankedSource(
            reference=one.source.weights.reference,
            digest=one.source.weights.digest,
            place=int(places[number]),
            mean_place=float(mean[number]),
            first=float(first[number] / max(1, draws)),
            scores=tuple(_score(one, score, draws) for score in scores),
            cues=mismatch_cues(bench, one.source, rows),
        )
        for number, one in enumerate(looked)
    ]
    return RankingRecord(
        key=asked.every.labelled,
        task=str(bench.task),
        rows=len(asked.every),
        looked_at=len(bench.rows),
        groups=len(np.unique(asked.groups)),
        classes=len(bench.rows.contract.labels),
        sources=tuple(sorted(ranked, key=lambda one: (one.place, one.reference))),
        meaning={one.name: one.meaning + (_by_chance(bench) if one.name == _AGREEMENT else "") for one in scores},
        notes=tuple(_notes(asked, looked, draws)),
    )


def _by_chance(bench: Workbench) -> str:
    return f" ({chance_agreement(bench.targets):.2f} by chance)"


def _mean_places(values: Sequence[Sequence[float]]) -> np.ndarray:
    """The mean over scores of the places of sources, 1 for the highest; (sources,)."""
    return np.asarray(np.mean([rankdata([-one for one in row]) for row in values], axis=0))


def _score(one: _Looked, score: Score, draws: int) -> RankingScore:
    if score.name not in one.values:
        return RankingScore(name=score.name, value=None, missing="the source has no head of its own", orders=False)
    estimate = one.values[score.name]
    interval = Interval(estimate)
    if draws > 1:
        interval = half_sample_interval(estimate, one.drawn[score.name], low=score.low, high=score.high)
    return RankingScore(name=score.name, value=interval, orders=not score.by_head)


def _notes(asked: RankedRows, looked: Iterable[_Looked], draws: int) -> Iterable[str]:
    every, rows, groups = asked.every, asked.rows, asked.groups
    if len(rows) < len(every):
        yield f"{len(rows):,} of the {len(every):,} rows were looked at, drawn at random."
    roles = rows.contract.roles
    if not rows.kind.cells and (roles.numeric or roles.categorical):
        yield "The columns beside the content are not looked at: they are the same for every source."
    if len(groups) - len(np.unique(groups)):
        yield (
            f"{len(groups) - len(np.unique(groups)):,} rows repeat another or nearly so: they stay together in a "
            "half-sample, and are not counted as neighbours."
        )
    if len(np.unique(groups)) < _FEW_ROWS:
        yield f"So few rows ({len(rows)}) order sources hardly better than chance: look at the intervals."
    if draws < 2:
        yield "There are too few rows to say how much the scores would change with others: no intervals."
    if rows.contract.task in (Task.BINARY, Task.MULTICLASS):
        assert rows.targets is not None
        sizes = np.bincount(rows.targets)
        few = int(((sizes > 0) & (sizes < _FEW_A_CLASS)).sum())
        if few:
            yield (
                f"{few} of the {int((sizes > 0).sum())} classes have fewer than {_FEW_A_CLASS} rows: the intervals are "
                "too narrow, because hardly anything can be left out of such a class."
            )
    for one in looked:
        if len(one.labels) * 2 > len(rows):
            yield (
                f"{one.source.weights.reference} has {len(one.labels):,} labels of its own for {len(rows):,} rows: "
                "its LEEP and NCE flatter it."
            )


def _in_ledger(record: RankingRecord, asked: RankedRows, given: Any) -> RankingRecord:
    """The record with what the ledger knows of earlier rankings; the ranking and what it looked at are recorded."""
    with Registry() as registry:
        registry.add_asset(rows_asset(given, asked.name, asked.every))
        for weights in (source.weights for source in asked.sources if source.weights.pretrained):
            registry.add_asset(read_source(weights.reference, weights.directory, revision=weights.revision))
        places = {one.digest: one.mean_place for one in record.sources}
        names = {one.digest: one.reference for one in record.sources}
        registry.rank_sources(SourcesRanked(rows=record.key, places=places, names=names))
        seen = hindsight(registry)
    return record.model_copy(update={"hindsight": seen.hindsight, "tau": seen.tau})
