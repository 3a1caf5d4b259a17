"""Learning curves (score against labels) and training curves (loss against steps).

Decisions: series differ by hue and by shape, so they can be told apart without colour; the training curves share
both scales over all candidates, because their comparison is what they are for, and losses far above the start are
held at the edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from graft.facts.study import CandidateFacts, LearningCurveFacts, LearningPoint, StudyRecord
from graft.report.shared.axes import Axis, amounts, linear
from graft.report.shared.canvas import Drawing, look, symbol
from graft.report.shared.formats import count, known, number
from graft.report.study.words import choice_name, metric_words, short_name

HEIGHT = 320.0
SMALL = 170.0


@dataclass(frozen=True)
class Panel:
    """A picture with its caption; ``key`` is the mark of a series in a legend, or empty."""

    caption: str
    picture: Markup
    key: Markup


def learning_plot(record: StudyRecord, facts: LearningCurveFacts) -> tuple[Markup, tuple[Panel, ...]]:
    """The plot, and its legend."""
    metric = metric_words(record.metric)
    series: dict[tuple[str, str], list[LearningPoint]] = {}
    for point in facts.points:
        if any(known(score) for score in point.scores):
            series.setdefault((point.source, point.strategy), []).append(point)
    if not series:
        return Markup(""), ()
    every = [point for points in series.values() for point in points]
    labels = amounts([point.labels for point in every], 8, 96)
    scores = linear([metric.natural(s) for p in every for s in p.scores if known(s)], HEIGHT - 30, 24)
    listed = "; ".join(
        f"{choice_name(points[0])} from {number(metric.natural(_mean(points[0])))} at {count(points[0].labels)} labels "
        f"to {number(metric.natural(_mean(points[-1])))} at {count(points[-1].labels)}"
        for points in series.values()
    )
    drawing = Drawing("plot-learning", HEIGHT, f"{metric.title} against the number of labels learnt from", f"{listed}.")
    drawing.rows(scores)
    drawing.columns(labels, 20, HEIGHT - 30)
    crossing = None if facts.crossing is None else facts.crossing.labels
    if crossing is not None and known(crossing) and labels.low <= crossing <= labels.high:
        drawing.line((labels.at(crossing), 20), (labels.at(crossing), HEIGHT - 30), "reference")
        drawing.text((labels.at(crossing), 14), "curves cross", "note", anchor="middle")
    legend = []
    for index, points in enumerate(series.values()):
        _series(drawing, labels, scores, sorted(points, key=lambda one: one.labels), index, record)
        legend.append(Panel(short_name(points[0], 40), Markup(""), symbol(index)))
    return drawing.svg(), tuple(legend)


def _mean(point: LearningPoint) -> float:
    return float(np.mean([score for score in point.scores if known(score)]))


def _series(
    drawing: Drawing, labels: Axis, scores: Axis, points: Sequence[LearningPoint], index: int, record: StudyRecord
) -> None:
    metric, hue = metric_words(record.metric), look(index)[0]
    middle = [(labels.at(point.labels), scores.at(metric.natural(_mean(point)))) for point in points]
    drawing.path(middle, f"curve {hue}")
    for point, at in zip(points, middle, strict=True):
        ends = [scores.at(metric.natural(score)) for score in point.scores if known(score)]
        drawing.line((at[0], min(ends)), (at[0], max(ends)), f"whisker {hue}")
        told = f"{choice_name(point)}, {count(point.labels)} labels: {number(metric.natural(_mean(point)))}"
        drawing.mark(at, index, told)


def training_panels(record: StudyRecord) -> tuple[Panel, ...]:
    """Held-in loss against steps, one small plot for each candidate that was trained step by step."""
    trained = [one for one in record.candidates if _curves(one)]
    if not trained:
        return ()
    points = [point for one in trained for curve in _curves(one) for point in curve]
    starts = [curve[0][1] for one in trained for curve in _curves(one)]
    roof = 2 * float(np.median(starts))
    losses = linear([min(loss, roof) for _, loss in points], SMALL - 26, 20, count=3)
    steps = linear([0, *(float(step) for step, _ in points)], 13, 96, count=2)
    return tuple(_panel(one, index, steps, losses) for index, one in enumerate(trained))


def _curves(one: CandidateFacts) -> list[list[tuple[int, float]]]:
    """(step, held-in loss) of each trial that has at least two of them."""
    curves = [[(p.step, p.held) for p in curve if known(p.held)] for curve in one.curves]
    return [curve for curve in curves if len(curve) > 1]


def _panel(one: CandidateFacts, index: int, steps: Axis, losses: Axis) -> Panel:
    curves = _curves(one)
    name = choice_name(one)
    first, last = (float(np.mean([curve[end][1] for curve in curves])) for end in (0, -1))
    told = f"{len(curves)} trials; the mean loss goes from {number(first)} to {number(last)}."
    drawing = Drawing(f"plot-training-{index}", SMALL, f"Loss on held-in rows while {name} learns", told)
    drawing.rows(losses)
    drawing.columns(steps, 14, SMALL - 26)
    for curve in curves:
        drawing.path([(steps.at(step), losses.at(loss)) for step, loss in curve], "thread")
    caption = short_name(one, 26) + (", under-trained" if one.under_trained else "")
    return Panel(caption, drawing.svg(), Markup(""))
