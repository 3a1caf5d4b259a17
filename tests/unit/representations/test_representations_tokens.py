import dataclasses
import shutil

import numpy as np
import pytest

import tiny
from graft.representations.reading import Role
from graft.representations.sources import resolve_source
from graft.representations.tokens import special_tokens, tokenise


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_tokens_are_the_words_between_the_special_ones(architecture):
    source = tiny.encoder(architecture)
    names = [*tiny.special_of(architecture), *tiny.WORDS]
    rows = tokenise(source, ["Ba be", "unheard ba"])
    start, end = ("<s>", "</s>") if "<s>" in names else ("[CLS]", "[SEP]")
    unknown = next(name for name in names if "unk" in name.lower())
    assert [names[token] for token in rows.row(0)] == [start, "ba", "be", end]
    assert [names[token] for token in rows.row(1)] == [start, unknown, "ba", end]
    assert (rows.lengths.tolist(), rows.words.tolist()) == ([4, 4], [2, 2])
    np.testing.assert_allclose(rows.unknown, [0, 0.25])


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_padding_is_the_number_the_architecture_pads_with(architecture):
    special = special_tokens(tiny.encoder(architecture))
    roberta_like = architecture in ("roberta", "mpnet")
    assert (special.pad, special.unknown) == ((1, 3) if roberta_like else (0, 1))


def test_padding_is_found_by_name_when_the_configuration_is_silent(tmp_path):
    shutil.copytree(tiny.encoder("roberta").weights.directory, tmp_path / "m")
    tiny.edit_json(tmp_path / "m" / "config.json", pad_token_id=None)
    assert special_tokens(resolve_source(f"path:{tmp_path / 'm'}")).pad == 1
    tiny.edit_json(tmp_path / "m" / "tokenizer_config.json", pad_token={"content": "ba"}, unk_token="be")
    source = resolve_source(f"path:{tmp_path / 'm'}")
    special = special_tokens(dataclasses.replace(source, reading=dataclasses.replace(source.reading, max_tokens=20)))
    assert (special.pad, special.unknown) == (4, 5)


def test_only_rows_longer_than_the_source_are_cut_and_flagged():
    source = tiny.encoder("bert")
    rows = tokenise(source, tiny.texts(45, 46, 47, 200))
    assert rows.lengths.tolist() == [47, 48, 48, 48]
    assert rows.truncated.tolist() == [False, False, True, True]
    assert {rows.row(row)[-1] for row in range(4)} == {3}


@pytest.mark.parametrize(
    ("rows", "expected"), [([], []), ([2], [2]), ([2, 0, 2, 1], [2, 0, 2, 1]), ([0, 1, 2, 3], [0, 1, 2, 3])]
)
def test_rows_are_taken_with_all_that_belongs_to_them(rows, expected):
    whole = tokenise(tiny.encoder("bert"), ["ba", "unheard be bi", "ba " * 60, ""])
    taken = whole.take(np.array(rows, np.int64))
    assert len(taken) == len(expected)
    for place, row in enumerate(expected):
        np.testing.assert_array_equal(taken.row(place), whole.row(row))
        for name in ("truncated", "unknown", "words", "lengths"):
            assert getattr(taken, name)[place] == getattr(whole, name)[row]


def test_no_texts_and_empty_texts_are_rows():
    source = tiny.encoder("bert")
    assert len(tokenise(source, [])) == 0
    rows = tokenise(source, ["", "ba", ""])
    assert rows.lengths.tolist() == [2, 3, 2]
    assert rows.words.tolist() == [0, 1, 0]


def test_a_tokenizer_without_special_tokens_may_give_rows_without_any(tmp_path):
    shutil.copytree(tiny.encoder("bert").weights.directory, tmp_path / "m")
    tiny.edit_json(tmp_path / "m" / "tokenizer.json", post_processor=None)
    rows = tokenise(resolve_source(f"path:{tmp_path / 'm'}"), ["", "unheard ba", "", ""])
    assert rows.lengths.tolist() == [0, 2, 0, 0]
    np.testing.assert_allclose(rows.unknown, [0, 0.5, 0, 0])


def test_prompt_and_case_are_applied(tmp_path):
    shutil.copytree(tiny.encoder("bert").weights.directory, tmp_path / "m")
    tiny.edit_json(tmp_path / "m" / "tokenizer.json", normalizer=None)
    plain = resolve_source(f"path:{tmp_path / 'm'}")
    prompted = dataclasses.replace(plain, reading=dataclasses.replace(plain.reading, lowercase=True))
    prompted = prompted.with_prompts({Role.CLASSIFICATION: "BO "})
    assert tokenise(plain, ["BA"]).row(0).tolist() == [2, 1, 3]
    assert tokenise(prompted, ["BA"]).row(0).tolist() == tokenise(plain, ["bo ba"]).row(0).tolist()


def test_many_texts_are_tokenised_as_each_alone():
    source = tiny.encoder("bert")
    texts = tiny.texts(*(1 + row % 9 for row in range(4200)))
    rows = tokenise(source, texts)
    for row in (0, 4095, 4096, 4199):
        np.testing.assert_array_equal(rows.row(row), tokenise(source, [texts[row]]).row(0))
