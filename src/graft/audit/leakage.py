"""Whether the vectors of a table tell an attribute, where its groups gather, and what erasing it would do.

Decisions: all that is asked of an audit is paid for together: the probes of an attribute by the best of them, its
clusters by the largest, and attributes and these two by Holm. What is left after erasure is asked only of what was
found, which costs nothing more. Severity goes by how well the attribute is surely told: of two rows of two values, 80
times in 100 or more is *high*, since whoever holds the vectors then holds the attribute; 65 or more is *medium*. Beyond
5,000 rows a sample is asked, whole groups together.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from graft.audit.table_columns import TableColumns
from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.core.progress import SILENT, Progress
from graft.core.seeds import generator
from graft.core.vectors import unit_rows
from graft.evidence.allowed_features import AllowedFeatures
from graft.evidence.attribute_probes import (
    LINEAR,
    AskedRows,
    ProbeResult,
    asked_rows,
    change,
    erased_columns,
    known_area,
    probe_columns,
    probed,
    unknown_part,
    unseen_area,
)
from graft.evidence.cluster_shares import cluster_shares
from graft.evidence.discoveries import holm
from graft.evidence.leakage import LEAST_OF_A_CLASS, LEAST_ROWS, standardised
from graft.evidence.linear_erasure import fit_eraser
from graft.evidence.neighbour_change import nearest
from graft.facts.audit import (
    AttributeValue,
    AuditFinding,
    ClusterShareFact,
    ErasedLeak,
    ErasureFact,
    LeakageAudit,
    LeakFact,
    ProbeFact,
    Severity,
    TaskCost,
)
from graft.rows import values
from graft.rows.attributes import Attribute, attribute_of, numbers_of_attribute
from graft.tables.neighbourhood.clusters import Clustering, find_clusters

LEAK, GATHERED, LEFT = "A201", "A202", "A203"
MOST_ROWS = 5_000
HIGH, MEDIUM, LITTLE, GAP = 0.8, 0.65, 0.6, 0.2
_NEAREST, _QUERIES, _EXAMPLES, _SHOWN = 10, 1_000, 3, 3


@dataclass(frozen=True)
class LeakageQuestion:
    """What is asked of a table. attributes: columns. given: those that may be known. group: whose rows belong together,
    "" for none. task: a column that erasing should not harm, "" for none."""

    attributes: tuple[str, ...]
    given: tuple[str, ...] = ()
    group: str = ""
    task: str = ""


@dataclass(frozen=True, eq=False)
class _LookedAttribute:
    """An attribute in the rows looked at. where: positions among all rows of the table. asked: None where nothing can
    be, and ``fact`` says why."""

    fact: LeakFact
    where: np.ndarray
    classes: np.ndarray
    names: tuple[str, ...]
    asked: AskedRows | None = None
    found: dict[str, ProbeResult] | None = None


def audit_leakage(
    columns: TableColumns,
    question: LeakageQuestion,
    *,
    level: float = 0.95,
    seed: int = 0,
    progress: Progress = SILENT,
) -> LeakageAudit:
    """The audit of a table's vectors. Raises InputError where the columns cannot be asked so."""
    attributes = {name: attribute_of(columns.columns[name]) for name in question.attributes}
    looked_at = _sample(columns, attributes, question, seed)
    given = [as_given(columns.columns[name]) for name in question.given]
    group = _groups(columns.columns[question.group]) if question.group else None
    steps = 3 * len(attributes) + 1
    with progress.stage("ask what vectors tell", steps, "questions") as stage:
        clustering = find_clusters(unit_rows(columns.vectors[looked_at]), rng=generator(seed, "leakage", "clusters"))
        stage.advance(1, "clusters")
        looked = []
        for name, attribute in attributes.items():
            one = _looked(columns, name, attribute, looked_at, question, given, group, clustering, level, seed)
            looked.append(one)
            stage.advance(2, name)
        looked = _together(looked)
        alpha = 1 - level
        told = [one for one in looked if one.fact.p_adjusted is not None and one.fact.p_adjusted <= alpha]
        erasure = _erasure(columns, looked, told, question, given, group, level, seed)
        stage.advance(len(attributes))
    facts = tuple(one.fact for one in looked)
    findings = [_leak_finding(one, question, alpha) for one in facts]
    findings += [_gathered_finding(one, question, alpha) for one in facts]
    if erasure is not None and not erasure.why_not:
        findings += [_left_finding(one, facts, alpha) for one in erasure.left if one.p_adjusted is not None]
    return LeakageAudit(
        of=columns.of, digest="", level=level, seed=seed, findings=tuple(findings), rows=len(columns.ids),
        dimension=int(columns.vectors.shape[1]), given=question.given, group=question.group,
        unmatched=columns.unmatched, cluster_sizes=tuple(np.bincount(clustering.assignment).tolist()),
        attributes=facts, erasure=erasure,
    )  # fmt: skip


