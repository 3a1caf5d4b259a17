"""What documents say of a study: the shipped model's own scores, in the unit people know."""

from dataclasses import replace

from graft.core.intervals import Interval
from graft.facts.study import CandidateName, RefitFacts, StudyRecord
from graft.governance.emit import Fairness, considerations_of, measures_of
from unit.report.records import bare, changed, multiclass_helps, regression, undecided

REUSED = CandidateName(source="minilm", strategy="frozen")
CONTROL = CandidateName(source="", strategy="classical")


def shipping(shipped: CandidateName, control: str = "classical") -> StudyRecord:
    record = multiclass_helps()
    (_, harmed) = record.slices
    part = replace(harmed, column="region", value="EU", candidate=0.6, control=0.75, difference=Interval(-0.15))
    verdict = record.verdict.model_copy(update={"shipped": shipped, "chosen": REUSED, "control": control})
    return changed(record, verdict=verdict, slices=(part,))


def values(record: StudyRecord) -> dict[tuple[str, str], float]:
    return {(one.name, one.slice): one.value.mean for one in measures_of(record)}


def limitations(record: StudyRecord) -> str:
    return " ".join(considerations_of(record, record.data.contract).limitations)


def test_slices_are_of_the_model_that_ships():
    reused = values(shipping(REUSED))
    assert reused["macro_f1", "region = EU"] == 0.6
    assert any("difference" in name for name, _ in reused)
    control = values(shipping(CONTROL))
    assert control["macro_f1", "region = EU"] == 0.75
    assert not any("difference" in name for name, _ in control)
    assert ("macro_f1", "region = EU") not in values(shipping(CandidateName(source="minilm", strategy="full")))


def test_a_control_with_a_source_is_the_control_that_ships():
    record = shipping(CandidateName(source="minilm", strategy="scratch"), control="minilm scratch")
    assert values(record)["macro_f1", "region = EU"] == 0.75


def test_a_group_is_at_risk_only_when_the_harmful_model_ships():
    reused, control = shipping(REUSED), shipping(CONTROL)
    assert [type(one) for one in considerations_of(reused, reused.data.contract).fairness] == [Fairness]
    assert considerations_of(control, control.data.contract).fairness == ()


def test_an_error_is_told_as_people_know_it():
    record = regression()
    (part, _) = multiclass_helps().slices
    record = changed(record, slices=(replace(part, column="city", value="Bern", candidate=-2.5, control=-3.0),))
    told = {(one.name, one.slice): one.value for one in measures_of(record)}
    assert told["rmse", ""] == Interval(5.36, 4.96, 5.76)
    assert told["rmse", "city = Bern"] == Interval(2.5)


def test_a_class_without_f1_is_told_by_what_it_is_made_of():
    told = {(one.name, one.slice): one.value for one in measures_of(undecided())}
    assert told["recall", "class refund"] == Interval(1.0)
    assert ("f1", "class refund") not in told
    assert ("precision", "class refund") not in told


def test_the_third_opening_is_a_limitation():
    record = multiclass_helps()
    often = changed(record, holdout=record.holdout.model_copy(update={"openings": 3}))
    assert "opened by 3 studies" in limitations(often)
    assert "opened by" not in limitations(record)


def test_what_was_not_shown_or_was_measured_before_is_a_limitation():
    refit = RefitFacts(done=True, rows=250, agreement=None, statement="")
    record = undecided()
    record = changed(
        record,
        refit=refit,
        data=record.data.model_copy(update={"suspects_listed": 9, "suspects_if_clean": 6.6}),
    )
    said = limitations(record)
    for fact in (
        "scored 0.330 on the holdout",
        "Undecided",
        "all 250 rows",
        "0.018 on as many rows",
        "with 9, and would with about 7",
        "1 set of equal rows",
    ):
        assert fact in said
    plain = limitations(bare())
    assert "Undecided" not in plain
    assert "refit" not in plain


def test_a_model_that_nobody_studied_says_what_it_was_made_for():
    contract = bare().data.contract
    told = considerations_of(None, contract)
    assert told.use_cases == considerations_of(bare(), contract).use_cases
    assert len(told.limitations) == 1
