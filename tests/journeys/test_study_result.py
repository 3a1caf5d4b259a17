"""One small study from rows to a bundle, and what other programs may rely on in it."""

import json

import numpy as np
import polars as pl
import pytest

import graft
from graft.core.errors import GateNotMet, InputError, OutputError
from graft.facts.study import read_study
from journeys.small_study import CLASSES, facts, options, rows, source

BOTH = ("frozen", "partial:1")


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    reference = source(folder / "tiny")
    plans = []
    result = graft.study(
        rows(), text="message", label="category", id="id", out=folder / "out",
        **options(reference, strategy=BOTH),
        on_plan=plans.append,
    )  # fmt: skip
    return result, folder, reference, plans


def test_the_document_keeps_its_contract(studied):
    result, folder, _, _ = studied
    document = json.loads((folder / "out" / "study.json").read_text())
    assert document["schema"] == "graft/study/2"
    assert {"task", "rows", "metric", "margin", "verdict", "candidates", "holdout"} <= set(document)
    assert {"learning_curve", "decision", "environment"} <= set(document)
    assert set(document["verdict"]["chosen"]) == {"source", "strategy"}
    assert {"outcome", "control", "difference", "doubt", "sentence"} <= set(document["verdict"])
    for candidate in document["candidates"]:
        assert set(candidate["score"]) == {"mean", "low", "high"}
        assert 1 <= len(candidate["folds"]) <= 3  # a control that is far behind stops early
        assert candidate["seconds"] > 0
        assert candidate["peak_mb"] > 0
    assert document["holdout"]["rows"] == result.record.splits.holdout_rows
    assert document["holdout"]["openings"] >= 1


def test_a_claim_has_a_doubt_and_an_undecided_study_none(studied):
    verdict = json.loads((studied[1] / "out" / "study.json").read_text())["verdict"]
    assert (verdict["doubt"] is None) == verdict["undecided"] == (verdict["outcome"] == "inconclusive")
    assert verdict["labels"] == studied[0].record.rows


def test_what_was_learnt_and_what_was_said_of_unseen_rows_is_kept(studied):
    result, folder, *_ = studied
    learnt = set(json.loads((folder / "out" / "learnt.json").read_text()))
    held = set(json.loads((folder / "out" / "holdout.json").read_text()))
    assert result.record.refit.done
    assert held < learnt
    assert len(learnt) == result.record.refit.rows
    said = pl.read_parquet(folder / "out" / "predictions.parquet")
    assert {"shipped", "control"} <= set(said["role"])
    shipped = said.filter(pl.col("role") == "shipped")
    assert set(shipped["digest"]) == learnt
    assert set(shipped.filter(pl.col("part") == "holdout")["digest"]) == held
    assert not held & set(shipped.filter(pl.col("part") == "fold")["digest"])
    assert set(shipped["decided"]) <= set(CLASSES)
    assert np.allclose([sum(one) for one in shipped["scores"]], 1)
    right = shipped.filter(pl.col("part") == "holdout").select((pl.col("truth") == pl.col("decided")).mean()).item()
    assert 1000 * (1 - right) == pytest.approx(result.record.decision.policies[0].cost.mean)


@pytest.mark.slow
def test_without_a_refit_the_measured_model_ships(tmp_path):
    result = graft.study(
        rows(120), text="message", label="category", id="id", out=tmp_path / "out",
        **options(source(tmp_path / "tiny"), strategy=("frozen",), refit=False, cautious=True, prior=False),
    )  # fmt: skip
    assert not result.record.refit.done
    assert result.record.refit.rows == result.record.splits.development_rows
    learnt = set(json.loads((tmp_path / "out" / "learnt.json").read_text()))
    assert not learnt & set(json.loads((tmp_path / "out" / "holdout.json").read_text()))
    assert result.record.verdict.shipped.source == ""
    held = pl.read_parquet(tmp_path / "out" / "predictions.parquet").filter(
        (pl.col("part") == "holdout") & (pl.col("role") == "shipped")
    )
    again = result.bundle.predict(rows(120).filter(pl.col("id").cast(pl.String).is_in(held["id"].to_list()))).frame
    found = dict(zip(again["id"].cast(pl.String), again["prediction"], strict=True))
    assert [found[one] for one in held["id"]] == held["decided"].to_list()


