"""Tokenizers that are valid JSON and hostile: none takes the memory, the time or the process of whoever names it."""

import base64
import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny
from graft.core.errors import SourceError
from graft.core.settings import cache_directory
from graft.representations import tokenizer_trial
from graft.representations.sources import resolve_source
from graft.representations.tokens import special_tokens, tokenise

Part = dict[str, Any]


@pytest.fixture
def folder(tmp_path) -> Path:
    shutil.copytree(tiny.encoder("bert").weights.directory, tmp_path / "model")
    return tmp_path / "model"


def replaced(content: str, *, times: int = 1, pattern: str = "a") -> Part:
    step = {"type": "Replace", "pattern": {"String": pattern}, "content": content}
    return {"normalizer": {"type": "Sequence", "normalizers": [step] * times}}


def split(regex: str) -> Part:
    return {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}}


def model(kind: str, **facts: Any) -> Part:
    return {"model": {"type": kind, **facts}}


def template(*, times: int = 1, ids: tuple[int, ...] = (2,)) -> Part:
    start: list[Part] = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}] * times
    text, second = {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}
    special = {"[CLS]": {"id": "[CLS]", "ids": list(ids), "tokens": ["x"] * len(ids)}}
    single = {"type": "TemplateProcessing", "single": [*start, text], "pair": [text, second]}
    return {"post_processor": {**single, "special_tokens": special}}


def charsmap(raw: bytes) -> Part:
    return {"normalizer": {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(raw).decode()}}


REFUSED: dict[str, tuple[Part, str]] = {
    "a letter that doubles forty times": (replaced("aa", times=40), "makes texts more than 1,024 times as long"),
    "a rare word that becomes a million letters": (replaced("a " * 500_000, pattern="zebra"), "inserts 1,000,000"),
    "a character that becomes 10,000": (charsmap(bytes(4) + b"x" * 10_000), "writes 10,000 bytes for one"),
    "a chain of 1,000 steps": (replaced("b", times=1000), "has 1,000 steps"),
    "a condition that never ends": (split("(a+)+$"), "retry-limit"),
    "a condition that is none": (split("(("), "unmatched"),
    "a map without entries, which panics": (charsmap(bytes(4)), "index out of bounds"),
    "a map that claims 4 GB, which ends the process": (charsmap(b"\xff\xff\xff\xff"), "broke"),
    "an unknown token it does not have": (model("WordLevel", vocab={"a": 0}, unk_token="no"), "Missing"),
    "pieces it does not have": (model("BPE", vocab={"a": 0}, merges=[["a", "b"]]), "out of vocabulary"),
    "pieces cut at random": (model("BPE", vocab={"a": 0}, merges=[], dropout=0.5), "at random"),
    "words of any length": (
        model("WordPiece", vocab={"a": 0}, unk_token="a", max_input_chars_per_word=10**9),
        "words of up to 1,000,000,000 characters",
    ),
    "100,000 pieces around every text": (template(times=100_000), "adds 100,001 pieces"),
    "100,000 tokens in one piece": (template(ids=(2,) * 100_000), "adds 100,000 tokens"),
    "rows longer than the model": (template(times=200), "makes rows of 200 tokens, and the model takes 48"),
    "a model of no kind": ({"model": None}, "cannot be read"),
}


