import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from safetensors.numpy import save_file
from scipy.stats import ortho_group

from graft.core.errors import InputError, SpaceMismatch, TableError
from graft.core.vectors import unit_rows
from graft.representations.spaces import Space, given_space
from graft.tables.adapters import Adapter, adapter_path
from graft.tables.columns import vector_column
from graft.tables.migration.chosen import choose_adapter, interval
from graft.tables.migration.next_generation import build
from graft.tables.migration.order import hottest_first
from graft.tables.migration.plan import plan_migration
from graft.tables.migration.swap import swap_to
from graft.tables.table import EmbeddingTable
from unit.tables.moving import encode, rows, space, table


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def spaces(given: int, wanted: int) -> tuple[Space, Space]:
    return given_space("new", given, normalise=True), given_space("old", wanted, normalise=True)


def clouds(rng: np.random.Generator, count: int, dimension: int) -> np.ndarray:
    """Points around thirty centres, of length one."""
    centres = rng.normal(size=(30, dimension))
    return unit_rows(centres[rng.integers(30, size=count)] + 0.4 * rng.normal(size=(count, dimension)))


def test_a_turned_model_needs_only_the_rotation(rng):
    old = clouds(rng, 500, 24)
    turned = unit_rows(old @ ortho_group.rvs(24, random_state=rng))
    chosen = choose_adapter(turned, old, spaces=spaces(24, 24), rng=rng)
    assert chosen.recall.mean == chosen.recall.low == chosen.agreement == 1
    assert chosen.usable
    np.testing.assert_allclose(chosen.adapter.apply(turned, space=spaces(24, 24)[0].fingerprint), old, atol=1e-4)


def test_a_stretched_model_needs_the_ridge_map(rng):
    old = clouds(rng, 900, 16)
    stretched = unit_rows(old @ np.diag(np.geomspace(0.05, 20, 16)) @ ortho_group.rvs(16, random_state=rng) + 0.3)
    chosen = choose_adapter(stretched, old, spaces=spaces(16, 16), rng=rng)
    assert chosen.adapter.kind.startswith("ridge map")
    assert chosen.recall.mean > chosen.agreement + 0.2


def test_an_unrelated_model_is_reported_as_weak(rng):
    old, other = clouds(rng, 400, 16), clouds(rng, 400, 16)
    chosen = choose_adapter(other, old, spaces=spaces(16, 16), rng=rng)
    assert not chosen.usable
    assert chosen.recall.mean < 0.2
    assert chosen.agreement < 0.1
    assert "too weak to be used" in str(chosen)
    assert "queries stay with the encoder of the rows" in str(chosen)


@pytest.mark.parametrize(("wide", "narrow"), [(24, 12)])
def test_dimensions_may_differ_both_ways(rng, wide, narrow):
    small = clouds(rng, 600, narrow)
    large = unit_rows(small @ ortho_group.rvs(wide, random_state=rng)[:narrow])
    for given, wanted in ((large, small), (small, large)):
        chosen = choose_adapter(given, wanted, spaces=spaces(given.shape[1], wanted.shape[1]), rng=rng)
        assert chosen.usable
        assert chosen.recall.mean > 0.99


def test_recall_is_that_of_search_over_all_rows_and_of_held_out_pairs(rng):
    """The rows hold far more than the pairs, and a map that was fitted on few pairs must not look good."""
    old = clouds(rng, 3000, 32)
    noisy = unit_rows(old @ ortho_group.rvs(32, random_state=rng) + 0.12 * rng.normal(size=old.shape))
    places = rng.permutation(3000)[:400]
    chosen = choose_adapter(noisy[places], old[places], spaces=spaces(32, 32), rng=rng, rows=old, places=places)
    mapped = chosen.adapter.apply(noisy, space=spaces(32, 32)[0].fingerprint)
    others = np.setdiff1d(np.arange(3000), places)[:400]
    truth = np.argsort(-(old[others] @ old.T), axis=1)[:, 1:11]
    mapped_scores = mapped[others] @ old.T
    mapped_scores[np.arange(400), others] = -9
    found = np.argsort(-mapped_scores, axis=1)[:, :10]
    true_recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(truth, found, strict=True)])
    assert chosen.recall.low - 0.03 <= true_recall <= chosen.recall.high + 0.03
    assert chosen.recall.queries == 80


