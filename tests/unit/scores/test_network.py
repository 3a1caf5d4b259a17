import numpy as np
import pytest
import torch
from torch import nn

from graft.representations.tokens import special_tokens
from graft.scores.bodies import trainable
from graft.scores.feed import TokenFeed
from graft.scores.linear import LinearHead
from graft.scores.network import (
    ByteDropout,
    Network,
    restore_vocabulary,
    shrink_vocabulary,
    use_byte_dropout,
)
from graft.scores.training import Examples, Lesson, Stepper
from tiny import in_float32
from unit.scores.nets import encoder_of, groups_of, job_for, network_of, schedule


def dropout(p: float, seed: int = 0) -> ByteDropout:
    return ByteDropout(p, np.random.default_rng(seed))


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_dropout_keeps_the_expectation_and_drops_its_share(p):
    given = torch.full((500, 400), 2.0)
    out = dropout(p)(given)
    cut = round(p * 256) / 256
    assert (out == 0).float().mean().item() == pytest.approx(cut, abs=0.004)
    assert out.mean().item() == pytest.approx(2.0, abs=0.02)
    assert out.unique().tolist() == [0, pytest.approx(2 / (1 - cut))]


def test_dropout_is_of_its_seed_and_new_at_every_call():
    given = torch.ones(40, 50)
    one, again, other = dropout(0.3), dropout(0.3), dropout(0.3, seed=1)
    first = one(given)
    assert torch.equal(first, again(given))
    assert not torch.equal(first, other(given))
    assert not torch.equal(first, one(given))


def test_dropout_is_off_in_eval_and_at_rate_zero():
    given = torch.randn(5, 6)
    assert dropout(0.5).eval()(given) is given
    assert dropout(0.0)(given) is given


def test_dropout_lets_the_gradient_through_where_it_let_the_value():
    given = torch.ones(30, 30, requires_grad=True)
    out = dropout(0.4)(given)
    out.sum().backward()
    assert torch.equal(given.grad, out.detach())


@pytest.mark.parametrize("architecture", ["bert", "mpnet", "distilbert"])
def test_every_dropout_of_a_backbone_is_replaced_and_eval_stays_the_same(architecture):
    network, examples = network_of(job_for(architecture=architecture), dropout=False)
    inputs, extra = examples.feed.batch(np.arange(4)), torch.zeros(4, 0)
    before = network.eval()(inputs, extra)
    replaced = sum(type(module) is nn.Dropout for module in network.modules())
    use_byte_dropout(network, 0)
    kinds = [type(module) for module in network.modules() if isinstance(module, nn.Dropout)]
    assert replaced > 0
    assert kinds == [ByteDropout] * replaced
    torch.testing.assert_close(network.eval()(inputs, extra), before, rtol=0, atol=0)
    network.train()
    assert not torch.equal(network(inputs, extra), before)


def test_set_head_gives_the_logits_of_the_solved_head():
    job = job_for()
    network, examples = network_of(job, dropout=False)
    rng = np.random.default_rng(0)
    head = LinearHead(rng.normal(size=(3, 32)).astype(np.float32), rng.normal(size=3).astype(np.float32), 0.1, 1)
    network.set_head(head)
    plain = Network(network.body, job.source, 32, 0, pooled=trainable(job.source).pooled)
    with torch.no_grad():
        plain.head.weight.copy_(torch.eye(32))
        plain.head.bias.zero_()
        inputs, extra = examples.feed.batch(np.arange(6)), torch.zeros(6, 0)
        vectors = plain.eval()(inputs, extra).numpy()
        np.testing.assert_allclose(network.eval()(inputs, extra).numpy(), head.logits(vectors), atol=1e-5)


def test_the_drawn_head_is_of_its_seed_whatever_torch_was_seeded_with():
    """Not initialised before the seed is set (transformers #11965)."""
    heads = []
    for state in (1, 2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(state)
            heads.append(network_of(job_for(), seed=5)[0].head.weight.detach().clone())
    assert torch.equal(*heads)
    assert not torch.equal(heads[0], network_of(job_for(), seed=6)[0].head.weight)


@pytest.mark.parametrize("architecture", ["bert", "roberta", "mpnet"])
def test_a_small_vocabulary_learns_what_the_whole_one_learns(architecture, monkeypatch):
    in_float32(monkeypatch)
    job = job_for(architecture=architecture)
    rows = np.arange(6)
    pad = special_tokens(job.source).pad
    assert pad == (0 if architecture == "bert" else 1)
    tokens = job.bench.tokens(job.source)
    dense, examples = network_of(job)
    small, _ = network_of(job)
    original = dense.body.get_input_embeddings().weight.detach().clone()
    vocabulary = shrink_vocabulary(small.body, tokens.take(rows).ids, pad)
    assert vocabulary is not None
    assert len(vocabulary.used) < len(original)
    assert vocabulary.used[pad] == pad
    assert vocabulary.compact(np.array([pad])).tolist() == [pad]
    feed = TokenFeed(tokens.take(rows), pad, vocabulary)
    for network, given in ((dense, examples), (small, Examples(feed, job.extra[rows], job.targets[rows]))):
        network.train()
        lesson = Lesson(
            network,
            groups_of(network, job),
            given,
            train_rows=rows,
            held_rows=rows[:0],
            task=job.bench.task,
            weights=job.weights,
            schedule=schedule(1),
            seed=0,
        )
        stepper = Stepper(lesson)
        stepper.step(rows)
    restore_vocabulary(small.body, vocabulary, original)
    theirs, ours = dict(dense.named_parameters()), dict(small.named_parameters())
    assert theirs.keys() == ours.keys()
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=0, atol=1e-6, msg=name)
    trained = small.body.get_input_embeddings().weight.detach()
    unused = np.setdiff1d(np.arange(len(original)), vocabulary.used)
    assert torch.equal(trained[unused], original[unused])
    assert torch.equal(trained[pad], original[pad])
    moved = np.setdiff1d(vocabulary.used, [pad])
    assert (trained[moved] != original[moved]).any(1).all()


def test_a_vocabulary_that_cannot_keep_padding_in_place_is_left_whole():
    body = job_for().bench.body(encoder_of("bert"))
    whole = body.get_input_embeddings()
    assert shrink_vocabulary(body, np.array([5, 6, 7]), 17) is None
    assert shrink_vocabulary(body, np.array([9]), 5) is None
    assert body.get_input_embeddings() is whole


def test_tokens_around_the_padding_are_all_placed():
    body = job_for().bench.body(encoder_of("roberta"))
    before = body.get_input_embeddings().weight.detach().clone()
    vocabulary = shrink_vocabulary(body, np.array([7, 3, 9, 3]), 1)
    assert vocabulary.used.tolist() == [3, 1, 7, 9]
    ids = np.array([[9, 3], [1, 7]])
    small = body.get_input_embeddings().weight.detach()
    assert torch.equal(small[vocabulary.compact(ids)], before[ids])
    assert body.get_input_embeddings().padding_idx == 1