def as_given(column: pl.Series) -> np.ndarray:
    """A column that may be known: its numbers, or whole numbers for its categories, -1 where one is missing."""
    numbers = numbers_of_attribute(column)
    return attribute_of(column).groups if numbers is None else numbers


def _groups(column: pl.Series) -> np.ndarray:
    """Numbers of groups; a row without one is a group of its own."""
    named = values.ids(column)
    alone = named.is_null().to_numpy()
    found = named.fill_null("").rank("dense").cast(pl.Int64).to_numpy().copy()
    found[alone] = found.max(initial=0) + 1 + np.arange(int(alone.sum()))
    return np.asarray(found)


def _sample(
    columns: TableColumns, attributes: dict[str, Attribute], question: LeakageQuestion, seed: int
) -> np.ndarray:
    """Positions of the rows looked at: those of which an attribute is known, drawn where they are too many."""
    known = np.any([one.groups >= 0 for one in attributes.values()], axis=0)
    there = np.flatnonzero(known)
    if len(there) < 2:
        return np.arange(len(columns.ids))
    if len(there) <= MOST_ROWS:
        return there
    rng = generator(seed, "leakage", "rows")
    if not question.group:
        return np.sort(rng.permutation(there)[:MOST_ROWS])
    group = _groups(columns.columns[question.group])[there]
    order = rng.permutation(np.unique(group))
    sizes = np.bincount(group, minlength=int(group.max()) + 1)[order]
    taken = order[np.cumsum(sizes) <= max(MOST_ROWS, sizes[0])]
    return there[np.isin(group, taken)]


def usual_classes(
    attribute: Attribute, units: np.ndarray | None = None
) -> tuple[np.ndarray, tuple[str, ...], np.ndarray]:
    """Classes of enough rows, numbered anew with -1 for the others; their names; places of those that are rare."""
    count = len(attribute.names)
    known = attribute.groups >= 0
    if units is None:
        sizes = np.bincount(attribute.groups[known], minlength=count)
    else:
        pairs = np.unique(np.stack([attribute.groups[known], units[known]]), axis=1)[0]
        sizes = np.bincount(pairs, minlength=count)
    usual = np.flatnonzero(sizes >= LEAST_OF_A_CLASS)
    rare = np.flatnonzero((sizes > 0) & (sizes < LEAST_OF_A_CLASS))
    place = np.full(count + 1, -1)
    place[usual] = np.arange(len(usual))
    return place[attribute.groups], tuple(attribute.names[one] for one in usual), rare


