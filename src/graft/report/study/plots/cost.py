"""Score against time: what quality costs.

Decision: every dot carries its name, placed where it covers neither a dot nor another name at the width of a phone;
a name that had to move away keeps a thin line to its dot.
"""

from dataclasses import dataclass

from markupsafe import Markup

from graft.facts.study import CandidateFacts, StudyRecord
from graft.report.shared.axes import Axis, linear, times
from graft.report.shared.canvas import Drawing
from graft.report.shared.formats import duration, known
from graft.report.study.plots.extent import look_of, nearby, ranked
from graft.report.study.words import MetricWords, choice_name, metric_words, short_name

HEIGHT, FOOT = 330.0, 34.0
PHONE, LETTER, LINE = 330.0, 6.7, 15.0  # pixels: width of a plot on a phone, of a letter; height of a line
OFFSETS = (0, -16, 16, -30, 30, -46, 46, -62, 62, -80, 80)


@dataclass(frozen=True)
class _Box:
    """A rectangle in pixels at the width of a phone."""

    left: float
    top: float
    right: float
    bottom: float

    def covers(self, other: "_Box") -> float:
        """Shared area."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height)


def cost_plot(record: StudyRecord) -> Markup:
    """The plot of score against seconds, both as measured; empty when nothing was measured."""
    metric = metric_words(record.metric)
    shown = [one for one in nearby(record) if known(one.seconds)]
    if not shown:
        return Markup("")
    axis = times([one.seconds for one in shown], 8, 97)
    scores = linear([metric.natural(one.score.mean) for one in shown], HEIGHT - FOOT, 26)
    listed = "; ".join(f"{choice_name(one)} {metric.score(one.score)} in {duration(one.seconds)}" for one in shown)
    title = f"{metric.title} against the time all trials of a candidate took"
    drawing = Drawing("plot-cost", HEIGHT, title, f"{listed}.")
    drawing.rows(scores)
    drawing.columns(axis, 18, HEIGHT - FOOT)
    _draw(drawing, record, shown, metric, axis, scores)
    return drawing.svg()


def beyond_cost_plot(record: StudyRecord) -> tuple[CandidateFacts, ...]:
    """The candidates the plot leaves out, because they score far below."""
    return tuple(one for one in ranked(record) if known(one.score.mean) and one not in nearby(record))


def _draw(
    drawing: Drawing, record: StudyRecord, shown: list[CandidateFacts], metric: MetricWords, axis: Axis, scores: Axis
) -> None:
    places = [(axis.at(one.seconds), scores.at(metric.natural(one.score.mean))) for one in shown]
    taken = [_Box(PHONE * x / 100 - 8, y - 8, PHONE * x / 100 + 8, y + 8) for x, y in places]
    order = sorted(range(len(shown)), key=lambda i: (look_of(record, shown[i]) != "chosen", i))
    for i in order:
        (x, y), one = places[i], shown[i]
        name, kind = short_name(one, 22), look_of(record, one)
        side, offset, box = _free(x, y, len(name) * LETTER, taken)
        taken.append(box)
        if abs(offset) > 16:
            drawing.line((x, y), (x, y + offset + (6 if offset < 0 else -10)), "leader")
        shift = {"start": 11, "end": -11}[side] * (1 if offset == 0 else 0.3)
        drawing.text((x, y + offset + 4), name, f"name {kind}", anchor=side, shift=shift)
    for (x, y), one in zip(places, shown, strict=True):
        told = f"{choice_name(one)}: {metric.show(one.score)} in {duration(one.seconds)}"
        drawing.dot((x, y), 6, f"dot {look_of(record, one)}", told)


def _free(x: float, y: float, width: float, taken: list[_Box]) -> tuple[str, int, _Box]:
    """Side, vertical offset and box of the first place where a name of this width covers least."""
    middle = PHONE * x / 100
    tried = []
    for rank, offset in enumerate(OFFSETS):
        for side in ("start", "end"):
            left = middle + 10 if side == "start" else middle - 10 - width
            box = _Box(left, y + offset - LINE / 2, left + width, y + offset + LINE / 2)
            outside = max(0.0, -box.left) + max(0.0, box.right - PHONE - 12)
            outside += max(0.0, 14 - box.top) + max(0.0, box.bottom - HEIGHT + FOOT)
            cover = sum(box.covers(other) for other in taken) + 20 * outside
            tried.append((cover, rank, side, offset, box))
    _, _, side, offset, box = min(tried, key=lambda one: (round(one[0], 1), one[1], one[2] != "start"))
    return side, offset, box
