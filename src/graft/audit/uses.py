"""Whether the head of a bundle follows what its vectors tell: a source that could harm, and one that does.

Decisions: it is asked of attributes in whose groups a gap was found, so that it finds nothing where nothing differs;
everything but the vectors (columns beside them, calibration, thresholds) stays as it is; of many rows a part is asked.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from graft.audit.group_findings import WORDS, use_finding
from graft.audit.word_tests import WordTest
from graft.bundle.answers import AnsweredRows, answer_rows
from graft.bundle.bundle import Bundle
from graft.core.errors import InputError
from graft.core.progress import SILENT, Progress
from graft.core.seeds import generator
from graft.core.tasks import Task
from graft.evidence.discoveries import holm
from graft.evidence.group_gaps import LEAST
from graft.evidence.head_use import attribute_use, direction_use
from graft.facts.audit import AssociationAudit, GapFact, HeadUseFact
from graft.rows.attributes import Attribute
from graft.rows.content import TEXT
from graft.rows.table import Table

_ROWS, _ALIKE = 2_000, 0.1


def uses_of(
    bundle: Bundle, rows: AnsweredRows, columns: Sequence[Attribute], facts: Sequence[GapFact], *,
    favourable: str, level: float, seed: int, progress: Progress = SILENT,
) -> tuple[HeadUseFact, ...]:  # fmt: skip
    """For each attribute with a gap that was found, whether decisions follow what the vectors tell of it."""
    found = {one.attribute for one in facts if one.p_adjusted is not None and one.p_adjusted <= 1 - level}
    asked = [one for one in columns if one.name in found]
    if not asked:
        return ()
    if bundle.model.source is None:
        return tuple(HeadUseFact(attribute=one.name, why="the model has no vectors of a source") for one in asked)
    places = np.arange(len(rows))
    if len(places) > _ROWS:
        places = np.sort(generator(seed, "uses").permutation(places)[:_ROWS])
    data = rows.data.take(places)
    seen = bundle.model.seen(data, progress=progress)
    if not isinstance(seen, np.ndarray):
        return tuple(HeadUseFact(attribute=one.name, why="the model has no dense vectors") for one in asked)
    vectors = seen.astype(np.float64)
    decide, alike = _decider(bundle, rows, places)
    told = []
    for one in asked:
        groups = one.take(places).groups
        counts = np.bincount(groups[groups >= 0], minlength=len(one.names))
        enough = np.flatnonzero(counts >= 2 * LEAST)
        if len(enough) < 2:
            why = f"fewer than two groups of {2 * LEAST} rows"
            told.append(HeadUseFact(attribute=one.name, why=why))
            continue
        kept = np.where(np.isin(groups, enough), groups, -1)
        rng = generator(seed, "uses", one.name)
        use, without = attribute_use(vectors, kept, decide, rng=rng, alike=alike, level=level)
        label, gap, left = _gap(bundle, one, kept, decide(vectors), without, facts, favourable)
        told.append(
            HeadUseFact(
                attribute=one.name,
                rows=len(places),
                changed=use.changed,
                by_chance=use.by_chance,
                p_value=use.p_value,
                label=label,
                gap=gap,
                without=left,
            )
        )
    return _adjusted(told)


def with_word_uses(
    found: AssociationAudit, tests: Sequence[WordTest], bundle: Bundle, rows: Table, *, progress: Progress = SILENT
) -> AssociationAudit:
    """The audit with, for each association about people that was found, whether the head of a bundle follows it.

    rows: like those the bundle is for. The direction between the attributes of a test (men and women, say) is taken
    out of the vectors of the rows. Raises InputError for a bundle that does not read texts alone.
    """
    if bundle.contract.roles.kind != TEXT.name:
        raise InputError(
            f"a model of {bundle.contract.roles.kind}", needed="one that reads texts alone", fix="audit its source"
        )
    hit = [test for test, one in zip(tests, found.findings, strict=True) if one.outcome == "found" and test.people]
    answered = answer_rows(bundle, rows, progress=progress)
    places = np.arange(len(answered))
    if len(places) > _ROWS:
        places = np.sort(generator(found.seed, "uses").permutation(places)[:_ROWS])
    if not len(places):
        raise InputError("no row that the model can read", needed="rows like those it is for", fix="look at them")
    data = answered.data.take(places)
    seen = None if bundle.model.source is None else bundle.model.seen(data, progress=progress)
    if not isinstance(seen, np.ndarray):
        nothing = "the model has no dense vectors of a source"
        return _with_uses(found, tuple(HeadUseFact(attribute=one.name, why=nothing) for one in hit))
    decide, alike = _decider(bundle, answered, places)
    told = []
    for test in hit:
        known = next(one for one in found.tests if one.name == test.name)
        missing = {word for one in known.lists for word in one.missing}
        vectors = []
        for one in test.attributes:
            words = [word for word in one.words if word not in missing]
            asked = replace(data.take(np.zeros(len(words), np.int64)), contents=tuple(words))
            lying = bundle.model.seen(asked)
            vectors.append(np.asarray(lying, np.float64))
        use = direction_use(
            seen.astype(np.float64), vectors[0], vectors[1], decide,
            rng=generator(found.seed, "uses", test.name), alike=alike, level=found.level,
        )  # fmt: skip
        told.append(
            HeadUseFact(
                attribute=test.name, rows=len(places), changed=use.changed, by_chance=use.by_chance, p_value=use.p_value
            )
        )
    return _with_uses(found, _adjusted(told))


def _with_uses(found: AssociationAudit, uses: tuple[HeadUseFact, ...]) -> AssociationAudit:
    findings = (*found.findings, *(use_finding(one, (), 1 - found.level, code=WORDS) for one in uses))
    return found.model_copy(update={"uses": uses, "findings": findings})


def _adjusted(told: list[HeadUseFact]) -> tuple[HeadUseFact, ...]:
    """With p-values corrected for all of them."""
    tested = [place for place, one in enumerate(told) if one.p_value is not None]
    adjusted = holm(np.array([told[place].p_value for place in tested], np.float64)).tolist()
    for place, p_value in zip(tested, adjusted, strict=True):
        told[place] = told[place].model_copy(update={"p_value": p_value})
    return tuple(told)


def _decider(
    bundle: Bundle, rows: AnsweredRows, places: np.ndarray
) -> tuple[Callable[[np.ndarray], np.ndarray], float]:
    """From vectors of the rows to what is decided about them, and how far apart numbers may be and be alike."""
    data = rows.data.take(places)

    def decide(vectors: np.ndarray) -> np.ndarray:
        scores = bundle.model.scores_of(vectors.astype(np.float32), data)
        return np.asarray(bundle.decision.judge(scores).decided, np.float64)

    regression = bundle.contract.task is Task.REGRESSION
    spread = float(np.std(rows.answers.decided)) if regression else 0.0
    return decide, _ALIKE * spread


def _gap(
    bundle: Bundle, attribute: Attribute, groups: np.ndarray, before: np.ndarray, without: np.ndarray,
    facts: Sequence[GapFact], favourable: str,
) -> tuple[str, float | None, float | None]:  # fmt: skip
    """The largest selection gap of these rows (or of predicted values), and what is left of it between its groups."""
    labels = bundle.contract.labels
    mine = [one for one in facts if one.attribute == attribute.name and one.code == "A301" and one.gap is not None]
    mine = [one for one in mine if one.figure in ("selection rate", "mean prediction")]
    if not mine:
        return "", None, None
    widest = max(mine, key=lambda one: one.gap.mean / max(one.matters, 1e-12) if one.gap else 0.0)
    label = widest.label or favourable
    names = list(attribute.names)
    pair = [names.index(widest.highest), names.index(widest.lowest)]
    if not all((groups == one).any() for one in pair):
        return label, None, None

    def gap(decided: np.ndarray) -> float:
        if widest.figure == "mean prediction":
            said = decided
        elif decided.ndim == 2:
            said = decided[:, labels.index(label)]
        else:
            said = (decided == labels.index(label)) * 1.0
        return float(said[groups == pair[0]].mean() - said[groups == pair[1]].mean())

    return label, gap(before), gap(without)
