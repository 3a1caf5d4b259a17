"""What rankings of sources were worth, read from the ledger: each order beside what a study then measured.

Decision: pairs of sources are counted over all rankings and kinds of content together, because an order of two says one
thing, right or wrong; regrets are in the unit of each study's metric, and stand one by one beside their mean.
"""

import numpy as np

from graft.evidence.hindsight import RankAgreement, accumulated_tau, rank_agreement
from graft.facts.ranking import HindsightRecord, RankingHindsight, TunedSource
from graft.governance.registry import Registry, SourcesRanked, SourcesTuned


def hindsight(registry: Registry) -> HindsightRecord:
    """Every ranking that a later study of the same rows told something about, the earliest study first."""
    agreements = [(ranked, tuned, _agreement(ranked, tuned)) for ranked, tuned in registry.rankings()]
    found = [_told(ranked, tuned, agreement) for ranked, tuned, agreement in agreements]
    return HindsightRecord(
        rankings=registry.ranked(),
        hindsight=tuple(found),
        tau=accumulated_tau(agreement for _, _, agreement in agreements),
        mean_regret=float(np.mean([one.regret for one in found])) if found else None,
    )


def _both(ranked: SourcesRanked, tuned: SourcesTuned) -> list[str]:
    """The sources of both, in the ranked order."""
    return sorted(ranked.places.keys() & tuned.scores.keys(), key=lambda one: (ranked.places[one], one))


def _agreement(ranked: SourcesRanked, tuned: SourcesTuned) -> RankAgreement:
    both = _both(ranked, tuned)
    return rank_agreement(np.array([ranked.places[one] for one in both]), np.array([tuned.scores[one] for one in both]))


def _told(ranked: SourcesRanked, tuned: SourcesTuned, agreement: RankAgreement) -> RankingHindsight:
    both = _both(ranked, tuned)
    return RankingHindsight(
        study=tuned.study,
        metric=tuned.metric,
        sources=len(both),
        tau=agreement.tau,
        regret=agreement.regret,
        rows=tuned.rows,
        ranked=ranked.at,
        tuned=tuned.at,
        order=tuple(
            TunedSource(reference=ranked.names.get(one, one[:16]), place=ranked.places[one], score=tuned.scores[one])
            for one in both
        ),
    )
