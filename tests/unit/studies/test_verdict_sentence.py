"""The verdict in one sentence."""

from types import SimpleNamespace

import pytest

from graft.core.intervals import Interval
from graft.evidence.verdict import Outcome
from graft.studies.judgement import sentence


@pytest.mark.parametrize(
    ("lead", "said"),
    [
        (0.05, "The best model is classical: +0.050 macro-F1 (-0.050 to +0.150) against scratch."),
        (-0.011, "classical is chosen as the cheapest of equals: -0.011 macro-F1 (-0.111 to +0.089) against scratch."),
    ],
)
def test_what_scored_less_is_not_called_the_best(lead, said):
    verdict = SimpleNamespace(
        outcome=Outcome.NOT_ASKED, difference=Interval(lead, lead - 0.1, lead + 0.1), control="scratch"
    )
    told = sentence(verdict, SimpleNamespace(chosen="classical", control="scratch"), "macro_f1")
    assert told == f"Nothing pretrained was tried. {said}"
