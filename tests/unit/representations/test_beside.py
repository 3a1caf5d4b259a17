"""The mean of a layer beside a source's vectors."""

import numpy as np
import pytest
import torch

from graft.core.errors import SourceError
from graft.representations.backbone import load_encoder
from graft.representations.encoding.encoder import Encoder
from graft.representations.sources import read_directory
from graft.representations.spaces import pooled_space
from graft.representations.text_directory import write_beside
from graft.representations.tokens import tokenise
from graft.scores.models import copy_source
from unit.bundle.building import rows_for
from unit.scores.nets import encoder_of

TEXTS = list(rows_for("multiclass").contents)[:9]


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "modernbert"])
def test_the_own_vector_comes_first_and_the_mean_of_the_layer_beside_it_as_long(architecture):
    """Against the hidden states that transformers gives, a row at a time."""
    plain = encoder_of(architecture, 3)
    source = plain.with_beside(1)
    made = Encoder(source, precision=torch.float32).vectors(TEXTS)[0]
    own = Encoder(plain, precision=torch.float32).vectors(TEXTS)[0]
    assert made.shape == (9, source.dimension) == (9, 2 * plain.dimension)
    np.testing.assert_array_equal(made[:, : plain.dimension], own)
    model, tokens = load_encoder(plain), tokenise(plain, TEXTS)
    for row in range(9):
        ids = torch.from_numpy(np.asarray(tokens.row(row), np.int64))[None]
        with torch.inference_mode():
            said = model(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True)
        mean = said.hidden_states[1][0].mean(0).numpy()
        expected = mean / np.linalg.norm(mean) * np.linalg.norm(own[row])
        np.testing.assert_allclose(made[row, plain.dimension :], expected, atol=1e-4)


def test_it_is_another_space_and_a_way_back_leads_to_the_plain_source():
    plain = encoder_of("bert", 3)
    source = plain.with_beside(1)
    assert pooled_space(source, "float32").fingerprint != pooled_space(plain, "float32").fingerprint
    assert pooled_space(source, "float32").fingerprint != pooled_space(plain.with_beside(2), "float32").fingerprint
    assert source.plain == plain
    assert source.weights.hidden == plain.dimension


def test_a_copied_directory_says_what_stands_beside(tmp_path):
    source = encoder_of("bert", 3).with_beside(1)
    copy_source(source, tmp_path / "copy")
    again = read_directory(tmp_path / "copy", reference="again")
    assert (again.beside, again.dimension, again.weights.digest) == ((1,), source.dimension, source.weights.digest)
    np.testing.assert_array_equal(Encoder(again).vectors(TEXTS)[0], Encoder(source).vectors(TEXTS)[0])
    copy_source(again, tmp_path / "twice")
    assert read_directory(tmp_path / "twice", reference="twice").beside == (1,)


@pytest.mark.parametrize(
    "stated", ['{"layers": [3]}', '{"layers": [0]}', '{"layers": "1"}', '{"layers": [true]}', "[1]"]
)
def test_layers_that_are_not_there_are_refused(tmp_path, stated):
    copy_source(encoder_of("bert", 3), tmp_path / "copy")
    write_beside(encoder_of("bert", 3), tmp_path / "copy")
    assert not (tmp_path / "copy" / "graft_beside.json").exists()
    (tmp_path / "copy" / "graft_beside.json").write_text(stated)
    with pytest.raises(SourceError, match=r"graft_beside.json gives[\s\S]*from 1 to 2"):
        read_directory(tmp_path / "copy", reference="copy")