@pytest.mark.slow
def test_the_measured_costs_count_the_rows_that_the_bundle_calls_far(tmp_path):
    """One row in five is in another language: the bundle abstains on some of them, and the study said so before."""
    table = tmp_path / "costs.csv"
    pairs = [f"{one},{other},{0 if one == other else 5}" for one in CLASSES for other in CLASSES]
    table.write_text("\n".join(["true,decided,cost", *pairs, *(f"{one},abstain,4" for one in CLASSES)]) + "\n")
    odd = pl.when(pl.int_range(pl.len()) % 5 == 0).then(pl.lit("zxqj vvkq ") + pl.col("message").str.reverse())
    known = rows(150).with_columns(odd.otherwise(pl.col("message")).alias("message"))
    result = graft.study(
        known, text="message", label="category", id="id", out=tmp_path / "out", costs=table,
        **options(source(tmp_path / "tiny"), refit=False, cautious=True),
    )  # fmt: skip
    held = pl.read_parquet(tmp_path / "out" / "predictions.parquet").filter(
        (pl.col("part") == "holdout") & (pl.col("role") == "shipped")
    )
    again = result.bundle.predict(known.filter(pl.col("id").cast(pl.String).is_in(held["id"].to_list()))).frame
    assert again["abstained"].mean() == pytest.approx(result.record.decision.abstained)
    truth = dict(zip(held["id"], held["truth"], strict=True))
    paid = [
        4 if one["abstained"] else 5 * (one["prediction"] != truth[str(one["id"])])
        for one in again.iter_rows(named=True)
    ]
    assert 1000 * np.mean(paid) == pytest.approx(result.record.decision.policies[0].cost.mean)
    assert result.bundle.predict(known).frame["problem"].str.contains("far from the training rows").any()


def test_every_candidate_and_every_control_ran_on_the_same_folds(studied):
    result, *_ = studied
    found = {(one.source, one.strategy, one.kind) for one in result.record.candidates}
    reference = result.record.sources[0].reference
    assert {("", "majority", "control"), ("", "classical", "control"), (reference, "scratch", "control")} <= found
    assert {(reference, "frozen", "transfer"), (reference, "partial:1", "transfer")} <= found
    whole = [one for one in result.record.candidates if not any(note.startswith("stopped") for note in one.notes)]
    assert {one.strategy for one in whole} >= {"majority", "classical", "frozen"}
    assert {len(one.folds) for one in whole} == {3}


def test_random_weights_never_help(studied):
    result, *_ = studied
    assert result.verdict != "helps"
    assert result.record.verdict.shipped.strategy == "classical"
    assert result.bundle.info().strategy == "classical"
    with pytest.raises(GateNotMet) as refused:
        result.require("helps")
    assert refused.value.exit_code == 3


def test_the_plan_is_told_before_anything_is_trained(studied):
    result, _, _, plans = studied
    assert plans == [result.record.plan]
    assert all(one.reason for one in plans[0].candidates)
    assert plans[0].seconds > 0


def test_the_bundle_predicts_and_keeps_every_row(studied):
    result, *_ = studied
    given = pl.DataFrame({"id": ["a", "b", "c"], "message": ["phishing mail with an invoice", "", None]})
    frame = result.bundle.predict(given).frame
    assert frame["id"].to_list() == ["a", "b", "c"]
    assert frame["prediction"].to_list()[0] in CLASSES
    assert frame["prediction"].to_list()[1:] == [None, None]
    assert all(frame["problem"].to_list()[1:])
    assert set(CLASSES) <= set(frame.columns)
    assert abs(sum(frame[name][0] for name in CLASSES) - 1) < 1e-9


def test_the_same_command_again_returns_the_same_study(studied):
    result, folder, reference, _ = studied
    before = (folder / "out" / "study.json").stat().st_mtime_ns
    again = graft.study(
        rows(),
        text="message",
        label="category",
        id="id",
        out=folder / "out",
        **options(reference, strategy=BOTH),
    )
    assert again.record == result.record
    assert (folder / "out" / "study.json").stat().st_mtime_ns == before