def _looked(
    columns: TableColumns,
    name: str,
    attribute: Attribute,
    looked_at: np.ndarray,
    question: LeakageQuestion,
    given: list[np.ndarray],
    group: np.ndarray | None,
    clustering: Clustering,
    level: float,
    seed: int,
) -> _LookedAttribute:
    here = attribute.take(looked_at)
    classes, names, rare = usual_classes(here, None if group is None else group[looked_at])
    inside = np.flatnonzero(classes >= 0)
    where, mine = looked_at[inside], classes[inside]
    sizes = np.bincount(mine, minlength=len(names))
    order = np.argsort(-sizes, kind="stable")
    fact = LeakFact(
        name=name,
        values=tuple(AttributeValue(name=names[one], rows=int(sizes[one])) for one in order),
        quarters=attribute.quarters,
        rows=len(where),
        missing=int((attribute.groups < 0).sum()),
        rare=tuple(attribute.names[one] for one in rare),
        drawn=len(looked_at) < int((attribute.groups >= 0).sum()),
    )
    known = int((attribute.groups >= 0).sum())
    units = len(where) if group is None else len(np.unique(group[where]))
    what = "rows" if group is None else f"groups by {question.group!r}"
    if why := _why_not(attribute, known, names, units, what):
        return _LookedAttribute(fact.model_copy(update={"why_not": why}), where, mine, names)
    rng = generator(seed, "leakage", name)
    allowed = [one[where] for one in given]
    mine_groups = None if group is None else group[where]
    try:
        asked = asked_rows(mine, rng=rng, given=allowed, groups=mine_groups, least_draws=_least(question, level))
    except InputError as error:
        if "varies within" not in error.given:
            raise
        raise InputError(
            f"{name!r}: {error.given.replace('the class', 'it')} of {question.group!r}",
            needed="an attribute, and given columns, that are the same in all rows of a group",
            fix=f"leave out --group, or what varies within a {question.group}",
        ) from error
    if not asked.comparable:
        why = f"no two rows that are alike in {_and(question.given)} differ in it"
        return _LookedAttribute(fact.model_copy(update={"why_not": why}), where, mine, names)
    vectors = columns.vectors[where]
    found = probed(probe_columns(vectors, asked, rng), asked, rng=rng, level=level)
    best = min(found.values(), key=lambda one: (one.p_value, -one.area.mean))
    areas = {place: best.by_class[place] for place in range(len(names))}
    update: dict[str, object] = {
        "values": tuple(
            AttributeValue(
                name=names[one], rows=int(sizes[one]), area=float(areas[one]) if np.isfinite(areas[one]) else None
            )
            for one in order
        ),
        "probes": _probe_facts(found),
    }
    if given:
        plain = asked_rows(mine, rng=rng, groups=mine_groups, draws=1)
        update["in_all"] = tuple(
            one.area for one in probed(probe_columns(vectors, plain, rng), plain, rng=rng, level=level).values()
        )
        update["by_given"] = known_area(asked, level=level)
    shares = cluster_shares(clustering.assignment[inside], asked, level=level)
    ids = columns.ids[where]
    near = clustering.similarity[inside]
    update["clusters"] = tuple(
        ClusterShareFact(
            cluster=one.cluster, rows=one.rows, value=names[one.of_class], share=one.share, expected=one.expected,
            p_value=one.p_value, examples=_examples(ids, near, clustering.assignment[inside] == one.cluster),
        )
        for one in shares
    )  # fmt: skip
    return _LookedAttribute(fact.model_copy(update=update), where, mine, names, asked, found)


def _least(question: LeakageQuestion, level: float) -> int:
    """So many draws that what all questions of the audit together pay can be half of what is significant."""
    return max(199, math.ceil(4 * len(question.attributes) / (1 - level)))


def _why_not(attribute: Attribute, known: int, names: tuple[str, ...], units: int, what: str) -> str:
    if not known:
        return "no row has a value"
    if len(attribute.names) > max(known / LEAST_OF_A_CLASS, 1) and len(attribute.names) > LEAST_OF_A_CLASS:
        return f"{len(attribute.names):,} values in {known:,} rows: it nearly names the rows, as an id does"
    if len(attribute.names) == 1:
        return f"all rows have the value {attribute.names[0]!r}"
    if len(names) < 2 or units < LEAST_ROWS:
        least = f"{LEAST_ROWS} {what} and two values of {LEAST_OF_A_CLASS} {what} or more are needed"
        return f"{units:,} {what} of {len(names)} values; {least}"
    return ""


def _examples(ids: np.ndarray, near: np.ndarray, inside: np.ndarray) -> tuple[str, ...]:
    places = np.flatnonzero(inside)
    return tuple(str(ids[one]) for one in places[np.argsort(-near[places], kind="stable")[:_EXAMPLES]])


def _probe_facts(found: dict[str, ProbeResult]) -> tuple[ProbeFact, ...]:
    return tuple(
        ProbeFact(
            probe=name, area=one.area, chance=one.chance, chance_high=one.chance_high, p_value=one.p_value
        )
        for name, one in found.items()
    )  # fmt: skip


