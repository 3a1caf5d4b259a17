"""``gradual``: every weight learns, the upper layers first, one layer after the other.

Howard & Ruder (2018), Universal language model fine-tuning for text classification, arXiv 1801.06146.
"""

from typing import TYPE_CHECKING

from graft.scores.strategies.full import FULL
from graft.scores.strategy import Strategy, Trains

if TYPE_CHECKING:
    from graft.evidence.training_curve import TrainingLog
    from graft.scores.training import Lesson


def from_the_top(lesson: "Lesson") -> "TrainingLog":
    """Train a network while its layers thaw."""
    from graft.scores.unfreezing import learn_gradually

    return learn_gradually(lesson)


GRADUAL = Strategy(
    name="gradual",
    trains=Trains.NETWORK,
    meaning="{part} of the pretrained model learn, the upper layers first and one after the other",
    done="{part} and a head were tuned, thawed layer by layer from the top",
    why="adapts everything, the layers nearest to the labels first",
    cautious=True,
    rates=FULL.rates,
    lesson=from_the_top,
    lineage="fine-tuned",
)
