"""The drawings of an audit: groups as dots with their intervals, one drawing for each figure."""

from markupsafe import Markup

from graft.facts.audit import GapFact, GroupAudit
from graft.report.audit.words import amount, figure_title, span_words
from graft.report.shared.axes import linear
from graft.report.shared.canvas import Drawing
from graft.report.shared.formats import count, excerpt

ROW, TOP, MOST = 38.0, 4.0, 12
_FIRST = (
    "selection rate", "mean prediction", "true positive rate", "false positive rate", "accuracy", "exact match",
    "mean error", "mean absolute error", "precision", "calibration", "cost", "abstention rate",
)  # fmt: skip
_SHOWN = 6


def shown_figures(record: GroupAudit, attribute: str) -> list[GapFact]:
    """The figures of an attribute that are drawn: those with a gap that is found first, then the most telling."""
    alpha = 1 - record.level
    told = [one for one in record.gaps if one.attribute == attribute and one.gap is not None]

    def order(one: GapFact) -> tuple[bool, int, float]:
        found = one.p_adjusted is not None and one.p_adjusted <= alpha
        least = 0.0 if one.gap is None or one.gap.low is None else one.gap.low
        return not found, _FIRST.index(one.figure) if one.figure in _FIRST else len(_FIRST), -least

    return sorted(told, key=order)[:_SHOWN]


def group_plot(fact: GapFact, number: int) -> Markup:
    """The groups of a figure, the highest on top; those of too few rows are drawn faint."""
    order = sorted(fact.groups, key=lambda one: -one.mean.mean)
    order = [one for one in order if one.judged][:MOST] + [one for one in order if not one.judged][:3]
    ends = [x for one in order for x in (one.mean.low, one.mean.mean, one.mean.high) if x is not None]
    if fact.unit in ("share", "points"):
        axis = linear([0.0, *ends], 1, 99, words=lambda value: f"{100 * value:.0f} %")
    else:
        axis = linear([0.0, *ends], 1, 99)
    bottom = TOP + ROW * len(order)
    told = "; ".join(f"{one.name} {amount(one.mean.mean, fact.unit)}" for one in order)
    title = f"{figure_title(fact)} by {fact.attribute}"
    drawing = Drawing(f"plot-{number}", bottom + 24, title, f"From the highest to the lowest: {told}.")
    drawing.columns(axis, TOP, bottom)
    for index, one in enumerate(order):
        y, kind = TOP + ROW * index + 26, "chosen" if one.judged else "control"
        few = "" if one.judged else ", too few to judge"
        drawing.line((0, y), (100, y), "rail")
        drawing.text((0, y - 11), f"{excerpt(one.name, 40)} ({count(one.rows)}{few})", f"name {kind}")
        drawing.text((100, y - 11), amount(one.mean.mean, fact.unit), f"value {kind}", anchor="end")
        if one.mean.ends is not None:
            drawing.line((axis.at(one.mean.ends[0]), y), (axis.at(one.mean.ends[1]), y), f"interval {kind}")
        note = f"{one.name}: {amount(one.mean.mean, fact.unit)} ({span_words(one.mean, fact.unit)})"
        drawing.dot((axis.at(one.mean.mean), y), 5, f"dot {kind}", note)
    return drawing.svg()
