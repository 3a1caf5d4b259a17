"""How a recommender stands beside the others: ahead, level, or behind, part by part.

Decisions: it is ahead only where the interval of the difference to every other way lies above nought (all must hold, so
nothing is paid for asking several times), and behind where that of any lies below; everything between is level, in so
many words: not told apart. Differences are taken user by user, so they decide, and never whether two intervals overlap.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from graft.core.intervals import Interval
from graft.facts.recommend import EvaluatedPart, EvaluatedSplit, ListScore, RecommendEvaluation
from graft.report.shared.formats import known

AHEAD, LEVEL, BEHIND, ALONE = "ahead", "level", "behind", "alone"
SHOP = "model"
KNOWN, NEW, ALL = "known", "new", "all"


@dataclass(frozen=True)
class Standing:
    """One part of one split. own: how the recommender did. others: every other way, the best first."""

    split: str
    part: EvaluatedPart
    own: ListScore
    others: tuple[ListScore, ...]

    @property
    def level(self) -> tuple[ListScore, ...]:
        """The others that it was not told apart from, the best first."""
        return tuple(one for one in self.others if beside(one.less) == LEVEL)

    @property
    def behind(self) -> tuple[ListScore, ...]:
        """The others that it is behind, the best first."""
        return tuple(one for one in self.others if beside(one.less) == BEHIND)

    @property
    def outcome(self) -> str:
        """Ahead of all, behind any, level with some; alone without any other."""
        if not self.others:
            return ALONE
        return BEHIND if self.behind else LEVEL if self.level else AHEAD


def beside(less: Interval | None) -> str:
    """What the interval of a difference (this minus the other) says.

    >>> beside(Interval(0.02, 0.01, 0.03)), beside(Interval(-0.02, -0.03, -0.01)), beside(Interval(0.02))
    ('ahead', 'behind', 'level')
    """
    if less is None or less.low is None or less.high is None:
        return LEVEL
    return AHEAD if less.low > 0 else BEHIND if less.high < 0 else LEVEL


def standing(split: EvaluatedSplit, name: str) -> Standing | None:
    """How it stands on a part of a split; None where that was not judged."""
    for part in split.parts:
        own = next((one for one in part.scores if one.recommender == SHOP), None)
        if part.name == name and own is not None and known(own.ndcg.mean):
            others = sorted(
                (one for one in part.scores if one is not own and known(one.ndcg.mean)), key=lambda one: -one.ndcg.mean
            )
            return Standing(split.name, part, own, tuple(others))
    return None


def standings(record: RecommendEvaluation) -> tuple[Standing, ...]:
    """Every part of every split that was judged, in their order."""
    found = (standing(split, part.name) for split in record.splits for part in split.parts)
    return tuple(one for one in found if one is not None)


def foremost(record: RecommendEvaluation, name: str) -> Standing | None:
    """The standing that speaks for a part: of the first split that judged it, held-out items before all others."""
    found: Sequence[Standing] = [one for one in standings(record) if one.part.name == name]
    return next(iter(sorted(found, key=lambda one: one.split != "items")), None)
