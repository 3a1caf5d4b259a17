"""What is shown while work runs: bars where a line can change, a line a minute where it cannot, nothing on request."""

import io

import pytest
from rich.console import Console

from graft.core.display import Bars, as_progress
from graft.core.progress import SILENT


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def log() -> tuple[io.StringIO, Clock, Bars]:
    stream, clock = io.StringIO(), Clock()
    return stream, clock, Bars(Console(file=stream, width=200), clock=clock)


def test_a_log_has_a_line_a_minute_and_no_more():
    stream, clock, bars = log()
    with bars.stage("folds", 600, "trials") as stage:
        for _ in range(300):
            clock.now += 1
            stage.advance(2, note="frozen")
    assert stream.getvalue().splitlines() == [
        f"folds: {minute * 120} of 600 trials, frozen, {minute} min so far" for minute in range(1, 6)
    ]


def test_stages_share_the_minute():
    stream, clock, bars = log()
    with bars.stage("folds", 2, "trials") as outer:
        for _ in range(2):
            with bars.stage("learning", 50, "steps") as inner:
                clock.now += 35
                inner.advance(50)
            outer.advance()
    assert len(stream.getvalue().splitlines()) == 1


def test_short_work_says_nothing_in_a_log():
    stream, clock, bars = log()
    with bars.stage("folds", 2, "trials") as stage:
        clock.now += 59
        stage.advance(2)
    assert stream.getvalue() == ""


def test_a_terminal_has_bars_and_what_is_done():
    stream = io.StringIO()
    bars = Bars(Console(file=stream, force_terminal=True, width=100))
    assert bars.live
    with bars.stage("folds", 2, "trials") as stage, bars.stage("learning", 5, "steps") as inner:
        inner.advance(5)
        stage.advance(2, note="frozen")
    assert "✓" in stream.getvalue()
    assert "folds: 2 trials" in stream.getvalue()


@pytest.mark.parametrize(("there", "live"), [(None, False), (object(), True)])
def test_a_notebook_has_bars_where_they_can_be_shown(monkeypatch, there, live):
    monkeypatch.setattr("graft.core.display.find_spec", lambda name: there)
    assert Bars(Console(file=io.StringIO(), force_jupyter=True)).live is live


def test_a_study_shows_its_progress_unless_told_not_to():
    assert isinstance(as_progress(True), Bars)
    assert as_progress(False) is SILENT
    own = Bars(Console(file=io.StringIO()))
    assert as_progress(own) is own
