"""A network over log-mel frames: what fills a batch up says nothing, halves make the whole, damage is refused."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from graft.core.errors import SourceError
from graft.representations.encoding.encoder import Encoder
from graft.representations.encoding.spectrogram_bodies import padded_frames
from graft.representations.sources import randomised, require_reads, resolve_source
from graft.representations.spectrogram_source import SpectrogramShape, drawn_spectrogram_source, shapes_of
from graft.representations.towers.spectrogram_cnn import GroupNorm, load_spectrogram_cnn
from graft.rows.content import AUDIO, IMAGE
from graft.scores.sound_bodies import upper_frames

SHAPE = SpectrogramShape(channels=(8, 16), gathered=16)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("net")
    drawn = drawn_spectrogram_source(SHAPE, folder, seed=3)
    save_file(load_spectrogram_cnn(drawn).state_dict(), folder / "model.safetensors")
    return resolve_source(f"path:{folder}")


def tables():
    rng = np.random.default_rng(0)
    return [rng.standard_normal((frames, 40)).astype(np.float32) for frames in (1, 9, 30, 47)]


def test_its_tensors_are_those_its_shape_states(source):
    network = load_spectrogram_cnn(source)
    assert {name: tuple(one.shape) for name, one in network.state_dict().items()} == shapes_of(SHAPE)
    assert source.dimension == 32
    assert source.weights.layers == 3


def test_groups_are_normalised_as_torch_does():
    given = torch.randn(2, 16, 7, 5)
    made, expected = GroupNorm(16)(given, torch.ones(2, 7)), torch.nn.GroupNorm(2, 16)(given)
    assert torch.allclose(made, expected, atol=1e-5)


def test_frames_that_fill_a_batch_up_say_nothing(source):
    network = load_spectrogram_cnn(source)
    frames, mask = (torch.from_numpy(one) for one in padded_frames(tables()))
    with torch.inference_mode():
        together = network(mask, frames)
        for place, one in enumerate(tables()):
            alone = network(torch.ones(1, len(one), dtype=torch.int64), torch.from_numpy(one)[None])
            assert torch.allclose(together[place], alone[0], atol=1e-5)
        noisy = frames + (1 - mask)[..., None] * 9.0
        assert torch.allclose(network(mask, noisy), together, atol=1e-6)


@pytest.mark.parametrize("boundary", [1, 2])
def test_both_halves_give_what_the_whole_gives(source, boundary):
    network = load_spectrogram_cnn(source)
    frames, mask = (torch.from_numpy(one) for one in padded_frames(tables()))
    with torch.inference_mode():
        hidden, left = network.below(frames, mask, boundary)
        upper = upper_frames(load_spectrogram_cnn(source), source, boundary)
        assert torch.allclose(upper(left, inputs_embeds=hidden), network(mask, frames), atol=1e-5)


def test_a_recording_says_the_same_in_any_company(source):
    sounds = [*AUDIO.made_up(()), *AUDIO.made_up(())]
    encoder = Encoder(source)
    vectors, report = encoder.vectors(sounds)
    assert report.distinct == 6
    assert np.array_equal(encoder.vectors(sounds[3])[0][0], vectors[3])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    lower, _ = encoder.boundary(sounds[:2], 2)
    assert lower.values.shape[1] == 16 * 10
    assert not np.allclose(Encoder(randomised(source, seed=8)).vectors(sounds[0])[0][0], vectors[0])


@pytest.mark.parametrize(
    "change",
    [
        {"channels": [8, 7]},
        {"channels": []},
        {"gathered": 24},
        {"frames": {"rate": 8000}},
        {"outputs": 3},
        {"channels": 8},
    ],
)
def test_a_damaged_directory_is_refused(source, tmp_path, change):
    for file in source.weights.directory.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(SourceError, match=r"config\.json"):
        resolve_source(f"path:{tmp_path}")


def test_sources_of_pictures_and_recordings_are_not_mistaken_for_one_another(source):
    require_reads(source, AUDIO)
    with pytest.raises(SourceError, match="reads recordings, and the rows are images") as raised:
        require_reads(source, IMAGE)
    assert "lite0" in raised.value.fix
