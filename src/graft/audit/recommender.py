"""Who gets the attention of a recommender's lists, and for which users the lists are good.

Decisions: the lists are those the recommender makes; merit is what users took afterwards, or what was held out. It
says what was wanted of what people had met: who is never shown is never taken, so merit carries popularity bias, and
the record says so. Concentration among providers is found where it is beyond lists drawn at random *and* beyond the
same items dealt out to providers at random, since a few items that everybody likes concentrate attention whoever
provides them. That users of one group are shown other things is personalisation; it counts where it goes beyond the
difference in what they took.
"""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from graft.audit.exposure import (
    CONCENTRATED,
    LEAST_LISTS,
    MERIT,
    ONE_BY_ONE,
    POPULATION,
    QUALITY,
    SHOWN,
    TestedTogether,
    judged_groups,
    ordered,
    share_findings,
    share_test,
)
from graft.audit.item_groups import UNKNOWN, ItemGroups
from graft.core.errors import InputError
from graft.core.seeds import generator
from graft.evidence.discoveries import holm
from graft.evidence.exposure import DRAWS, AuditedLists, Due, attention, discount_named, judge_concentration
from graft.evidence.group_gaps import GroupFigure, group_gap
from graft.evidence.ranked_lists import EMPTY, judge_lists
from graft.facts.audit import AuditFinding, ConcentrationFact, GroupQuality, QualityGap, RecommenderAudit, ShownGap

METRICS = {"ndcg": "NDCG", "recall": "recall"}
_SHOWN_GROUPS, _SURELY = 50, 0.1
MERIT_BIAS = (
    "merit is what people took, and nobody takes what is never shown: what is popular has more of it than it deserves"
)


def audit_lists(
    shown: AuditedLists,
    groups: ItemGroups,
    *,
    of: str,
    digest: str = "",
    people: ItemGroups | None = None,
    discount: str = "log",
    level: float = 0.95,
    seed: int = 0,
    draws: int = DRAWS,
) -> RecommenderAudit:
    """Audit these lists. groups: of the items, in the order of their codes. people: of the users, in their order.
    draws: of labels dealt out at random.

    Raises InputError where every list is empty.
    """
    places = shown.lists.shape[1]
    items = groups.parts.shape[0]
    if not shown.lists.size or not (shown.lists != EMPTY).any():
        raise InputError(
            f"{of} lists nothing for {len(shown.users):,} users",
            needed="items that may be listed, and users of whom something is known",
            fix="look at graft recommend for",
        )
    given = attention(shown.lists, items, discount=discount)
    merit = _merit(shown)
    provided = int((groups.members > 0).sum()) - (UNKNOWN in groups.names[-1:])
    quality_asked = people is not None and shown.held_out and shown.merit is not None
    families = 2 + (merit is not None) + quality_asked + (people is not None)
    family = TestedTogether(families, 1 - level)
    population = share_test(
        given, groups, Due.of_population(items), against="population", due_is="its share of the catalogue",
        level=level, family=family, seed=seed, draws=draws,
    )  # fmt: skip
    findings = share_findings(population, POPULATION, family.alpha, explained=merit is not None, what="items")
    by_merit = None
    if merit is not None:
        kept, wanted = merit
        by_merit = share_test(
            attention(shown.judged_lists[kept], items, discount=discount), groups,
            Due.of_merit(wanted), against="merit", due_is=shown.merit_is, level=level, family=family, seed=seed,
            draws=draws,
        )  # fmt: skip
        findings += share_findings(by_merit, MERIT, family.alpha, explained=False, what="items")
    else:
        findings.append(_without_merit(shown))
    concentration, told = _concentration(given, shown.lists, groups, provided, discount, family, seed)
    findings.append(told)
    quality: tuple[QualityGap, ...] = ()
    gaps: tuple[ShownGap, ...] = ()
    if people is not None:
        quality, said = _quality(shown, people, level, family, seed)
        findings += said
        gaps, said = _shown(shown, given, groups, people, level, family, seed)
        findings += said
    notes = [*shown.notes, *([groups.note] if groups.note else [])]
    if groups.several:
        notes.append(
            f"{groups.several:,} items have several values of {groups.attribute}: each counts in equal parts for all"
        )
    if merit is not None:
        notes.append(MERIT_BIAS)
    notes.append(ONE_BY_ONE)
    return RecommenderAudit(
        of=of,
        digest=digest,
        level=level,
        seed=seed,
        findings=ordered(findings),
        attribute=groups.attribute,
        sensitive="" if people is None else people.attribute,
        places=places,
        discount=discount_named(discount).means,
        items=groups.parts.shape[0],
        unknown=groups.unknown,
        lists=given.shape[0],
        of_lists=shown.of_users,
        population=population,
        merit=by_merit,
        concentration=concentration,
        quality=quality,
        shown=gaps,
        notes=tuple(notes),
    )


