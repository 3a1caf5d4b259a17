"""Terms in other company: whose texts lie elsewhere than they did, beyond what all texts did and beyond chance.

Decisions: the context of a term is where the texts that hold it lie, in a few numbers. Where texts as a whole moved
(more of one topic), the texts of every term move with them, and that is no news of the term: the chance that a text
holds it, given where it lies, is as it was. So a term is held against where its texts would lie then: where texts with
covariance S moved by g, those of a term with covariance S_t move by S_t S^-1 g (texts weighted by an exponential tilt,
to first order), which is all of g for a term of all topics and next to nothing for a term of one. g is of the texts
without the term; it is less sure the more texts have the term, whose statistic is held back by their share.

Texts come in parts of a few, of which only means are known, and parts are what is exchanged. Terms have draws of their
own, so the furthest term of every draw is taken as if terms were independent; where they go up and down together that
is too strict, never too lax (Sidak). A term is as far off as its squared distance is in standard deviations of its own
draws. The distance is told in spreads of its texts, debiased, with the band of the draws.

Kulkarni et al. (2015), Statistically significant detection of linguistic change, and Liu, Medlar & Glowacka (2021),
Statistically significant detection of semantic shifts using contextual word embeddings, for permutation of contexts;
Westfall & Young (1993); Sidak (1967), Rectangular confidence regions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.evidence.shuffles import DRAWS, shuffles

LEAST_PARTS = 2
_MOST_PARTS = 200  # of a side
_RIDGE = 1e-3  # of the mean variance, so that directions nobody uses do no harm


@dataclass(frozen=True, eq=False)
class Texts:
    """Where texts lie. rows: how many. mean: (numbers,). covariance: (numbers, numbers)."""

    rows: int
    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, places: np.ndarray) -> "Texts":
        """Of places, (rows, numbers)."""
        held = np.asarray(places, np.float64)
        mean = held.mean(axis=0) if len(held) else np.zeros(held.shape[1])
        away = held - mean
        return cls(len(held), mean, away.T @ away / max(1, len(held) - 1))


@dataclass(frozen=True, eq=False)
class TermTexts:
    """The texts of one term. parts: means of parts of so many texts each, (parts, numbers). texts: of all of them."""

    parts: np.ndarray
    texts: Texts


@dataclass(frozen=True, eq=False)
class ContextShift:
    """A term. place: among those given. before, now: its texts in parts. distance: in spreads of its texts. adjusted:
    p-value among all terms. way: the direction it moved, (numbers,)."""

    place: int
    before: int
    now: int
    distance: Interval
    adjusted: float
    way: np.ndarray


def context_shifts(
    terms: Sequence[tuple[TermTexts, TermTexts]], everything: tuple[Texts, Texts], *, rows: int,
    rng: np.random.Generator, draws: int = DRAWS,
) -> tuple[ContextShift, ...]:  # fmt: skip
    """Every term with two parts or more on both sides, the surest first.

    terms: before and now, of each. everything: all texts, before and now. rows: of a part. draws: a p-value is a
    multiple of 1 / (draws + 1). Raises InputError for places of other widths.

    >>> rng = np.random.default_rng(0)
    >>> def texts(middle):
    ...     made = rng.normal(middle, 1, size=(100, 2))
    ...     return TermTexts(made.reshape(20, 5, 2).mean(axis=1), Texts.of(made))
    >>> whole = Texts.of(rng.normal(0, 1, size=(1000, 2)))
    >>> found = context_shifts([(texts(0), texts(0)), (texts(0), texts(1))], (whole, whole), rows=5, rng=rng)
    >>> [(one.place, one.adjusted <= 0.05) for one in found]
    [(1, True), (0, False)]
    """
    width = everything[0].mean.shape
    for pair in terms:
        if any(one.parts.ndim != 2 or one.parts.shape[1:] != width or one.texts.mean.shape != width for one in pair):
            raise InputError("terms whose texts lie in other numbers", needed=f"{width[0]} numbers for each part")
    spread = _pooled(*everything)
    spread += np.eye(len(spread)) * max(_RIDGE * float(np.trace(spread)) / max(1, len(spread)), 1e-12)
    furthest = np.full(draws, -np.inf)
    found = []
    for place, (before, now) in enumerate(terms):
        own = _pooled(before.texts, now.texts)
        size, share = float(np.trace(own)), max(_share(before, everything[0]), _share(now, everything[1]))
        if min(len(before.parts), len(now.parts)) < LEAST_PARTS or size <= 0 or share >= 1:
            continue
        general = _without(everything[1], now.texts) - _without(everything[0], before.texts)
        foretold = own @ np.linalg.solve(spread, general)
        values, way = _values(before.parts, now.parts - foretold, rng, draws)
        values[0] *= 1 - share
        # What was observed is one of the draws here too, or it alone would be held against a scale it had no part in.
        middle, scale = float(values.mean()), float(values.std())
        if scale <= 0:
            continue
        stands = (values - middle) / scale
        furthest = np.maximum(furthest, stands[1:])
        seen, usual = (float(np.sqrt(one / size)) for one in (values[0], np.quantile(values[1:], 0.95)))
        effect = float(np.sqrt(max(0.0, (values[0] - float(values[1:].mean())) / size)))
        distance = Interval(effect, max(0.0, seen - usual), seen + usual)
        found.append((float(stands[0]), place, (len(before.parts), len(now.parts)), distance, way))
    ranked = np.sort(furthest)
    told = []
    for stand, place, parts, distance, way in sorted(found, key=lambda one: -one[0]):
        beaten = len(ranked) - int(np.searchsorted(ranked, stand - 1e-6 * abs(stand)))
        told.append(
            ContextShift(place, rows * parts[0], rows * parts[1], distance, (1 + beaten) / (draws + 1), way)
        )  # fmt: skip
    return tuple(told)


def _pooled(one: Texts, other: Texts) -> np.ndarray:
    rows = max(1, one.rows - 1) + max(1, other.rows - 1)
    return np.asarray((max(1, one.rows - 1) * one.covariance + max(1, other.rows - 1) * other.covariance) / rows)


def _share(term: TermTexts, everything: Texts) -> float:
    return term.texts.rows / max(1, everything.rows)


def _without(everything: Texts, some: Texts) -> np.ndarray:
    return np.asarray((everything.rows * everything.mean - some.rows * some.mean) / (everything.rows - some.rows))


def _values(before: np.ndarray, now: np.ndarray, rng: np.random.Generator, draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances of the means, (1 + draws,), and the difference that was seen, (numbers,)."""
    sides = [
        one if len(one) <= _MOST_PARTS else one[np.sort(rng.permutation(len(one))[:_MOST_PARTS])]
        for one in (before, now)
    ]
    # In float64 throughout: the same draws give the same values whatever a processor does with narrower numbers.
    pooled = np.concatenate(sides).astype(np.float64)
    first, second = map(len, sides)
    drawn = shuffles(first, second, rng=rng, draws=draws).drawn.astype(np.float64)
    sums = drawn.T @ pooled
    gaps = sums / second - (pooled.sum(axis=0) - sums) / first
    return np.square(gaps).sum(axis=1), gaps[0]
