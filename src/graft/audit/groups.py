"""How differently a model treats groups of rows: gaps with intervals, paid for together, and what to do about them.

Decisions: everything an audit asks is one family (Holm), so a model that treats all groups alike is found fault with in
5 % of audits, however many attributes, labels and figures there are. Whether a gap is there and whether it is large are
two answers: *high* and *medium* ask that the whole interval lies beyond what matters. Selection may differ because what
is true differs, so a gap of selection alone is never *high* where labels are known; the errors are then what counts.
Rows that the model has learnt are judged by what its study said of them before it had; where that is not kept they are
left out and counted.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from graft.audit.figures import LARGE, RowFigure, row_figures
from graft.audit.group_findings import group_findings
from graft.audit.uses import uses_of
from graft.bundle.answers import Answered, AnsweredRows, StudyAnswers, answer_rows
from graft.bundle.bundle import Bundle
from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.core.progress import SILENT, Progress
from graft.core.seeds import generator
from graft.core.tasks import Task
from graft.decisions.costs import CostTable
from graft.evidence.discoveries import holm
from graft.evidence.group_gaps import (
    LEAST,
    GroupFigure,
    GroupGap,
    GroupMean,
    bounds_if_known,
    gap_change,
    group_gap,
    largest_gap,
)
from graft.evidence.shrinkage import shrunk_shares
from graft.facts.audit import (
    AttributeFact,
    GapChangeFact,
    GapFact,
    GroupAudit,
    GroupFact,
    OddsFact,
    TransferFact,
)
from graft.inputs.contract import require_columns
from graft.rows.attributes import BETWEEN, Attribute, read_attribute, together
from graft.rows.table import Table

_MOST_GROUPS = 200


@dataclass(frozen=True, eq=False)
class _Asked:
    """One figure in the groups of one attribute. figure: of the rows that count. crossed: where several attributes
    meet."""

    attribute: Attribute
    row_figure: RowFigure
    figure: GroupFigure
    found: GroupGap
    crossed: bool


def audit_groups(
    bundle: Bundle,
    table: Table,
    sensitive: Sequence[str],
    *,
    favourable: str = "",
    large: float = LARGE,
    least: int = LEAST,
    against: Bundle | None = None,
    costs: CostTable | None = None,
    level: float = 0.95,
    seed: int = 0,
    progress: Progress = SILENT,
) -> GroupAudit:
    """How differently a bundle treats the groups of some columns of a table.

    favourable: which of two classes the figures are of; the second when empty. large: from where on a gap of shares
    matters. least: rows that a group needs to be judged. against: another bundle to compare it with on the same rows.
    costs: what errors cost; the bundle's own table when None. Raises InputError for columns that cannot be used.
    """
    contract = bundle.contract
    favourable = _favourable(bundle, favourable)
    _require(bundle, table, sensitive)
    rows = answer_rows(bundle, table, progress=progress)
    kept = np.flatnonzero(~rows.flattered)
    rows = _only(rows, kept)
    if not len(rows):
        raise InputError(
            "no row that the model has not learnt",
            needed="rows it has not learnt, or the study's folder beside the bundle, which keeps what it said of them",
            fix="give rows that were held out",
        )
    columns = [read_attribute(table, name).take(rows.data.rows) for name in sensitive]
    crossed = [together(columns)] if len(columns) > 1 else []
    clusters = _clusters(rows, contract.roles.group in table.frame.columns if contract.roles.group else False)
    table_of_costs = costs if costs is not None else _stated_costs(bundle)
    every = (*columns, *crossed)
    by: dict[str, list[GapFact]] = {one.name: [] for one in every}
    odds: list[OddsFact] = []
    true: dict[str, _Asked] = {}
    # Each figure is let go once its gaps are known: of a hundred classes and as many thousand rows all are gigabytes.
    for figure in row_figures(rows, contract, table_of_costs, favourable=favourable, large=large):
        for one in every:
            asked = _ask(one, figure, clusters, one in crossed, level=level, least=least, seed=seed)
            by[one.name].append(_gap_fact(asked, level))
            if figure.name == "true positive rate":
                true[one.name] = asked
            elif figure.name == "false positive rate":
                odds.append(_odds(true.pop(one.name), asked, level))
    facts = [fact for told in by.values() for fact in told]
    attributes = tuple(_attribute_fact(one, bundle) for one in (*columns, *crossed))
    transfer = _transfers(bundle, against, rows, table, columns, clusters, favourable, large, level)
    facts, transfer = _adjusted(facts, transfer)
    uses = uses_of(bundle, rows, columns, facts, favourable=favourable, level=level, seed=seed, progress=progress)
    findings = group_findings(attributes, facts, odds, transfer, uses, labelled=rows.truth is not None, alpha=1 - level)
    return GroupAudit(
        of=str(bundle.folder),
        digest=bundle.manifest.seal,
        level=level,
        seed=seed,
        findings=findings,
        task=str(contract.task),
        labels=contract.labels,
        favourable=favourable,
        rows=len(rows),
        labelled=0 if rows.truth is None else int(_labelled(rows.truth).sum()),
        learnt=int(rows.learnt.sum()),
        left_out=int(len(table) - len(kept) - sum(rows.problems.values())),
        attributes=attributes,
        gaps=tuple(facts),
        odds=tuple(odds),
        transfer=transfer,
        uses=uses,
        problems=dict(rows.problems),
        notes=_notes(table, rows, columns),
    )


def _favourable(bundle: Bundle, asked: str) -> str:
    contract = bundle.contract
    if contract.task is not Task.BINARY:
        if asked:
            raise InputError(
                f"the favourable label {asked!r} for a {contract.task} model",
                needed="a model of two classes",
                fix="leave it out: the figures are of every class",
            )
        return ""
    if asked and asked not in contract.labels:
        raise InputError(
            f"the favourable label {asked!r}", needed=f"one of {', '.join(contract.labels)}", fix="correct its name"
        )
    return asked or contract.labels[1]


def _require(bundle: Bundle, table: Table, sensitive: Sequence[str]) -> None:
    if not sensitive:
        raise InputError(
            "no sensitive column", needed="the columns whose groups are compared", fix="--sensitive gender"
        )
    if len(set(sensitive)) < len(sensitive):
        raise InputError(f"{', '.join(sensitive)}: one column twice", needed="each once", fix="leave one out")
    require_columns(table, list(sensitive))
    for name in sensitive:
        if name in bundle.contract.roles.label:
            raise InputError(
                f"{name!r} is what the model predicts",
                needed="a column that says who the rows are about",
                fix="errors per class are in the study's report",
            )


def _only(rows: AnsweredRows, kept: np.ndarray) -> AnsweredRows:
    return replace(
        rows,
        data=rows.data.take(kept),
        truth=None if rows.truth is None else rows.truth[kept],
        answers=rows.answers.take(kept),
        learnt=rows.learnt[kept],
        flattered=rows.flattered[kept],
    )


def _labelled(truth: np.ndarray) -> np.ndarray:
    return np.asarray(np.isfinite(truth) if truth.ndim == 1 else np.isfinite(truth).all(axis=1))


def _clusters(rows: AnsweredRows, grouped: bool) -> np.ndarray | None:
    """What each row belongs to: the contract's group, where the rows have it."""
    if not grouped or rows.data.groups is None:
        return None
    return np.asarray(np.unique(rows.data.groups, return_inverse=True)[1])


