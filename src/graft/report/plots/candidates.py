"""All candidates against the controls: dots with intervals.

Decisions: the best is on top; the name stands above its dot, so the plot needs no left margin and fits a phone; the axis
follows the candidates near the answer, and one far below (a majority control, say) is an arrow at the edge instead of
squeezing everything else.
"""

from markupsafe import Markup

from graft.report.formats import known
from graft.report.plots.axes import Axis, linear
from graft.report.plots.canvas import Drawing
from graft.report.words import MetricWords, best_control, choice_name, metric_words, short_name
from graft.study.record import CandidateFacts, StudyRecord

ROW, TOP = 44.0, 22.0
FAR = 3.0  # times the spread of the candidates near the answer


def ranked(record: StudyRecord) -> tuple[CandidateFacts, ...]:
    """Candidates from the best score to the worst; those without a score last."""
    return tuple(
        sorted(record.candidates, key=lambda one: -one.score.mean if known(one.score.mean) else float("inf"))
    )


def candidate_plot(record: StudyRecord) -> Markup:
    """The dot-and-interval plot."""
    metric, control, order = metric_words(record.metric), best_control(record), ranked(record)
    axis = _axis(record, metric, order)
    bottom = TOP + ROW * len(order) + 4
    drawing = Drawing("plot-candidates", bottom + 24, f"{metric.title} of every candidate", _words(order, metric))
    drawing.columns(axis, TOP, bottom)
    if control is not None and known(control.score.mean):
        _reference(drawing, axis, metric.natural(control.score.mean), record.margin, bottom, short_name(control, 24))
    for index, one in enumerate(order):
        _row(drawing, axis, metric, one, TOP + ROW * index, _tag(record, one, control))
    return drawing.svg()


def _axis(record: StudyRecord, metric: MetricWords, order: tuple[CandidateFacts, ...]) -> Axis:
    scores = [one for one in order if known(one.score.mean)]
    near = [x for one in scores[: max(2, (len(scores) + 1) // 2)] for x in _extent(one)]
    control = best_control(record)
    if control is not None and known(control.score.mean):
        near += [*_extent(control), control.score.mean - record.margin, control.score.mean + record.margin]
    if not near:
        return linear([], 1, 99)
    floor = min(near) - FAR * max(max(near) - min(near), 2 * record.margin, 1e-9)
    kept = [x for one in scores if one.score.mean >= floor for x in _extent(one)]
    return linear([metric.natural(x) for x in (*near, *kept)], 1, 99)


def _extent(one: CandidateFacts) -> list[float]:
    return [x for x in (one.score.low, one.score.mean, one.score.high, *one.folds) if x is not None and known(x)]


def _reference(drawing: Drawing, axis: Axis, value: float, margin: float, bottom: float, name: str) -> None:
    """The best control as a line, with the margin around it."""
    drawing.box((axis.at(value - margin), TOP), (axis.at(value + margin), bottom), "band")
    drawing.line((axis.at(value), TOP - 4), (axis.at(value), bottom), "reference")
    right = axis.at(value) > 60
    drawing.text((axis.at(value), 12), f"best control: {name}", "note", anchor="end" if right else "start")


def _tag(record: StudyRecord, one: CandidateFacts, control: CandidateFacts | None) -> str:
    same = (one.source, one.strategy)
    tags = [
        "chosen" if same == (record.verdict.chosen.source, record.verdict.chosen.strategy) else "",
        "best control" if one is control else "control" if one.kind == "control" else "",
        "under-trained" if one.under_trained else "",
    ]
    return ", ".join(tag for tag in tags if tag)


def _row(drawing: Drawing, axis: Axis, metric: MetricWords, one: CandidateFacts, top: float, tag: str) -> None:
    kind = "control" if one.kind == "control" else "chosen" if "chosen" in tag else "transfer"
    y = top + 30
    drawing.text((0, top + 16), short_name(one) + (f" – {tag}" if tag else ""), f"name {kind}")
    drawing.text((100, top + 16), metric.score(one.score), f"value {kind}", anchor="end")
    if not known(one.score.mean):
        return
    value = metric.natural(one.score.mean)
    if not axis.low - 1e-9 <= value <= axis.high + 1e-9:
        left = value < axis.low
        edge = 0 if left else 100
        drawing.text((edge, y + 5), "◀ off the chart" if left else "off the chart ▶", "note", anchor="start" if left else "end")
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
