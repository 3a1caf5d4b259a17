"""All candidates against the controls: dots with intervals.

Decisions: the best is on top; the name stands above its dot, so the plot needs no left margin and fits a phone; a
candidate off the scale is an arrow at the edge.
"""

from markupsafe import Markup

from graft.facts.study import CandidateFacts, StudyRecord
from graft.report.shared.formats import known
from graft.report.study.plots.axes import Axis, linear
from graft.report.study.plots.canvas import Drawing
from graft.report.study.plots.extent import extent, look_of, nearby, ranked
from graft.report.study.words import MetricWords, best_control, choice_name, metric_words, roles, short_name

ROW, TOP = 44.0, 22.0


def candidate_plot(record: StudyRecord) -> Markup:
    """The dot-and-interval plot."""
    metric, control, order = metric_words(record.metric), best_control(record), ranked(record)
    axis = _axis(record, metric, control)
    bottom = TOP + ROW * len(order) + 4
    drawing = Drawing("plot-candidates", bottom + 24, f"{metric.title} of every candidate", _words(order, metric))
    drawing.columns(axis, TOP, bottom)
    if control is not None and known(control.score.mean):
        _reference(drawing, axis, metric.natural(control.score.mean), record.margin, bottom, short_name(control, 24))
    for index, one in enumerate(order):
        kind = look_of(record, one)
        _row(drawing, axis, metric, one, TOP + ROW * index, kind, ", ".join(roles(record, one)))
    return drawing.svg()


def _axis(record: StudyRecord, metric: MetricWords, control: CandidateFacts | None) -> Axis:
    values = [x for one in nearby(record) for x in extent(one)]
    if control is not None and known(control.score.mean):
        values += [control.score.mean - record.margin, control.score.mean + record.margin]
    return linear([metric.natural(x) for x in values], 1, 99)


def _reference(drawing: Drawing, axis: Axis, value: float, margin: float, bottom: float, name: str) -> None:
    """The best control as a line, with the margin around it."""
    drawing.box((axis.at(value - margin), TOP), (axis.at(value + margin), bottom), "band")
    drawing.line((axis.at(value), TOP - 4), (axis.at(value), bottom), "reference")
    right = axis.at(value) > 50
    drawing.text((axis.at(value), 12), f"best control: {name}", "note", anchor="end" if right else "start")


def _row(
    drawing: Drawing, axis: Axis, metric: MetricWords, one: CandidateFacts, top: float, kind: str, tag: str
) -> None:
    y = top + 30
    drawing.line((0, y), (100, y), "rail")
    drawing.text((0, top + 16), short_name(one) + (f": {tag}" if tag else ""), f"name {kind}")
    drawing.text((100, top + 16), metric.score(one.score), f"value {kind}", anchor="end")
    if not known(one.score.mean):
        return
    value, slack = metric.natural(one.score.mean), 1e-9 * max(1.0, abs(axis.high))
    if value < axis.low - slack:
        drawing.text((0, y + 5), "◀ off the chart", "note")
        return
    if value > axis.high + slack:
        drawing.text((100, y + 5), "off the chart ▶", "note", anchor="end")
        return
    shown = metric.span(one.score)
    if shown.low is not None and shown.high is not None and known(shown.low) and known(shown.high):
        drawing.line((axis.at(shown.low), y), (axis.at(shown.high), y), f"interval {kind}")
    for score in one.folds:
        if known(score):
            drawing.dot((axis.at(metric.natural(score)), y), 2.6, f"fold {kind}")
    drawing.dot((axis.at(value), y), 6, f"dot {kind}", f"{choice_name(one)}: {metric.show(one.score)}")


def _words(order: tuple[CandidateFacts, ...], metric: MetricWords) -> str:
    listed = "; ".join(f"{choice_name(one)} {metric.show(one.score)}" for one in order)
    return f"From the best to the worst, with the interval in brackets: {listed}. {metric.direction.capitalize()}."
