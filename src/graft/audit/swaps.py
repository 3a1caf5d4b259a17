"""Whether a bundle decides otherwise when its texts are about somebody else: identities exchanged, and what follows.

Decisions: a text with one identity in the place of another is a pair with itself, so what differs is the model's doing.
Significant and large enough are two answers: nearly every word moves a model a little, so a shift that is sure and
small is told and is no fault. What is large enough is the margin, or what words that say of nobody anything do
where that is more. A text about both identities has no direction: it counts where anything changes, and in no shift.
All tests of an audit are paid for together (Holm). Below ten texts nothing is said.

Garg et al. (2019), Counterfactual Fairness in Text Classification through Robustness; Borkan et al. (2019), Nuanced
Metrics for Measuring Unintended Bias.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from graft.audit.identity_terms import IdentityTerms, usual_terms
from graft.audit.swap_findings import (
    LEAST_TEXTS,
    decisions_finding,
    ranking_finding,
    scores_finding,
    unasked_findings,
)
from graft.audit.swap_plan import Pair, SwapPlan, plan_swaps
from graft.bundle.answers import StudyAnswers
from graft.bundle.bundle import Bundle
from graft.bundle.decision import RowDecisions
from graft.core.errors import ContractError, InputError
from graft.core.progress import SILENT, Progress
from graft.core.seeds import generator
from graft.core.tasks import Task
from graft.evidence.counterfactual import more_than, more_than_others, paired_shift, share_interval
from graft.evidence.discoveries import holm
from graft.evidence.subgroup_ranking import subgroup_areas
from graft.facts.audit import NeutralSwaps, RankingFact, SwapAudit, SwapFact
from graft.inputs.dataset import Dataset, build_dataset
from graft.inputs.schema import Contract
from graft.inputs.targets import read_labels
from graft.representations.encoding.joined_encoder import cut_parts
from graft.rows.content import TEXT
from graft.rows.table import Table

MARGIN, MARGIN_OF_VALUES = 0.05, 0.1
_EXAMPLES, _SAME = 5, 1e-6


@dataclass(frozen=True, eq=False)
class _Judged:
    """What the model says of scored rows. scores: (rows, outputs), a probability or a value. decided: the same shape, 1
    for what is decided; None for regression. places: of each row of the table that is scored as it is."""

    scores: np.ndarray
    decided: np.ndarray | None
    places: dict[int, int]


@dataclass(frozen=True, eq=False)
class _Moves:
    """What exchanging a pair did to n rows. shift, turned: second less first, (n, outputs), of scores and of decisions.
    changed: from 0 to 1, (n,). sided: bool (n,), rows about one of both alone."""

    rows: np.ndarray
    shift: np.ndarray
    turned: np.ndarray | None
    changed: np.ndarray | None
    sided: np.ndarray


@dataclass(frozen=True, eq=False)
class _OfPairs:
    """What is asked of every pair. outputs: that are looked at. margin: of decisions. unit: of a value, None but for
    regression. neutral, of_neutral: where neutral words changed a decision, and the clusters of those rows; None where
    too few rows hold any."""

    contract: Contract
    outputs: list[int]
    margin: float
    unit: float | None
    level: float
    neutral: np.ndarray | None
    of_neutral: np.ndarray | None


def text_columns(contract: Contract, asked: Sequence[str]) -> tuple[str, ...]:
    """The text columns that are asked for, or all. Raises InputError for a bundle without, or for others."""
    columns = dict(contract.roles.parts).get(TEXT.name, ())
    if not columns:
        raise InputError(
            f"the bundle reads no texts: its columns are {', '.join(contract.roles.inputs)}",
            needed="a bundle with a column of text, in which words can be exchanged",
            fix="compare its decisions between groups of rows instead",
        )
    if strange := [name for name in asked if name not in columns]:
        raise InputError(
            f"{strange[0]!r} is no text column of the bundle", needed=f"one of {', '.join(columns)}", fix="leave it out"
        )
    return tuple(name for name in columns if not asked or name in asked)


def audit_swaps(
    bundle: Bundle,
    table: Table,
    terms: IdentityTerms,
    *,
    text: Sequence[str] = (),
    favourable: str = "",
    margin: float | None = None,
    level: float = 0.95,
    seed: int = 0,
    progress: Progress = SILENT,
) -> SwapAudit:
    """Exchange identities in the texts of rows, and judge what the bundle says. Raises InputError for what cannot work.

    table: rows with the columns of the contract; with their labels, rankings are judged too. text: columns, all when
    none is named. favourable: the class or label that everything is said about. margin: what matters.
    """
    contract = bundle.contract
    columns = text_columns(contract, text)
    if favourable and favourable not in contract.labels:
        raise InputError(
            f"favourable={favourable!r}",
            needed=f"one of {', '.join(contract.labels[:20])}"
            if contract.labels
            else "nothing: a value has no classes",
            fix="leave it out, and all are looked at",
        )
    regression = contract.task is Task.REGRESSION
    matters = (MARGIN_OF_VALUES if regression else MARGIN) if margin is None else margin
    if not 0 < matters < (np.inf if regression else 1):
        raise InputError(
            f"margin={matters}",
            needed="deviations above 0" if regression else "a share between 0 and 1",
            fix="leave it out for the usual one",
        )
    rng = generator(seed, "swaps")
    data, _ = build_dataset(table, contract, labelled=False)
    targets = _targets(table, contract)
    ranked = np.zeros(len(table), bool) if targets is None else ~np.isnan(targets).any(axis=1)
    # What it has learnt a model remembers as it was, and not with other words.
    learnt = StudyAnswers(bundle.folder.parent, contract).learnt(data)
    usable = data.rows if learnt.all() else data.rows[~learnt]
    plan = plan_swaps(
        table, usable, columns, terms, usual_terms(neutral=True),
        groups=_groups(table, contract), ranked=ranked, rng=rng, progress=progress,
    )  # fmt: skip
    judged, beyond, moves, neutral, hits = _scored(bundle, table, plan, progress)
    outputs = _outputs(contract, favourable)
    unit = (float(judged.scores.std(axis=0).max()) if len(judged.scores) else 1.0) if regression else None
    bars = _bars(matters, neutral, unit)
    of_neutral = plan.clusters[[row for row, _ in plan.neutral]]
    asked = _OfPairs(contract, outputs, matters, unit, level, hits, of_neutral)
    swaps = _swap_facts(plan, terms, moves, asked)
    rankings = _rankings(plan, terms, judged, targets, contract, outputs, level)
    swaps, rankings = _adjusted(swaps, rankings)
    findings = [
        found
        for fact in swaps
        for found in (decisions_finding(fact, bars[0], 1 - level), scores_finding(fact, bars[1], 1 - level))
    ]
    findings += [ranking_finding(fact, matters, 1 - level) for fact in rankings]
    findings += unasked_findings(terms, swaps, rankings, targets, contract)
    return SwapAudit(
        of=f"bundle {bundle.folder.name}"
        if bundle.folder.name != "bundle"
        else f"bundle of {bundle.folder.parent.name}",
        digest=bundle.manifest.seal,
        level=level,
        seed=seed,
        findings=tuple(findings),
        task=str(contract.task),
        terms=terms.of,
        language=terms.language,
        columns=columns,
        rows=len(data),
        learnt=int(learnt.sum()),
        mentioning=plan.mentioning,
        drawn=plan.drawn,
        scored=len(plan.rows) + sum(map(len, plan.versions.values())) + len(plan.neutral),
        beyond=beyond,
        favourable=favourable,
        margin=matters,
        bars=bars,
        neutral=neutral,
        swaps=tuple(swaps),
        rankings=tuple(rankings),
        not_swapped=plan.not_swapped,
        left=plan.left,
    )


def _groups(table: Table, contract: Contract) -> np.ndarray | None:
    name = contract.roles.group
    if name is None or name not in table.frame.columns:
        return None
    return np.array([cell or "" for cell in table.as_names(name).to_list()], dtype=np.str_)


def _targets(table: Table, contract: Contract) -> np.ndarray | None:
    """1 for each class or label that a row has, (rows, labels), nan for rows without a label; None without labels."""
    roles = contract.roles
    if contract.task is Task.REGRESSION or not all(name in table.frame.columns for name in roles.label):
        return None
    try:
        read = read_labels(
            table, roles, contract.task,
            separator=contract.separator, positions=contract.positions, classes=contract.labels,
        )  # fmt: skip
    except ContractError:
        return None
    known = ~(read.missing | read.bad)
    found = np.full((len(table), len(contract.labels)), np.nan)
    if contract.task is Task.MULTILABEL:
        found[known] = read.values[known]
    else:
        found[known] = np.eye(len(contract.labels))[read.values[known]]
    return found if known.any() else None


def _outputs(contract: Contract, favourable: str) -> list[int]:
    """The outputs that are looked at: one of two classes, else all, or the one that was named."""
    if favourable:
        return [contract.labels.index(favourable)]
    if contract.task is Task.BINARY:
        return [len(contract.labels) - 1]
    return list(range(max(1, len(contract.labels))))


def _scored(
    bundle: Bundle, table: Table, plan: SwapPlan, progress: Progress
) -> tuple[_Judged, int, dict[Pair, _Moves], NeutralSwaps | None, np.ndarray | None]:
    """Everything scored in one call; then how many rows have their words beyond what is read, what moved, and what did
    with neutral words."""
    if not len(plan.rows):
        return _Judged(np.zeros((0, 1)), None, {}), 0, {}, None, None
    data, _ = build_dataset(plan.table(table), bundle.contract, labelled=False)
    seen, judgement = bundle.judged(data, progress=progress)
    decided = _decided(judgement, bundle.contract)
    at = np.full(len(plan.rows) + sum(map(len, plan.versions.values())) + len(plan.neutral), -1)
    at[data.rows] = np.arange(len(data))
    scores, places = judgement.probabilities, {row: int(at[place]) for place, row in enumerate(plan.rows.tolist())}
    cut = _cut(bundle, data)
    moves, beyond, start = {}, set(), len(plan.rows)
    for pair, found in plan.versions.items():
        rows = np.array([row for row, _, _ in found], np.int64)
        now, before = at[start : start + len(found)], np.array([places[row] for row in rows.tolist()], np.int64)
        start += len(found)
        if cut is not None and isinstance(seen.vectors, np.ndarray) and len(rows):
            same = cut[before] & (np.abs(seen.vectors[now] - seen.vectors[before]).max(axis=1) <= _SAME)
            beyond |= set(rows[same].tolist())
        sides = np.array([side for _, _, side in found], np.float64)[:, None]
        turned = None if decided is None else decided[now] - decided[before]
        changed = None if turned is None else (turned != 0).any(axis=1).astype(np.float64)
        moves[pair] = _Moves(
            rows,
            sides * (scores[now] - scores[before]),
            None if turned is None else sides * turned,
            changed,
            sides[:, 0] != 0,
        )
    neutral, hits = _neutral_facts(plan, at[start:], scores, decided, places)
    return _Judged(scores, decided, places), len(beyond), moves, neutral, hits


def _cut(bundle: Bundle, data: Dataset) -> np.ndarray | None:
    """Rows of which a source does not read all of the text; None for a model that reads all."""
    source = bundle.model.source
    for part, cut in () if source is None else cut_parts(source, data.contents):
        if part.reading.kind == TEXT.name:
            return np.asarray(cut, bool)
    return None


def _decided(judgement: RowDecisions, contract: Contract) -> np.ndarray | None:
    if contract.task is Task.REGRESSION:
        return None
    if judgement.decided.ndim == 2:
        return judgement.decided.astype(np.float64)
    # Where it abstained nothing is decided.
    return np.asarray(judgement.decided[:, None] == np.arange(len(contract.labels)), np.float64)


def _neutral_facts(
    plan: SwapPlan, now: np.ndarray, scores: np.ndarray, decided: np.ndarray | None, places: dict[int, int]
) -> tuple[NeutralSwaps | None, np.ndarray | None]:
    """What neutral words did, and where they changed a decision."""
    if len(plan.neutral) < LEAST_TEXTS:
        return None, None
    rows = np.array([row for row, _ in plan.neutral], np.int64)
    before = np.array([places[row] for row in rows.tolist()], np.int64)
    moved = float(np.abs(scores[now] - scores[before]).mean(axis=0).max())
    if decided is None:
        return NeutralSwaps(texts=len(rows), changed=None, moved=moved), None
    hits = (decided[now] != decided[before]).any(axis=1).astype(np.float64)
    changed = share_interval(hits, plan.clusters[rows])
    return NeutralSwaps(texts=len(rows), changed=changed, moved=moved), hits


def _bars(margin: float, neutral: NeutralSwaps | None, unit: float | None) -> tuple[float, float]:
    """What decisions and scores have to pass. unit: of a value, a deviation."""
    scores = margin * (1.0 if unit is None else unit)
    if neutral is None:
        return margin, scores
    return max(margin, neutral.changed.mean if neutral.changed else 0.0), max(scores, neutral.moved)


def _swap_facts(plan: SwapPlan, terms: IdentityTerms, moves: dict[Pair, _Moves], asked: _OfPairs) -> list[SwapFact]:
    """A fact for each pair with texts, and of groups of three or more for each identity against the others."""
    facts = []
    for number, group in enumerate(terms.groups):
        several = len(group.identities) > 2
        for place, name in enumerate(group.identities) if several else ():
            mine = [(pair, one) for pair, one in moves.items() if pair.group == number and place in pair[1:]]
            failed = set().union(*(plan.failed.get(pair, set()) for pair, _ in mine)) if mine else set()
            turned = [_toward(one, place == pair.second) for pair, one in mine]
            joined = _joined(turned)
            # Where texts mention one other identity alone, the pair with it says the same.
            if joined is not None and sum(len(one.rows) > 0 for one in turned) > 1:
                facts.append(_fact(group.name, "", name, joined, len(failed), plan, asked))
        for pair, one in moves.items():
            failed = plan.failed.get(pair, set())
            if pair.group == number and (len(one.rows) or failed):
                first, second = group.identities[pair.first], group.identities[pair.second]
                facts.append(_fact(group.name, first, second, one, len(failed), plan, asked))
    return facts


def _toward(one: _Moves, second: bool) -> _Moves:
    """The same with the second identity, or the first, as the one that texts are about."""
    if second:
        return one
    return replace(one, shift=-one.shift, turned=None if one.turned is None else -one.turned)


def _joined(several: list[_Moves]) -> _Moves | None:
    """The mean over pairs of what each row did; a row is one row, in however many pairs it is."""
    kept = [one for one in several if len(one.rows)]
    if not kept:
        return None
    rows, place = np.unique(np.concatenate([one.rows for one in kept]), return_inverse=True)
    sided = np.concatenate([one.sided for one in kept])
    count, with_side = np.bincount(place), np.bincount(place, weights=sided)

    def mean(values: np.ndarray, of: np.ndarray) -> np.ndarray:
        total = np.zeros((len(rows), values.shape[1]))
        np.add.at(total, place, values)
        return np.asarray(total / np.maximum(of, 1)[:, None])

    turns = [one.turned for one in kept if one.turned is not None]
    changes = [one.changed for one in kept if one.changed is not None]
    turned = mean(np.concatenate(turns), with_side) if turns else None
    changed = mean(np.concatenate(changes)[:, None], count)[:, 0] if changes else None
    shift = mean(np.concatenate([one.shift for one in kept]), with_side)
    return _Moves(rows, shift, turned, changed, with_side > 0)


def _fact(
    group: str,
    first: str,
    second: str,
    one: _Moves | None,
    failed: int,
    plan: SwapPlan,
    asked: _OfPairs,
) -> SwapFact:
    rows = np.zeros(0, np.int64) if one is None else one.rows
    clusters = plan.clusters[rows]
    fact = SwapFact(
        group=group, first=first, second=second, texts=len(rows), clusters=len(np.unique(clusters)), not_swapped=failed,
        both=0 if one is None else int((~one.sided).sum()),
    )  # fmt: skip
    if one is None or len(rows) < LEAST_TEXTS or fact.clusters < 2:
        return fact
    contract, outputs, level = asked.contract, asked.outputs, asked.level
    told: dict[str, object] = {}
    sided, of_sided = one.sided, clusters[one.sided]
    output = 0
    enough = int(sided.sum()) >= LEAST_TEXTS and len(np.unique(of_sided)) > 1
    if one.changed is not None:
        told["changed"] = share_interval(one.changed, clusters, level=level)
        chances = [more_than(one.changed, asked.margin, clusters)]
        if asked.neutral is not None:
            chances = [max(chances[0], more_than_others(one.changed, asked.neutral, clusters, asked.of_neutral))]
        if enough and one.turned is not None:
            net = paired_shift(one.turned[sided][:, outputs], of_sided, possible=(-1.0, 1.0), level=level)
            output, chances = net.output, [*chances, net.p_value]
        told["p_decisions"] = min(1.0, len(chances) * min(chances))
    if enough:
        shift = paired_shift(one.shift[sided][:, outputs], of_sided, level=level)
        if one.changed is None or not one.changed.any():
            output = shift.output
        own = one.shift[sided][:, outputs[output]]
        mean = paired_shift(own, of_sided, level=level).mean
        told |= {
            "shift": mean,
            "p_shift": shift.p_value,
            "deviations": None if not asked.unit else mean.mean / asked.unit,
        }
        if one.turned is not None:
            turned = one.turned[sided][:, outputs[output]]
            told["gained"] = share_interval(np.maximum(turned, 0), of_sided, level=level)
            told["lost"] = share_interval(np.maximum(-turned, 0), of_sided, level=level)
    told["output"] = contract.labels[outputs[output]] if contract.labels else ""
    size = np.abs(one.shift[:, outputs[output]]) + (0 if one.changed is None else one.changed)
    most = np.argsort(-size, kind="stable")[:_EXAMPLES]
    told["examples"] = tuple(rows[most[size[most] > 0]].tolist())
    return fact.model_copy(update=told)


def _rankings(
    plan: SwapPlan,
    terms: IdentityTerms,
    judged: _Judged,
    targets: np.ndarray | None,
    contract: Contract,
    outputs: list[int],
    level: float,
) -> list[RankingFact]:
    """The areas of each identity; of many outputs the one that is worst, paid for by how many there were."""
    if targets is None or not len(plan.rows):
        return []
    known = np.array([row for row in plan.rows.tolist() if not np.isnan(targets[row]).any()], np.int64)
    if not len(known):
        return []
    scores = judged.scores[[judged.places[row] for row in known.tolist()]]
    facts = []
    for number, group in enumerate(terms.groups):
        for place, identity in enumerate(group.identities):
            within = np.isin(known, plan.identities[number][place])
            worst: dict[str, list[RankingFact]] = {}
            for output in outputs if within.any() else ():
                found = subgroup_areas(
                    scores[:, output], targets[known, output] == 1, within, plan.clusters[known], level=level
                )
                for kind, one in found.items():
                    worst.setdefault(kind, []).append(
                        RankingFact.model_validate(
                            {
                                **vars(one),
                                "group": group.name,
                                "identity": identity,
                                "output": contract.labels[output],
                                "kind": kind,
                                "p_adjusted": 1.0,
                            }
                        )
                    )
            for several in worst.values():
                least = min(several, key=lambda fact: (fact.p_value if fact.gap.mean < 0 else 1.0, fact.gap.mean))
                facts.append(least.model_copy(update={"p_value": min(1.0, least.p_value * len(several))}))
    return facts


def _adjusted(swaps: list[SwapFact], rankings: list[RankingFact]) -> tuple[list[SwapFact], list[RankingFact]]:
    """All tests of the audit, corrected together."""
    asked = [(place, name) for place, one in enumerate(swaps) for name in ("p_decisions", "p_shift")]
    asked = [(place, name) for place, name in asked if getattr(swaps[place], name) is not None]
    values = [getattr(swaps[place], name) for place, name in asked] + [one.p_value for one in rankings]
    adjusted = holm(np.array(values, np.float64)).tolist()
    for (place, name), value in zip(asked, adjusted, strict=False):
        swaps[place] = swaps[place].model_copy(update={f"{name}_adjusted": value})
    rest = adjusted[len(asked) :]
    return swaps, [one.model_copy(update={"p_adjusted": p}) for one, p in zip(rankings, rest, strict=True)]
