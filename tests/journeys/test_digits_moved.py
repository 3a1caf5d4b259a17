"""Digits 0 to 4 pretrained, 5 to 9 studied: one draw of ``python -m bench digits``."""

import pytest
from bench.pretrained import draw, written_digits

pytestmark = pytest.mark.slow


def test_what_a_study_says_of_digits_is_true_of_those_it_did_not_see():
    found = draw(written_digits(), 10, ("full",), 0)
    assert found["reused"] > 0.8
    assert found["scratch"] > 0.8, "a control that is held back proves nothing"
    wrong = {"helps": found["truth"] < 0, "harms": found["truth"] > 0}
    assert not wrong.get(found["verdict"], False), found
