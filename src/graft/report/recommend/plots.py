"""The drawings: every way of a part as a dot with its interval, and new items as they warm up."""

import math

from markupsafe import Markup

from graft.core.intervals import Interval
from graft.facts.recommend import RecommendEvaluation
from graft.report.recommend.standings import Standing, beside
from graft.report.recommend.words import STANDS, part_words, score, score_range, way_words
from graft.report.shared.axes import Axis, linear
from graft.report.shared.canvas import Drawing, look, symbol
from graft.report.shared.formats import count, known

ROW, TOP = 42.0, 4.0
HEIGHT, FOOT = 330.0, 30.0
ASIDE = 0.9  # per cent that the series of a curve stand apart, so that their intervals do not hide one another
SERIES = (("model", "this recommender"), ("content", "content alone"), ("behaviour", "behaviour alone"))


def ways_plot(one: Standing, places: int) -> Markup:
    """The best way on top."""
    order = sorted((one.own, *one.others), key=lambda way: -way.ndcg.mean)
    axis = linear([0.0, *(x for way in order for x in _ends(way.ndcg))], 1, 99)
    bottom = TOP + ROW * len(order)
    title = f"NDCG@{places} of {part_words(one.part.name)}, held out by {one.split}"
    told = "; ".join(f"{way_words(way.recommender)} {_told(way.ndcg)}" for way in order)
    drawing = Drawing(f"plot-{one.split}-{one.part.name}", bottom + 24, title, f"From the best to the worst: {told}.")
    drawing.columns(axis, TOP, bottom)
    for index, way in enumerate(order):
        y, kind = TOP + ROW * index + 28, "chosen" if way is one.own else "control"
        stands = "" if way is one.own else f": {STANDS[beside(way.less)]}"
        drawing.line((0, y), (100, y), "rail")
        drawing.text((0, y - 13), f"{way_words(way.recommender)}{stands}", f"name {kind}")
        drawing.text((100, y - 13), score(way.ndcg), f"value {kind}", anchor="end")
        _span(drawing, axis, way.ndcg, y, kind)
        drawing.dot((axis.at(way.ndcg.mean), y), 6, f"dot {kind}", f"{way_words(way.recommender)}: {_told(way.ndcg)}")
    return drawing.svg()


def _told(span: Interval) -> str:
    return f"{score(span)} ({score_range(span)})"


def _span(drawing: Drawing, axis: Axis, span: Interval, y: float, kind: str) -> None:
    if span.low is not None and span.high is not None and known(span.low) and known(span.high):
        drawing.line((axis.at(span.low), y), (axis.at(span.high), y), f"interval {kind}")


def _ends(span: Interval) -> list[float]:
    return [x for x in (span.low, span.mean, span.high) if x is not None and known(x)]


def curve_plot(record: RecommendEvaluation) -> Markup:
    """NDCG of new items against the interactions that are known; empty without a curve."""
    points = sorted(record.curve, key=lambda one: one.interactions)
    if not points:
        return Markup("")
    across = _steps([one.interactions for one in points])
    scores = linear(
        [0.0, *(x for one in points for span in (one.model, one.content, one.behaviour) for x in _ends(span))],
        HEIGHT - FOOT,
        22,
    )
    told = "; ".join(
        f"after {count(one.interactions)}: " + ", ".join(f"{name} {_told(getattr(one, key))}" for key, name in SERIES)
        for one in points
    )
    drawing = Drawing(
        "plot-curve", HEIGHT, f"NDCG@{record.places} of new items as interactions become known", f"{told}."
    )
    drawing.rows(scores)
    drawing.columns(across, 18, HEIGHT - FOOT)
    # What is compared against is drawn first, so that this recommender is on top of it.
    for index, (key, name) in reversed(list(enumerate(SERIES))):
        hue, shift = look(index)[0], ASIDE * (index - 1)
        spans = [(across.at(math.log2(1 + one.interactions)) + shift, getattr(one, key)) for one in points]
        drawing.path([(x, scores.at(span.mean)) for x, span in spans if known(span.mean)], f"curve {hue}")
        for (x, span), one in zip(spans, points, strict=True):
            if not known(span.mean):
                continue
            if span.low is not None and span.high is not None:
                drawing.line((x, scores.at(span.low)), (x, scores.at(span.high)), f"whisker {hue}")
            drawing.mark(
                (x, scores.at(span.mean)),
                index,
                f"{name}, {count(one.interactions)} interactions: {_told(span)}",
            )
    return drawing.svg()


def _steps(interactions: list[int]) -> Axis:
    """Few interactions get more room than many: places grow with log2(1 + interactions)."""
    ticks = tuple(math.log2(1 + one) for one in interactions)
    high = ticks[-1] if ticks[-1] > ticks[0] else ticks[0] + 1
    return Axis(ticks[0], high, 9, 96, ticks, lambda tick: count(round(2**tick - 1)))


def curve_legend() -> tuple[tuple[Markup, str], ...]:
    """The mark of each series with its name."""
    return tuple((symbol(index), name) for index, (_, name) in enumerate(SERIES))
