"""Why a score is what it is, in the model's own terms: they sum to the score.

A score is linear in what somebody took, in what is known about them, and in popularity, so each of these has a share.
For an item that nobody met the vector itself is made from its content, and the same score can also be told by what the
content says (``described``). Nothing is approximated and nothing is asked of another model.

Hu, Koren & Volinsky (2008), Collaborative Filtering for Implicit Feedback Datasets, section 5, for shares of history.
"""

from dataclasses import dataclass

import numpy as np

from graft.entities.posterior import Observed, precision
from graft.entities.preferences import People, Preferences, signed


@dataclass(frozen=True, eq=False)
class Reasons:
    """The shares of one score.

    taken: places of the items that somebody took, int64, shape (pairs,). shares: of each of them, float64, same shape.
    context: of what is known about the person. popularity: of the item's offset. rest: what belongs to nobody (that
    others were not taken, and the shift between met and unmet items). score: their sum.
    """

    taken: np.ndarray
    shares: np.ndarray
    context: float
    popularity: float
    rest: float
    score: float


def reasons(model: Preferences, taken: Observed, prior: np.ndarray, item: int) -> Reasons:
    """The shares of the score of ``item`` for one person.

    taken: what they took, one row. prior: m of the person, shape (dimension,).
    """
    side, chosen = model.against_items, model.factors.settings
    columns, confidence = taken.pairs.indices.astype(np.int64), taken.pairs.data
    penalty = float(chosen.penalties(taken.counts, side.catalogue)[0])
    vector, offset = model.item_vectors[item, :-1], float(model.item_vectors[item, -1])
    weights = model.blend.weights(int(model.counts[item]))
    if len(columns):
        seen = side.turned[columns] @ side.directions.T
        towards = np.linalg.solve(precision(side, columns, confidence, penalty), vector)
        shares = confidence * (taken.liked - side.offsets[columns]) * (seen @ towards)
        faded = chosen.faded(prior[None], taken.counts, side.catalogue)[0]
        context = penalty * float(faded @ towards)
        rest = -float(side.directions @ side.pull @ towards)
    else:
        shares, context, rest = np.zeros(0), float(prior @ vector), 0.0
    people = People(model.factors.user_means(taken, prior[None], side), signed(taken))
    views = model.views(people)
    history = np.asarray(people.history.data)
    alike = model.alike[[item]].toarray()[0][columns] if len(columns) else np.zeros(0)
    shares = shares + weights.content * float(views.content_scale[0]) * history * alike
    if model.company is not None and item in model.company.items:
        known = model.company.items
        at, together = np.searchsorted(known, columns), np.zeros(len(columns))
        inside = np.isin(columns, known)
        together[inside] = model.company.weights[at[inside], int(np.searchsorted(known, item))]
        shares = shares + weights.company * float(views.company_scale[0]) * history * together
    popularity, rest = weights.popularity * offset, rest + weights.shift
    return Reasons(columns, shares, context, popularity, rest, float(shares.sum() + context + popularity + rest))


def described(
    model: Preferences, people: People, item: int, features: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, float]:
    """The shares of what the content of an unmet item says in its taste and popularity, and what is not of content.

    features: of the item, shape (features,). weights: the content map, shape (features, dimension + 1). The first, of
    shape (features,), and the second sum to the score.
    """
    towards = np.append(people.vectors[0], model.blend.unmet.popularity)
    shares = features * (weights @ towards)
    score = float(model.scores(people)[0, item])
    return shares, score - float(shares.sum())
