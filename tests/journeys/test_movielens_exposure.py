"""Who gets the attention of lists of films, on real ratings: every part of the audit runs and says what is plain."""

from pathlib import Path

import polars as pl
import pytest

import graft
from graft.report.audit.exposure_words import recommender_lines

FILMS = Path(__file__).resolve().parents[3] / "shared" / "data" / "movielens_small"
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.slow,
    pytest.mark.skipif(not (FILMS / "ratings.csv").is_file(), reason="no data beside the project"),
]


def test_documentaries_are_hardly_shown_and_shares_add_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("GRAFT_LEDGER", str(tmp_path / "ledger.sqlite"))
    ratings = pl.read_csv(FILMS / "ratings.csv").filter((pl.col("rating") >= 4) & (pl.col("userId") <= 250))
    likes = ratings.select(
        pl.col("userId").alias("user"), pl.col("movieId").alias("item"), pl.col("timestamp").alias("time")
    )
    films = pl.read_csv(FILMS / "movies.csv").rename({"movieId": "item"})
    made = graft.Recommender(item_text="title", item_category="genres", dimension=16, tries=1).fit(likes, items=films)
    audit = graft.audit_recommender(made, attribute="genres")
    shares = {one.name: one for one in audit.population.groups}
    assert sum(one.share for one in shares.values()) == pytest.approx(1)
    assert sum(one.items for one in shares.values()) == pytest.approx(audit.items)
    ratio = shares["Documentary"].ratio
    assert ratio is not None
    assert ratio.high is not None
    assert ratio.high < 1
    assert audit.merit is not None
    assert audit.merit.due_is.startswith("the newest fifth")
    assert any("several values" in note for note in audit.notes)
    assert "attention" in recommender_lines(audit)[0]
