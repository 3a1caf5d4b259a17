"""What documents say of a study: the shipped model's own scores, in the unit people know."""

from graft.bundle.telling import considerations_of, metrics_of
from graft.governance.emit import Fairness
from unit.bundle.building import rows_for

SPAN = {"mean": 0.8, "low": 0.7, "high": 0.9}


def record(shipped: dict[str, str], **more: object) -> dict[str, object]:
    chosen = {"source": "minilm", "strategy": "frozen"}
    part = {"column": "region", "value": "EU", "rows": 40, "candidate": 0.6, "control": 0.75, "hidden_harm": True}
    return {
        "metric": "macro_f1",
        "verdict": {"shipped": shipped, "chosen": chosen, "control": "classical"},
        "holdout": {"rows": 50, "score": SPAN, "openings": 1},
        "slices": [{**part, "difference": {"mean": -0.15, "low": -0.2, "high": -0.1}}],
        **more,
    }


def values(told: dict[str, object]) -> dict[tuple[str, str], float]:
    return {(one.name, one.slice): one.value for one in metrics_of(told)}


def test_slices_are_of_the_model_that_ships():
    reused = values(record({"source": "minilm", "strategy": "frozen"}))
    assert reused["macro_f1", "region = EU"] == 0.6
    assert any("difference" in name for name, _ in reused)
    control = values(record({"source": "", "strategy": "classical"}))
    assert control["macro_f1", "region = EU"] == 0.75
    assert not any("difference" in name for name, _ in control)
    assert ("macro_f1", "region = EU") not in values(record({"source": "minilm", "strategy": "full"}))


def test_a_group_is_at_risk_only_when_the_harmful_model_ships():
    contract = rows_for("binary").contract
    reused, control = {"source": "minilm", "strategy": "frozen"}, {"source": "", "strategy": "classical"}
    assert [type(one) for one in considerations_of(record(reused), contract).fairness] == [Fairness]
    assert considerations_of(record(control), contract).fairness == ()


def test_an_error_is_told_as_people_know_it():
    span = {"mean": -2.5, "low": -3.0, "high": -2.0}
    told = {"metric": "rmse", "holdout": {"rows": 9, "score": span}}
    (metric,) = metrics_of(told)
    assert (metric.value, metric.low, metric.high) == (2.5, 2.0, 3.0)


def test_the_third_opening_is_a_limitation():
    contract = rows_for("binary").contract
    often = record({"source": "", "strategy": "classical"}, holdout={"rows": 50, "score": SPAN, "openings": 3})
    assert any("opened by 3 studies" in text for text in considerations_of(often, contract).limitations)


def test_what_was_not_shown_or_was_measured_before_is_a_limitation():
    contract = rows_for("binary").contract
    told = record({"source": "", "strategy": "classical"})
    told["verdict"] = {**told["verdict"], "undecided": True}  # type: ignore[dict-item]
    told["holdout"] = {"rows": 50, "score": SPAN, "openings": 1, "warning": "it fell by 0.4 on the holdout"}
    told["refit"] = {"done": True, "rows": 250}
    told["decision"] = {"calibration": {"ece": SPAN, "ece_if_perfect": 0.087}}
    told["data"] = {"suspects": [{}, {}], "suspects_listed": 9, "suspects_if_clean": 6.6}
    said = " ".join(considerations_of(told, contract).limitations)
    for fact in (
        "it fell by 0.4",
        "Undecided",
        "all 250 rows",
        "0.087 on so few rows",
        "with 9, and would with about 7",
    ):
        assert fact in said
    plain = " ".join(considerations_of(record({"source": "", "strategy": "classical"}), contract).limitations)
    assert "Undecided" not in plain
    assert "refit" not in plain


def test_a_control_with_a_source_is_the_control_that_ships():
    told = record({"source": "minilm", "strategy": "scratch"})
    told["verdict"] = {**told["verdict"], "control": "minilm scratch"}  # type: ignore[dict-item]
    assert values(told)["macro_f1", "region = EU"] == 0.75


def test_a_record_of_another_shape_says_nothing():
    for strange in ({}, [], None, {"metric": "macro_f1", "slices": 3, "classes": [1, None], "holdout": []}):
        assert metrics_of(strange) == ()
