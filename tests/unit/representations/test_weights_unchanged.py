import os
import shutil

import numpy as np
import pytest

import tiny
from flips import draw_flips, flipped
from graft.core.errors import WeightsMismatch
from graft.representations.backbone import load_encoder
from graft.representations.encoding.encoder import Encoder
from graft.representations.sources import resolve_source
from graft.representations.weights import unchanged


@pytest.fixture
def source(tmp_path):
    shutil.copytree(tiny.encoder("bert", 4).weights.directory, tmp_path / "model")
    return resolve_source(f"path:{tmp_path / 'model'}")


def test_weights_that_changed_since_they_were_found_are_not_loaded(source):
    (file,) = (source.weights.directory / name for name in source.weights.files)
    expected = Encoder(source).vectors(["a text"])[0]
    for path, bit in draw_flips([file], 20):
        with flipped(path, bit):
            with pytest.raises(WeightsMismatch, match="were changed since the source was found"):
                Encoder(source).vectors(["a text"])
            with pytest.raises(WeightsMismatch):
                load_encoder(source)
    np.testing.assert_array_equal(Encoder(source).vectors(["a text"])[0], expected)
    file.unlink()
    with pytest.raises(WeightsMismatch, match="cannot be read any more"):
        load_encoder(source)


def test_a_file_is_hashed_once_in_a_process_while_it_is_the_same(source, monkeypatch):
    hashed = []
    real = unchanged.file_sha256
    monkeypatch.setattr(unchanged, "file_sha256", lambda path: hashed.append(path) or real(path))
    for _ in range(2):
        load_encoder(source)
    assert hashed == []
    (file,) = (source.weights.directory / name for name in source.weights.files)
    os.utime(file, (1, 1))
    for _ in range(2):
        load_encoder(source)
    assert hashed == [file]
