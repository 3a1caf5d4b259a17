"""Whether a head uses what its vectors tell: are decisions others once it is taken out of the vectors?

Decisions: that vectors tell something (a trait of people, which words lie near which) is one thing, that a head follows
it another, and only the second treats anybody differently. So it is erased from the rows' vectors, linearly, as a head
reads them, and the same head decides again. Any change of vectors moves some decisions, so what is erased stands
beside erasures of what means nothing: the same groups dealt at random, or the same words exchanged.

Belrose et al. (2023), LEACE: Perfect linear concept erasure in closed form; Elazar et al. (2021), Amnesic probing:
behavioral explanation with amnesic counterfactuals; Phipson & Smyth (2010) for p = (k + 1) / (B + 1).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.evidence.linear_erasure import Whitened
from graft.evidence.slices import exact_share

Decide = Callable[[np.ndarray], np.ndarray]
FOLDS = 5


@dataclass(frozen=True)
class HeadUse:
    """What erasing did to decisions. changed: the share of rows that were decided otherwise, with its interval.
    by_chance: the mean of that for what means nothing. p_value: how often that changes as many."""

    changed: Interval
    by_chance: float
    p_value: float


def attribute_use(
    vectors: np.ndarray,
    groups: np.ndarray,
    decide: Decide,
    *,
    rng: np.random.Generator,
    alike: float = 0.0,
    draws: int = 199,
    level: float = 0.95,
) -> tuple[HeadUse, np.ndarray]:
    """Whether decisions follow what vectors tell of the groups; and what is decided without it.

    vectors: shape (rows, dimension). groups: of each row from 0, -1 where it is not known, shape (rows,). decide:
    from vectors to what is decided about each row, any shape (rows, ...). alike: what is no further apart counts as the
    same, for numbers. A row is erased by what other rows say (folds), so that nothing of it is fitted away. Raises
    InputError for fewer than two groups.
    """
    known = groups >= 0
    if len(np.unique(groups[known])) < 2:
        raise InputError("fewer than two groups", needed="rows of two groups or more")
    folds = _Folds.of(vectors, known, rng.permutation(len(groups)) % FOLDS)
    before = decide(vectors)
    without = decide(folds.erased(groups))
    changed = _differs(before, without, alike)
    drawn = np.empty(draws)
    for one in range(draws):
        moved = groups.copy()
        moved[known] = rng.permutation(groups[known])
        drawn[one] = _differs(before, decide(folds.erased(moved)), alike).mean()
    return _told(changed, drawn, level), without


def direction_use(
    vectors: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    decide: Decide,
    *,
    rng: np.random.Generator,
    alike: float = 0.0,
    draws: int = 199,
    level: float = 0.95,
) -> HeadUse:
    """Whether decisions follow the direction from one list of words to another.

    vectors: of the rows, shape (rows, dimension). first, second: of the words of both lists, (words, dimension), in the
    same space. By chance: words are exchanged between the lists. Bolukbasi et al. (2016), Man is to computer programmer
    as woman is to homemaker?
    """
    if not len(first) or not len(second):
        raise InputError("a list without words", needed="two lists of words that are known")
    before = decide(vectors)
    centre = vectors.mean(axis=0)

    def changed(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        along = one.mean(axis=0) - other.mean(axis=0)
        length = float(np.linalg.norm(along))
        if length == 0:
            return np.zeros(len(vectors), bool)
        along = along / length
        return _differs(before, decide(vectors - np.outer((vectors - centre) @ along, along)), alike)

    found = changed(first, second)
    words, count = np.concatenate([first, second]), len(first)
    drawn = np.empty(draws)
    for one in range(draws):
        order = rng.permutation(len(words))
        drawn[one] = changed(words[order[:count]], words[order[count:]]).mean()
    return _told(found, drawn, level)


def _told(changed: np.ndarray, drawn: np.ndarray, level: float) -> HeadUse:
    share = exact_share(changed, np.ones(len(changed), bool), None, level)
    assert share is not None, "rows"
    p_value = float((1 + (drawn >= changed.mean() - 1e-12).sum()) / (1 + len(drawn)))
    return HeadUse(share, float(drawn.mean()), p_value)


def _differs(one: np.ndarray, other: np.ndarray, alike: float) -> np.ndarray:
    differs = np.asarray(np.abs(one - other) > alike)
    return np.asarray(differs if differs.ndim == 1 else differs.any(axis=tuple(range(1, differs.ndim))))


@dataclass(frozen=True, eq=False)
class _Folds:
    """Rows that are erased by what the rows of known groups in other folds say; the work on vectors is done once."""

    vectors: np.ndarray
    parts: tuple[tuple[np.ndarray, np.ndarray, Whitened], ...]

    @classmethod
    def of(cls, vectors: np.ndarray, known: np.ndarray, fold: np.ndarray) -> "_Folds":
        parts = []
        for one in range(FOLDS):
            held, learnt = fold == one, np.flatnonzero((fold != one) & known)
            if held.any() and len(learnt) > 1:
                parts.append((np.flatnonzero(held), learnt, Whitened.of(vectors[learnt])))
        return cls(np.asarray(vectors, np.float64), tuple(parts))

    def erased(self, groups: np.ndarray) -> np.ndarray:
        """The vectors without what these groups say of them."""
        made = self.vectors.copy()
        names = np.unique(groups[groups >= 0])
        for held, learnt, whitened in self.parts:
            told = (groups[learnt, None] == names[None, :]).astype(np.float64)
            made[held] = whitened.eraser(told)(self.vectors[held])
        return made
