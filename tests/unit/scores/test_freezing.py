import numpy as np
import pytest
import torch
from torch import nn

from graft.core.errors import GraftError
from graft.scores.freezing import frozen_digest, parameter_groups, verify_frozen
from graft.scores.network import layer_names
from unit.scores.nets import encoder_of, job_for, network_of


class WithBatchNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.below, self.norm, self.above = nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)
        for part in (self.below, self.norm):
            part.requires_grad_(False)


def test_the_digest_counts_what_is_frozen_and_every_buffer():
    module = WithBatchNorm()
    # 3 * 4 + 4 of the layer, 4 + 4 of the norm, and its mean, variance and counter.
    assert frozen_digest([module])[1] == 16 + 8 + 9


def test_a_changed_frozen_parameter_changes_the_digest_and_a_trained_one_does_not():
    module = WithBatchNorm()
    before = frozen_digest([module])[0]
    with torch.no_grad():
        module.above.weight += 1
    assert frozen_digest([module])[0] == before
    with torch.no_grad():
        module.below.weight[1, 2] = torch.nextafter(module.below.weight[1, 2], torch.tensor(9.0))
    assert frozen_digest([module])[0] != before


def test_statistics_that_drift_without_a_gradient_are_found():
    """A frozen BatchNorm left in training mode: no parameter changes, its buffers do (keras #7085)."""
    module = WithBatchNorm()
    before, parameters = frozen_digest([module])[0], [value.clone() for value in module.parameters()]
    module.eval()
    module.norm(torch.randn(8, 4))
    verify_frozen(before, frozen_digest([module])[0], "a module")
    module.train()
    module.norm(torch.randn(8, 4))
    assert all(torch.equal(one, other) for one, other in zip(parameters, module.parameters(), strict=True))
    with pytest.raises(GraftError, match=r"the frozen part of minilm \(partial:1\) changed while training"):
        verify_frozen(before, frozen_digest([module])[0], "minilm (partial:1)")


def test_bfloat16_is_digested_by_its_bits():
    module = nn.Linear(3, 2).to(torch.bfloat16).requires_grad_(False)
    before = frozen_digest([module])[0]
    assert frozen_digest([module])[0] == before
    with torch.no_grad():
        module.weight[0, 0] = -module.weight[0, 0]
    assert frozen_digest([module])[0] != before


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "modernbert"])
def test_groups_hold_every_trainable_parameter_once(architecture):
    network, _ = network_of(job_for(architecture=architecture))
    still = next(iter(network.body.parameters())).requires_grad_(False)
    names = layer_names(network.body, encoder_of(architecture), 2)
    groups = parameter_groups(network.body, network.head, names, rate=1.0, head_rate=7.0, decay=0.5, weight_decay=0.1)
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {id(parameter) for parameter in network.parameters()} - {id(still)}
    torch.optim.AdamW(groups)


def test_rates_fall_with_depth_and_plain_parameters_do_not_decay():
    network, _ = network_of(job_for())
    names = layer_names(network.body, encoder_of("bert"), 2)
    assert names == ("encoder.layer.0.", "encoder.layer.1.")
    groups = parameter_groups(network.body, network.head, names, rate=1.0, head_rate=7.0, decay=0.5, weight_decay=0.1)
    found = {id(parameter): (group["lr"], group["weight_decay"]) for group in groups for parameter in group["params"]}
    given = {name: found[id(parameter)] for name, parameter in network.named_parameters()}
    layer = "body.encoder.layer.{}.attention.self.query.{}"
    assert given[layer.format(1, "weight")] == (1.0, 0.1)
    assert given[layer.format(0, "weight")] == (0.5, 0.1)
    assert given[layer.format(0, "bias")] == (0.5, 0.0)
    assert given["body.encoder.layer.1.output.LayerNorm.weight"] == (1.0, 0.0)
    assert given["body.embeddings.word_embeddings.weight"] == (0.25, 0.0)
    assert given["body.embeddings.LayerNorm.weight"] == (0.25, 0.0)
    assert given["head.weight"] == given["head.bias"] == (7.0, 0.0)


def test_ten_layers_are_not_mistaken_for_one():
    """The prefix of layer 1 is no prefix of layer 10."""
    body = nn.Module()
    body.layer = nn.ModuleList(nn.Linear(2, 2) for _ in range(12))
    names = tuple(f"layer.{number}." for number in range(12))
    groups = parameter_groups(body, nn.Linear(2, 1), names, rate=1.0, head_rate=9.0, decay=0.5, weight_decay=0.1)
    rates = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    np.testing.assert_allclose([rates[id(layer.weight)] for layer in body.layer], 0.5 ** np.arange(11, -1, -1))
