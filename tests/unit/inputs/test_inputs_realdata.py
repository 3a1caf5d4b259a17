"""The data sets kept beside the project, read from file to folds."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from graft.inputs import Roles, Task, build_dataset, find_duplicates, infer_contract, make_splits
from graft.rows import read_frame

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
pytestmark = [pytest.mark.realdata, pytest.mark.skipif(not DATA.is_dir(), reason="no data beside the project")]


def whole(source, roles, kind="stratified", **options):
    table = read_frame(source)
    contract = infer_contract(table, roles, **options)
    data, problems = build_dataset(table, contract, labelled=True)
    found = find_duplicates(data.contents, data.targets, label_names=contract.labels)
    made = make_splits(
        data.targets, task=contract.task, units=found.groups, kind=kind, groups=data.groups, times=data.times
    )
    assert problems == ()
    for fold in made.folds:
        assert not np.intersect1d(found.groups[fold.train], found.groups[fold.test]).size
        assert not np.intersect1d(found.groups[fold.train], found.groups[made.holdout]).size
    return data, found, made


def test_banking77():
    data, found, made = whole(DATA / "banking77/train.csv", Roles(("text",), ("category",)))
    assert len(data) == 10_003
    assert len(data.contract.labels) == 77
    assert found.exact == 29
    assert 200 < found.near < 400
    assert np.bincount(found.groups).max() < 10
    assert [c.text for c in found.contradictions] == ["Has my top up gone through?"]
    assert made.notes == ()
    counts = np.array([np.bincount(data.targets[fold.test], minlength=77) for fold in made.folds])
    assert np.ptp(counts, axis=0).max() <= 2


def test_tram_by_document():
    data, _, made = whole(DATA / "tram/sentences.csv", Roles(("text",), ("technique",), group="document"), "group")
    assert any("groups are kept as given" in note for note in made.notes)
    for fold in made.folds:
        assert not set(data.groups[fold.train]) & set(data.groups[fold.test])
        assert 0.15 < len(fold.test) / len(made.development) < 0.25
    assert 0.15 < len(made.holdout) / len(data) < 0.25


def test_cisa_kev_forward_in_time():
    roles = Roles(("shortDescription",), ("knownRansomwareCampaignUse",), id="cveID", time="dateAdded")
    data, _, made = whole(DATA / "cisa_kev/known_exploited_vulnerabilities.csv", roles, "time")
    assert data.contract.task is Task.BINARY
    assert data.contract.labels == ("Known", "Unknown")
    for fold in made.folds:
        assert data.times[fold.train].max() < data.times[fold.test].min()
    assert data.times[made.development].max() < data.times[made.holdout].min()


def test_movielens_ratings_as_numbers():
    films = pl.read_csv(DATA / "movielens_small/movies.csv")
    rated = pl.read_csv(DATA / "movielens_small/ratings.csv").join(films, on="movieId").head(20_000)
    data, found, made = whole(rated, Roles(("title",), ("rating",), ("userId",), ("genres",)), task="regression")
    assert data.targets.dtype == np.float64
    assert found.exact > 10_000
    assert np.std([data.targets[fold.test].mean() for fold in made.folds]) < 0.02
    assert abs(len(made.holdout) / len(data) - 0.2) < 0.01