@pytest.mark.parametrize(("part", "said"), REFUSED.values(), ids=REFUSED)
def test_a_hostile_tokenizer_is_refused_in_a_process_of_its_own(folder, part, said):
    content = json.loads((folder / "tokenizer.json").read_text()) | part
    (folder / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(SourceError, match=r"the tokenizer in .* cannot be read") as raised:
        tokenise(resolve_source(f"path:{folder}"), ["ba be"])
    assert raised.match(said)
    assert raised.value.fix


def test_what_takes_too_long_or_too_much_is_ended(folder, monkeypatch):
    tokens = [{"id": n, "content": f"{n:050}", "special": True} for n in range(20_000)]
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    tiny.edit_json(folder / "tokenizer.json", added_tokens=[token | flags for token in tokens])
    monkeypatch.setattr(tokenizer_trial, "_LIMITS", tokenizer_trial.Limits(memory=1 << 20, seconds=60, cpu=30))
    with pytest.raises(SourceError, match=r"memory|broke"):
        tokenise(resolve_source(f"path:{folder}"), ["ba"])
    monkeypatch.setattr(tokenizer_trial, "_LIMITS", tokenizer_trial.Limits(memory=1 << 30, seconds=0.01, cpu=30))
    with pytest.raises(SourceError, match=r"took longer than 0\.01 seconds"):
        tokenise(resolve_source(f"path:{folder}"), ["ba"])


@pytest.mark.parametrize(
    ("part", "largest"),
    [
        (model("WordLevel", vocab={"[UNK]": 4_000_000_000}, unk_token="[UNK]"), "4,000,000,000"),
        (template(ids=(77_777,)), "77,777"),
    ],
    ids=["of a word", "of the template"],
)
def test_a_number_beyond_the_vocabulary_never_reaches_the_model(folder, part, largest):
    tiny.edit_json(folder / "tokenizer.json", **part)
    with pytest.raises(SourceError, match=f"gives the token {largest}, and the model has vectors for 200 tokens"):
        tokenise(resolve_source(f"path:{folder}"), ["ba"])


@pytest.mark.parametrize("pad", [-1, 200, 10**4])
def test_padding_the_model_has_no_vector_for_is_refused(folder, pad):
    tiny.edit_json(folder / "config.json", pad_token_id=pad)
    with pytest.raises(SourceError, match=r"pad_token_id|gives the token"):
        special_tokens(resolve_source(f"path:{folder}"))


def test_a_known_tokenizer_is_tried_once_and_the_embedded_one_never(folder, monkeypatch):
    tiny.edit_json(folder / "tokenizer.json", version="1.0", truncation=None, padding=None, normalizer=None)
    source = resolve_source(f"path:{folder}")
    tries: list[str] = []
    run = tokenizer_trial.run_apart

    def counted(job: str, *rest: Any, **named: Any) -> bytes:
        tries.append(job)
        return run(job, *rest, **named)

    monkeypatch.setattr(tokenizer_trial, "run_apart", counted)
    for path in (cache_directory() / "tokenizers").glob("*"):
        path.unlink()
    for _ in range(3):
        tokenizer_trial.require_tried(folder, max_tokens=48, preprocessing=source.reading.tokenizer)
    assert len(tries) == 1
    minilm = resolve_source("minilm")
    tokenizer_trial.require_tried(minilm.weights.directory, max_tokens=128, preprocessing=minilm.reading.tokenizer)
    assert len(tries) == 1


def test_padding_without_end_is_switched_off(folder):
    strategy = {"strategy": {"Fixed": 10**12}, "direction": "Right", "pad_to_multiple_of": None}
    tiny.edit_json(folder / "tokenizer.json", padding={**strategy, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"})
    assert np.array_equal(tokenise(resolve_source(f"path:{folder}"), ["ba"]).lengths, [3])


@pytest.mark.slow
def test_a_changed_tokenizer_is_used_or_refused_in_words(folder):
    """Bytes changed at random: whatever the Rust library does with them, this process sees our error or an answer."""
    sound = (folder / "tokenizer.json").read_bytes()
    refused = 0
    for seed in range(150):
        rng = random.Random(seed)
        raw = bytearray(sound)
        for _ in range(rng.choice((1, 2, 5))):
            start = rng.randrange(len(raw))
            raw[start : start + rng.choice((0, 1, 8))] = rng.choice(
                (b"", b"9", b"-", b"null", b"{", b"[]", b'"', b"9" * 20)
            )
        (folder / "tokenizer.json").write_bytes(raw)
        try:
            rows = tokenise(resolve_source(f"path:{folder}"), ["ba be", "", "x" * 500])
            assert len(rows) == 3
        except SourceError:
            refused += 1
    assert refused > 50
