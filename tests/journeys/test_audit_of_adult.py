"""An audit of a model of census rows: its figures are those fairlearn gives for the same predictions."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from fairlearn.metrics import (
    MetricFrame,
    equalized_odds_difference,
    false_positive_rate,
    selection_rate,
    true_positive_rate,
)

import graft
from graft.bundle.answers import StudyAnswers
from graft.inputs import build_dataset
from graft.rows import read_frame

ADULT = Path(__file__).resolve().parents[3] / "shared" / "data" / "adult"
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.slow,
    pytest.mark.skipif(not ADULT.is_dir(), reason="no data beside the project"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("adult") / "study"
    rows = pl.read_csv(ADULT / "train.csv").head(3000)
    graft.study(
        rows, numeric=["age", "education_num", "hours_per_week"],
        categorical=["workclass", "marital_status", "occupation"], label="income", effort="quick", out=out,
        progress=False,
    )  # fmt: skip
    return out


def test_gaps_by_sex_and_race_are_those_of_fairlearn(folder):
    bundle = graft.load(folder / "bundle")
    rows = pl.read_csv(ADULT / "test.csv")
    # Rows that say the same as learnt ones are judged by what the study said of these, and not by the model.
    data, _ = build_dataset(read_frame(rows), bundle.contract, labelled=False)
    rows = rows.filter(pl.Series(~StudyAnswers(folder, bundle.contract).learnt(data)))
    found = graft.audit_groups(folder / "bundle", rows, sensitive=["sex", "race"])
    assert (found.rows, found.learnt) == (len(rows), 0)
    said = (bundle.predict(rows).frame["prediction"] == ">50K").to_numpy()
    truth = (rows["income"] == ">50K").to_numpy()
    told = {"selection rate": selection_rate, "true positive rate": true_positive_rate}
    told["false positive rate"] = false_positive_rate
    for name in ("sex", "race"):
        group = rows[name].to_numpy()
        frame = MetricFrame(metrics=told, y_true=truth, y_pred=said, sensitive_features=group)
        mine = [one for one in found.gaps if one.attribute == name and one.figure in told]
        assert {one.figure for one in mine} == set(told)
        for gap in mine:
            for one in gap.groups:
                assert one.mean.mean == pytest.approx(frame.by_group[gap.figure][one.name], abs=1e-9)
                assert one.mean.low <= one.mean.mean <= one.mean.high
    odds = next(one for one in found.odds if one.attribute == "sex")
    whole = equalized_odds_difference(truth, said, sensitive_features=rows["sex"].to_numpy())
    assert odds.difference.mean == pytest.approx(whole, abs=1e-9)
    assert odds.difference.low < odds.difference.high


def test_men_and_women_are_found_to_be_decided_differently(folder):
    rows = pl.read_csv(ADULT / "test.csv")
    found = graft.audit_groups(folder / "bundle", rows, sensitive="sex")
    (selection,) = [one for one in found.findings if one.code == "A301"]
    assert (selection.outcome, selection.severity) == ("found", "medium")
    gap = next(one for one in found.gaps if one.figure == "selection rate")
    assert (gap.highest, gap.lowest) == ("Male", "Female")
    assert gap.gap.low > 0.1
    high, low = gap.so_indeed
    assert high == pytest.approx((rows.filter(pl.col("sex") == "Male")["income"] == ">50K").mean())
    assert low < high
    # A column drawn at random says nothing.
    dealt = rows.with_columns(dealt=pl.Series(np.random.default_rng(0).choice(["a", "b"], len(rows))))
    quiet = graft.audit_groups(folder / "bundle", dealt, sensitive="dealt", keep=False)
    assert {one.outcome for one in quiet.findings if one.code.startswith("A30")} == {"not found"}