def _together(looked: list[_LookedAttribute]) -> list[_LookedAttribute]:
    """Attributes with p-values that pay for all that was asked."""
    asked: list[tuple[int, str, float]] = []
    for place, one in enumerate(looked):
        if one.fact.probes:
            asked.append((place, "p_adjusted", min(each.p_value for each in one.fact.probes)))
        if one.fact.clusters:
            asked.append((place, "clusters_p", one.fact.clusters[0].p_value))
    adjusted = holm(np.array([p_value for *_, p_value in asked], dtype=np.float64))
    told = list(looked)
    for (place, field, _), p_value in zip(asked, adjusted.tolist(), strict=True):
        told[place] = replace(told[place], fact=told[place].fact.model_copy(update={field: p_value}))
    return told


def _erasure(
    columns: TableColumns,
    looked: list[_LookedAttribute],
    told: list[_LookedAttribute],
    question: LeakageQuestion,
    given: list[np.ndarray],
    group: np.ndarray | None,
    level: float,
    seed: int,
) -> ErasureFact | None:
    """What erasing what could be asked would do; None where nothing could be."""
    able = [one for one in looked if one.asked is not None]
    if not able:
        return None
    where = able[0].where
    for one in able[1:]:
        where = np.intersect1d(where, one.where)
    names = tuple(one.fact.name for one in able)
    classes = {one.fact.name: one.classes[np.searchsorted(one.where, where)] for one in able}
    nothing = ErasureFact(
        attributes=names, rows=len(where), directions=0, dimension=columns.vectors.shape[1], moved=0.0, neighbours=1.0,
        left=(),
    )  # fmt: skip
    if len(where) < LEAST_ROWS or any(np.ptp(each) == 0 for each in classes.values()):
        return nothing.model_copy(update={"why_not": f"{len(where):,} rows have all of {_and(names)}"})
    rng = generator(seed, "leakage", "erasure")
    asked: dict[str, AskedRows] = {}
    targets = []
    for one in able:
        mine, name = classes[one.fact.name], one.fact.name
        if len(able) == 1:
            assert one.asked is not None
            asked[name] = one.asked
        elif np.bincount(mine, minlength=len(one.names)).min() >= LEAST_OF_A_CLASS:
            asked[name] = asked_rows(
                mine, rng=rng, given=[each[where] for each in given], least_draws=_least(question, level),
                groups=None if group is None else group[where],
            )  # fmt: skip
        known = np.eye(len(one.names))[mine]
        targets.append(unknown_part(asked[name]) if name in asked else known - known.mean(axis=0))
    wanted = np.concatenate(targets, axis=1)
    # All are asked beyond the same thing, so that one eraser is right for all of them.
    allowed = next((one.allowed for one in asked.values()), None)
    asked = {name: replace(one, allowed=allowed) for name, one in asked.items()}
    vectors = columns.vectors[where].astype(np.float64)
    eraser = fit_eraser(vectors if allowed is None else allowed.rest(vectors), wanted)
    eraser = replace(eraser, mean=vectors.mean(axis=0))
    erased = eraser(vectors)
    rows = rng.permutation(len(where))[:_QUERIES]
    k = min(_NEAREST, len(where) - 1)
    before, after = nearest(vectors, rows, k=k), nearest(erased, rows, k=k)
    stay = float(np.mean([len(np.intersect1d(*pair)) for pair in zip(before, after, strict=True)]) / k)
    away = np.linalg.norm(vectors - vectors.mean(axis=0), axis=1).mean()
    left = []
    for name, one_asked in asked.items():
        mine = classes[name]
        found = probed(erased_columns(vectors, wanted, one_asked, rng), one_asked, rng=rng, level=level)
        shares = np.bincount(mine) / len(mine)
        left.append(
            ErasedLeak(
                name=name, probes=_probe_facts(found),
                unseen=unseen_area(vectors, wanted, one_asked, rng=rng, level=level), p_adjusted=None,
                same_before=float((mine[before] == mine[rows][:, None]).mean()),
                same_after=float((mine[after] == mine[rows][:, None]).mean()),
                same_by_chance=float((shares**2).sum()),
            )
        )  # fmt: skip
    hit = [place for place, one in enumerate(left) if one.name in {each.fact.name for each in told}]
    adjusted = holm(np.array([min(each.p_value for each in left[place].probes) for place in hit], dtype=np.float64))
    for place, p_value in zip(hit, adjusted.tolist(), strict=True):
        left[place] = left[place].model_copy(update={"p_adjusted": p_value})
    cost = _task_cost(columns, question, where, wanted, allowed, group, level, seed) if question.task else None
    return nothing.model_copy(
        update={
            "directions": int(eraser.right.shape[1]),
            "moved": float(np.linalg.norm(erased - vectors, axis=1).mean() / max(away, 1e-12)),
            "neighbours": stay,
            "left": tuple(left),
            "task": cost,
        }
    )


