"""What a study tells people to do next."""

import pytest

from graft.evidence.more_labels import MoreLabels
from graft.facts.study import HarmReason
from graft.inputs.roles import Roles
from graft.studies.next_steps import advice
from graft.studies.settings import StudySettings
from graft.studies.side_results import Suspects
from unit.report.records import candidates, data_facts, learning, plan_facts, slices, verdict


def steps(suspects):
    settings = StudySettings(roles=Roles(content=("text",), label=("label",)))
    return advice(settings, verdict(), candidates(), learning(), suspects, slices(), plan_facts())


def about_labels(suspects):
    return [one for one in steps(suspects) if "most likely wrong" in one]


def test_labels_to_check_stand_beside_what_clean_labels_would_show():
    """Accused are three; 39 disagreements, where clean labels would bring 22, stand beside them."""
    rows = data_facts(("a", "b")).suspects[:3]
    (said,) = about_labels(Suspects(rows, listed=39, if_clean=22.4))
    wanted = (
        f"Check the {len(rows)} labels that are most likely wrong (of 39 the model disagrees with; about 22 if none"
    )
    assert said.startswith(wanted)


def test_nothing_is_said_of_labels_when_none_is_doubted():
    assert about_labels(Suspects((), listed=39, if_clean=40.0)) == []


def test_the_labels_that_would_settle_it_are_said_without_brackets_in_brackets():
    asked = MoreLabels(12, 6, 37, "about 12 more labels (312 in all) would settle it (even at 6 more)")
    settings = StudySettings(roles=Roles(content=("text",), label=("label",)))
    curves = learning().model_copy(update={"more_labels": asked})
    none = Suspects((), listed=0, if_clean=0.0)
    said = advice(settings, verdict("inconclusive"), candidates(), curves, none, slices(), plan_facts())
    assert said[0].startswith(
        f"Label more rows and repeat with --after: {asked.statement}. Until then the bundle holds"
    )


@pytest.mark.parametrize(("outcome", "said"), [("harms", "Why it did not help: "), ("inconclusive", "Why it may not ")])
def test_what_is_not_shown_is_not_explained_as_if_it_were(outcome, said):
    settings, none = StudySettings(roles=Roles(content=("text",), label=("label",))), Suspects((), 0, 0.0)
    harm = [HarmReason(code="cut-off", text="half of it is not read", step="try another")]
    told = advice(settings, verdict(outcome), candidates(), learning(), none, slices(), plan_facts(), harm)
    assert any(one.startswith(said) and "half of it is not read" in one for one in told)
