"""The drawings beside decisions: how honest the probabilities are, what ways of deciding cost, bars inside tables."""

from collections.abc import Sequence

from markupsafe import Markup

from graft.core.intervals import Interval
from graft.decisions.policy_costs import PolicyCost
from graft.evidence.calibration_quality import Bin
from graft.facts.study import CalibrationFacts
from graft.report.shared.axes import Axis, linear
from graft.report.shared.canvas import Drawing
from graft.report.shared.formats import count, estimate, known, percent, with_interval
from graft.report.study.words import policy_words

HEIGHT, TOP, BOTTOM = 372.0, 16.0, 302.0
STRIP = 36.0  # pixels for the number of rows in each bin
ROW = 44.0


def reliability_plot(facts: CalibrationFacts) -> Markup:
    """The reliability diagram with its intervals, and below it how many rows each bin holds; empty without bins."""
    bins = [one for one in facts.bins if one.rows > 0 and known(one.confidence) and known(one.accuracy.mean)]
    if not bins:
        return Markup("")
    ticks = (0.0, 0.25, 0.5, 0.75, 1.0)
    said = Axis(0, 1, 9, 97, ticks, percent)
    happened = Axis(0, 1, BOTTOM, TOP, ticks, percent)
    told = "; ".join(
        f"said {percent(one.confidence)}, right {percent(one.accuracy.mean)} "
        f"({percent(one.accuracy.low)} to {percent(one.accuracy.high)}) of {count(one.rows)} rows"
        for one in bins
    )
    drawing = Drawing("plot-reliability", HEIGHT, "Probability said against share that was right", f"{told}.")
    drawing.rows(happened)
    drawing.columns(said, TOP, BOTTOM)
    drawing.line((said.at(0), BOTTOM), (said.at(1), TOP), "diagonal")
    drawing.path([(said.at(one.confidence), happened.at(one.accuracy.mean)) for one in bins], "curve h0")
    for one in bins:
        _bin(drawing, said, happened, one, max(other.rows for other in bins))
    drawing.text((said.at(0), HEIGHT - 4), "rows with such a probability", "note")
    return drawing.svg()


def _bin(drawing: Drawing, said: Axis, happened: Axis, one: Bin, most: int) -> None:
    x = said.at(one.confidence)
    if one.accuracy.ends is not None:
        low, high = one.accuracy.ends
        drawing.line((x, happened.at(low)), (x, happened.at(high)), "interval transfer")
    told = f"said {percent(one.confidence)}, right {percent(one.accuracy.mean)} of {count(one.rows)} rows"
    drawing.dot((x, happened.at(one.accuracy.mean)), 5, "dot transfer", told)
    top = HEIGHT - 16 - (STRIP - 4) * one.rows / most
    drawing.box((said.at(one.low) + 0.3, top), (said.at(one.high) - 0.3, HEIGHT - 16), "bar")


def share_bar(span: Interval | None) -> Markup:
    """A share from 0 to 1 as a bar with its interval; decoration, the number stands beside it."""
    if span is None or not known(span.mean):
        return Markup("")
    width = 100 * min(1.0, max(0.0, span.mean))
    whisker = Markup("")
    if span.low is not None and span.high is not None and known(span.low) and known(span.high):
        whisker = Markup('<line class="whisker" x1="{}%" x2="{}%" y1="5" y2="5"/>').format(
            f"{100 * max(0.0, span.low):.1f}", f"{100 * min(1.0, span.high):.1f}"
        )
    return Markup(
        '<svg class="share" width="100%" height="10" aria-hidden="true"><rect class="rail" width="100%" height="10"/>'
        '<rect class="bar" width="{}%" height="10"/>{}</svg>'
    ).format(f"{width:.1f}", whisker)


def policy_plot(policies: Sequence[PolicyCost], unit: str, task: str) -> Markup:
    """Cost of each way of deciding per 1,000 rows, from 0; lower is better."""
    shown = [one for one in policies if known(one.cost.mean)]
    if not shown:
        return Markup("")
    ends = [x for one in shown for x in (one.cost.mean, one.cost.high) if x is not None and known(x)]
    axis = linear([0.0, *ends], 0, 98)
    bottom = 6 + ROW * len(shown)
    told = "; ".join(f"{policy_words(one.name, task, unit)} {with_interval(one.cost)}" for one in shown)
    drawing = Drawing("plot-policies", bottom + 24, f"Cost per 1,000 rows in {unit}, lower is better", f"{told}.")
    drawing.columns(axis, 6, bottom)
    for index, one in enumerate(shown):
        top = 6 + ROW * index
        kind = "chosen" if index == 0 else "control"
        drawing.text((0, top + 15), policy_words(one.name, task, unit), f"name {kind}")
        drawing.text((100, top + 15), estimate(one.cost), f"value {kind}", anchor="end")
        drawing.box((axis.at(0), top + 22), (axis.at(one.cost.mean), top + 36), f"cost {kind}")
        low, high = one.cost.low, one.cost.high
        if low is not None and high is not None and known(low) and known(high):
            drawing.line((axis.at(low), top + 29), (axis.at(high), top + 29), "whisker")
    return drawing.svg()