def _stated_costs(bundle: Bundle) -> CostTable | None:
    """The cost table of the bundle, where somebody stated one."""
    policy = bundle.decision.policy
    if policy is None:
        return None
    plain = CostTable.default(bundle.contract.labels, task=str(bundle.contract.task))
    return None if policy.table == plain else policy.table


def _ask(
    attribute: Attribute, figure: RowFigure, clusters: np.ndarray | None, crossed: bool, *, level: float,
    least: int, seed: int,
) -> _Asked:  # fmt: skip
    here = GroupFigure(
        figure.values, attribute.groups[figure.counts], figure.share, figure.possible,
        None if clusters is None else clusters[figure.counts],
    )  # fmt: skip
    rng = generator(seed, "groups", attribute.name, figure.name, figure.label)
    return _Asked(attribute, figure, here, group_gap(here, rng=rng, level=level, least=least), crossed)


def _gap_fact(asked: _Asked, level: float) -> GapFact:
    figure, found, names = asked.row_figure, asked.found, asked.attribute.names
    judged = [one.group for one in found.groups if one.judged]
    shrunk: dict[int, Interval] = {}
    if asked.crossed and figure.share and len(judged) > 2:
        sizes = np.array([one.rows for one in found.groups if one.judged], np.float64)
        if asked.figure.clusters is not None:
            # Rows of clusters are worth fewer than they are: as many as their interval is wide.
            sizes = np.array([_worth(one, level) for one in found.groups if one.judged], np.float64)
        hits = np.array([one.mean.mean for one in found.groups if one.judged]) * sizes
        traits = [asked.attribute.traits[group] for group in judged]
        shrunk = dict(zip(judged, shrunk_shares(hits, sizes, traits, level=level), strict=True))
    unknown = bool((asked.figure.groups < 0).any())
    ends = (found.highest, found.lowest)
    shown = sorted(found.groups, key=lambda one: (one.group not in ends, not one.judged, -one.rows))[:_MOST_GROUPS]
    so_indeed = None
    if figure.true is not None and found.highest is not None and found.lowest is not None:
        high, low = (float(figure.true[asked.figure.groups == one].mean()) for one in (found.highest, found.lowest))
        so_indeed = (high, low)
    return GapFact(
        attribute=asked.attribute.name,
        code=figure.code,
        figure=figure.name,
        label=figure.label,
        words=figure.words,
        unit=figure.unit,
        matters=figure.matters,
        groups=tuple(
            GroupFact(
                name=names[one.group], rows=one.rows, mean=one.mean, judged=one.judged, shrunk=shrunk.get(one.group)
            )
            for one in sorted(shown, key=lambda one: one.group)
        ),
        gap=found.gap,
        highest="" if found.highest is None else names[found.highest],
        lowest="" if found.lowest is None else names[found.lowest],
        p_value=found.p_value,
        if_known=bounds_if_known(asked.figure, judged) if unknown and figure.share and len(judged) > 1 else None,
        so_indeed=so_indeed,
        why=found.why,
    )


