"""Plots whose right answer is known by construction."""

import re

import pytest

from graft.report.shared.axes import amounts, linear, times
from graft.report.shared.canvas import HUES, SHAPES, look
from graft.report.study.plots.candidates import candidate_plot
from graft.report.study.plots.cost import beyond_cost_plot, cost_plot
from graft.report.study.plots.extent import nearby, ranked
from graft.report.study.plots.learning import training_panels
from unit.report.records import ALL, multiclass_helps


@pytest.mark.parametrize("values", [[0.1], [0.5, 0.5], [-3.0, 2.0], [1e-6, 2e-6], [4.2, 1e6], [float("nan")], []])
def test_a_linear_axis_holds_its_values(values: list[float]) -> None:
    axis = linear(values, 0, 100)
    assert 2 <= len(axis.ticks) <= 12
    assert len({axis.words(tick) for tick in axis.ticks}) == len(axis.ticks)
    for value in values:
        if value == value:
            assert axis.low <= value <= axis.high


def test_values_outside_stay_at_the_edge() -> None:
    axis = linear([0.0, 1.0], 10, 90)
    assert (axis.at(-5), axis.at(0.5), axis.at(7)) == (10, 50, 90)


def test_axes_of_time_and_labels_are_logarithmic() -> None:
    axis = times([0.2, 3.0, 900.0], 0, 100)
    assert axis.at(1.0) - axis.at(0.1) == pytest.approx(axis.at(10.0) - axis.at(1.0))
    assert [axis.words(tick) for tick in axis.ticks] == ["0.1 s", "1 s", "10 s", "1 min", "10 min", "1 h"]
    labels = amounts([50, 100, 200, 400], 0, 90)
    assert [labels.at(value) for value in (50, 100, 200, 400)] == pytest.approx([0, 30, 60, 90])
    assert len(amounts([100, 101, 102, 1000], 0, 90).ticks) == 2


def test_no_two_series_look_alike() -> None:
    assert len({look(index) for index in range(HUES * len(SHAPES))}) == HUES * len(SHAPES)


def test_a_candidate_far_below_does_not_squeeze_the_others() -> None:
    record = multiclass_helps()
    assert [one.strategy for one in beyond_cost_plot(record)] == ["majority"]
    assert len(nearby(record)) == len(ranked(record)) - 1
    assert "off the chart" in candidate_plot(record)


@pytest.mark.parametrize("name", sorted(ALL))
def test_marks_stay_inside_the_plot(name: str) -> None:
    for plot in (candidate_plot(ALL[name]()), cost_plot(ALL[name]())):
        places = [float(x) for x in re.findall(r'(?:cx|x1|x2|x)="(-?[\d.]+)%"', plot)]
        assert places
        assert all(0 <= x <= 100 for x in places)


def test_better_errors_are_smaller_and_still_on_top() -> None:
    plot = candidate_plot(ALL["regression"]())
    assert plot.index("minilm full") < plot.index("classical") < plot.index("majority")
    dots = re.findall(r'class="dot [a-z]+" cx="([\d.]+)%"', plot)
    assert float(dots[0]) < float(dots[-1])


def test_training_panels_are_of_the_candidates_that_train_in_steps() -> None:
    panels = training_panels(multiclass_helps())
    assert [panel.caption for panel in panels] == [
        "minilm frozen",
        "minilm partial:2",
        "minilm lora, under-trained",
        "minilm full",
        "minilm scratch",
    ]
    assert panels[0].picture.count("<polyline") == 5
    assert training_panels(ALL["bare"]()) == ()
