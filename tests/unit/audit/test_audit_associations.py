"""Association audits: what is found, how it is told, what is not applicable, and words that are ids of a table."""

import json

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

import graft
import tiny
from graft.audit.associations import WordVectors, audit_associations, words_of_source
from graft.audit.uses import with_word_uses
from graft.audit.word_tests import WordList, WordTest
from graft.bundle.parts import write_bundle
from graft.cli.app import app
from graft.core.errors import InputError
from graft.facts.audit import AssociationAudit
from graft.report.audit.words import association_lines
from graft.representations.spaces import given_space
from graft.rows.table import read_frame
from graft.tables.columns import vector_column
from graft.tables.table import EmbeddingTable
from unit.bundle.building import TOPICS, parts_for


def lists(*names: str, count: int = 8) -> tuple[WordList, WordList]:
    first, second = (WordList(name, tuple(f"{name}{place}" for place in range(count))) for name in names)
    return first, second


def asked(name: str = "mine", *, people: bool = True, count: int = 8) -> WordTest:
    return WordTest(name, f"about {name}", people, lists("red", "blue", count=count), lists("warm", "cold"))


def lying(test: WordTest, lean: float, *, without: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    vectors = {}
    for words, way in zip(test.lists, (lean, -lean, 1.0, -1.0), strict=True):
        for word in words.words[without:]:
            vectors[word] = np.array([way, *rng.normal(0, 0.3, 5)])
    return vectors


def audited(test: WordTest, vectors: dict[str, np.ndarray]) -> AssociationAudit:
    return audit_associations([test], {test.name: WordVectors("somewhere", "", vectors)})


def test_a_sure_and_large_association_about_people_is_a_finding_with_something_to_do():
    found = audited(asked(), lying(asked(), 0.5))
    (finding,) = found.findings
    assert (finding.code, finding.outcome, finding.severity) == ("A101", "found", "medium")
    assert finding.said.startswith("red nearer to warm, blue nearer to cold (by +1.")
    assert finding.todo
    assert found.severity == "medium"
    turned = audited(asked(), lying(asked(), -0.5)).findings[0]
    assert turned.said.startswith("blue nearer to warm, red nearer to cold (by -1.")
    assert turned.severity == "medium"


def test_what_is_not_about_people_is_found_and_is_no_fault():
    finding = audited(asked(people=False), lying(asked(), 0.5)).findings[0]
    assert (finding.outcome, finding.severity, finding.todo) == ("found", "none", "")


def test_few_words_settle_nothing_and_many_can_show_that_there_is_little():
    assert ": not settled (" in audited(asked(), lying(asked(), 0.0)).findings[0].said
    many = asked(count=300)
    assert ": alike (" in audited(many, lying(many, 0.0)).findings[0].said


def test_a_list_of_which_half_is_not_known_makes_a_test_not_applicable():
    assert audited(asked(), lying(asked(), 0.5, without=4)).findings[0].outcome == "found"
    found = audited(asked(), lying(asked(), 0.5, without=5))
    (finding,), (fact,) = found.findings, found.tests
    assert (finding.outcome, finding.severity) == ("not applicable", "none")
    assert "3 of 8 words of 'red' are known (missing: red0, red1" in finding.said
    assert (fact.effect, fact.p_either, fact.p_adjusted) == (None, None, None)
    assert [one.known for one in fact.lists] == [3, 3, 3, 3]


def test_all_tests_are_paid_for_together():
    tests = [asked(name) for name in ("one", "two", "three")]
    found = audit_associations(tests, {one.name: WordVectors("x", "", lying(one, 0.5)) for one in tests})
    assert [one.p_adjusted for one in found.tests] == pytest.approx([3 * found.tests[0].p_either] * 3)


def test_tests_of_one_name_are_refused():
    with pytest.raises(InputError, match="tests called mine, mine"):
        audit_associations([asked(), asked()], {})


def test_the_record_comes_back_as_it_was():
    found = audited(asked(), lying(asked(), 0.5))
    assert AssociationAudit.from_json(found.to_json(), "here") == found


@pytest.fixture
def colours(tmp_path):
    vectors = lying(asked(), 0.5)
    table = EmbeddingTable.create(tmp_path / "colours", given_space("ours", 6))
    table.upsert(pa.table({"id": list(vectors), "vector": vector_column(np.stack(list(vectors.values())))}))
    return tmp_path / "colours"


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "spec.yaml"
    named = {role: {one.name: list(one.words) for one in getattr(asked(), role)} for role in ("targets", "attributes")}
    path.write_text(json.dumps({"tests": {"mine": named}}))
    return path


def test_ids_of_a_table_are_words(colours, spec):
    found = graft.audit_associations(table=colours, spec=spec)
    assert found.tests[0].effect.mean == pytest.approx(
        audited(asked(), lying(asked(), 0.5)).tests[0].effect.mean, abs=1e-5
    )
    assert found.of == "table colours, version 1"
    with pytest.raises(InputError, match="has sentences"):
        graft.audit_associations(table=colours, spec=spec, sentences=True)
    with pytest.raises(InputError, match="a source and a table"):
        graft.audit_associations(table=colours, source="minilm", spec=spec)


def test_the_command_tells_it_writes_it_and_fails_on_what_was_asked(colours, spec, tmp_path):
    out = tmp_path / "audit.json"
    command = ["audit", "associations", "--table", str(colours), "--spec", str(spec), "--out", str(out)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "1 of 1 tests about people found one" in done.output
    assert "[medium] mine: red nearer to warm" in done.output
    assert "To do: see whether a model" in done.output
    assert AssociationAudit.from_json(out.read_text(), "it").severity == "medium"
    assert CliRunner().invoke(app, [*command, "--fail-on", "medium"]).exit_code == 3
    assert CliRunner().invoke(app, [*command, "--fail-on", "high"]).exit_code == 0


def test_words_that_a_source_of_texts_knows_are_asked_and_sentences_change_where_they_lie(tmp_path, spec):
    tiny.write_encoder(tmp_path / "source", seed=1)
    named = {
        "targets": {"a": tiny.WORDS[:4], "b": tiny.WORDS[4:8]},
        "attributes": {"c": tiny.WORDS[8:11], "d": tiny.WORDS[11:14]},
    }
    spec.write_text(json.dumps({"tests": {"mine": named}}))
    plain = graft.audit_associations(source=f"path:{tmp_path / 'source'}", spec=spec)
    framed = graft.audit_associations(source=f"path:{tmp_path / 'source'}", spec=spec, sentences=True)
    assert [one.known for one in plain.tests[0].lists] == [4, 4, 3, 3]
    assert plain.digest
    assert plain.tests[0].effect != framed.tests[0].effect


def test_whether_a_head_follows_an_association_is_seen_in_its_decisions(tmp_path):
    write_bundle(tmp_path / "bundle", parts_for("frozen", "multiclass"))
    bundle = graft.load(tmp_path / "bundle")
    lists = [WordList(name, words) for name, words in TOPICS.items()]
    test = WordTest("topics", "topics", True, (lists[0], lists[1]), (lists[0], lists[1]))
    texts = [" ".join(one.words[place : place + 3]) for place in range(3) for one in lists] * 8
    rows = {"text": texts, "size": [1.0] * 72, "channel": ["mail"] * 72}
    words = words_of_source([test], bundle.model.source)
    found = audit_associations([test], words)
    # The body has random weights: that its words lie so is stated here, and what its head does with it is measured.
    hit = found.model_copy(update={"findings": (found.findings[0].model_copy(update={"outcome": "found"}),)})
    told = with_word_uses(hit, [test], bundle, read_frame(rows))
    (use,) = told.uses
    assert (use.attribute, use.rows) == ("topics", 72)
    assert 0 <= use.changed.mean <= 1
    assert told.findings[1].code == "A102"
    assert association_lines(told)[-1 if told.findings[1].outcome != "found" else -3].startswith("  [")
    quiet = found.model_copy(update={"findings": (found.findings[0].model_copy(update={"outcome": "not found"}),)})
    assert with_word_uses(quiet, [test], bundle, read_frame(rows)).uses == ()


def test_a_bundle_is_asked_with_rows_and_alone(tmp_path):
    with pytest.raises(InputError, match="a bundle without rows"):
        graft.audit_associations(bundle=tmp_path / "bundle")
    with pytest.raises(InputError, match="a source and a bundle"):
        graft.audit_associations(bundle=tmp_path / "bundle", rows={"text": ["a"]}, source="minilm")
    write_bundle(tmp_path / "plain", parts_for("classical", "multiclass"))
    with pytest.raises(InputError, match="reuses no source"):
        graft.audit_associations(bundle=tmp_path / "plain", rows={"text": ["a"]})
