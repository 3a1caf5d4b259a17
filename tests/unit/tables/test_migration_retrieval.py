"""What a migration does to retrieval is measured before it is made, and a loss stops it."""

import json

import numpy as np
import polars as pl
import pytest
from moving import encode, space, table
from typer.testing import CliRunner

import graft
import tiny
from graft.cli.app import app
from graft.core.errors import GateNotMet, InputError
from graft.tables.migration.next_generation import build
from graft.tables.migration.plan import Inquiry, plan_migration
from graft.tables.migration.retrieval import (
    Questions,
    Retrieval,
    compared,
    found_share,
    label_share,
    read_questions,
)
from graft.tables.pointer import read_pointer


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_shares_are_what_was_found_of_what_was_wanted():
    rows = np.array([[1, 0], [0.9, 0.1], [0, 1], [-1, 0]], np.float32)
    asked = np.array([[1, 0], [0, 1]], np.float32)
    wanted = [np.array([0, 3]), np.array([2])]
    assert found_share(asked, rows, wanted, k=2).tolist() == [0.5, 1.0]
    assert found_share(asked, rows, wanted, k=1).tolist() == [1.0, 1.0]  # of two, one is all that one place can show
    assert label_share(rows, np.array([0, 0, 1, 1]), k=1).tolist() == [1, 1, 0, 1]
    assert label_share(np.ones((40, 2)), np.zeros(40, int), k=5).tolist() == [1.0] * 40


def test_a_loss_beyond_the_margin_is_one(rng):
    before, after = np.ones(50), np.concatenate([np.ones(45), np.zeros(5)])
    found = compared("found", before, after, k=10, margin=0.02, rng=rng)
    assert (found.before, found.after, found.loses) == (1.0, 0.9, True)
    assert found.low < -0.1 < found.high < 0
    assert "A LOSS beyond the margin of 0.02" in found.line()
    assert not compared("found", before, after, k=10, margin=0.1, rng=rng).loses
    assert not compared("found", after, before, k=10, margin=0, rng=rng).loses


def test_a_plan_asks_both_spaces_the_same_questions(tmp_path, rng):
    old = table(tmp_path / "tickets")
    rows = old.read(["id", "message"]).to_pylist()[:30]
    questions = Questions(tuple(row["message"] for row in rows), tuple((row["id"],) for row in rows))

    def turned(texts):
        """An encoder of queries that has nothing to do with the rows any more."""
        return np.roll(encode("new")(texts), 7, axis=1)

    def plan(after, **options):
        asked = Inquiry(questions, encode("old"), after)
        return plan_migration(old, space("new"), encode("new"), rng=rng, asked=asked, **options).plan

    kept = plan(encode("new"), sample=80).retrieval
    assert (kept.before, kept.after, kept.questions, kept.loses) == (1.0, 1.0, 30, False)
    lost = plan(turned, sample=80)
    assert lost.retrieval.after < 0.5
    assert any(
        line.startswith("retrieval: wanted rows found@10 1.000 before") and "A LOSS" in line for line in lost.lines()
    )
    # Every wanted row is searched, however small the sample.
    assert plan(encode("new"), sample=1, k=1).retrieval.after == 1.0
    questions = Questions(("a",), (("nobody",),))
    with pytest.raises(InputError, match="1 wanted rows are not in the table, for example 'nobody'"):
        plan(encode("new"))


def test_questions_are_read_from_a_file(tmp_path):
    place = tmp_path / "asked.csv"
    place.write_text("query,id\nlost parcel,1\nlost parcel,7\nrefund,2.0\n")
    assert read_questions(place) == Questions(("lost parcel", "refund"), (("1", "7"), ("2",)))
    place.write_text("query,id\n,\n")
    with pytest.raises(InputError, match=r"holds no question|no rows|0 rows"):
        read_questions(place)


def test_the_command_refuses_a_loss_and_goes_on_when_it_is_accepted(tmp_path):
    """A table of given labels: nothing tells them apart in the new space."""
    old, new = (tiny.write_encoder(tmp_path / f"model{seed}", seed=seed) for seed in (1, 2))
    words = [f"{first} {second}" for first in tiny.WORDS[:8] for second in tiny.WORDS[90:97]]
    rows = pl.DataFrame({"id": [str(n) for n in range(len(words))], "text": words})
    made, _ = graft.embed_table(rows, table=tmp_path / "t", id="id", text="text", source=f"path:{old}")
    # The rows nearest to one another in the old space share a label.
    ids, vectors = made.vectors()
    first = np.linalg.svd(vectors - vectors.mean(0), full_matrices=False)[0][:, 0]
    kinds = pl.DataFrame({"id": ids.tolist(), "kind": [f"kind {one > 0}" for one in first]})
    labelled = rows.join(kinds, on="id", maintain_order="left")
    graft.embed_table(labelled, table=tmp_path / "t", id="id", text="text", source=f"path:{old}")
    command = ["tables", "migrate", str(tmp_path / "t"), "--to", f"path:{new}", "--label", "kind", "--margin", "0.01"]
    for said in ([], ["--yes"]):
        refused = CliRunner().invoke(app, [*command, *said])
        assert isinstance(refused.exception, GateNotMet)
        assert "would find less after the migration" in str(refused.exception)
        assert "--accept-loss" in str(refused.exception)
        assert json.loads((tmp_path / "t" / "table.json").read_text())["current"] == "g1"
    done = CliRunner().invoke(app, [*command, "--yes", "--accept-loss"])
    assert done.exit_code == 0, done.output
    assert "A LOSS beyond the margin of 0.01" in done.output
    assert json.loads((tmp_path / "t" / "table.json").read_text())["current"] == "g2"


def test_a_build_refuses_the_loss_its_plan_measured(tmp_path):
    moved = table(tmp_path / "t")
    lost = Retrieval("wanted rows found", 10, 50, before=0.9, after=0.4, low=-0.6, high=-0.4, margin=0.02)
    with pytest.raises(GateNotMet, match="accept_loss=True"):
        build(moved.path, space("new"), encode("new"), retrieval=lost)
    assert [one.name for one in read_pointer(moved.path).generations] == ["g1"]
    build(moved.path, space("new"), encode("new"), retrieval=lost, accept_loss=True)
    assert [one.name for one in read_pointer(moved.path).generations] == ["g1", "g2"]