def test_the_interval_covers_the_mean_it_estimates():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        each = rng.binomial(10, 0.9, size=80) / 10
        found = interval(each, k=10, rng=rng, draws=300)
        covered += found.low <= 0.9 <= found.high
    assert 0.88 <= covered / 200 <= 0.99


def test_equal_vectors_cost_no_recall(rng):
    old = np.repeat(clouds(rng, 20, 8), 20, axis=0)
    chosen = choose_adapter(old, old, spaces=spaces(8, 8), rng=rng)
    assert chosen.recall.mean == 1


def test_pairs_that_cannot_be_used_are_said(rng):
    old = clouds(rng, 100, 8)
    with pytest.raises(InputError, match="59 texts embedded in both"):
        choose_adapter(old[:59], old[:59], spaces=spaces(8, 8), rng=rng)
    with pytest.raises(TableError, match="pairs of shapes"):
        choose_adapter(old[:90], old, spaces=spaces(8, 8), rng=rng)
    with pytest.raises(TableError, match="pairs of shapes"):
        choose_adapter(old, old, spaces=spaces(8, 9), rng=rng)
    with pytest.raises(InputError, match="not numbers"):
        choose_adapter(np.where(old > 0.3, np.nan, old), old, spaces=spaces(8, 8), rng=rng)
    with pytest.raises(InputError, match="k = 0"):
        choose_adapter(old, old, spaces=spaces(8, 8), rng=rng, k=0)


def test_an_adapter_is_kept_and_read_and_takes_its_own_space_alone(rng, tmp_path):
    old = clouds(rng, 100, 8)
    made = choose_adapter(old, old, spaces=spaces(8, 8), rng=rng).adapter
    made.save(tmp_path / "a.safetensors")
    read = Adapter.load(tmp_path / "a.safetensors")
    name = spaces(8, 8)[0].fingerprint
    np.testing.assert_array_equal(read.apply(old, space=name), made.apply(old, space=name))
    assert read.apply(np.zeros((1, 8), np.float32), space=name).shape == (1, 8)
    with pytest.raises(SpaceMismatch):
        read.apply(old, space=spaces(8, 8)[1].fingerprint)
    with pytest.raises(SpaceMismatch):
        read.apply(old[:, :7], space=name)


def test_a_damaged_adapter_is_said(tmp_path):
    (tmp_path / "a").write_bytes(b"half")
    save_file({"matrix": np.zeros(1)}, tmp_path / "b")
    parts = {
        "matrix": np.zeros((2, 3), np.float32),
        "before": np.zeros(2, np.float32),
        "after": np.zeros(3, np.float32),
    }
    words = {"adapter": json.dumps({"kind": "rotation", "source": "x", "target": "y"})}
    save_file(parts, tmp_path / "whole", metadata=words)
    assert Adapter.load(tmp_path / "whole").matrix.shape == (2, 3)
    save_file(parts | {"after": np.zeros(2, np.float32)}, tmp_path / "narrow", metadata=words)
    save_file(parts | {"before": np.full(2, np.nan, np.float32)}, tmp_path / "nan", metadata=words)
    for name in ("a", "b", "missing", "narrow", "nan"):
        with pytest.raises(TableError, match="not an adapter"):
            Adapter.load(tmp_path / name)


def test_a_plan_counts_measures_and_changes_nothing(tmp_path, rng):
    old = table(tmp_path / "tickets")
    old.upsert(rows(0, 5).set_column(0, "id", [[f"copy-{n}" for n in range(5)]]))
    files = sorted(path.name for path in old.path.rglob("*"))
    planned = plan_migration(old, space("new"), encode("new"), rng=rng, source="path:new", hot="views", sample=90)
    plan = planned.plan
    assert (plan.rows, plan.texts, plan.sampled, plan.content) == (105, 100, 90, ("message",))
    assert plan.hours == pytest.approx(plan.texts / plan.rows_per_second / 3600)
    assert plan.disk > 105 * 4 * 32
    assert plan.fits
    assert (plan.source_before, plan.source, plan.generation) == ("path:old", "path:new", "g1")
    assert plan.adapter.recall == planned.adapter.recall
    assert json.loads(json.dumps(plan.to_dict()))["adapter"]["kind"] == planned.adapter.adapter.kind
    said = "\n".join(plan.lines())
    assert "largest 'views' first" in said
    assert "nothing has been changed yet" in said
    assert "105, of 100 different texts" in said
    assert ("TOO WEAK" in said) is not plan.adapter.usable
    assert sorted(path.name for path in old.path.rglob("*")) == files


