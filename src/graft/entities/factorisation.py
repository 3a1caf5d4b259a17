"""Users and items to vectors by what users did, each with a prior mean from what is known about it otherwise.

The loss, over observed pairs (u, i) with confidence c and preference p (1 liked, 0 disliked), and ω over all pairs:

    Σ c (p - x_u·y_i - b_i)² + ω Σ_all (x_u·y_i + b_i)² + Σ_u λ_u ‖x_u - m_u‖² + Σ_i λ_i (‖y_i - m_i‖² + (b_i - a_i)²)

with λ_u = λ (n_u + ω · items)^φ, λ_i = λ (n_i + ω · users)^φ, n the number of pairs, and [m_i, a_i] and m_u what maps
from the content of items and the context of users say, times λ at n = 0 over λ at n: penalties grow with the number of
pairs, what the prior says does not, so it fades. The maps are learnt in turn with the vectors.

Decisions: popularity is an offset b of its own, not a direction that users share, so that an item nobody met yet can be
given the popularity its content speaks for and no more; penalties grow with the number of pairs, without which
implicit factorisation is a weak baseline; alternating exact solves, because they need few rounds and what is added
later equals what would have been learnt at once. ``anchors`` are the vectors either side was last solved against and
stay until the next fit; what is served is solved against them, so it depends on the set of events alone, not on their
order.

Rendle, Krichene, Zhang & Koren (2021), Revisiting the Performance of iALS on Item Recommendation Benchmarks,
arXiv 2110.14037; Agarwal & Chen (2009), Regression-based Latent Factor Models, for priors from features.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from graft.core.errors import InputError
from graft.core.progress import SILENT, Progress
from graft.core.seeds import generator
from graft.entities.fitted import require_positive
from graft.entities.posterior import Fixed, Observed, fixed, means

CONFIDENCES = ("log", "linear", "once")
_LEAST_CONFIDENCE = 1e-30


class PriorMap(Protocol):
    """What is known about rows otherwise, as a map to their vectors that is learnt from those that have some."""

    def predicted(self, vectors: np.ndarray, precisions: np.ndarray) -> np.ndarray:
        """The prior mean of every row, shape of ``vectors``, learnt from those with ``precisions`` above 0."""
        ...


@dataclass(frozen=True)
class Factorisation:
    """Settings. dimension: of the vectors. rounds: both sides are solved so often.

    unobserved: ω, the confidence that a pair which was not observed is a no. penalty: λ. frequency: φ. confidence: how
    the weight w of a pair becomes c: ``log`` log2(1 + w), ``linear`` w, ``once`` 1. patience: after how many pairs an
    item that came after the fit counts as shown to half of all; see ``posterior``. seed: of the first vectors.
    """

    dimension: int = 64
    rounds: int = 10
    unobserved: float = 0.1
    penalty: float = 0.003
    frequency: float = 1.0
    confidence: str = "log"
    patience: float = 10.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("dimension", "rounds"):
            require_positive(name, getattr(self, name), whole=True, least=1)
        require_positive("seed", self.seed, whole=True)
        for name in ("unobserved", "penalty"):
            require_positive(name, getattr(self, name))
        for name in ("frequency", "patience"):
            require_positive(name, getattr(self, name) + 1)
        if self.confidence not in CONFIDENCES:
            raise InputError(
                f"confidence is {self.confidence!r}", needed=", ".join(CONFIDENCES), fix="choose one of them"
            )

    def confidences(self, weights: np.ndarray) -> np.ndarray:
        """c of pairs of these weights, the same shape; a pair of weight 1 counts 1.

        What has faded to next to nothing still counts a little: solving divides by c, in single precision too.
        """
        if self.confidence == "once":
            return np.ones(len(weights))
        told = np.log1p(weights) / np.log(2) if self.confidence == "log" else np.asarray(weights, np.float64)
        return np.asarray(np.maximum(told, _LEAST_CONFIDENCE))

    def penalties(self, counts: np.ndarray, others: int) -> np.ndarray:
        """λ of rows with so many pairs each, shape of ``counts``; ``others`` is how many columns there are.

        Without columns it is that of one: everybody may have left, and what has no pairs is then where its prior is.
        """
        return np.asarray(self.penalty * np.power(counts + self.unobserved * max(others, 1), self.frequency))

    def faded(self, priors: np.ndarray, counts: np.ndarray, others: int) -> np.ndarray:
        """Prior means of rows with so many pairs, shape of ``priors``: whole without pairs, less with every one."""
        share = self.penalties(np.zeros(1), others) / self.penalties(counts, others)
        return np.asarray(priors * share[:, None])


@dataclass(frozen=True, eq=False)
class Side:
    """Users, or items, of a factorisation.

    anchors: what the other side is solved against, shape (rows, dimension). offsets: b, shape (rows,), zero for users.
    priors: prior means, shape (rows, dimension), and for items with a last column for the offset.
    """

    anchors: np.ndarray
    offsets: np.ndarray
    priors: np.ndarray


@dataclass(frozen=True, eq=False)
class Factors:
    """What was learnt: float64 throughout.

    met: whether each item had a pair at the fit, bool, shape (items,). moves: mean squared change of the items' vectors
    in each round, relative to their size, shape (rounds,).
    """

    settings: Factorisation
    users: Side
    items: Side
    met: np.ndarray
    moves: np.ndarray

    def against_items(self) -> Fixed:
        """Items as the fixed side, for solving users."""
        return fixed(self.items.anchors, self.items.offsets, unobserved=self.settings.unobserved)

    def against_users(self) -> Fixed:
        """Users as the fixed side, for solving items: a last dimension of ones is multiplied with the offsets."""
        return fixed(_with_ones(self.users.anchors), unobserved=self.settings.unobserved)

    def user_means(self, observed: Observed, priors: np.ndarray, side: Fixed | None = None) -> np.ndarray:
        """x of users from what they did, shape (users, dimension).

        observed: their pairs with the items of ``side``, by default those of the fit. priors: m, the same shape.
        """
        side, counts = side or self.against_items(), observed.counts
        faded = self.settings.faded(priors, counts, side.catalogue)
        return means(observed, side, self.settings.penalties(counts, side.catalogue), faded)

    def item_means(self, observed: Observed, priors: np.ndarray, side: Fixed | None = None) -> np.ndarray:
        """[y, b] of all items from who met them, shape (items, dimension + 1); ``observed`` is items by users.

        Items of the fit come first. One that nobody met then was shown to few since.
        """
        side = side or self.against_users()
        counts = observed.counts
        faded = self.settings.faded(priors, counts, side.catalogue)
        penalties = self.settings.penalties(counts, side.catalogue)
        return means(observed, side, penalties, faded, exposed=self.exposed(counts))

    def exposed(self, counts: np.ndarray) -> np.ndarray:
        """How far each of all items was shown to everybody, 0 to 1, shape (items,); ``counts``: how many met it."""
        shares: np.ndarray = counts / np.maximum(counts + self.settings.patience, 1e-12)
        shares[: len(self.met)][self.met] = 1.0
        return shares


def factorise(
    observed: Observed,
    settings: Factorisation,
    *,
    content: PriorMap,
    context: PriorMap,
    threads: int = 1,
    progress: Progress = SILENT,
) -> Factors:
    """Learn vectors of users and items from ``observed``, users by items.

    content, context: maps to the prior means of items (dimension + 1 columns) and of users. Training is in float32; the
    last round, which everything later is compared with, in float64.
    """
    users, items = observed.pairs.shape
    turned = observed.turned()
    user_penalties = settings.penalties(observed.counts, items)
    item_penalties = settings.penalties(turned.counts, users)
    drawn = generator(settings.seed, "factorisation").normal(size=(items, settings.dimension))
    vectors = np.where(turned.counts[:, None] > 0, drawn / settings.dimension, 0.0)
    whole = np.concatenate([vectors, np.zeros((items, 1))], axis=1)
    item_priors, user_priors = np.zeros_like(whole), np.zeros((users, settings.dimension))
    moves = []
    with progress.stage("learn vectors of users and items", settings.rounds, "rounds") as stage:
        for done in range(settings.rounds):
            dtype: type = np.float64 if done + 1 == settings.rounds else np.float32
            side = fixed(whole[:, :-1], whole[:, -1], unobserved=settings.unobserved, dtype=dtype)
            faded = settings.faded(user_priors, observed.counts, items)
            people = means(observed, side, user_penalties, faded, threads=threads)
            user_priors = context.predicted(people, np.where(observed.counts > 0, user_penalties, 0.0))
            side = fixed(_with_ones(people), unobserved=settings.unobserved, dtype=dtype)
            before, whole = (
                whole,
                means(turned, side, item_penalties, settings.faded(item_priors, turned.counts, users), threads=threads),
            )
            item_priors = content.predicted(whole, np.where(turned.counts > 0, item_penalties, 0.0))
            # Without pairs an item is where its content says, whatever it was before.
            whole = np.where(turned.counts[:, None] > 0, whole, item_priors)
            moves.append(float(np.square(whole - before).sum() / max(np.square(whole).sum(), 1e-300)))
            stage.advance()
    side = fixed(whole[:, :-1], whole[:, -1], unobserved=settings.unobserved)
    faded = settings.faded(user_priors, observed.counts, items)
    people = means(observed, side, user_penalties, faded, threads=threads)
    return Factors(
        settings,
        Side(people, np.zeros(users), user_priors),
        Side(whole[:, :-1], whole[:, -1], item_priors),
        turned.counts > 0,
        np.array(moves),
    )


def _with_ones(users: np.ndarray) -> np.ndarray:
    return np.concatenate([users, np.ones((len(users), 1), users.dtype)], axis=1)