@pytest.mark.slow
def test_the_same_seed_gives_the_same_result_without_any_cache(studied, monkeypatch, tmp_path):
    _, folder, reference, _ = studied
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))
    graft.study(
        rows(),
        text="message",
        label="category",
        id="id",
        out=tmp_path / "out",
        **options(reference, strategy=BOTH),
    )
    assert facts(tmp_path / "out")["verdict"] == facts(folder / "out")["verdict"]
    assert facts(tmp_path / "out")["candidates"] == facts(folder / "out")["candidates"]
    assert facts(tmp_path / "out")["decision"] == facts(folder / "out")["decision"]


def test_a_folder_of_another_study_is_left_alone(studied):
    _, folder, reference, _ = studied
    before = (folder / "out" / "study.json").read_bytes()
    with pytest.raises(OutputError, match="already holds another study"):
        graft.study(rows(), text="message", label="category", out=folder / "out", **options(reference, seed=1))
    assert (folder / "out" / "study.json").read_bytes() == before


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty"):
        graft.study(rows(), text="message", label="category", out=tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


@pytest.mark.slow
def test_after_keeps_the_holdout_out_and_says_what_changed(studied, tmp_path):
    result, folder, reference, _ = studied
    fresh = (
        rows()
        .head(3)
        .with_columns(
            pl.Series(
                "message", [f"a wholly new ticket {word} about a strange program" for word in ("one", "two", "three")]
            ),
            pl.lit("malware").alias("category"),
        )
    )
    more = pl.concat([rows(), fresh])
    again = graft.study(
        more, text="message", label="category", out=tmp_path / "again", after=folder / "out", **options(reference)
    )
    held = json.loads((folder / "out" / "holdout.json").read_text())
    assert json.loads((tmp_path / "again" / "holdout.json").read_text()) == held
    assert again.record.after.before_rows == result.record.rows
    assert again.record.after.rows == result.record.rows + 3
    assert "163 rows instead of 160" in again.record.after.statement
    assert again.record.after.reused_rows > 0
    assert again.record.holdout.openings == 2


@pytest.mark.slow
def test_planted_harm_shuffled_labels_never_help(tmp_path):
    frame = rows()
    shuffled = frame.with_columns(
        pl.Series("category", np.random.default_rng(0).permutation(frame["category"].to_numpy()))
    )
    result = graft.study(
        shuffled, text="message", label="category", out=tmp_path / "out",
        strategy="frozen", effort="quick", folds=3,
    )  # fmt: skip
    assert result.verdict != "helps"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["multilabel", "regression", "binary"])
def test_other_tasks_end_with_a_bundle(kind, tmp_path):
    frame = rows(120).with_columns(
        (pl.col("category") == "phishing").cast(pl.Int8).alias("bait"),
        (pl.col("message").str.len_chars() > 300).cast(pl.Int8).alias("long"),
        pl.col("message").str.len_chars().cast(pl.Float64).alias("length"),
    )
    label = {"multilabel": ("bait", "long"), "regression": ("length",), "binary": ("bait",)}[kind]
    reference = source(tmp_path / "tiny")
    result = graft.study(
        frame, text="message", label=label, categorical="region", out=tmp_path / "out",
        **options(reference, strategy=("frozen",), task=kind),
    )  # fmt: skip
    assert result.record.task == kind
    predicted = result.bundle.predict(frame.head(5)).frame
    assert predicted.height == 5
    assert predicted["prediction"].null_count() == 0
    assert read_study(tmp_path / "out") == result.record


def test_a_wrong_value_is_named_with_its_option():
    with pytest.raises(InputError, match=r"effort='qick'[\s\S]*quick, standard, thorough"):
        graft.study(rows(), text="message", label="category", effort="qick")


@pytest.mark.slow
def test_grouped_rows_say_how_optimistic_a_random_split_is(tmp_path):
    result = graft.study(
        rows(), text="message", label="category", group="team", out=tmp_path / "out",
        **options(source(tmp_path / "tiny"), strategy=("frozen",)),
    )  # fmt: skip
    assert result.record.splits.kind == "group"
    assert result.record.splits.optimism is not None