def _worth(group: GroupMean, level: float) -> float:
    """Rows by themselves that would give the interval of a share."""
    low, high = group.mean.ends or (0.0, 1.0)
    share = (group.mean.mean * group.rows + 1) / (group.rows + 2)
    wide = 2 * float(special.ndtri((1 + level) / 2)) / max(high - low, 1e-9)
    return float(min(group.rows, max(1.0, share * (1 - share) * wide**2)))


def _adjusted(
    facts: list[GapFact], transfer: tuple[TransferFact, ...]
) -> tuple[list[GapFact], tuple[TransferFact, ...]]:
    """With p-values corrected for everything that was asked."""
    asked = [one.p_value for one in facts if one.p_value is not None]
    changes = [one.p_value for each in transfer for one in each.changes]
    told = iter(holm(np.array([*asked, *changes], np.float64)).tolist())
    facts = [one if one.p_value is None else one.model_copy(update={"p_adjusted": next(told)}) for one in facts]
    made = []
    for each in transfer:
        corrected = tuple(one.model_copy(update={"p_adjusted": next(told)}) for one in each.changes)
        made.append(each.model_copy(update={"changes": corrected}))
    return facts, tuple(made)


def _odds(true: _Asked, false: _Asked, level: float) -> OddsFact:
    """Equalized odds of an attribute and a label."""
    both = (true, false)
    why = next((f"{one.row_figure.name}: {one.found.why}" for one in both if one.found.why), "")
    families = [[one.figure.of(each.group).ends for each in one.found.groups if each.judged] for one in both]
    return OddsFact(
        attribute=true.attribute.name,
        label=true.row_figure.label,
        why=why,
        difference=None if why else largest_gap(families, level=level),
    )


def _attribute_fact(attribute: Attribute, bundle: Bundle) -> AttributeFact:
    counts = np.bincount(attribute.groups[attribute.groups >= 0], minlength=len(attribute.names))
    order = np.argsort(-counts, kind="stable")[:_MOST_GROUPS]
    read = set(bundle.contract.roles.inputs)
    return AttributeFact(
        name=attribute.name,
        groups=tuple(attribute.names[place] for place in order),
        rows=tuple(int(counts[place]) for place in order),
        unknown=attribute.unknown,
        input=any(name in read for name in (attribute.name, *attribute.name.split(BETWEEN))),
    )


