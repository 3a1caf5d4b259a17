"""All candidates against the controls, and the answer on the holdout: dots with intervals.

Decisions: the best is on top; the name stands above its dot, so the plot needs no left margin and fits a phone; a
candidate off the scale is an arrow at the edge.
"""

from markupsafe import Markup

from graft.core.intervals import Interval
from graft.facts.study import CandidateFacts, StudyRecord
from graft.report.shared.axes import Axis, linear
from graft.report.shared.canvas import Drawing
from graft.report.shared.formats import known
from graft.report.study.plots.extent import extent, look_of, nearby, ranked
from graft.report.study.words import (
    MetricWords,
    best_control,
    choice_name,
    holdout_spans,
    is_third,
    metric_words,
    roles,
    short_name,
)

ROW, TOP = 44.0, 22.0
ANSWER_ROW, ANSWER_TOP = 46.0, 4.0


def candidate_plot(record: StudyRecord) -> Markup:
    """The dot-and-interval plot."""
    metric, control, order = metric_words(record.metric), best_control(record), ranked(record)
    axis = _axis(record, metric, control)
    bottom = TOP + ROW * len(order) + 4
    drawing = Drawing("plot-candidates", bottom + 24, f"{metric.title} of every candidate", _words(order, metric))
    drawing.columns(axis, TOP, bottom)
    if control is not None and known(control.score.mean):
        called = "best of the others" if record.verdict.outcome == "not asked" else "best control"
        name = f"{called}: {short_name(control, 24)}"
        _reference(drawing, axis, metric.natural(control.score.mean), record.margin, bottom, name)
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
    """The best control as a line, with the margin around it. name: what is written at it."""
    drawing.box((axis.at(value - margin), TOP), (axis.at(value + margin), bottom), "band")
    drawing.line((axis.at(value), TOP - 4), (axis.at(value), bottom), "reference")
    right = axis.at(value) > 50
    drawing.text((axis.at(value), 12), name, "note", anchor="end" if right else "start")


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


def holdout_plot(record: StudyRecord) -> Markup:
    """Dots with intervals, a third where another candidate ships; empty without a control on the holdout."""
    metric, control = metric_words(record.metric), best_control(record)
    reused, plain = holdout_spans(record)
    if plain is None or not known(reused.mean) or not known(plain.mean):
        return Markup("")
    against = record.verdict.control if control is None else short_name(control)
    rows = [(short_name(record.verdict.chosen), reused, "chosen"), (against, plain, "control")]
    if is_third(record) and known(record.holdout.score.mean):
        rows.append((f"{short_name(record.verdict.shipped)}: saved", record.holdout.score, "transfer"))
    spans = [metric.span(span) for _, span, _ in rows]
    ends = [x for span in spans for x in (span.low, span.mean, span.high) if x is not None]
    axis = linear(ends, 2, 98)
    bottom = ANSWER_TOP + ANSWER_ROW * len(rows)
    names = (choice_name(record.verdict.chosen), *(name for name, _, _ in rows[1:]))
    told = "; ".join(f"{name} {metric.show(score)}" for name, (_, score, _) in zip(names, rows, strict=True)) + "."
    drawing = Drawing("plot-holdout", bottom + 24, f"{metric.title} on the holdout", told)
    drawing.columns(axis, ANSWER_TOP, bottom)
    for index, (name, score, kind) in enumerate(rows):
        top = ANSWER_TOP + ANSWER_ROW * index
        drawing.text((0, top + 15), name, f"name {kind}")
        drawing.text((100, top + 15), metric.score(score), f"value {kind}", anchor="end")
        _dot(drawing, axis, metric.span(score), top + 30, kind)
    return drawing.svg()


def _dot(drawing: Drawing, axis: Axis, span: Interval, y: float, kind: str) -> None:
    if span.low is not None and span.high is not None and known(span.low) and known(span.high):
        drawing.line((axis.at(span.low), y), (axis.at(span.high), y), f"interval {kind}")
    drawing.dot((axis.at(span.mean), y), 6, f"dot {kind}")
