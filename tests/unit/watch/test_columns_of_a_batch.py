"""Columns beside one another: what a baseline keeps of them, and what is told of those that moved."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from bench.columns import table_bundle

from graft.bundle.bundle import Bundle
from graft.facts.watch import WatchCheck
from graft.watch.baseline import Baseline, make_baseline, read_baseline, write_baseline
from graft.watch.check import check_batch
from graft.watch.columns import _new_said, as_kept, comparable, from_kept


def people(rows: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 10, rows).round()
    land = rng.choice(["de", "fr", "at"], rows, p=[0.6, 0.3, 0.1])
    member = rng.random(rows) < 0.4
    label = np.where(rng.random(rows) < 1 / (1 + np.exp(-(age - 40) / 5)), "yes", "no")
    return pl.DataFrame(
        {"key": [f"{seed}-{row}" for row in range(rows)], "age": age, "income": rng.lognormal(8, 1, rows).round(2),
         "land": land, "member": member, "label": label}
    )  # fmt: skip


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return table_bundle(tmp_path_factory.mktemp("columns") / "bundle", people(300, 0).drop("key"), "label")


@pytest.fixture(scope="module")
def known(bundle: Bundle) -> Baseline:
    return make_baseline(bundle, people(600, 1), batch=200, runs=2, draws=199)


def checked(bundle: Bundle, known: Baseline, folder: Path, rows: pl.DataFrame) -> WatchCheck:
    write_baseline(folder / "baseline", known)
    return check_batch(bundle, rows, folder=folder)


def test_each_column_that_moved_is_told_by_name(bundle: Bundle, known: Baseline, tmp_path: Path) -> None:
    some = pl.Series(np.arange(200) % 10 == 0)
    rows = people(200, 2).with_columns(
        age=pl.col("age") + 12,
        income=pl.when(some).then(None).otherwise(pl.col("income")),
        land=pl.when(some).then(pl.lit("xk")).otherwise(pl.col("land")),
    )
    found = checked(bundle, known, tmp_path, rows)
    told = {(one.column, one.what): one for one in found.columns}
    assert set(told) == {("age", "values"), ("income", "missing"), ("land", "new")}
    assert "higher in the middle" in told["age", "values"].said
    assert told["income", "missing"].said == "10% missing, none before"
    assert told["land", "new"].said == "10% are 'xk', never seen before"
    assert all(one.large and one.adjusted <= 0.05 for one in told.values())
    assert any("columns" in advice.why and "income" in advice.why for advice in found.advice)
    assert any(line.startswith("  land: 10% are 'xk'") for line in found.lines())
    assert WatchCheck.from_json(found.to_json(), "here") == found


def test_a_quiet_batch_names_no_column(bundle: Bundle, known: Baseline, tmp_path: Path) -> None:
    assert checked(bundle, known, tmp_path, people(200, 3)).columns == ()


def test_an_older_baseline_knows_no_columns_and_still_checks(bundle: Bundle, known: Baseline, tmp_path: Path) -> None:
    facts = known.facts.model_copy(
        update={"detectors": tuple(one for one in known.facts.detectors if one.name != "columns")}
    )
    old = Baseline(facts, replace(known.rows, columns={}), known.terms, known.contexts)
    found = checked(bundle, old, tmp_path, people(200, 2).with_columns(age=pl.col("age") + 12))
    assert found.columns == ()
    assert not any(one.detector == "columns" for one in found.shifts)
    assert read_baseline(tmp_path / "baseline").rows.columns == {}


def test_a_baseline_keeps_few_values_and_no_name_of_few_rows(bundle: Bundle, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = np.array(["often"] * 990 + [f"Erika {one}" for one in range(10)])
    kept = as_kept({"wide": rng.normal(size=1000), "who": names})
    assert kept["wide"].n_unique() <= 255
    assert np.abs(np.median(from_kept(kept["wide"]))) < 0.1
    assert not any("Erika" in one for one in kept["who"].to_list())
    # A name that stands as its number is known all the same.
    before, now = comparable(
        {"who": from_kept(kept["who"])}, {"who": np.array(["often", "Erika 3", "Max", ""], dtype=str)}
    )
    assert np.isin(now["who"], before["who"]).tolist() == [True, True, False, False]


def test_numbers_as_kept_lie_where_they_did() -> None:
    held = np.array([1.0, 2.0, np.nan, 2.0, 7.5])
    assert np.array_equal(from_kept(as_kept({"a": held})["a"]), held, equal_nan=True)
    assert from_kept(as_kept({"a": np.full(3, np.nan)})["a"]).shape == (3,)
    assert from_kept(as_kept({"a": np.zeros(0, "<U1")})["a"]).shape == (0,)


def test_new_values_of_few_rows_are_counted_and_not_named():
    before = np.array(["de"] * 50)
    now = np.array(["de"] * 80 + ["xk"] * 10 + ["Erika"] * 4 + ["Max"] * 2 + [""] * 4)
    assert _new_said(before, now, before) == "10% are 'xk', 6% are 2 other values, never seen before"
    assert _new_said(before, now[90:95], before) == "100% are 2 values, never seen before"
    assert _new_said(before, now, np.array(["xk", "Erika", "Max"])).endswith("hardly ever seen before")
