import numpy as np
import pytest
import torch
from torch import nn

import tiny
from graft.representations.encoding import calibrated_int8
from graft.representations.encoding.bodies import load_body
from graft.representations.encoding.calibrated_int8 import Int8Layer, onednn_is_right
from graft.representations.encoding.encoder import Encoder
from graft.representations.encoding.fidelity import compare
from graft.representations.encoding.sentences import CALIBRATING, CHECKING
from graft.representations.sources import read_directory

CPU = torch.device("cpu")


def layer_and_rows() -> tuple[nn.Linear, torch.Tensor]:
    """A layer and rows for it; one channel is a hundred times as wide as the others."""
    rows = torch.randn(200, 64, generator=torch.Generator().manual_seed(0))
    rows[:, 5] *= 100
    return nn.Linear(64, 48).requires_grad_(False), rows


def product(layer: nn.Linear, rows: torch.Tensor, *, smoothed: bool = False) -> calibrated_int8._Product:
    return calibrated_int8._Product(layer, calibrated_int8.Range(rows.amin(0), rows.amax(0)), CPU, smoothed=smoothed)


def test_smoothing_keeps_what_one_wide_channel_would_drown():
    layer, rows = layer_and_rows()
    made = (product(layer, rows, smoothed=smoothed) for smoothed in (False, True))
    coarse, fine = ((one.plain(one.given(rows), torch.float32) - layer(rows)).square().mean() for one in made)
    assert fine < coarse / 10


def test_values_beyond_what_was_seen_are_cut_and_zero_stays_zero():
    layer, rows = layer_and_rows()
    made = product(layer, rows)
    with torch.inference_mode():
        far = made.given(torch.full((1, 64), 1e9))
        nothing = made.given(torch.zeros(1, 64))
        assert far.tolist() == [[255] * 64]
        assert nothing.tolist() == [[made.given.zero] * 64]
        torch.testing.assert_close(made.plain(nothing, torch.float32)[0], layer.bias.data)


def test_inputs_of_one_sign_keep_zero_among_the_whole_numbers():
    for low, high in ((3.0, 9.0), (-9.0, -3.0), (0.0, 0.0)):
        span = calibrated_int8.Range(torch.full((4,), low), torch.full((4,), high))
        made = calibrated_int8._Product(nn.Linear(4, 2), span, CPU, smoothed=False)
        assert 0 <= made.given.zero <= 255
        assert made.given(torch.zeros(1, 4)).tolist() == [[made.given.zero] * 4]


def test_fused_and_plain_products_say_the_same(monkeypatch):
    if not onednn_is_right():
        pytest.skip("this processor has no fused integer product")
    layer, rows = layer_and_rows()
    fused = product(layer, rows)
    monkeypatch.setattr(calibrated_int8, "onednn_is_right", lambda: False)
    plain = product(layer, rows)
    whole, other = fused.given(rows), torch.randn(200, 48)
    span = calibrated_int8.Range(torch.full((48,), -1.0), torch.full((48,), 30.0))
    after = calibrated_int8._Rounding(span, torch.ones(48), CPU)
    with torch.inference_mode():
        for dtype in (torch.float32, torch.bfloat16):
            torch.testing.assert_close(fused.plain(whole, dtype), plain.plain(whole, dtype), rtol=2**-7, atol=1e-4)
        torch.testing.assert_close(fused.added(whole, other.clone()), plain.added(whole, other.clone()))
        apart = fused.gelu(whole, after).int() - plain.gelu(whole, after).int()
    assert apart.abs().max() <= 1  # a value between two steps may fall to either side


def test_a_processor_that_overflows_is_noticed(monkeypatch):
    onednn_is_right.cache_clear()
    real = torch.ops.onednn.qlinear_pointwise

    class Overflowing:
        binary = real.binary

        def __call__(self, *given):
            made = real(*given)
            return made.clamp(max=2.0**15) if made.dtype == torch.float32 else made

    monkeypatch.setattr(torch.ops.onednn, "qlinear_pointwise", Overflowing())
    try:
        assert not onednn_is_right()
    finally:
        onednn_is_right.cache_clear()


@pytest.mark.parametrize("architecture", ["bert", "roberta"])
def test_a_lean_model_is_made_of_whole_number_layers_and_stays_near(architecture, monkeypatch):
    source, texts = tiny.encoder(architecture, 4), tiny.texts(3, 9, 14, 30, 46, seed=3)
    exact = Encoder(source, precision="float32").vectors(texts)[0]
    found = []
    for right in (True, False):
        monkeypatch.setattr(calibrated_int8, "onednn_is_right", lambda right=right: right and onednn_is_right())
        body = load_body(source, None, "int8")
        assert {type(layer) for layer in body._model.layer} == {Int8Layer}
        encoder = Encoder(source, precision="int8", force=True)
        found.append(encoder.vectors(texts)[0])
        assert compare(exact, found[-1]).mean > 0.99
    assert compare(*found).minimum > 0.999


def test_scales_do_not_depend_on_the_texts_that_come():
    source, texts = tiny.encoder("bert", 4), tiny.texts(3, 9, 14)
    first = Encoder(source, precision="int8", force=True)
    first.vectors(tiny.texts(40, 50, seed=9))
    second = Encoder(source, precision="int8", force=True)
    np.testing.assert_array_equal(first.vectors(texts)[0], second.vectors(texts)[0])


def test_sentences_to_calibrate_and_to_check_are_not_the_same():
    assert not set(CALIBRATING) & set(CHECKING)
    assert min(len(CALIBRATING), len(CHECKING)) >= 16


def test_a_source_of_short_rows_is_calibrated_within_them(tmp_path):
    source = read_directory(tiny.write_encoder(tmp_path / "m", max_tokens=20), reference="path:short")
    encoder = Encoder(source, precision="int8", force=True)
    assert np.isfinite(encoder.vectors(tiny.texts(3, 40))[0]).all()
    assert {type(layer) for layer in encoder._models[None]._model.layer} == {Int8Layer}
