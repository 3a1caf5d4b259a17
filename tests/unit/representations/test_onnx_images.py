"""ONNX networks of pictures as sources: the vectors of the torch network they are, or a sentence on why not."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets

import graft
from graft.core.errors import InputError, SourceError, WeightsMismatch
from graft.governance.named_assets import read_named
from graft.representations.encoding.encoder import Encoder
from graft.representations.encoding.image_bodies import (
    SessionNetwork,
    TowerNetwork,
    image_rows,
    load_image_body,
    of_length_one,
)
from graft.representations.image_reading import squares
from graft.representations.source_head import head_of
from graft.representations.sources import read_directory, resolve_source
from graft.representations.towers.tower import fused, load_tower
from graft.representations.weights.onnx_file import fields
from graft.representations.weights.onnx_signature import signature_of
from graft.representations.weights.onnx_writing import message, network, node, port
from graft.rows.content import IMAGE
from graft.scores.bodies import is_trained, trainable
from graft.scores.models import copy_source
from onnx_pictures import SETTINGS, WIDTH, picture_onnx, picture_vectors, typed_port, write_source

pytest.importorskip("onnxruntime")
PICTURES = [np.random.default_rng(row).integers(0, 256, (20 + row, 30, 3), np.uint8) for row in range(19)]


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"last": True},
        {"maps": True},
        {"last": True, "maps": True},
        {"rows": 1},
        {"rows": 4},
        {"side": "side"},
    ],
    ids=str,
)
def test_vectors_are_those_of_the_network_in_torch(tmp_path, form):
    source = resolve_source(f"path:{write_source(tmp_path / 'net', picture_onnx(**form))}")
    assert (source.dimension, source.reading.side, source.weights.parameters) == (WIDTH, 32, WIDTH * 28)
    contents = [IMAGE.taken(picture) for picture in PICTURES]
    found, report = Encoder(source).vectors(contents)
    pixels = source.reading.numbers(squares(contents, source.reading))
    assert np.abs(found - picture_vectors(pixels)).max() < 1e-6
    assert report.computed == len(PICTURES)
    assert np.array_equal(Encoder(source).vectors(contents[:1])[0], found[:1])


def test_half_precision_is_given_half_precision(tmp_path):
    nodes = [
        node("Cast", ["pixels"], "real", {"to": 1}),
        node("GlobalAveragePool", ["real"], "mean"),
        node("Flatten", ["mean"], "made", {"axis": 1}),
    ]
    raw = network(nodes, [], typed_port("pixels", 10, ("rows", 3, 32, 32)), port("made", ("rows", 3)))
    source = resolve_source(f"path:{write_source(tmp_path / 'net', raw)}")
    contents = [IMAGE.taken(picture) for picture in PICTURES[:2]]
    means = source.reading.numbers(squares(contents, source.reading)).mean((2, 3))
    wanted = means / np.linalg.norm(means, axis=1, keepdims=True)
    assert np.abs(Encoder(source).vectors(contents)[0] - wanted).max() < 2e-3


def test_a_file_names_itself_where_there_are_several(tmp_path):
    folder = write_source(tmp_path / "net", picture_onnx(), name="a.onnx")
    write_source(folder, picture_onnx(seed=1), name="b.onnx")
    with pytest.raises(SourceError, match=r"holds 2 ONNX files: 'a.onnx', 'b.onnx'"):
        resolve_source(f"path:{folder}")
    source = resolve_source(f"path:{folder / 'b.onnx'}")
    contents = [IMAGE.taken(PICTURES[0])]
    pixels = source.reading.numbers(squares(contents, source.reading))
    assert np.abs(Encoder(source).vectors(contents)[0] - picture_vectors(pixels, seed=1)).max() < 1e-6
    assert read_named(str(folder / "b.onnx"))[0].kind == "source"
    copy_source(source, tmp_path / "copy")
    again = read_directory(tmp_path / "copy", reference="copy")
    assert (again.weights.digest, again.reading) == (source.weights.digest, source.reading)


def test_a_configuration_of_the_library_it_was_exported_from_may_stand_beside_it(tmp_path):
    folder = write_source(tmp_path / "net", picture_onnx())
    (folder / "config.json").write_text(json.dumps({"model_type": "resnet", "hidden_sizes": [1], "depths": [1]}))
    assert resolve_source(f"path:{folder}").weights.model_type == "onnx-image"
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(SourceError, match="is a bert model, not a text encoder"):
        resolve_source(f"path:{folder}")


def asked(given, *more, made=("made",), width=WIDTH):
    """A network of these inputs, whose outputs are vectors of these names."""
    outputs = [port(name, ("rows", width)) if isinstance(name, str) else port(*name) for name in made]
    graph = [(1, 2, node("Relu", ["pixels"], "made")), *((11, 2, one) for one in (given, *more))]
    return message([(1, 0, 8), (7, 2, message([*graph, *((12, 2, one) for one in outputs)]))])


PIXELS = port("pixels", ("rows", 3, 32, 32))


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (asked(PIXELS, port("mask", ("rows", 4))), r"it has 2 inputs: 'pixels' \(float32, \? x 3 x 32 x 32\), 'mask'"),
        (asked(typed_port("ids", 7, ("rows", 32))), r"its input is 'ids' \(int64, \? x 32\)"),
        (asked(typed_port("pixels", 2, ("rows", 3, 32, 32))), r"its input is 'pixels' \(uint8"),
        (asked(port("pixels", ("rows", 1, 32, 32))), "either the second or the last side must be 3"),
        (asked(port("pixels", ("rows", 3, 32, 3))), "either the second or the last side must be 3"),
        (asked(port("pixels", ("rows", 3, 32, 48))), "which is no square"),
        (asked(PIXELS, made=[("hidden", ("rows", 50, 8))]), r"its output is 'hidden' \(float32, \? x 50 x 8\)"),
        (asked(PIXELS, made=["one", "two"]), "it has 2 outputs: 'one'"),
        (asked(PIXELS, width="numbers"), "does not say how many numbers its output 'made'"),
        (asked(PIXELS, width=1 << 20), "does not say how many numbers"),
        (asked(PIXELS) + message([(8, 2, message([(1, 2, b"com.microsoft")]))]), "needs operators of 'com.microsoft'"),
        (picture_onnx()[:-40], "no ONNX file, or a damaged one"),
        (b"", "no ONNX file, or a damaged one"),
    ],
)
def test_what_turns_no_picture_into_a_vector_is_refused(tmp_path, raw, why):
    with pytest.raises(SourceError, match=why):
        resolve_source(f"path:{write_source(tmp_path / 'net', raw)}")


def test_of_several_outputs_the_one_that_says_what_it_is_is_taken():
    raw = asked(PIXELS, made=[("last_hidden_state", ("rows", 8, 1, 1)), "pooler_output"])
    assert [one.name for one in signature_of(raw).outputs] == ["last_hidden_state", "pooler_output"]


@pytest.mark.parametrize(
    ("form", "settings", "why"),
    [
        ({}, {"size": {"height": 48, "width": 48}}, "takes pictures of 32 x 32 pixels, and its .* makes them 48 x 48"),
        ({"side": "side"}, {"size": None}, "takes pictures of any size, and its .* does not say of which"),
        ({}, {"image_std": [0, 0, 0]}, "cannot be followed"),
        ({}, dict.fromkeys(SETTINGS), "does not say how pictures become its input"),
    ],
)
def test_how_it_reads_must_be_said_and_must_fit(tmp_path, form, settings, why):
    with pytest.raises(SourceError, match=why):
        resolve_source(f"path:{write_source(tmp_path / 'net', picture_onnx(**form), **settings)}")


def test_a_side_that_the_network_alone_says_is_taken(tmp_path):
    source = resolve_source(f"path:{write_source(tmp_path / 'net', picture_onnx(), size=None)}")
    assert source.reading.side == 32


def test_it_is_run_and_never_taught(tmp_path):
    folder = write_source(tmp_path / "net", picture_onnx())
    source = resolve_source(f"path:{folder}")
    assert not is_trained(source)
    assert head_of(source) is None
    with pytest.raises(SourceError, match="is run as it is"):
        trainable(source)
    with pytest.raises(SourceError, match="can be run as it is, and not be tuned"):
        Encoder(source).boundary([PICTURES[0]], 1)
    with pytest.raises(SourceError, match="in eight bits"):
        Encoder(source, precision="int8", force=True).vectors([PICTURES[0]])
    with pytest.raises(SourceError, match="can be run as it is, and not be tuned"):
        Encoder(resolve_source(f"random:path:{folder}")).vectors([PICTURES[0]])
    (folder / "model.onnx").write_bytes(picture_onnx(seed=1))
    with pytest.raises(WeightsMismatch, match="were changed"):
        Encoder(source).vectors([PICTURES[0]])


def test_a_network_that_does_not_do_what_it_says_is_told(tmp_path):
    lying = picture_onnx().replace(b"GlobalAveragePool", b"GlobalAverageXool")
    assert lying != picture_onnx()
    source = resolve_source(f"path:{write_source(tmp_path / 'net', lying)}")
    with pytest.raises(SourceError, match="does not run as it says"):
        Encoder(source).vectors([PICTURES[0]])
    with pytest.raises(InputError):
        Encoder(source).vectors(["no such picture.jpg"])


def test_what_is_written_is_read_back_field_by_field():
    raw = picture_onnx()
    assert [number for number, _, _ in fields(raw)] == [1, 7, 8]
    (given,), (made,) = signature_of(raw).inputs, signature_of(raw).outputs
    assert (given.shape, made.shape) == ((None, 3, 32, 32), (None, WIDTH))


@pytest.mark.slow
def test_the_embedded_source_gives_the_same_in_both_runtimes():
    source = resolve_source("lite0")
    body = load_image_body(source, None, "native")
    assert isinstance(body._network, SessionNetwork)
    place = Path(datasets.__file__).parent / "images"
    contents = [IMAGE.taken(str(place / name)) for name in ("flower.jpg", "china.jpg")]
    pixels = source.reading.numbers(squares(contents, source.reading))
    exact = TowerNetwork(fused(load_tower(source)), None).vectors(pixels)
    assert np.abs(of_length_one(body._network.vectors(pixels)) - of_length_one(exact)).max() < 1e-5
    assert isinstance(load_image_body(source, 3, "native")._network, TowerNetwork)


@pytest.mark.slow
def test_a_study_of_it_saves_what_predicts_alone(tmp_path):
    folder = write_source(tmp_path / "net", picture_onnx())
    rng = np.random.default_rng(0)
    pictures = [np.clip(rng.normal(90 + 80 * (row % 2), 30, (24, 24, 3)), 0, 255).astype(np.uint8) for row in range(60)]
    rows = {"picture": pictures, "kind": [f"class {row % 2}" for row in range(60)]}
    result = graft.study(
        rows, image="picture", label="kind", source=f"path:{folder}", effort="quick", out=tmp_path / "study",
        progress=False,
    )  # fmt: skip
    assert any(one.strategy == "frozen" for one in result.record.candidates)
    assert not any(one.strategy == "scratch" for one in result.record.candidates)
    shutil.rmtree(folder)
    assert graft.load(tmp_path / "study" / "bundle").predict({"picture": pictures[:2]}) is not None


def test_a_hundred_thousand_pictures_are_decoded_a_batch_ahead_and_never_all(tmp_path, monkeypatch):
    source = resolve_source(f"path:{write_source(tmp_path / 'net', picture_onnx())}")
    body = load_image_body(source, None, "native")
    network, decoded, most = body._network, [0], [0]
    real = type(source.reading).array

    def array(reading, one):
        decoded[0] += 1
        return real(reading, one)

    def vectors(pixels):
        most[0] = max(most[0], decoded[0] - run[0])
        run[0] += len(pixels)
        return np.ones((len(pixels), WIDTH), np.float32)

    run = [0]
    monkeypatch.setattr(type(source.reading), "array", array)
    monkeypatch.setattr(network, "vectors", vectors)
    rows = image_rows(source, [IMAGE.taken(PICTURES[0])] * 2_000)
    assert sum(len(places) for places, _ in body.run(rows, pooled=True)) == 2_000
    # The batch that is run, the one waiting for it, and the one being decoded.
    assert most[0] <= 3 * network.rows
