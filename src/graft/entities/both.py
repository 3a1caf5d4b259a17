"""Items from behaviour where there is some, from content where there is none.

Decisions: content is carried into the space of co-occurrence by a ridge regression learnt on the items that have both,
so new items stand among the old ones at once; an item with few baskets lies between what its content predicts and what
its baskets say, by the formula users and categories are shrunk with. How well content predicts is measured by leaving
each item out, and kept, because where it does not, a cold item's place means little.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from graft.core.errors import InputError
from graft.core.vectors import unit_rows
from graft.entities.content import FittedContent, ItemsFromContent
from graft.entities.cooccurrence import FittedCooccurrence, ItemsFromCooccurrence
from graft.entities.embedded import SEEN, Embedded
from graft.entities.fitted import FittedEmbedder, LearntState, learnt_space, require_positive
from graft.representations.spaces import Space

_PENALTIES = tuple(float(penalty) for penalty in np.geomspace(1e-3, 1e3, 13))


@dataclass(frozen=True)
class Bridge:
    """A linear map from one space into another.

    weight: float64, shape (from, to). bias: float64, shape (to,). penalty: of the ridge, chosen by leaving each row
    out. explained: the share of variance predicted of a row that was left out, at most 1; 0 is no better than the mean.
    """

    weight: np.ndarray
    bias: np.ndarray
    penalty: float
    explained: float

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Rows carried over, shape (rows, to)."""
        carried: np.ndarray = vectors.astype(np.float64) @ self.weight + self.bias
        return carried


def fit_bridge(given: np.ndarray, wanted: np.ndarray) -> Bridge:
    """The ridge regression of ``wanted`` (rows, to) on ``given`` (rows, from), its penalty by leave-one-out error.

    Allen (1974), The relationship between variable selection and data augmentation: PRESS.
    """
    x, y = given.astype(np.float64), wanted.astype(np.float64)
    centre, mean = x.mean(axis=0), y.mean(axis=0)
    x, y = x - centre, y - mean
    values, directions = np.linalg.eigh(x.T @ x)
    values = np.maximum(values, 0)
    turned, answer = x @ directions, directions.T @ (x.T @ y)
    scale = max(float(values.mean()), np.finfo(float).tiny)
    rows = len(x)
    errors = []
    for penalty in _PENALTIES:
        inverse = 1 / (values + penalty * scale)
        # The intercept uses up a row as well: 1 / rows is its part of the leverage.
        leverage = np.square(turned) @ inverse + 1 / rows
        residual = (y - turned @ (inverse[:, None] * answer)) / np.maximum(1 - leverage, 1e-9)[:, None]
        errors.append(float(np.square(residual).sum()))
    best = int(np.argmin(errors))
    weight = directions @ (answer / (values + _PENALTIES[best] * scale)[:, None])
    alone = np.square(y * rows / (rows - 1)).sum()
    explained = 1 - errors[best] / alone if alone > 0 else 0.0
    return Bridge(weight, mean - centre @ weight, _PENALTIES[best], float(explained))


@dataclass(frozen=True)
class ItemsFromBoth:
    """Settings: items from co-occurrence and content. strength: λ, how many baskets the content is worth."""

    cooccurrence: ItemsFromCooccurrence = field(default_factory=ItemsFromCooccurrence)
    content: ItemsFromContent = field(default_factory=ItemsFromContent)
    strength: float = 5.0

    def __post_init__(self) -> None:
        require_positive("strength", self.strength)

    def fit(self, baskets: object, *, items: object) -> "FittedBoth":
        """Learn from baskets and from a table of items with their content.

        Raises InputError as the two embedders do, and when fewer than three items have both.
        """
        together = self.cooccurrence.fit(baskets)
        content = self.content.fit(items)
        described = content.transform(items)
        described = described.take(described.known)
        described = described.take(np.argsort(np.array(described.ids, object), kind="stable"))
        placed = together.look_up(list(described.ids))
        both = placed.known
        if both.sum() < 3:
            raise InputError(
                f"{int(both.sum())} items have both content and company",
                needed="three or more, to learn how the one predicts the other",
                fix="check that baskets and items name items alike",
            )
        return FittedBoth(self, together, content, fit_bridge(described.vectors[both], placed.vectors[both]))