def _merit(shown: AuditedLists) -> tuple[np.ndarray, sparse.csr_array] | None:
    """The users that have merit and a list, and their merit; None where too few have."""
    if shown.merit is None:
        return None
    total = np.asarray(shown.merit.sum(axis=1)).ravel()
    kept = np.flatnonzero((total > 0) & (shown.judged_lists[:, 0] != EMPTY))
    return None if len(kept) < LEAST_LISTS else (kept, sparse.csr_array(shown.merit[kept]))


def _without_merit(shown: AuditedLists) -> AuditFinding:
    why = "merit was not asked for"
    if shown.merit is not None:
        why = f"too few users have anything held out ({LEAST_LISTS} are needed)"
    return AuditFinding(code=MERIT, outcome="not applicable", severity="none", said=f"against merit: {why}")


def _concentration(
    given: sparse.csr_array, lists: np.ndarray, groups: ItemGroups, provided: int, discount: str,
    family: TestedTogether, seed: int,
) -> tuple[ConcentrationFact | None, AuditFinding]:  # fmt: skip
    if provided < 3:
        said = f"concentration: {provided} groups share the attention, and three are needed"
        return None, AuditFinding(code=CONCENTRATED, outcome="not applicable", severity="none", said=said)
    named = sparse.csr_array(groups.parts[:, :provided])
    found = judge_concentration(given, named, lists, rng=generator(seed, "exposure", "random"), discount=discount)
    p_value = family.of(max(found.p_random, found.p_dealt))
    fact = ConcentrationFact(
        providers=found.providers, gini=found.gini, largest=found.largest, random=found.random, dealt=found.dealt,
        p_value=p_value,
    )  # fmt: skip
    tenth = max(1, round(0.1 * found.providers))
    top = "1 group" if tenth == 1 else f"{tenth:,} of {found.providers:,} groups"
    said = f"{top} {'gets' if tenth == 1 else 'get'} {found.largest:.0%} of the attention (Gini {found.gini:.2f}"
    said += f"; random lists {found.random:.2f}, the same items dealt out to groups at random {found.dealt:.2f})"
    if p_value > family.alpha:
        beyond = family.of(found.p_random) <= family.alpha
        said += ": more than random, and what a few items that many people like explain" if beyond else ""
        return fact, AuditFinding(code=CONCENTRATED, outcome="not found", severity="none", said=said)
    todo = "look whether the groups that get most deserve it (against merit), and limit places per group (--most-per)"
    return fact, AuditFinding(code=CONCENTRATED, outcome="found", severity="low", said=said, todo=todo)


def _quality(
    shown: AuditedLists, people: ItemGroups, level: float, family: TestedTogether, seed: int
) -> tuple[tuple[QualityGap, ...], list[AuditFinding]]:
    if shown.merit is None or not shown.held_out:
        said = f"quality by {people.attribute}: nothing that users took is held out, so lists cannot be judged"
        return (), [AuditFinding(code=QUALITY, outcome="not applicable", severity="none", said=said)]
    judged = judge_lists(shown.judged_lists, shown.merit)
    of = people.only[shown.judged[judged.scored]]
    made = []
    for metric in METRICS:
        figure = GroupFigure(judged.values[metric], of, share=False, possible=(0.0, 1.0))
        made.append(group_gap(figure, rng=generator(seed, "exposure", metric), level=level))
    asked = [place for place, one in enumerate(made) if one.p_value is not None]
    adjusted = dict(
        zip(asked, holm(np.array([made[place].p_value for place in asked], dtype=np.float64)).tolist(), strict=True)
    )
    facts, findings = [], []
    for place, (metric, gap) in enumerate(zip(METRICS, made, strict=True)):
        fact = QualityGap(
            metric=metric,
            groups=tuple(
                GroupQuality(name=people.names[one.group], users=one.rows, mean=one.mean, judged=one.judged)
                for one in gap.groups
            ),
            gap=gap.gap,
            highest="" if gap.highest is None else people.names[gap.highest],
            lowest="" if gap.lowest is None else people.names[gap.lowest],
            p_value=family.of(adjusted[place]) if place in adjusted else None,
            why=gap.why,
        )
        facts.append(fact)
        findings.append(_quality_finding(fact, people.attribute, family.alpha))
    return tuple(facts), findings


