"""How honest the probabilities are: said against happened."""

from markupsafe import Markup

from graft.evidence.calibration_quality import Bin
from graft.facts.study import CalibrationFacts
from graft.report.shared.formats import count, known, percent
from graft.report.study.plots.axes import Axis
from graft.report.study.plots.canvas import Drawing

HEIGHT, TOP, BOTTOM = 372.0, 16.0, 302.0
STRIP = 36.0  # pixels for the number of rows in each bin


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
