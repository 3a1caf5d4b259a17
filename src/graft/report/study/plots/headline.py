"""The answer as a picture: the chosen model, the best control and what ships, on the holdout."""

from markupsafe import Markup

from graft.core.intervals import Interval
from graft.facts.study import StudyRecord
from graft.report.shared.formats import known
from graft.report.study.plots.axes import Axis, linear
from graft.report.study.plots.canvas import Drawing
from graft.report.study.words import best_control, choice_name, holdout_spans, is_third, metric_words, short_name

ROW, TOP = 46.0, 4.0


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
    bottom = TOP + ROW * len(rows)
    names = (choice_name(record.verdict.chosen), *(name for name, _, _ in rows[1:]))
    told = "; ".join(f"{name} {metric.show(score)}" for name, (_, score, _) in zip(names, rows, strict=True)) + "."
    drawing = Drawing("plot-holdout", bottom + 24, f"{metric.title} on the holdout", told)
    drawing.columns(axis, TOP, bottom)
    for index, (name, score, kind) in enumerate(rows):
        top = TOP + ROW * index
        drawing.text((0, top + 15), name, f"name {kind}")
        drawing.text((100, top + 15), metric.score(score), f"value {kind}", anchor="end")
        _dot(drawing, axis, metric.span(score), top + 30, kind)
    return drawing.svg()


def _dot(drawing: Drawing, axis: Axis, span: Interval, y: float, kind: str) -> None:
    if span.low is not None and span.high is not None and known(span.low) and known(span.high):
        drawing.line((axis.at(span.low), y), (axis.at(span.high), y), f"interval {kind}")
    drawing.dot((axis.at(span.mean), y), 6, f"dot {kind}")