def _transfers(
    bundle: Bundle, against: Bundle | None, rows: AnsweredRows, table: Table, columns: Sequence[Attribute],
    clusters: np.ndarray | None, favourable: str, large: float, level: float,
) -> tuple[TransferFact, ...]:  # fmt: skip
    """Reuse against the best control, as the study kept both; and this bundle against another."""
    told = []
    study = StudyAnswers(bundle.folder.parent, bundle.contract)
    reused, control = study.name("reused"), study.name("control")
    record = bundle.record
    if against is None and record is not None and not record.verdict.chosen.source:
        why = "this study tried no model that reuses anything"
        told.append(TransferFact(model="reuse", other=control or "control", rows=0, why=why))
    elif control and reused and control != reused:
        (one, known), (other, also) = study.of("reused", rows.data), study.of("control", rows.data)
        told.append(
            _compared(reused, control, rows, (one, other), known & also, bundle, columns, clusters, favourable,
                      large, level)
        )  # fmt: skip
    elif against is None:
        why = "the study kept no answers of a model that reuses and of one that does not"
        told.append(TransferFact(model=reused or "reuse", other=control or "control", rows=0, why=why))
    if against is not None:
        if against.contract.labels != bundle.contract.labels or against.contract.task is not bundle.contract.task:
            raise InputError(
                f"a model of {', '.join(against.contract.labels) or against.contract.task} to compare with",
                needed=f"the same labels: {', '.join(bundle.contract.labels) or bundle.contract.task}",
                fix="compare models of one task",
            )
        theirs = answer_rows(against, table)
        at = {int(row): place for place, row in enumerate(theirs.data.rows)}
        places = np.array([at.get(int(row), -1) for row in rows.data.rows], np.int64)
        there = (places >= 0) & ~theirs.flattered[np.maximum(places, 0)]
        other = theirs.answers.take(np.maximum(places, 0))
        told.append(
            _compared(str(bundle.folder), str(against.folder), rows, (rows.answers, other), there, bundle, columns,
                      clusters, favourable, large, level)
        )  # fmt: skip
    return tuple(told)


def _compared(
    model: str, other: str, rows: AnsweredRows, both: tuple[Answered, Answered], known: np.ndarray, bundle: Bundle,
    columns: Sequence[Attribute], clusters: np.ndarray | None, favourable: str,
    large: float, level: float,
) -> TransferFact:  # fmt: skip
    """Every figure of rows that both have answered without having learnt them."""
    if not known.any():
        why = "none of these rows was in the study, which keeps the answers of both models to its own rows alone"
        return TransferFact(model=model, other=other, rows=0, why=f"{why}; give them, or --against another bundle")
    places = np.flatnonzero(known)
    some = _only(rows, places)
    told = [
        tuple(
            row_figures(
                replace(some, answers=one.take(places)), bundle.contract, None, favourable=favourable, large=large
            )
        )
        for one in both
    ]
    second = {(one.name, one.label): one for one in told[1]}
    changes = []
    for attribute in columns:
        mine = attribute.take(places)
        for figure in told[0]:
            rival = second.get((figure.name, figure.label))
            # Precision is of the rows that a model chose, and these are others for each model.
            if rival is None or figure.name == "precision":
                continue
            # One model may have left to a person what the other decides.
            shared = figure.counts & rival.counts
            values, others = figure.values[shared[figure.counts]], rival.values[shared[rival.counts]]
            groups = mine.groups[shared]
            enough = [group for group in range(len(mine.names)) if int((groups == group).sum()) >= LEAST]
            inside = None if clusters is None else clusters[places][shared]
            found = gap_change(
                GroupFigure(values, groups, figure.share, figure.possible, inside),
                GroupFigure(others, groups, rival.share, rival.possible, inside),
                enough, level=level,
            )  # fmt: skip
            if found is not None:
                changes.append(
                    GapChangeFact(
                        attribute=mine.name,
                        figure=figure.name,
                        label=figure.label,
                        words=figure.words,
                        unit=figure.unit,
                        matters=figure.matters,
                        highest=mine.names[found.highest],
                        lowest=mine.names[found.lowest],
                        rows=int(shared.sum()),
                        gap=found.one,
                        other=found.other,
                        change=found.change,
                        p_value=found.p_value,
                    )
                )
    why = "" if changes else "no two groups have rows enough"
    return TransferFact(model=model, other=other, rows=len(places), changes=tuple(changes), why=why)


def _notes(table: Table, rows: AnsweredRows, columns: Sequence[Attribute]) -> tuple[str, ...]:
    told = list(table.notes)
    if rows.unknown:
        words = Counter(rows.unknown.values()).most_common(3)
        named = ", ".join(repr(word) for word, _ in words)
        told.append(f"{len(rows.unknown):,} labels are none that the model knows and count for no error: {named}")
    for one in columns:
        if len(one.names) > _MOST_GROUPS:
            told.append(f"{one.name} has {len(one.names):,} values: does it say who a row is about, or name the row?")
    return tuple(told)
