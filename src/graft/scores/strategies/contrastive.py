"""``contrastive`` and ``contrastive:K``: pairs of rows teach the backbone, then a head is solved.

Tunstall et al. (2022), Efficient few-shot learning without prompts (SetFit), arXiv 2209.11055.
"""

from typing import TYPE_CHECKING

from graft.core.tasks import LABELS, Task
from graft.scores.strategy import Rates, Strategy, Trains

if TYPE_CHECKING:
    import numpy as np

    from graft.evidence.training_curve import TrainingLog
    from graft.scores.training import Lesson

MANY_PER_CLASS, FEWEST_PER_CLASS = 64, 2


def too_few_or_many(targets: "np.ndarray", task: Task) -> str:
    """Why rows do not suit pairs: they are many where rows are few; where rows are many, the rows say it themselves."""
    import numpy as np

    counts = targets.sum(0) if task is Task.MULTILABEL else np.bincount(targets)
    typical = float(np.median(counts[counts > 0]))
    if typical < FEWEST_PER_CLASS:
        return "a typical class has a single row, so no two rows share a label"
    if typical > MANY_PER_CLASS:
        return f"{typical:g} rows in a typical class: pairs are for few labels"
    return ""


def by_pairs(lesson: "Lesson") -> "TrainingLog":
    """Train the body on pairs and solve the head on what its vectors have become."""
    from graft.scores.contrastive import learn_pairs

    return learn_pairs(lesson)


CONTRASTIVE = Strategy(
    name="contrastive",
    trains=Trains.NETWORK,
    numbered="may",
    meaning="pairs of rows which share a label and which do not teach {part}; then an output layer is solved",
    done="{part} learnt from pairs of rows that share a label or do not; a head was solved",
    why="few labels make many pairs, which adapt the upper layers",
    efforts=(("quick", (3,)), ("standard", (3,)), ("thorough", (3,))),
    tasks=LABELS,
    untaught="a number has no label that two rows share",
    suits=too_few_or_many,
    rates=(Rates(1e-4, 0.0), Rates(5e-5, 0.0), Rates(2e-4, 0.0), Rates(2e-5, 0.0)),
    lesson=by_pairs,
    used=(1.0, 1.0),
    measures_all=True,
    lineage="fine-tuned",
)
