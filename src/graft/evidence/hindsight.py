"""What a ranking was worth, once what it ranked was measured.

Decision: two numbers, because they answer two questions: regret, what following the ranking cost, and Kendall's tau,
how much of the order was right. Over several rankings the pairs are counted together, so a ranking of two sources
weighs as its one pair does.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class RankAgreement:
    """right, wrong: pairs in the ranked order, and in the other; pairs tied in either are in neither. regret: what the
    one ranked first scored less than the best."""

    right: int
    wrong: int
    ranked_ties: int
    measured_ties: int
    regret: float

    @property
    def tau(self) -> float | None:
        """Kendall's tau-b, -1 to 1; None where nothing is ordered."""
        pairs = self.right + self.wrong
        ranked, measured = pairs + self.measured_ties, pairs + self.ranked_ties
        return (self.right - self.wrong) / float(np.sqrt(ranked * measured)) if pairs else None


def rank_agreement(places: np.ndarray, scores: np.ndarray) -> RankAgreement:
    """How a ranking agrees with what was measured later.

    places: 1 for the first, (sources,). scores: higher is better, (sources,).

    >>> found = rank_agreement(np.array([1, 2, 3]), np.array([0.8, 0.9, 0.5]))
    >>> found.right, found.wrong, round(found.regret, 3), round(found.tau, 3)
    (2, 1, 0.1, 0.333)

    Kendall (1945), The treatment of ties in ranking problems.
    """
    one, other = np.triu_indices(len(places), 1)
    ranked = np.sign(places[other] - places[one])
    measured = np.sign(scores[one] - scores[other])
    return RankAgreement(
        right=int((ranked * measured > 0).sum()),
        wrong=int((ranked * measured < 0).sum()),
        ranked_ties=int(((ranked == 0) & (measured != 0)).sum()),
        measured_ties=int(((measured == 0) & (ranked != 0)).sum()),
        regret=float(scores.max() - scores[places == places.min()].mean()),
    )


def accumulated_tau(found: Iterable[RankAgreement]) -> float | None:
    """Of all pairs that are ordered in both, those in the ranked order less those in the other, as a share.

    >>> accumulated_tau([RankAgreement(3, 0, 0, 0, 0.0), RankAgreement(0, 1, 0, 0, 0.1)])
    0.5
    """
    every = list(found)
    right, wrong = sum(one.right for one in every), sum(one.wrong for one in every)
    return (right - wrong) / (right + wrong) if right + wrong else None
