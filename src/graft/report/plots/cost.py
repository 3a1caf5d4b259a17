"""Score against time: what quality costs.

Decision: every dot is labelled where it stands; labels that would collide move apart vertically and keep a thin line
to their dot.
"""

from dataclasses import dataclass

from markupsafe import Markup

from graft.report.formats import duration, known
from graft.report.plots.axes import linear, times
from graft.report.plots.canvas import Drawing
from graft.report.plots.candidates import ranked
from graft.report.words import choice_name, metric_words, short_name
from graft.study.record import CandidateFacts, StudyRecord

HEIGHT, GAP = 320.0, 17.0


@dataclass
class _Label:
    x: float
    y: float
    at: float
    name: str
    kind: str


def cost_plot(record: StudyRecord) -> Markup:
    """The plot of score against seconds, both as measured; empty when nothing was measured."""
    metric = metric_words(record.metric)
    shown = [one for one in ranked(record) if known(one.score.mean) and known(one.seconds)]
    if not shown:
        return Markup("")
    axis = times([one.seconds for one in shown], 6, 97)
    scores = linear([metric.natural(one.score.mean) for one in shown], HEIGHT - 34, 26)
    listed = "; ".join(f"{choice_name(one)} {metric.score(one.score)} in {duration(one.seconds)}" for one in shown)
    title = f"{metric.title} against the time all trials of a candidate took"
    drawing = Drawing("plot-cost", HEIGHT, title, f"{listed}.")
    drawing.rows(scores)
    drawing.columns(axis, 18, HEIGHT - 34)
    labels = []
    for one in shown:
        x, y = axis.at(one.seconds), scores.at(metric.natural(one.score.mean))
        kind = _kind(record, one)
        drawing.dot((x, y), 6, f"dot {kind}", f"{choice_name(one)}: {metric.show(one.score)} in {duration(one.seconds)}")
        labels.append(_Label(x, y, y + 4, short_name(one, 24), kind))
    for label in _apart(labels):
        side = "end" if label.x > 55 else "start"
        if abs(label.at - 4 - label.y) > 3:
            drawing.line((label.x, label.y), (label.x + (-1.2 if side == "end" else 1.2), label.at - 4), "leader")
        drawing.text((label.x, label.at), label.name, f"name {label.kind}", anchor=side, shift=-11 if side == "end" else 11)
    return drawing.svg()


def _kind(record: StudyRecord, one: CandidateFacts) -> str:
    chosen = record.verdict.chosen
    if one.kind == "control":
        return "control"
    return "chosen" if (one.source, one.strategy) == (chosen.source, chosen.strategy) else "transfer"


def _apart(labels: list[_Label]) -> list[_Label]:
    """Labels pushed apart from top to bottom, and back up from the lower edge."""
    order = sorted(labels, key=lambda label: (label.at, label.x, label.name))
    for upper, lower in zip(order, order[1:], strict=False):
        if abs(upper.x - lower.x) < 45:
            lower.at = max(lower.at, upper.at + GAP)
    limit = HEIGHT - 40
    for label in reversed(order):
        label.at = min(label.at, limit)
        limit = label.at - GAP if label.at > HEIGHT - 40 - GAP * len(order) else HEIGHT - 40
    return order
