"""What is expected to score best: the conjugate normal, and what choosing by it costs in simulated studies."""

import numpy as np
import pytest
from bench.verdicts import Cell, Latent, _accuracy, _latent

from graft.core.seeds import generator
from graft.evidence.choice import Entry, Prior, choose, expected_lead
from graft.evidence.comparison import Comparison
from graft.evidence.pooled import Pooled, jackknife


@pytest.mark.parametrize(("seen", "error", "usual", "spread"), [(0.02, 0.05, 0.0, 0.05), (-0.1, 0.02, 0.05, 0.1)])
def test_the_expected_lead_is_the_posterior_mean(seen: float, error: float, usual: float, spread: float) -> None:
    """By numbers: the mean of a grid of truths, weighted by prior and likelihood."""
    truth = np.linspace(-1, 1, 200_001)
    weight = np.exp(-(((truth - usual) / spread) ** 2) / 2 - ((truth - seen) / error) ** 2 / 2)
    expected = float((truth * weight).sum() / weight.sum())
    assert expected_lead(Comparison(seen, seen, error, 50, 100), usual, spread) == pytest.approx(expected, abs=1e-9)


def regret(rows: int, spread: float, studies: int) -> tuple[float, float, float]:
    """Mean regret of the choice, of the best mean, and of the best control; costs at random."""
    cell = Cell("choice", _accuracy(), rows, 0.8, 0.0, candidates=4, controls=3)
    rng, found = generator(0, "choice", rows), []
    for _ in range(studies):
        quality = np.clip(0.8 + rng.normal(0, spread / np.sqrt(2), 7), 0.3, 0.98)
        seen: Latent = _latent(cell, rng)
        joint = jackknife(
            {
                name: [(1.0, Pooled(cell.kind.scored(seen.targets, seen.table[k].ravel(), quality[k]), seen.clusters))]
                for k, name in enumerate(cell.names)
            },
            "accuracy",
        )
        costs = rng.permutation(7) + 1.0
        kinds = ["transfer"] * 4 + ["control"] * 3
        entries = [Entry(*one) for one in zip(cell.names, costs, kinds, strict=True)]
        kept = cell.names.index(choose(joint, entries, margin=0.01).expected)
        behind = quality.max() - quality
        found.append((behind[kept], behind[joint.estimates.argmax()], behind[4 + joint.estimates[4:].argmax()]))
    chosen, mean, control = np.mean(found, axis=0)
    print(f"\n{rows} rows: regret {chosen:.4f}, of the best mean {mean:.4f}, of the best control {control:.4f}", end="")
    return float(chosen), float(mean), float(control)


@pytest.mark.slow
def test_choosing_costs_no_more_than_equals_may() -> None:
    """Near-equal candidates, undecided studies: within half the margin of always taking the best mean."""
    chosen, mean, control = regret(100, 0.05, 120)
    assert chosen <= mean + 0.005
    assert chosen < control


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "spread"), [(60, 0.1), (400, 0.02)])
def test_choosing_costs_no_more_at_other_sizes(rows: int, spread: float) -> None:
    chosen, mean, _ = regret(rows, spread, 250)
    assert chosen <= mean + 0.005


def test_a_prior_moves_the_choice_while_the_rows_are_few() -> None:
    """Expected by hand: rows say -0.02 +- 0.046, the prior +0.1 +- 0.03."""
    rng = np.random.default_rng(1)
    hits = {"a": 44, "b": 45}
    from graft.evidence.predictions import Scored

    terms = {}
    for name, right in hits.items():
        answers = np.eye(2)[np.where(rng.permutation(50) < right, 0, 1)]
        terms[name] = [(1.0, Pooled(Scored("binary", np.zeros(50, int), answers), np.arange(50)))]
    found = jackknife(terms, "accuracy")
    entries = [Entry("a", 2.0), Entry("b", 1.0, "control")]
    assert choose(found, entries, margin=0.01).expected == "b"
    assert choose(found, entries, margin=0.01, prior=Prior({"a": 0.1}, 0.03)).expected == "a"
