import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny
from graft.representations.backbone import load_encoder
from graft.representations.encoding import lean_bert
from graft.representations.encoding.batching import BLOCK, TOKENS_PER_PACK, packed_batches, slot_of
from graft.representations.encoding.bodies import LeanBody, PlainBody, load_body
from graft.representations.encoding.encoder import Encoder
from graft.representations.encoding.lean_bert import layout_of, lean
from graft.representations.tokens import TokenRows

PAD = 3


def rows_of(lengths: list[int]) -> TokenRows:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    nothing = np.zeros(len(lengths))
    return TokenRows(np.arange(5, 5 + offsets[-1]), offsets, nothing, nothing, nothing)


@given(st.lists(st.integers(0, 600), min_size=1, max_size=60))
def test_every_row_is_in_one_pack_of_its_class_and_the_rest_is_padding(lengths):
    tokens = rows_of(lengths)
    seen: list[int] = []
    for batch in packed_batches(tokens, PAD, size=256):
        assert {slot_of(lengths[row]) for row in batch.rows} == {batch.slot}
        assert len(batch.ids) == len(batch.positions) == max(256, batch.slot)
        np.testing.assert_array_equal(batch.lengths, [lengths[row] for row in batch.rows])
        expected = [tokens.row(row) for row in batch.rows]
        np.testing.assert_array_equal(batch.ids[: batch.tokens], np.concatenate(expected))
        places = np.concatenate([np.arange(len(row)) for row in expected])
        np.testing.assert_array_equal(batch.positions[: batch.tokens], places)
        assert (batch.ids[batch.tokens :] == PAD).all()
        seen.extend(batch.rows.tolist())
    assert sorted(seen) == list(range(len(lengths)))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 100), min_size=1, max_size=20))
def test_a_token_attends_to_its_own_row_and_nothing_else(lengths):
    for batch in packed_batches(rows_of(lengths), PAD, size=128):
        layout = layout_of(batch, dtype=torch.float32, where=torch.device("cpu"))
        block, places = layout.bias.shape[-1], layout.places[: batch.tokens].numpy()
        assert block == max(BLOCK, batch.slot)
        owner = np.full(len(layout.slots), -1)
        row_of_token = np.repeat(np.arange(len(batch.rows)), batch.lengths)
        owner[places] = row_of_token
        np.testing.assert_array_equal(layout.slots[places], np.arange(batch.tokens))
        for place in places.tolist():
            seen = np.flatnonzero(layout.bias[place // block, 0, place % block] == 0) + place // block * block
            np.testing.assert_array_equal(seen, np.flatnonzero(owner == owner[place]))
        assert (layout.bias == 0).any(-1).all()


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_the_lean_forward_is_used_for_the_families_it_knows(architecture):
    body = load_body(tiny.encoder(architecture, 4), None, torch.float32)
    assert isinstance(body, LeanBody if architecture in ("bert", "roberta") else PlainBody)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=str)
def test_rows_of_every_class_are_near_the_plain_forward(precision):
    source = tiny.encoder("bert", 4)
    texts = tiny.texts(1, 5, 14, 15, 30, 31, 46, *range(2, 40))
    vectors = Encoder(source, precision=precision).vectors(texts)[0]
    plain = Encoder(source, precision=torch.float32)
    plain._models[None] = PlainBody(load_encoder(source), source)
    expected = plain.vectors(texts)[0]
    assert np.abs(vectors - expected).max() < (0.1 if precision is torch.bfloat16 else 1e-5)


def test_a_lean_forward_that_says_something_else_is_not_used(monkeypatch):
    source = tiny.encoder("bert", 4)
    assert lean(load_encoder(source), vocabulary=source.weights.vocabulary, pad=0) is not None
    monkeypatch.setitem(lean_bert._FIRST_POSITION, "bert", 1)
    assert lean(load_encoder(source), vocabulary=source.weights.vocabulary, pad=0) is None
    assert isinstance(load_body(source, None, torch.float32), PlainBody)


def test_an_activation_function_it_does_not_know_is_left_to_transformers():
    model = load_encoder(tiny.encoder("bert", 4))
    model.config.hidden_act = "relu"
    assert lean(model, vocabulary=100, pad=0) is None


def test_a_row_longer_than_a_pack_gets_one_of_its_own_size():
    (batch,) = packed_batches(rows_of([TOKENS_PER_PACK + 1]), PAD)
    assert len(batch.ids) == TOKENS_PER_PACK + BLOCK


def test_the_last_pack_of_a_class_takes_the_first_size_that_holds_it():
    few = packed_batches(rows_of([9] * 30 + [20]), PAD, size=128, smaller=(32, 64))
    assert [(len(batch.ids), batch.tokens) for batch in few] == [(32, 20), (128, 126), (128, 126), (32, 18)]


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16, "int8"], ids=str)
def test_a_short_text_has_the_same_bits_alone_and_among_thousands(precision):
    source = tiny.encoder("bert", 4)
    texts = tiny.texts(*([3, 9, 14, 20, 33] * 130), seed=1)
    encoder = Encoder(source, precision=precision, force=True)
    together = encoder.vectors(texts)[0]
    for row in range(5):
        np.testing.assert_array_equal(encoder.vectors([texts[row]])[0][0], together[row])


def test_a_smaller_pack_that_changes_the_numbers_is_not_used(monkeypatch):
    source = tiny.encoder("bert", 4)
    body = load_body(source, None, torch.float32)
    real = body._batch

    def other_kernel_at_128(batch, pooled):
        return real(batch, pooled) + (1e-6 if len(batch.ids) == 128 else 0)

    monkeypatch.setattr(body, "_batch", other_kernel_at_128)
    assert 128 not in body._smaller
    assert set(body._smaller) <= {32, 512}
