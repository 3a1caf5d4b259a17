"""Rows whose given label is probably wrong: confident learning.

Decisions: the threshold of a class is the mean confidence in it among the rows that carry it, so a class that is
hard for the model is not accused wholesale; a row is a suspect when another class passes its own threshold and
beats the given one. Suspects are ranked by the normalised margin p(given) - max p(other), the most certain error
first. Feed it out-of-fold probabilities: a model that has seen a label defends it.
"""

from dataclasses import dataclass

import numpy as np

from graft.core.errors import InputError
from graft.evidence.predictions import Scored


@dataclass(frozen=True)
class Suspect:
    """A row to look at again.

    row: its position. given, suggested: class indices. margin: p(given) - p(the most probable other), -1 to 1; the
    lower the surer.
    """

    row: int
    given: int
    suggested: int
    margin: float


def suspects(scored: Scored, *, limit: int | None = None) -> tuple[Suspect, ...]:
    """Rows whose label the out-of-fold predictions dispute, the surest first.

    scored: binary or multiclass. limit: at most so many; None for all.

    >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9], [0.05, 0.95]])
    >>> suspects(Scored("binary", np.array([0, 0, 1, 1, 0]), probabilities))
    (Suspect(row=4, given=0, suggested=1, margin=-0.9),)

    Northcutt, Jiang & Chuang (2021), Confident Learning, JAIR 70.
    """
    if scored.task not in ("binary", "multiclass"):
        raise InputError(f"label noise for a {scored.task} task", needed="binary or multiclass targets")
    if limit is not None and limit < 0:
        raise InputError(f"a limit of {limit} suspects", needed="0 or more, or None for all")
    rows, given, scores = np.arange(scored.rows), scored.targets, scored.scores
    own = scores[rows, given]
    counts = np.bincount(given, minlength=scored.classes)
    sums = np.bincount(given, weights=own, minlength=scored.classes)
    thresholds = np.divide(sums, counts, out=np.full(scored.classes, np.inf), where=counts > 0)
    confident = np.where(scores >= thresholds, scores, -1.0)
    suggested = confident.argmax(axis=1)
    others = scores.copy()
    others[rows, given] = -1.0
    margin = own - others.max(axis=1)
    disputed = (confident.max(axis=1) >= 0) & (suggested != given) & (margin < 0)
    found = np.flatnonzero(disputed)
    found = found[np.lexsort((found, margin[found]))][:limit]
    return tuple(
        Suspect(int(row), int(given[row]), int(suggested[row]), round(float(margin[row]), 12)) for row in found
    )
