"""Whole audits of groups in worlds whose truth is known: false findings, power, coverage, width.

``python -m bench audit-groups draws=400``. A world has rows of two classes, a model that errs, and three attributes of
2, 4 and 6 groups; all their figures and where the attributes meet are one audit, as ``graft audit`` asks it. Nothing
differs in the first worlds; in the others the shares of one figure differ by so much between the two groups of one
attribute, with 200 rows in each.
"""

import numpy as np

from bench.draws import Found
from graft.audit.figures import row_figures
from graft.bundle.answers import Answered, AnsweredRows
from graft.core.seeds import generator
from graft.core.tasks import Task
from graft.evidence.discoveries import holm
from graft.evidence.group_gaps import GroupFigure, group_gap
from graft.inputs.roles import Roles
from graft.inputs.schema import Contract
from graft.rows.attributes import Attribute, together

GAPS = (0.05, 0.1, 0.15)


def audit_groups(draws: int = 200, rows: tuple[str, ...] | int = ("60", "400", "4000")) -> Found:
    """False findings of whole audits by rows, and what gaps are found with 200 rows a group."""
    told: Found = {"draws": draws}
    for count in (rows,) if isinstance(rows, int) else map(int, rows):
        found = [_audit(seed, count, 0.0) for seed in range(draws)]
        told[f"false_findings_{count}"] = float(np.mean([one["found"] for one in found]))
        told[f"covered_{count}"] = float(np.mean([one["covered"] for one in found if one["covered"] is not None]))
        told[f"width_{count}"] = float(np.median([one["width"] for one in found if one["width"] is not None]))
    for gap in GAPS:
        found = [_audit(seed, 400, gap) for seed in range(draws)]
        told[f"power_gap_{gap}"] = float(np.mean([one["hit"] for one in found]))
        told[f"power_alone_gap_{gap}"] = float(np.mean([one["alone"] for one in found]))
        told[f"covered_gap_{gap}"] = float(np.mean([one["covered"] for one in found if one["covered"] is not None]))
    return told


def world(seed: int, count: int, gap: float) -> tuple[AnsweredRows, Contract, list[Attribute]]:
    """Rows with their answers, and attributes. gap: of the selection rate between the two groups of the first."""
    rng = generator(seed, "audit-groups", count, gap)
    first = np.arange(count) % 2
    chance = rng.beta(1.5, 3, count)
    truth = rng.random(count) < chance
    said = np.where(truth, rng.random(count) < 0.6, rng.random(count) < 0.2)
    flipped = rng.random(count) < np.where(first == 1, gap, 0.0) / max(1e-9, 1 - 0.33)
    said = said | flipped
    answers = Answered(np.stack([1 - chance, chance], axis=1), said.astype(np.int64))
    contract = Contract(
        task=Task.BINARY, roles=Roles(content=("text",), label=("label",)), columns=(), labels=("no", "yes"),
        label_counts=(1, 1), rows=count,
    )  # fmt: skip
    nothing = np.zeros(count, bool)
    made = AnsweredRows(None, truth * 1.0, answers, nothing, nothing, {}, {})  # type: ignore[arg-type]
    columns = [Attribute(first, ("0", "1"), "a0", traits=(("0",), ("1",)))]
    for place, groups in enumerate((4, 6), start=1):
        names = tuple(map(str, range(groups)))
        columns.append(
            Attribute(rng.integers(groups, size=count), names, f"a{place}", traits=tuple((one,) for one in names))
        )
    return made, contract, columns


def _audit(seed: int, count: int, gap: float) -> dict[str, float | bool | None]:
    rows, contract, columns = world(seed, count, gap)
    figures = tuple(row_figures(rows, contract, None, favourable="yes"))
    told = []
    for column in (*columns, together(columns)):
        for figure in figures:
            given = GroupFigure(figure.values, column.groups[figure.counts], figure.share, figure.possible)
            found = group_gap(given, rng=generator(seed, column.name, figure.name))
            told.append((column.name, figure.name, found))
    asked = [one for one in told if one[2].p_value is not None]
    adjusted = holm(np.array([one[2].p_value for one in asked])) if asked else np.zeros(0)
    mine = [(one[2], p) for one, p in zip(asked, adjusted, strict=True) if one[:2] == ("a0", "selection rate")]
    covered = width = None
    if mine and mine[0][0].gap is not None:
        interval = mine[0][0].gap
        low, high = interval.ends or (0.0, 1.0)
        covered, width = low <= gap <= high, high - low
    return {
        "found": bool((adjusted <= 0.05).any()),
        "hit": bool(mine and mine[0][1] <= 0.05),
        "alone": bool(mine and (mine[0][0].p_value or 1) <= 0.05),
        "covered": covered,
        "width": width,
    }
