"""Whoever encodes is told how many texts were longer than the source reads, and how long that is."""

import numpy as np
import polars as pl
import pytest

import graft
import tiny
from graft.core.errors import TextsCut
from graft.entities.text import TextEntities
from graft.representations.cache import ActivationCache
from graft.representations.embedder import Embedder, embed_texts
from graft.representations.encoding.encoder import Encoder
from graft.tables.encoders import Telling

SHORT, LONG = tiny.texts(3, 46), tiny.texts(47, 90)  # 48 tokens, of which two stand around the words
REFERENCE = f"path:{tiny.encoder('bert').weights.directory}"
SAID = "2 of 4 texts are longer than the 48 tokens the source reads"


def test_rows_that_were_cut_are_counted_whether_or_not_a_cache_knew_them(tmp_path):
    texts = [*LONG, *SHORT, LONG[0]]
    encoder = Encoder(tiny.encoder("bert"), cache=ActivationCache(tmp_path))
    first, again = (encoder.vectors(texts)[1] for _ in range(2))
    assert (first.computed, again.computed) == (4, 0)
    assert (first.cut, first.reading.limit) == (again.cut, again.reading.limit) == (3, 48)
    assert first.words() == "3 of 5 texts are longer than the 48 tokens the source reads: the rest of each was left out"
    assert encoder.vectors(SHORT)[1].words() == ""
    assert [report.cut for _, report in encoder.stream([texts, SHORT])] == [3, 0]


def test_a_prompt_takes_its_place():
    source = tiny.encoder("bert")
    prompted = source.with_prompts({source.reading.role: "ba be "})
    assert [Encoder(one).vectors(SHORT)[1].cut for one in (source, prompted)] == [0, 1]


@pytest.mark.parametrize(
    "encode",
    [
        lambda texts: embed_texts(texts, REFERENCE),
        lambda texts: Embedder(REFERENCE, cache=False).fit(texts).transform(texts),
        lambda texts: TextEntities(source=REFERENCE).fit({"id": list("abcd"), "text": texts}).encode(texts),
    ],
    ids=["embed", "transformer", "entities"],
)
def test_who_gets_vectors_alone_is_warned(encode):
    with pytest.warns(TextsCut, match=SAID):
        encode([*SHORT, *LONG])
    encode([*SHORT, *SHORT])


def test_tables_and_migrations_count_them(tmp_path):
    rows = pl.DataFrame({"id": list("abcd"), "text": [*SHORT, *LONG]})
    table, done = graft.embed_table(rows, table=tmp_path / "t", id="id", text="text", source=REFERENCE)
    assert (done.cut, done.reading.limit) == (2, 48)
    with pytest.warns(TextsCut, match="the text is longer than the 48 tokens"):
        table.search(LONG[0], k=1)
    telling = Telling(Encoder(tiny.encoder("bert")))
    assert np.shape(telling([*SHORT, *LONG])) == (4, 32)
    assert telling.words().startswith(SAID)
