"""A table reads rows as documents and what is asked as queries, with the prompts it was made with."""

import json
import shutil

import numpy as np
import polars as pl
import pytest

import graft
import tiny
from graft.core.digests import sealed, unsealed
from graft.core.errors import SourceError, SpaceMismatch
from graft.representations.embedder import embed_texts
from graft.tables.table import EmbeddingTable

ROWS = pl.DataFrame({"id": ["1", "2", "3"], "text": ["ba be bi", "do du", "ga ge gi go gu"]})


@pytest.fixture
def source(tmp_path):
    """A source that states a prompt for queries and one for documents."""
    folder = shutil.copytree(tiny.encoder("bert").weights.directory, tmp_path / "model")
    tiny.edit_json(folder / "config_sentence_transformers.json", prompts={"query": "ka ke ", "passage": "ma me "})
    return folder


def made(tmp_path, source, **prompts):
    return graft.embed_table(ROWS, table=tmp_path / "t", id="id", text="text", source=f"path:{source}", **prompts)[0]


def cosine(left, right):
    return float(left @ right / np.linalg.norm(left) / np.linalg.norm(right))


def test_rows_are_documents_and_what_is_asked_is_a_query(tmp_path, source):
    table = made(tmp_path, source)
    bare = f"path:{tiny.encoder('bert').weights.directory}"
    rows = embed_texts(["ma me ba be bi", "ma me do du", "ma me ga ge gi go gu"], bare)
    ids, vectors = table.vectors()
    np.testing.assert_allclose(vectors[np.argsort(ids)], rows, atol=2e-3)
    asked = embed_texts(["ka ke do"], bare)[0]
    found = EmbeddingTable.open(table.path).search("do", k=3).sort("id")
    np.testing.assert_allclose(found["distance"], [1 - cosine(asked, row) for row in rows], atol=2e-3)


def test_tables_made_with_other_prompts_do_not_mix(tmp_path, source):
    table = made(tmp_path, source, prompt_document="zu ")
    with pytest.raises(SpaceMismatch, match=r"prompts query: 'ka ke ', document: 'zu '.* document: 'zo '"):
        made(tmp_path, source, prompt_document="zo ")
    with pytest.raises(SpaceMismatch, match="query: 'zo '"):
        made(tmp_path, source, prompt_query="zo ")
    # What it was made with is kept: nobody has to say it again, and nothing is encoded again.
    again, done = graft.embed_table(ROWS, table=table.path, id="id", text="text", source=f"path:{source}")
    assert (done.unchanged, done.encoded) == (3, 0)
    assert (again.generation.prompt_query, again.generation.prompt_document) == ("ka ke ", "zu ")
    assert again.search("do", k=1).height == 1


def test_a_table_from_before_prompts_were_kept_is_opened(tmp_path):
    table = made(tmp_path, tiny.encoder("bert").weights.directory)
    said = unsealed(json.loads((table.path / "table.json").read_text()))
    for one in said["generations"]:
        del one["prompt_query"], one["prompt_document"]
    (table.path / "table.json").write_text(json.dumps(sealed(said)))
    assert made(tmp_path, tiny.encoder("bert").weights.directory).search("do", k=3).height == 3


def test_vectors_that_are_not_compared_by_their_angle_make_no_table(tmp_path, source):
    config = source / "config_sentence_transformers.json"
    tiny.edit_json(config, similarity_fn_name="dot")
    with pytest.raises(SourceError, match="compared by dot"):
        made(tmp_path, source)
    assert not (tmp_path / "t").exists()
    # Of one length, the product orders as the angle does.
    tiny.sentence_modules(source, "Normalize", pooling={"pooling_mode": "mean"})
    assert made(tmp_path, source).count() == 3
