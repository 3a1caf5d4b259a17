"""``wiseft``: every weight learns, and is then averaged with where it began, by a share that held-in rows choose.

Wortsman et al. (2022), Robust fine-tuning of zero-shot models, arXiv 2109.01903.
"""

from typing import TYPE_CHECKING

from graft.scores.strategies.full import FULL
from graft.scores.strategy import Strategy, Trains

if TYPE_CHECKING:
    from graft.evidence.training_curve import TrainingLog
    from graft.scores.training import Lesson


def averaged_with_the_start(lesson: "Lesson") -> "TrainingLog":
    """Train a network, then go back part of the way."""
    from graft.scores.averaging import learn_averaged

    return learn_averaged(lesson)


WISEFT = Strategy(
    name="wiseft",
    trains=Trains.NETWORK,
    meaning="{part} of the pretrained model learn and are then averaged with where they began",
    done="{part} and a head were tuned and averaged with where they began (WiSE-FT)",
    why="adapts everything, and goes back as far as held-in rows ask for",
    cautious=True,
    rates=FULL.rates,
    lesson=averaged_with_the_start,
    used=(1.0, 1.0),
    lineage="fine-tuned",
)
