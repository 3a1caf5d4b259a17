"""Audits of what vectors tell: what is found and said, what cannot be asked, and tables of erased vectors."""

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from typer.testing import CliRunner

import graft
import tiny
from graft.cli.app import app
from graft.core.errors import InputError, OutputError, SpaceMismatch, TableError
from graft.evidence import attribute_probes
from graft.facts.audit import LeakageAudit
from graft.governance.registry import Registry
from graft.representations.spaces import given_space
from graft.tables.columns import vector_column
from graft.tables.erasing_map import eraser_path
from graft.tables.table import EmbeddingTable

ROWS = 240


@pytest.fixture(scope="module", autouse=True)
def quicker():
    """Fewer draws, halves and waves: what is said does not hang on them here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attribute_probes, "MOST_DRAWS", 199)
        patch.setattr(attribute_probes, "_MOST_HALVES", 8)
        patch.setattr(attribute_probes, "_WAVES", 128)
        yield


def written(place, vectors, **columns):
    table = EmbeddingTable.create(place, given_space("ours", vectors.shape[1]))
    ids = [f"u{row}" for row in range(len(vectors))]
    table.upsert(pa.table({"id": ids, "vector": vector_column(vectors), **columns}))
    return place


def people(lean: float = 2.0, seed: int = 0):
    rng = np.random.default_rng(seed)
    gender, region = rng.integers(2, size=ROWS), rng.integers(3, size=ROWS)
    vectors = rng.normal(size=(ROWS, 6))
    vectors[:, 0] += lean * gender
    vectors[:, 1] += 2 * region
    return vectors, {
        "gender": np.array(["man", "woman"])[gender].tolist(),
        "region": np.array(["north", "süd", "ouest"])[region].tolist(),
        "age": (20 + rng.integers(50, size=ROWS)).tolist(),
        "bought": np.array(["no", "yes"])[(vectors[:, 2] + 0.3 * rng.normal(size=ROWS) > 0).astype(int)].tolist(),
    }


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    vectors, columns = people()
    return written(tmp_path_factory.mktemp("people") / "users", vectors, **columns)


def by_code(found: LeakageAudit, code: str):
    return [one for one in found.findings if one.code == code]


@pytest.fixture(scope="module")
def audited(table):
    return graft.audit_leakage(table=table, attribute="gender", task="bought")


def test_what_vectors_tell_is_found_and_said_in_words(audited):
    (leak,) = by_code(audited, "A201")
    assert leak.outcome == "found"
    assert leak.severity == "high"
    assert leak.said.startswith("vectors tell gender: of two rows, one ")
    assert "times in 100" in leak.said
    assert leak.todo
    (fact,) = audited.attributes
    assert {one.name for one in fact.values} == {"man", "woman"}
    assert fact.rows == ROWS
    assert [one.probe for one in fact.probes] == ["linear", "curved"]
    assert fact.p_adjusted <= 0.05
    assert audited.of == "table users, version 1"


def test_erasing_takes_what_is_linear_and_leaves_the_task(audited):
    erasure = audited.erasure
    (left,) = erasure.left
    assert erasure.directions == 1
    assert left.probes[0].area.mean == pytest.approx(0.5, abs=1e-6)
    assert left.same_before > left.same_after
    assert 0 < erasure.moved < 1
    assert 0 < erasure.neighbours < 1
    assert erasure.task.change.low < 0.02
    assert erasure.task.after.mean > 0.85
    assert not erasure.into


def test_a_record_comes_back_as_it_was(audited):
    assert LeakageAudit.from_json(audited.to_json(), "here") == audited


def test_what_the_given_columns_tell_counts_for_nothing(tmp_path):
    """Vectors carry the region and nothing else, and men live in the north."""
    rng = np.random.default_rng(1)
    region = rng.integers(4, size=400)
    gender = (rng.random(400) < np.array([0.1, 0.35, 0.65, 0.9])[region]).astype(int)
    vectors = rng.normal(size=(400, 5)) + 2 * np.eye(4, 5)[region]
    place = written(tmp_path / "lived", vectors, gender=gender.tolist(), region=region.tolist())
    plain = graft.audit_leakage(table=place, attribute=["gender"])
    given = graft.audit_leakage(table=place, attribute=["gender"], given="region")
    assert by_code(plain, "A201")[0].outcome == "found"
    assert by_code(plain, "A202")[0].outcome == "found"
    assert by_code(given, "A201")[0].outcome == "not found"
    assert by_code(given, "A202")[0].outcome != "found"
    assert "beyond region" in by_code(given, "A201")[0].said
    (fact,) = given.attributes
    assert fact.by_given.mean > 0.7
    assert max(one.mean for one in fact.in_all) > 0.65


def test_several_attributes_are_asked_and_erased_together(table):
    found = graft.audit_leakage(table=table, attribute=["gender", "age", "region"])
    assert [one.name for one in found.attributes] == ["gender", "age", "region"]
    assert [one.outcome for one in by_code(found, "A201")] == ["found", "not found", "found"]
    assert found.attributes[1].quarters
    assert found.attributes[1].values[0].name.count(" to ") == 1
    assert found.erasure.attributes == ("gender", "age", "region")
    assert found.erasure.directions == 1 + 3 + 2
    assert {one.name: one.p_adjusted is None for one in found.erasure.left} == {
        "gender": False,
        "age": True,
        "region": False,
    }
    assert "most of all" in by_code(found, "A201")[2].said


def test_rows_of_a_file_are_joined_by_their_ids(table, tmp_path):
    _, columns = people()
    kept = pl.DataFrame({"user": [f"u{row}" for row in range(ROWS)], "gender": columns["gender"]})[40:]
    more = pl.DataFrame({"user": ["nobody"], "gender": ["man"]})
    file = tmp_path / "people.csv"
    pl.concat([kept, more]).write_csv(file)
    found = graft.audit_leakage(table=table, attribute="gender", rows=file, id="user")
    assert found.attributes[0].missing == 40
    assert found.unmatched == 1
    with pytest.raises(InputError, match="without its column of ids"):
        graft.audit_leakage(table=table, attribute="gender", rows=file)
    with pytest.raises(InputError, match="no column 'usr'") as told:
        graft.audit_leakage(table=table, attribute="gender", rows=file, id="usr")
    assert "did you mean 'user'" in str(told.value)
    with pytest.raises(InputError, match="stands in 2 rows"):
        graft.audit_leakage(table=table, attribute="gender", rows=pl.concat([kept, kept[:1]]), id="user")
    with pytest.raises(InputError, match="no id of the table is in table 'users'"):
        graft.audit_leakage(table=table, attribute="gender", rows=more, id="user")


@pytest.mark.parametrize(
    ("column", "why"),
    [
        (["x"] * ROWS, "all rows have the value 'x'"),
        ([None] * ROWS, "no row has a value"),
        ([f"n{row}" for row in range(ROWS)], "nearly names the rows"),
        (["a"] * (ROWS - 3) + ["b"] * 3, "1 values"),
        (["a", "b"] * 8 + [None] * (ROWS - 16), "16 rows of 2 values"),
    ],
)
def test_what_cannot_be_asked_is_not_applicable_and_says_why(tmp_path, column, why):
    vectors, _ = people()
    place = written(tmp_path / "odd", vectors, what=pa.array(column, pa.string()))
    found = graft.audit_leakage(table=place, attribute="what")
    assert {one.outcome for one in found.findings} == {"not applicable"}
    assert why in by_code(found, "A201")[0].said
    assert found.severity == "none"
    assert found.erasure is None


def test_rare_values_are_left_out_and_named(tmp_path):
    vectors, columns = people()
    gender = ["other", "unsaid", "unsaid", None, *columns["gender"][4:]]
    found = graft.audit_leakage(table=written(tmp_path / "rare", vectors, gender=gender), attribute="gender")
    (fact,) = found.attributes
    assert fact.rare == ("other", "unsaid")
    assert (fact.rows, fact.missing) == (ROWS - 4, 1)


def test_rows_of_a_person_stay_together(tmp_path):
    """Vectors tell who somebody is, and nothing of the attribute: by rows that looks like a leak."""
    rng = np.random.default_rng(3)
    who = np.repeat(np.arange(40), 10)
    gender = rng.permutation(np.arange(40) % 2)[who]
    vectors = rng.normal(size=(40, 12))[who] + 0.2 * rng.normal(size=(400, 12))
    columns = {"who": who.tolist(), "gender": gender.tolist(), "day": (np.arange(400) % 2).tolist()}
    place = written(tmp_path / "days", vectors, **columns)
    by_rows = graft.audit_leakage(table=place, attribute="gender")
    assert by_rows.attributes[0].probes[1].area.mean > 0.9
    found = graft.audit_leakage(table=place, attribute="gender", group="who")
    assert by_code(found, "A201")[0].outcome == "not found"
    assert by_code(found, "A202")[0].outcome != "found"
    with pytest.raises(InputError, match="'day': it varies within a group of 'who'"):
        graft.audit_leakage(table=place, attribute="day", group="who")


def test_columns_that_are_not_there_and_roles_that_meet(table):
    with pytest.raises(InputError, match="has no column 'gendr'") as told:
        graft.audit_leakage(table=table, attribute="gendr")
    assert "did you mean 'gender'" in str(told.value)
    with pytest.raises(InputError, match="as attribute and as given"):
        graft.audit_leakage(table=table, attribute="gender", given="gender")
    with pytest.raises(InputError, match="no attribute"):
        graft.audit_leakage(table=table, attribute=[])
    with pytest.raises(InputError, match="level=2"):
        graft.audit_leakage(table=table, attribute="gender", level=2)


def test_a_table_without_rows(tmp_path):
    EmbeddingTable.create(tmp_path / "none", given_space("ours", 3)).upsert(
        pa.table({"id": ["a"], "vector": vector_column(np.ones((1, 3))), "gender": ["x"]})
    )
    found = graft.audit_leakage(table=tmp_path / "none", attribute="gender")
    assert {one.outcome for one in found.findings} == {"not applicable"}
    EmbeddingTable.open(tmp_path / "none").delete("a")
    with pytest.raises(InputError, match="has no rows"):
        graft.audit_leakage(table=tmp_path / "none", attribute="gender")


def test_a_table_of_erased_vectors_has_a_space_of_its_own_and_a_parent(table, tmp_path):
    into = tmp_path / "users-erased"
    found = graft.audit_leakage(table=table, attribute="gender", erase_into=into)
    assert found.erasure.into == str(into)
    old, new = EmbeddingTable.open(table), EmbeddingTable.open(into)
    assert new.count() == old.count()
    assert new.space.fingerprint != old.space.fingerprint
    assert "gender" not in new.schema.names
    assert "age" in new.schema.names
    again = graft.audit_leakage(table=into, attribute="gender", rows=old.read(["id", "gender"]), id="id")
    assert again.attributes[0].probes[0].area.mean < 0.6
    with Registry() as registry:
        assets = {one.name: one for one in registry.assets()}
    assert assets["users-erased"].edges[0].parent == assets["users"].identity
    with pytest.raises(OutputError, match="exists and is not empty"):
        graft.audit_leakage(table=table, attribute="gender", erase_into=into)


def test_questions_to_an_erased_table_go_the_same_way_or_are_refused(table, tmp_path):
    into = tmp_path / "users-erased"
    graft.audit_leakage(table=table, attribute="gender", erase_into=into)
    old, new = EmbeddingTable.open(table), EmbeddingTable.open(into)
    ids, vectors = old.vectors()
    found = new.search(vectors[:5], k=1, space=old.space)
    assert found["id"].to_list() == ids[:5].tolist()
    assert found["distance"].max() < 1e-5
    with pytest.raises(SpaceMismatch):
        new.search(vectors[:1], k=1, space=given_space("theirs", 6))
    with pytest.raises(SpaceMismatch):
        old.search(vectors[:1], k=1, space=new.space)
    with pytest.raises(SpaceMismatch, match="dimension 6"):
        new.search(vectors[:1, :5], k=1, space=old.space)
    eraser_path(into, "g1").write_bytes(b"x")
    with pytest.raises(TableError, match="not an eraser"):
        EmbeddingTable.open(into).search(vectors[:1], k=1, space=old.space)


def test_what_an_erased_table_still_tells_is_severe(tmp_path):
    """Both values have one mean: there is nothing linear to erase, and a curved model tells them."""
    rng = np.random.default_rng(4)
    side = np.arange(600) % 2
    vectors = rng.normal(size=(600, 4)) * (1 + 2 * side[:, None])
    place = written(tmp_path / "spread", vectors, side=side.tolist())
    shown = graft.audit_leakage(table=place, attribute="side")
    assert [one.severity for one in by_code(shown, "A203")] == ["none"]
    assert by_code(shown, "A203")[0].said.startswith("erased vectors still tell side: the curved probe ")
    written_too = graft.audit_leakage(table=place, attribute="side", erase_into=tmp_path / "less")
    (left,) = by_code(written_too, "A203")
    assert left.severity in ("medium", "high")
    assert "do not hand the erased table on as free of side" in left.todo


def test_erasing_more_values_than_a_vector_has_numbers_leaves_nothing(tmp_path):
    rng = np.random.default_rng(0)
    shop = np.arange(200) % 8
    place = written(tmp_path / "shops", rng.normal(size=(200, 4)) + shop[:, None] % 3, shop=shop.tolist())
    found = graft.audit_leakage(table=place, attribute="shop")
    assert (found.erasure.directions, found.erasure.dimension) == (4, 4)
    with pytest.raises(InputError, match="all 4 directions and leave nothing"):
        graft.audit_leakage(table=place, attribute="shop", erase_into=tmp_path / "less")
    assert not (tmp_path / "less").exists()


def test_words_are_embedded_by_the_first_source_and_mapped(tmp_path):
    rng = np.random.default_rng(0)
    tiny.write_encoder(tmp_path / "source", seed=1)
    texts = [" ".join(rng.choice(tiny.WORDS[:12], size=5)) for _ in range(60)]
    rows = pl.DataFrame(
        {"key": [f"k{row}" for row in range(60)], "text": texts, "side": ["ab"[row % 2] for row in range(60)]}
    )
    source = f"path:{tmp_path / 'source'}"
    old, _ = graft.embed_table(rows, table=tmp_path / "texts", id="key", text="text", source=source)
    graft.audit_leakage(table=old, attribute="side", erase_into=tmp_path / "less")
    new = EmbeddingTable.open(tmp_path / "less")
    assert texts[7] in new.read(["text"])["text"].to_pylist()
    found = new.search(texts[7], k=1)
    assert found["text"][0] == texts[7]
    assert found["distance"][0] < 1e-3
    with pytest.raises(SpaceMismatch, match="side was erased"):
        graft.embed_table(rows, table=tmp_path / "less", id="key", text="text", source=source)


def test_the_command_tells_writes_and_fails_on_what_was_asked(table, tmp_path):
    out = tmp_path / "leak.json"
    command = ["audit", "leakage", "--table", str(table), "--attribute", "gender", "--given", "region,age"]
    done = CliRunner().invoke(app, [*command, "--task", "bought", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "vectors tell 1 of 1 attributes beyond region, age" in done.output
    assert "A201" in done.output
    assert "Erasing gender beyond region, age would take 1 of 6 directions" in done.output
    assert "bought is told" in done.output
    record = LeakageAudit.from_json(out.read_text(), "it")
    assert record.given == ("region", "age")
    assert record.erasure.left[0].probes[0].area.mean == pytest.approx(0.5, abs=1e-6)
    assert CliRunner().invoke(app, [*command, "--fail-on", "medium"]).exit_code == 3
