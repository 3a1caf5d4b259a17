"""What a study tells people to do next."""

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
