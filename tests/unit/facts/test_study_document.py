"""``study.json``: one way to JSON and back, what older versions wrote, and what a newer one did."""

import json
from pathlib import Path

import pytest

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.facts.study import StudyRecord, read_study
from graft.facts.table import TableFacts
from unit.report.records import ALL, bare

OLD = Path(__file__).with_name("study-1.json")


@pytest.mark.parametrize("name", ALL)
def test_what_is_written_comes_back(name):
    record = ALL[name]()
    assert StudyRecord.from_json(record.to_json(), name) == record


def test_a_record_of_the_first_schema_is_read_and_nothing_is_made_up():
    old, new = json.loads(OLD.read_text()), read_study(OLD)
    assert (old["schema"], new.schema_) == ("graft/study/1", "graft/study/2")
    assert old["verdict"]["probability"] is new.verdict.doubt is None
    assert new.after is not None
    assert new.after.before.doubt == pytest.approx(1 - old["after"]["before"]["probability"])
    drawn = old["decision"]["calibration"]["bins"][2]
    ends = Interval(drawn["accuracy"], drawn["accuracy_low"], drawn["accuracy_high"])
    assert new.decision.calibration.bins[2].accuracy == ends
    counts = old["decision"]["confusion"]["counts"]
    assert [one.decided for one in new.classes] == [sum(row[k] for row in counts) for k in range(len(counts))]
    assert {one.saved for one in new.decision.policies} == {one.p_harm for one in new.slices} == {None}
    assert new.learning_curve is not None
    assert new.learning_curve.crossing is not None
    assert new.learning_curve.crossing.labels == old["learning_curve"]["crossing_labels"]
    assert new.learning_curve.more_labels is not None
    more = new.learning_curve.more_labels
    assert (more.rows, more.low, more.high) == (800, 240, None)


def test_the_steps_lead_to_the_number_that_is_written():
    for kind in (StudyRecord, TableFacts):
        assert kind.current().rpartition("/")[2] == str(len(kind.STEPS) + 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": "graft/study/3"}, "was written by a newer version of Graft: its schema is graft/study/3"),
        ({"colour": "red"}, "was written by a newer version of Graft: it says colour"),
        ({"schema": "graft/contract/1"}, "has the schema 'graft/contract/1'"),
        ({"schema": None}, "has the schema None"),
        ({"verdict": None}, "is damaged at verdict"),
        ({"rows": "many"}, "is damaged at rows"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(tmp_path, change, said):
    (tmp_path / "study.json").write_text(json.dumps(json.loads(bare().to_json()) | change))
    with pytest.raises(InputError, match=said) as refused:
        read_study(tmp_path)
    assert "needed: graft/study/" in str(refused.value)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[1]", '{"schema": "graft/study/1"}', '{"schema": "x/0"}'])
def test_what_is_no_record_is_refused(tmp_path, text):
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(InputError, match=r"study\.json"):
        read_study(tmp_path)


def test_a_folder_without_a_study_says_so(tmp_path):
    with pytest.raises(InputError, match="there is no study"):
        read_study(tmp_path)