def test_a_plan_says_when_the_disk_is_too_small_and_when_nothing_was_measured(tmp_path, rng):
    old = table(tmp_path / "tickets", 20)
    planned = plan_migration(old, space("new"), encode("new"), rng=rng)
    assert planned.adapter is planned.plan.adapter is None
    assert "not measured" in "\n".join(planned.plan.lines())
    assert "NOT ENOUGH" in "\n".join(replace(planned.plan, free=10).lines())


def test_a_migration_that_makes_no_sense_is_said(tmp_path, rng):
    old = table(tmp_path / "tickets", 20)
    with pytest.raises(InputError, match="in this space already"):
        plan_migration(old, space("old"), encode("old"), rng=rng)
    with pytest.raises(InputError, match="a sample of 0"):
        plan_migration(old, space("new"), encode("new"), rng=rng, sample=0)
    with pytest.raises(TableError, match="no order by"):
        plan_migration(old, space("new"), encode("new"), rng=rng, hot="nothing")
    empty = EmbeddingTable.create(tmp_path / "empty", space("old"), content=["message"])
    with pytest.raises(InputError, match="has no rows"):
        plan_migration(empty, space("new"), encode("new"), rng=rng)
    bare = EmbeddingTable.create(tmp_path / "bare", given_space("theirs", 2))
    bare.upsert(pa.table({"id": ["a"], "vector": vector_column(np.ones((1, 2)))}))
    with pytest.raises(TableError, match="does not keep the texts"):
        plan_migration(bare, space("new"), encode("new"), rng=rng)


def test_heat_without_a_value_comes_last():
    found = pa.table({"id": list("abcd"), "heat": [1.0, float("nan"), 3.0, None], "updated_at": [1, 2, 3, 4]})
    assert hottest_first(found, "heat").tolist()[:2] == [2, 0]
    assert hottest_first(found, {"d": 1, "b": 2}).tolist() == [1, 3, 0, 2]
    assert hottest_first(found, None).tolist() == [3, 2, 1, 0]
    assert hottest_first(found.slice(0, 0), "heat").tolist() == []


def test_queries_go_the_way_that_leads_into_the_rows(tmp_path, rng):
    old = table(tmp_path / "tickets")
    sample = old.read(["message"])["message"].to_pylist()
    vectors = encode("old")(sample)
    adapter = choose_adapter(encode("new")(sample), vectors, spaces=(space("new"), space("old")), rng=rng).adapter
    build(old.path, space("new"), encode("new"), adapter=adapter)
    now = EmbeddingTable.open(old.path)
    asked, new = encode("new")(sample[:20]), space("new")
    found = now.search(asked, k=5, space=new)
    mapped = adapter.apply(asked, space=new.fingerprint)
    assert found.equals(now.search(mapped, k=5, space=now.space))
    assert found.equals(now.search(asked, k=5, space=new.fingerprint))
    # Texts go to the encoder of the rows, and vectors of the rows' own space as they are.
    own = now.search(encode("old")(sample[:20]), k=1, space=space("old"))
    assert own["message"].to_list() == sample[:20]
    with pytest.raises(SpaceMismatch, match="two embedding spaces"):
        now.search(asked, k=1, space=given_space("somebody else's", new.dimension))
    swap_to(old.path, "g2", encode("new"), rng=rng)
    assert not adapter_path(old.path, "g2").exists()
    # A table that is open follows the swap: now the vectors are those of the rows, and the old ones lead nowhere.
    assert now.search(asked, k=1, space=new)["message"].to_list() == sample[:20]
    with pytest.raises(SpaceMismatch, match="differ in weights"):
        now.search(encode("old")(sample[:2]), k=1, space=space("old"))