def _task_cost(
    columns: TableColumns,
    question: LeakageQuestion,
    where: np.ndarray,
    targets: np.ndarray,
    allowed: AllowedFeatures | None,
    group: np.ndarray | None,
    level: float,
    seed: int,
) -> TaskCost | None:
    """The area of a linear probe for the task, before and after; None where the task cannot be asked."""
    attribute = attribute_of(columns.columns[question.task])
    classes, names, _ = usual_classes(attribute.take(where))
    inside = np.flatnonzero(classes >= 0)
    mine = classes[inside]
    if len(names) < 2 or len(inside) < LEAST_ROWS:
        return None
    rng = generator(seed, "leakage", "task", question.task)
    groups = None if group is None else group[where][inside]
    if groups is not None and len(np.unique(np.stack([groups, mine]), axis=1)[0]) > len(np.unique(groups)):
        groups = None  # what is predicted differs within a group: rows are asked one by one
    asked = asked_rows(mine, rng=rng, groups=groups, draws=1)
    vectors, wanted = columns.vectors[where][inside], targets[inside]
    whole = {LINEAR: probe_columns(vectors, asked, rng)[LINEAR]}
    beyond = None if allowed is None else allowed.rest(standardised(columns.vectors[where]))[inside]
    less = {LINEAR: erased_columns(vectors, wanted, asked, rng, fitted_on=beyond)[LINEAR]}
    before = probed(whole, asked, rng=rng, level=level)[LINEAR]
    after = probed(less, asked, rng=rng, level=level)[LINEAR]
    moved = change(before, after, asked, level=level)
    return TaskCost(column=question.task, before=before.area, after=after.area, change=moved)


def _leak_finding(fact: LeakFact, question: LeakageQuestion, alpha: float) -> AuditFinding:
    if fact.why_not:
        said = f"{fact.name}: {fact.why_not}"
        return AuditFinding(code=LEAK, outcome="not applicable", severity="none", said=said)
    assert fact.p_adjusted is not None
    best = best_probe(fact.probes)
    beyond = f" beyond {_and(question.given)}" if question.given else ""
    if fact.p_adjusted > alpha:
        little = all(one.area.high is not None and one.area.high < LITTLE for one in fact.probes)
        state = "tell little of it at most" if little else "were not shown to tell it, which is no proof"
        said = f"{fact.name}{beyond}: vectors {state} ({times(best.area)})"
        return AuditFinding(code=LEAK, outcome="not found", severity="none", said=said)
    severity = _severity(best.area)
    said = f"vectors tell {fact.name}{beyond}: {_pairs(fact, question.given)} {times(best.area)}"
    told = [one for one in fact.values if one.area is not None]
    if len(fact.values) > 2 and told:
        top = max(told, key=lambda one: one.area or 0)
        said += f"; {top.name!r} most of all ({100 * (top.area or 0):.0f})"
    todo = (
        f"where {fact.name} must not count, use no such vectors, and compare the decisions of models on them between"
        " its values; whoever is given these vectors is given what they tell"
    )
    return AuditFinding(code=LEAK, outcome="found", severity=severity, said=said, todo=todo)


def _gathered_finding(fact: LeakFact, question: LeakageQuestion, alpha: float) -> AuditFinding:
    if fact.clusters_p is None:
        why = fact.why_not or "the vectors form no two clusters of enough rows"
        said = f"{fact.name} in clusters: {why}"
        return AuditFinding(code=GATHERED, outcome="not applicable", severity="none", said=said)
    tell = "tells" if len(question.given) == 1 else "tell"
    beyond = f" beyond what {_and(question.given)} {tell}" if question.given else ""
    hits = gathered(fact, alpha)
    if not hits:
        said = f"{fact.name}: no cluster has more of one value than chance gives{beyond}"
        return AuditFinding(code=GATHERED, outcome="not found", severity="none", said=said)
    many = len({one.cluster for one in hits})
    shown = "; ".join(
        f"cluster {one.cluster + 1} ({one.rows:,} rows, such as {', '.join(one.examples[:2])}) is {_percent(one.share)}"
        f" {one.value}, where {100 * one.expected:.0f} % were expected"
        for one in sorted(hits, key=lambda each: each.expected - each.share.mean)[:_SHOWN]
    )
    gather = "clusters gather" if many > 1 else "cluster gathers"
    said = f"{many} {gather} one value of {fact.name}{beyond}: {shown}"
    surely = any((one.share.low or 0) - one.expected >= GAP for one in hits)
    todo = "where segments, neighbours or lists come from these vectors, look at what these clusters are given"
    return AuditFinding(code=GATHERED, outcome="found", severity="medium" if surely else "low", said=said, todo=todo)