@dataclass(frozen=True, eq=False)
class FittedBoth(FittedEmbedder):
    """Items by their company, or by what their content says about it."""

    kind: ClassVar[str] = "items-from-both"
    settings: ItemsFromBoth
    together: FittedCooccurrence
    content: FittedContent
    bridge: Bridge

    @cached_property
    def space(self) -> Space:
        """The space of the vectors: that of co-occurrence, shrunk, which makes it another one; baskets that are added
        do not change it."""
        shaping = {
            "together": self.together.space.fingerprint,
            "content": self.content.space.fingerprint,
            "strength": self.settings.strength,
        }
        chosen = self.settings.cooccurrence
        learnt = LearntState({}, {"weight": self.bridge.weight, "bias": self.bridge.bias}, {})
        return learnt_space(self.kind, learnt, chosen.dimension, shaping=shaping, normalise=chosen.normalise)

    def add_baskets(self, baskets: object) -> Self:
        """With further baskets, as co-occurrence takes them; what content predicts stays until the next fit."""
        return replace(self, together=self.together.add_baskets(baskets))

    def transform(self, entities: object) -> Embedded:
        """Vectors of a table of items as ``ItemsFromContent`` takes it. With n baskets, x̄ and the prediction m,

            v = (n · x̄ + λ · m) / (n + λ)

        Basis: ``seen``, else what the content rests on (``content``, ``parent:...``), else ``unknown``. Support: n.
        """
        described = self.content.transform(entities)
        placed = self.together.look_up(list(described.ids))
        seen, written = placed.known, described.known
        predicted = self.bridge(described.vectors)
        trust = np.where(seen & written, placed.support / (placed.support + self.settings.strength), seen)[:, None]
        mixed = trust * placed.vectors + np.where(written[:, None], (1 - trust) * predicted, 0)
        if self.space.normalise:
            mixed = unit_rows(mixed, tolerance=0)
        basis = tuple(SEEN if mine else other for mine, other in zip(seen.tolist(), described.basis, strict=True))
        return Embedded(described.ids, mixed.astype(np.float32), basis, placed.support, described.skipped, self.space)

    def state(self) -> LearntState:
        """The states of both parts, and the map between them."""
        arrays = {"weight": self.bridge.weight, "bias": self.bridge.bias}
        names: dict[str, tuple[str, ...]] = {}
        facts: dict[str, object] = {"strength": self.settings.strength}
        facts["bridge"] = {"penalty": self.bridge.penalty, "explained": self.bridge.explained}
        for part, fitted in (("together", self.together), ("content", self.content)):
            inner = fitted.state()
            facts[part] = dict(inner.settings)
            arrays |= {f"{part}/{name}": array for name, array in inner.arrays.items()}
            names |= {f"{part}/{name}": words for name, words in inner.names.items()}
        return LearntState(facts, arrays, names)

    @classmethod
    def restore(cls, state: LearntState) -> Self:
        """The embedder with this state. Raises WeightsMismatch when its source is another one now."""
        together = FittedCooccurrence.restore(_part(state, "together"))
        content = FittedContent.restore(_part(state, "content"))
        bridge = Bridge(state.arrays["weight"], state.arrays["bias"], **state.settings["bridge"])
        if bridge.weight.shape != (content.text.source.dimension, together.settings.dimension):
            raise ValueError("the map does not fit its spaces")
        settings = ItemsFromBoth(together.settings, content.settings, state.settings["strength"])
        return cls(settings, together, content, bridge)


def _part(state: LearntState, part: str) -> LearntState:
    head = f"{part}/"
    return LearntState(
        state.settings[part],
        {name.removeprefix(head): array for name, array in state.arrays.items() if name.startswith(head)},
        {name.removeprefix(head): words for name, words in state.names.items() if name.startswith(head)},
    )
