"""A prompt of the user's own: what is learnt is what rows with these words teach, and the model keeps it."""

import json

import numpy as np
import pytest

import tiny
from graft.core.errors import InputError
from graft.inputs.roles import Roles
from graft.representations.reading import Prompts, Role
from graft.representations.sentence_settings import read_sentence_settings, state_prompts
from graft.representations.sources import read_directory
from graft.representations.spaces import pooled_space
from graft.rows.table import read_frame
from graft.scores.estimators import TransferClassifier
from graft.scores.models import load_model, save_model
from graft.studies.prepared import prepare
from graft.studies.settings import make_settings

PROMPT = "ba be "
ROWS = tiny.texts(*[5 + place % 7 for place in range(24)])
LABELS = ["a", "b"] * 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny.write_encoder(tmp_path_factory.mktemp("own") / "tiny")


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return tiny.write_encoder(tmp_path_factory.mktemp("other") / "tiny", seed=1)


@pytest.mark.parametrize("strategy", ["frozen", "partial:1", "lora"])
def test_it_is_as_if_the_words_stood_in_the_rows_and_goes_where_the_model_goes(folder, strategy, tmp_path):
    def fitted(**given):
        return TransferClassifier(f"path:{folder}", strategy, steps=4, **given)

    told = fitted(prompt_classification=PROMPT).fit(ROWS, LABELS)
    written = fitted().fit([PROMPT + text for text in ROWS], LABELS)
    probabilities = told.predict_proba(ROWS)
    assert np.abs(probabilities - written.predict_proba([PROMPT + text for text in ROWS])).max() < 1e-5
    assert np.abs(probabilities - fitted().fit(ROWS, LABELS).predict_proba(ROWS)).max() > 1e-4

    save_model(told.model_, tmp_path / "model")
    assert load_model(tmp_path / "model").source.reading.prompt == PROMPT


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"prompts": {"query": "q: ", "passage": "p: "}},
        {"prompts": {"Classification": "old: ", "query": "q: "}, "default_prompt_name": "Classification"},
        {"prompts": {"std": "s: ", "classification": "old: "}, "default_prompt_name": "std", "truncate_dim": 16},
    ],
)
@pytest.mark.parametrize(
    "given", [{Role.CLASSIFICATION: "new: "}, {Role.CLASSIFICATION: ""}, {Role.QUERY: "n", Role.DOCUMENT: ""}, {}]
)
def test_a_copy_states_them_and_nothing_else_changes(config, given, tmp_path):
    file = tmp_path / "config_sentence_transformers.json"
    if config:
        file.write_text(json.dumps(config))
    before = read_sentence_settings(tmp_path, width=32)
    wanted = {role.value: given.get(role, before.prompts.of(role)) for role in Role}

    state_prompts(tmp_path, Prompts(**wanted))
    after = read_sentence_settings(tmp_path, width=32)
    assert after.prompts == Prompts(**wanted)
    assert (after.truncated, after.similarity) == (before.truncated, before.similarity)
    assert file.is_file() == bool(config or any(given.values()))


def asked(*sources, **given):
    roles = Roles(content=("text",), label=("label",))
    references = tuple(f"path:{folder}" for folder in sources)
    return make_settings({"roles": roles, "sources": references, "folds": 2, **given})


def test_a_study_reads_its_rows_with_it_in_a_space_of_its_own(folder, other):
    table = read_frame({"text": ROWS, "label": LABELS})
    plain = prepare(table, asked(folder, other))
    one = prepare(table, asked(folder, other, prompt_classification=(PROMPT,)))
    each = prepare(table, asked(folder, other, prompt_classification=("", "other: ")))
    read = [[source.reading.prompt for source in made.sources] for made in (plain, one, each)]
    assert read == [["", ""], [PROMPT, PROMPT], ["", "other: "]]
    spaces = [[pooled_space(source, "float32").fingerprint for source in made.sources] for made in (plain, one, each)]
    assert spaces[0][0] == spaces[2][0]
    assert len({spaces[0][0], spaces[1][0], spaces[0][1], spaces[1][1], spaces[2][1]}) == 5
    assert len({made.identity for made in (plain, one, each)}) == 3


def test_what_a_source_states_is_followed_unless_another_is_given(other):
    tiny.edit_json(other / "config_sentence_transformers.json", prompts={"classification": "sort: "})
    table = read_frame({"text": ROWS, "label": LABELS})
    assert read_directory(other, reference="x").reading.prompt == "sort: "
    assert prepare(table, asked(other)).sources[0].reading.prompt == "sort: "
    assert prepare(table, asked(other, prompt_classification=("",))).sources[0].reading.prompt == ""


def test_a_study_without_one_keeps_its_name(folder):
    assert "prompt_classification" not in asked(folder).identity()


def test_prompts_that_are_not_one_for_each_source_are_refused(folder):
    with pytest.raises(InputError, match=r"2 prompts for classification and 1 source.*\n.*one for each"):
        asked(folder, prompt_classification=("a", "b"))