def gathered(fact: LeakFact, alpha: float) -> list[ClusterShareFact]:
    """The shares that are beyond chance when all that was asked is paid for."""
    if fact.clusters_p is None or fact.clusters_p > alpha:
        return []
    # What the whole audit costs, carried to each cluster.
    factor = fact.clusters_p / max(fact.clusters[0].p_value, 1e-12)
    return [one for one in fact.clusters if one.p_value * factor <= alpha and one.share.mean > one.expected]


def _left_finding(left: ErasedLeak, facts: tuple[LeakFact, ...], alpha: float) -> AuditFinding:
    fact = next(one for one in facts if one.name == left.name)
    before = {one.probe: 100 * one.area.mean for one in fact.probes}
    linear, curved = (next(one for one in left.probes if one.probe == name) for name in ("linear", "curved"))
    ends = f"linear: from {before['linear']:.0f} to {100 * linear.area.mean:.0f}"
    assert left.p_adjusted is not None
    if left.p_adjusted > alpha:
        said = (
            f"after erasure neither probe was shown to tell {left.name}, which is no proof"
            f" (curved: from {before['curved']:.0f} to {100 * curved.area.mean:.0f}; {ends})"
        )
        return AuditFinding(code=LEFT, outcome="not found", severity="none", said=said)
    best = best_probe(left.probes)
    said = (
        f"erased vectors still tell {left.name}: the {best.probe} probe {times(best.area)}, {before[best.probe]:.0f}"
        f" before ({ends}); erasure hides it from linear models alone"
    )
    return AuditFinding(code=LEFT, outcome="found", severity="none", said=said)


def with_table(found: LeakageAudit, into: str) -> LeakageAudit:
    """The audit, once the erased table was made: what its vectors still tell is as severe as it would be anywhere."""
    assert found.erasure is not None
    asked = iter([one for one in found.erasure.left if one.p_adjusted is not None])
    findings = []
    for one in found.findings:
        left = next(asked) if one.code == LEFT else None
        if left is None or one.outcome != "found":
            findings.append(one)
            continue
        todo = (
            f"do not hand the erased table on as free of {left.name}; compare decisions made from it between its values"
        )
        severity = _severity(best_probe(left.probes).area)
        findings.append(one.model_copy(update={"severity": severity, "todo": todo}))
    erasure = found.erasure.model_copy(update={"into": into})
    return found.model_copy(update={"findings": tuple(findings), "erasure": erasure})


def best_probe(probes: Sequence[ProbeFact]) -> ProbeFact:
    """The probe that is surest, and tells most."""
    return min(probes, key=lambda one: (one.p_value, -one.area.mean))


def _severity(area: Interval) -> Severity:
    low = area.low or 0.0
    return "high" if low >= HIGH else "medium" if low >= MEDIUM else "low"


def _pairs(fact: LeakFact, given: tuple[str, ...]) -> str:
    alike = " that are alike in these" if given else ""
    if len(fact.values) == 2:
        return f"of two rows{alike}, one {fact.values[0].name} and one {fact.values[1].name}, which is which is told"
    return f"of two rows of two values{alike}, which is which is told"


def times(area: Interval) -> str:
    """An area in words."""
    ends = "" if area.ends is None else f" ({100 * area.ends[0]:.0f} to {100 * area.ends[1]:.0f}; 50 is chance)"
    return f"{100 * area.mean:.0f} times in 100{ends}"


def _percent(share: Interval) -> str:
    ends = "" if share.ends is None else f" ({100 * share.ends[0]:.0f} to {100 * share.ends[1]:.0f})"
    return f"{100 * share.mean:.0f} %{ends}"


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
