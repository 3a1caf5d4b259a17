"""A source of rows moved between parts of a real table: what the study says against the rows it never saw."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import f1_score

import graft
from graft import api

ADULT = Path(__file__).resolve().parents[3] / "shared" / "data" / "adult"
pytestmark = [pytest.mark.realdata, pytest.mark.slow, pytest.mark.skipif(not ADULT.is_dir(), reason="no data beside")]
ROWS = 400


def test_private_sector_to_government_is_never_claimed_falsely(tmp_path):
    every = pl.concat([pl.read_csv(ADULT / "train.csv"), pl.read_csv(ADULT / "test.csv")])
    private = every.filter(pl.col("workclass") == "Private").drop("workclass")
    public = every.filter(pl.col("workclass").str.ends_with("-gov")).drop("capital_loss", "fnlwgt")
    order = np.random.default_rng(0).permutation(len(public))
    few, rest = public[order[:ROWS].tolist()], public[order[ROWS:].tolist()]
    made = api.pretrain_source(
        private, numeric="*", categorical="*", label="income", out=tmp_path / "private", progress=False
    )
    scores = {one.name: one.score.mean for one in made.record.scores}
    assert scores["the source"] > scores["majority"] + 0.2
    study = graft.study(
        few,
        numeric="*",
        categorical="*",
        label="income",
        source=made.reference,
        strategy="frozen",
        effort="quick",
        out=tmp_path / "study",
        progress=False,
    )
    record = study.record
    assert "reads 11 of the 12 columns" in " ".join(record.data.notes)
    if study.verdict in ("helps", "harms"):
        # The truth: what ships against what would have shipped without the source, on rows nobody learnt from.
        alone = graft.study(
            few,
            numeric="*",
            categorical="*",
            label="income",
            effort="quick",
            out=tmp_path / "alone",
            progress=False,
        )
        truth = rest["income"].to_list()
        told = [
            f1_score(truth, one.bundle.predict(rest).frame["prediction"].fill_null("").to_list(), average="macro")
            for one in (study, alone)
        ]
        assert (
            (told[0] - told[1] > -record.margin) if study.verdict == "helps" else (told[0] <= told[1] + record.margin)
        )
