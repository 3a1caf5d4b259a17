"""How much of a text a model has entries for: by its tokenizer, by a table of words, by the control's vocabulary."""

from types import SimpleNamespace

import numpy as np

from graft.bundle.loading import load_bundle
from graft.bundle.parts import write_bundle
from graft.inputs import build_dataset
from graft.representations.sources import resolve_source
from graft.representations.word_tables import convert_words
from graft.rows import read_frame
from graft.rows.content import IMAGE, TEXT, Joined
from graft.rows.content.joined import joined_kind
from graft.watch.vocabulary import known_parts, texts_read
from unit.bundle.building import parts_for, table


def read(tmp_path, kind, texts):
    write_bundle(tmp_path / kind, parts_for(kind, "multiclass"))
    bundle = load_bundle(tmp_path / kind)
    rows = {name: list(column[:1]) * len(texts) for name, column in table().items()}
    rows |= {"text": texts, "key": [f"new {row}" for row in range(len(texts))]}
    return bundle.model, build_dataset(read_frame(rows), bundle.contract, labelled=False)[0]


def test_a_tokenizer_says_what_is_unknown_and_how_words_fall_apart(tmp_path):
    model, data = read(tmp_path, "frozen", ["please help", "please qqq", "\u96ea \u96ea", "please " * 40])
    unknown, pieces = known_parts(model, texts_read(data), np.arange(4), np.zeros(4, bool))
    # The tokens that stand around every text count as nothing, and what is cut off is not asked about.
    assert unknown[0] == unknown[3] == 0
    assert unknown[2] == 1
    assert pieces[0] == pieces[3] == 1
    assert pieces[1] >= 1
    assert 0 <= unknown[1] <= 1


def test_a_table_of_words_says_what_it_lacks(tmp_path):
    given = tmp_path / "words.vec"
    given.write_text("please 1 2\nhelp 2 1\n")
    (tmp_path / "LICENSE").write_text("Public Domain Dedication and License")
    convert_words(given, tmp_path / "made")
    model, data = read(tmp_path, "majority", ["please help", "help zzz qqq www", "zzz", "!!"])
    unknown, pieces = known_parts(
        SimpleNamespace(source=resolve_source(f"path:{tmp_path / 'made'}"), encoders=()),
        texts_read(data),
        np.arange(4),
        np.zeros(4, bool),
    )
    assert unknown.tolist() == [0, 0.75, 1, 0]
    assert np.isnan(pieces).all()
    assert model.source is None


def test_the_control_says_which_words_it_never_saw_and_its_own_rows_not_less(tmp_path):
    model, data = read(tmp_path, "classical", ["please help", "zzz help", "hola amigo", "!?"])
    unknown, pieces = known_parts(model, texts_read(data), np.arange(4), np.zeros(4, bool))
    assert unknown.tolist() == [0, 0.5, 1, 0]
    assert np.isnan(pieces).all()
    # A row it learnt from knows its own words, so it is not asked about.
    own = np.array([True, False, False, True])
    assert np.isnan(known_parts(model, texts_read(data), np.arange(4), own)[0]).tolist() == own.tolist()


def test_a_model_that_reads_no_text_says_nothing(tmp_path):
    model, data = read(tmp_path, "majority", ["please"])
    assert all(np.isnan(one).all() for one in known_parts(model, texts_read(data), np.arange(1), np.zeros(1, bool)))


def test_rows_of_several_kinds_are_read_by_what_they_have_of_text(tmp_path):
    model, _ = read(tmp_path, "frozen", ["please"])
    rows = [Joined(("text", "image"), (text, None)) for text in ("please \u96ea", None)]

    class Rows(list):
        kind = joined_kind((TEXT, IMAGE))
        contents = rows

    unknown, pieces = known_parts(model, texts_read(Rows(rows)), np.arange(2), np.zeros(2, bool))
    assert unknown.tolist() == [0.5, 0]
    assert pieces.tolist() == [1, 1]
