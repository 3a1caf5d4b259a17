"""``graft.Watch``: the same words as the command line, for whatever rows people hold."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import graft
from graft.bundle.loading import load_bundle
from graft.bundle.manifest import write_manifest
from graft.bundle.parts import write_bundle
from graft.core.errors import BundleError, InputError
from graft.facts.watch import WatchBaseline, WatchCheck
from graft.representations.cache import ActivationCache
from graft.tables.table import EmbeddingTable
from graft.watch.shop_batch import FeedbackReading
from unit.bundle.building import parts_for
from unit.watch.test_sample_and_neighbours import table
from unit.watch.test_watch import rows


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("python") / "bundle"
    write_bundle(folder, parts_for("frozen", "multiclass"))
    return folder


def test_from_a_baseline_to_a_page(bundle, tmp_path):
    watch = graft.Watch(bundle)
    made = watch.baseline(rows(150, 1), runs=2, draws=199, batch=60, segments="channel")
    assert isinstance(made, WatchBaseline)
    assert (made.rows, made.segments) == (150, ("channel",))
    batch = rows(60, 2)
    found = watch.check(batch)
    assert isinstance(found, WatchCheck)
    # A frame of pandas and a list of mappings say the same, so it is the same check.
    given = batch.to_dicts()
    assert watch.check(pd.DataFrame(given)) == watch.check(given) == found
    labels = [{"key": one["key"], "multiclass": one["multiclass"]} for one in given]
    unlabelled = [{name: cell for name, cell in one.items() if name != "multiclass"} for one in given]
    assert watch.check(unlabelled, labels=labels).quality[0].labelled == 60
    assert watch.story.checks[-1].number == 1
    page = graft.watch_report(watch, tmp_path / "watch.html")
    assert "What the baseline can see" in page.read_text()
    # A bundle that is loaded already will do as well.
    assert graft.Watch(load_bundle(bundle)).folder == watch.folder == bundle.with_name("bundle.watch")


def test_a_few_labels_from_python(bundle):
    watch, batch = graft.Watch(bundle), rows(80, 3)
    drawn = watch.sample(batch.drop("multiclass").to_dicts(), 30)
    filled = drawn.frame().to_pandas()
    filled["multiclass"] = [batch["multiclass"][row - 1] for row in filled["row"]]
    told = watch.estimate(drawn, filled)
    assert (told.labelled, told.rows) == (30, 80)
    assert 0 <= told.qualities[0].estimate.mean <= 1


def test_rows_without_an_id_are_erased_by_what_they_say_and_not_by_their_place(bundle, tmp_path):
    """The reference calls its rows 0, 1, 2, ...; a file of two texts has two rows too."""
    shutil.copytree(bundle, tmp_path / "bundle")
    watch = graft.Watch(tmp_path / "bundle")
    numbered = rows(60, 5).with_columns(key=pl.int_range(60).cast(pl.String))
    watch.baseline(numbered, runs=1, draws=19, batch=30)
    erased = numbered[[40, 41]].drop("key", "multiclass")
    watch.erase(rows=erased, by="me", cache=ActivationCache(tmp_path / "cache"))
    left = pl.read_parquet(watch.folder / "baseline" / "rows.parquet")["id"].to_list()
    assert left == [str(one) for one in range(60) if one not in (40, 41)]


def test_what_only_the_other_kind_has_is_refused(bundle, tmp_path):
    watch = graft.Watch(bundle)
    with pytest.raises(InputError, match=r"reading for .*, which is a bundle"):
        watch.check(rows(5, 4), reading=FeedbackReading())
    with pytest.raises(InputError, match="no rows for"):
        watch.baseline()
    shop = tmp_path / "shop"
    shop.mkdir()
    for name in ("manifest.json", "shop.json"):
        shutil.copy(bundle / "manifest.json", shop / name)
    with pytest.raises(InputError, match=r"labels for .*, which is a shop"):
        graft.Watch(shop).check([], labels=[])
    with pytest.raises(InputError, match=r"labels for .*, which is a shop"):
        graft.Watch(shop).check([], labels=rows(5, 4))
    write_manifest(shop)
    with pytest.raises(BundleError, match=r"shop is no bundle(.|\n)*this is a shop: graft recommend for"):
        graft.Watch(shop).sample(rows(5, 4))
    with pytest.raises(BundleError):
        graft.Watch(tmp_path / "nowhere").check(rows(5, 4))


def test_entities_of_a_table(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(40, 8))
    made = table(tmp_path / "items", vectors, [f"e{place}" for place in range(40)])
    found = graft.watch_table(tmp_path / "items", made, entities="e3", k=5)
    assert (found.entities, found.rows, found.changed) == (1, 40, ())
    assert graft.watch_table(EmbeddingTable.open(made.path), made.version).entities == 40
