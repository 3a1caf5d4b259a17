"""The documents are what their formats say they are: read back by the formats' own libraries and schemas."""

import io
import json
import re

import pytest
import yaml
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt
from spdx_python_model import load_data

from graft.governance.emit import ModelFacts, cyclonedx, model_card, spdx
from graft.governance.emit.kind_words import pipeline
from official_schema import fault
from unit.governance.emit.document_facts import ADAPTER, BARE, NASTY, ORDINARY, SHARED, hostile

FACTS = [
    pytest.param(ORDINARY, id="ordinary"),
    pytest.param(BARE, id="bare"),
    pytest.param(ADAPTER, id="adapter"),
    pytest.param(SHARED, id="shared"),
    *(
        pytest.param(hostile(text), id=f"hostile {number}", marks=[pytest.mark.slow] if len(text) > 1000 else [])
        for number, text in enumerate(NASTY)
    ),
]
PACKAGES = {"ai_AIPackage", "dataset_DatasetPackage"}


def shown(text: str) -> str:
    """What a person reads of a text on one line."""
    return " ".join(re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]", " ", text).split())


def graph(document) -> dict:
    return {element["spdxId"]: element for element in document["@graph"] if "spdxId" in element}


def related(document, how: str) -> list[tuple[str, str]]:
    found = [element for element in document["@graph"] if element.get("relationshipType") == how]
    return [(element["from"], target) for element in found for target in element["to"]]


# --------------------------------------------------------------------------------------------------- model card


@pytest.mark.parametrize("facts", FACTS)
def test_the_hubs_library_reads_back_what_the_card_says(facts: ModelFacts):
    data = ModelCard(model_card(facts)).data
    task = pipeline(facts.kinds, numbers=facts.task == "regression")
    assert data.get("pipeline_tag") == task
    assert data.get("language", []) == list(facts.languages)
    assert data.get("tags")[:2] == list(dict.fromkeys(["graft", facts.task, *facts.tags, "text-regression"]))[:2]
    if data.license == "other":
        assert data.license_name
        assert data.license_link
    results = data.eval_results or []
    assert [one.metric_value for one in results] == [metric.value.mean for metric in facts.metrics]
    assert [one.metric_type for one in results] == [metric.name for metric in facts.metrics]
    if facts.metrics:
        assert data.model_name == facts.name
    for one, metric in zip(results, facts.metrics, strict=True):
        said = one.metric_args or {}
        assert one.dataset_name == metric.data
        assert one.task_type == task
        assert said.get("slice", "") == metric.slice
        assert said.get("rows", 0) == metric.rows
        interval = said.get("confidence_interval")
        assert interval == (None if metric.value.ends is None else interval)
        if metric.value.ends is not None:
            assert interval == {"low": metric.value.low, "high": metric.value.high, "level": metric.level}


@pytest.mark.parametrize("facts", FACTS)
def test_the_cards_front_matter_survives_the_hubs_library(facts: ModelFacts):
    text = model_card(facts)
    front = yaml.safe_load(re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)[1])
    assert yaml.safe_load(ModelCard(text).data.to_yaml()) == front


@pytest.mark.parametrize("facts", FACTS)
def test_no_word_of_others_becomes_markup(facts: ModelFacts):
    body = ModelCard(model_card(facts)).text
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(body)
    inline = [child for token in tokens for child in token.children or ()]
    kinds = {token.type for token in (*tokens, *inline)}
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "code_inline", "em_open", "strong_open"}
    assert not kinds & {"s_open", "blockquote_open", "ordered_list_open", "hr", "code_block"}
    titles = [tokens[at + 1].content for at, token in enumerate(tokens) if token.type == "heading_open"]
    assert len(titles) == len(set(titles))
    assert titles[1:] == [title for title in SECTIONS if title in titles[1:]]
    fences = [token for token in tokens if token.type == "fence"]
    assert [shown(fence.content) for fence in fences] == ([shown(facts.use)] if facts.use else [])
    assert all(token.level == 0 for token in tokens if token.type == "bullet_list_open")
    head = [token for token in tokens if token.type == "th_open"]
    cells = [token for token in tokens if token.type == "td_open"]
    assert len(head) == (6 if facts.metrics else 0)
    assert len(cells) == 6 * len(facts.metrics)


SECTIONS = (
    "What it is",
    "How well it does",
    "Before you use it",
    "Where it comes from",
    "Rows inside",
    "Licence",
    "Use",
    "Software",
)