def _quality_finding(fact: QualityGap, attribute: str, alpha: float) -> AuditFinding:
    name = METRICS[fact.metric]
    if fact.gap is None or fact.p_value is None:
        said = f"{name} by {attribute}: {fact.why}"
        return AuditFinding(code=QUALITY, outcome="not applicable", severity="none", said=said)
    means = {one.name: one.mean.mean for one in fact.groups}
    high, low = means[fact.highest], means[fact.lowest]
    ends = "" if fact.gap.ends is None else f", {fact.gap.ends[0]:.3f} to {fact.gap.ends[1]:.3f}"
    said = f"{name} of the lists: {low:.3f} for {fact.lowest}, {high:.3f} for {fact.highest}"
    said += f" (gap {fact.gap.mean:.3f}{ends})"
    if fact.p_value > alpha:
        return AuditFinding(code=QUALITY, outcome="not found", severity="none", said=said)
    surely = fact.gap.low is not None and fact.gap.low >= _SURELY * high
    todo = (
        f"see whether {fact.lowest} have fewer events or rarer tastes (then more of them help), and choose settings by"
        " the quality of their lists too"
    )
    return AuditFinding(code=QUALITY, outcome="found", severity="medium" if surely else "low", said=said, todo=todo)


def _shown(
    shown: AuditedLists, given: sparse.csr_array, groups: ItemGroups, people: ItemGroups, level: float,
    family: TestedTogether, seed: int,
) -> tuple[tuple[ShownGap, ...], list[AuditFinding]]:  # fmt: skip
    listed = np.flatnonzero(shown.lists[:, 0] != EMPTY)
    of = people.only[listed]
    judged, _ = judged_groups(groups)
    among = [one for one in np.argsort(-groups.members, kind="stable").tolist() if judged[one]][:_SHOWN_GROUPS]
    columns = sparse.csr_array(groups.parts.tocsc()[:, among])
    shares = np.clip((given @ columns).toarray(), 0.0, 1.0)
    history = sparse.csr_array(shown.taken[listed])
    total = np.asarray(history.sum(axis=1)).ravel()
    took = (history @ columns).toarray() / np.maximum(total, 1e-12)[:, None]
    made = []
    for at in range(len(among)):
        figure = GroupFigure(shares[:, at], of, share=False, possible=(0.0, 1.0))
        made.append(group_gap(figure, rng=generator(seed, "exposure", "shown", str(at)), level=level))
    asked = [place for place, one in enumerate(made) if one.p_value is not None]
    if not asked:
        why = made[0].why if made else "no group of items can be judged"
        said = f"what users are shown by {people.attribute}: {why}"
        return (), [AuditFinding(code=SHOWN, outcome="not applicable", severity="none", said=said)]
    adjusted = holm(np.array([made[place].p_value for place in asked], dtype=np.float64))
    facts = []
    for place, p_value in zip(asked, adjusted.tolist(), strict=True):
        gap = made[place]
        assert gap.gap is not None
        assert gap.highest is not None
        assert gap.lowest is not None
        known = total > 0
        high, low = (took[known & (of == one), place] for one in (gap.highest, gap.lowest))
        taken = float(high.mean() - low.mean()) if len(high) and len(low) else None
        facts.append(
            ShownGap(
                items=groups.names[among[place]], gap=gap.gap, highest=people.names[gap.highest],
                lowest=people.names[gap.lowest], taken=taken, p_value=family.of(p_value),
            )
        )  # fmt: skip
    return tuple(facts), _shown_findings(facts, people.attribute, family.alpha)


def _shown_findings(facts: Sequence[ShownGap], attribute: str, alpha: float) -> list[AuditFinding]:
    found = []
    for one in facts:
        if one.p_value > alpha:
            continue
        ends = "" if one.gap.ends is None else f", {one.gap.ends[0]:.1%} to {one.gap.ends[1]:.1%}"
        said = f"{one.highest} are shown more {one.items} than {one.lowest}: by {one.gap.mean:.1%} of a list{ends}"
        beyond = one.taken is None or (one.gap.low is not None and one.gap.low > max(one.taken, 0.0))
        if one.taken is not None:
            said += f"; in what they took the difference is {one.taken:+.1%}"
        todo = "lists make more of the difference than people do: look at what else tells the groups apart"
        found.append(
            AuditFinding(
                code=SHOWN, outcome="found", severity="low" if beyond else "none", said=said,
                todo=todo if beyond else "",
            )
        )  # fmt: skip
    rest = len(facts) - len(found)
    if rest:
        said = f"what users are shown by {attribute}: nothing shown for {rest:,} of {len(facts):,} groups of items"
        found.append(AuditFinding(code=SHOWN, outcome="not found", severity="none", said=said))
    return found