@pytest.mark.parametrize("text", [text for text in NASTY if len(text) < 1000], ids=range(len(NASTY) - 1))
def test_a_person_reads_the_words_as_they_are(text: str):
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(ModelCard(model_card(hostile(text))).text)
    read = ["".join(child.content for child in token.children or ()) for token in tokens if token.type == "inline"]
    assert read[0] == shown(text)
    assert f"Limitation: {shown(text)}" in read
    assert any(line.startswith(f"{shown(text)} states the licence") for line in read)


# ---------------------------------------------------------------------------------------------------- CycloneDX


@pytest.mark.parametrize("facts", FACTS)
def test_the_official_schema_accepts_the_bill_of_materials(facts: ModelFacts):
    document = json.dumps(cyclonedx(facts), allow_nan=False)
    assert fault(document) is None


@pytest.mark.parametrize("facts", FACTS)
def test_every_reference_in_the_bill_of_materials_leads_somewhere(facts: ModelFacts):
    document = cyclonedx(facts)
    model = document["metadata"]["component"]
    components = [model, *model.get("components", ()), *document["components"]]
    refs = [one["bom-ref"] for one in components] + [
        data["bom-ref"] for one in components for data in one.get("data", ()) if "bom-ref" in data
    ]
    assert len(refs) == len(set(refs))
    used = [one["ref"] for one in document["dependencies"]]
    used += [ref for one in document["dependencies"] for ref in one.get("dependsOn", ())]
    used += [one["ref"] for one in model["modelCard"]["modelParameters"].get("datasets", ())]
    assert set(used) <= set(refs)


def test_the_schema_is_not_a_formality():
    document = cyclonedx(ORDINARY)
    document["metadata"]["component"]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"][0]["value"] = 0.9
    assert fault(json.dumps(document)) is not None


# --------------------------------------------------------------------------------------------------------- SPDX


@pytest.mark.parametrize("facts", FACTS)
def test_the_official_bindings_read_and_write_the_same_spdx_document(facts: ModelFacts):
    document = spdx(facts)
    model, objects = load_data(json.loads(json.dumps(document, allow_nan=False)))
    assert objects.link() == set()
    # Writing checks types, patterns and how often a property may and must appear.
    stream = io.BytesIO()
    model.JSONLDSerializer().write(objects, stream)
    assert _comparable(json.loads(stream.getvalue())) == _comparable(document)


def _comparable(document) -> dict[str, str]:
    """Elements by identifier, as text in which the order of keys does not matter."""
    return {one.get("spdxId", one.get("@id", "")): json.dumps(one, sort_keys=True) for one in document["@graph"]}


@pytest.mark.parametrize("facts", FACTS)
def test_packages_hold_what_the_specification_requires(facts: ModelFacts):
    document = spdx(facts)
    elements = graph(document)
    packages = [one for one in elements.values() if one["type"] in PACKAGES]
    assert packages
    for package in packages:
        required = {"software_downloadLocation", "software_primaryPurpose", "releaseTime"}
        if package["type"] == "ai_AIPackage":
            required |= {"suppliedBy", "software_packageVersion"}
            assert package["software_primaryPurpose"] == "model"
        else:
            required |= {"originatedBy", "builtTime", "dataset_datasetType"}
            assert package["software_primaryPurpose"] == "data"
            assert len(package["originatedBy"]) == 1
        assert required <= set(package), package["name"]
        for how in ("hasDeclaredLicense", "hasConcludedLicense"):
            assert len([source for source, _ in related(document, how) if source == package["spdxId"]]) == 1


def test_the_bindings_are_not_a_formality():
    document = spdx(ORDINARY)
    next(one for one in document["@graph"] if one["type"] == "dataset_DatasetPackage")["dataset_datasetType"] = ["rows"]
    with pytest.raises(ValueError, match="rows"):
        load_data(document)


# --------------------------------------------------------------------------------------------------------- each


@pytest.mark.parametrize("emit", [model_card, cyclonedx, spdx])
@pytest.mark.parametrize("facts", FACTS)
def test_the_same_facts_give_the_same_document(emit, facts: ModelFacts):
    again = ModelFacts.model_validate_json(facts.model_dump_json())
    assert json.dumps(emit(again)) == json.dumps(emit(facts))


@pytest.mark.parametrize("emit", [cyclonedx, spdx])
def test_other_facts_give_another_document(emit):
    names = {
        json.dumps(emit(facts))[:600] for facts in (ORDINARY, ORDINARY.model_copy(update={"verdict": "It harms."}))
    }
    assert len(names) == 2
