"""Placing blocks of rows on sides so that every class is spread as the sides are.

Decisions: one method for classes, label sets and binned numbers: iterative stratification, rarest class first, over
blocks that may hold several rows, since a block of duplicates or of a group may not be cut. Where Sechidis et al. look
at one label, a block goes where it takes most off the chi-square distance of all its classes to what is wanted; that is
the same for single rows of one class, and keeps large blocks balanced. Among the blocks of a class the largest go
first. What greed leaves wrong (an empty side, a class that is on one side only) is repaired by moving single blocks.

Sechidis, Tsoumakas & Vlahavas (2011), On the stratification of multi-label data.
"""

from collections.abc import Sequence

import numpy as np

_ROWS_WEIGHT = 0.1


def allot(counts: np.ndarray, sizes: np.ndarray, *, shares: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """The side of each block, int64 (blocks,), in 0..len(shares)-1.

    counts: rows of each class in each block, (blocks, classes). sizes: rows in each block (blocks,).
    shares: the part of all rows wanted on each side, adding up to 1.

    >>> one_class = np.ones((10, 1), dtype=np.int64)
    >>> sides = allot(one_class, np.ones(10), shares=(0.8, 0.2), rng=np.random.default_rng(0))
    >>> np.bincount(sides).tolist()
    [8, 2]
    """
    totals = np.append(counts.sum(axis=0), sizes.sum() / _ROWS_WEIGHT)
    held = np.column_stack([counts, sizes])
    scale = np.maximum(totals, 1) ** -2.0
    parts = np.maximum(np.asarray(shares), 1e-12)[:, None]
    wanted = np.outer(shares, held.sum(axis=0))
    side = np.full(len(sizes), -1, dtype=np.int64)
    shuffled = rng.permutation(len(sizes))
    shuffled = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    tie = rng.random((len(sizes), len(shares)))
    remaining = counts.sum(axis=0).astype(np.float64)
    while True:
        rarest = int(np.argmin(np.where(remaining > 0, remaining, np.inf))) if (remaining > 0).any() else None
        unplaced = shuffled[side[shuffled] < 0]
        for block in (unplaced if rarest is None else unplaced[counts[unplaced, rarest] > 0]).tolist():
            gain = ((2 * wanted - held[block]) / parts) @ (held[block] * scale)
            best = gain >= gain.max() - 1e-9 * np.abs(gain).max()
            chosen = int(np.argmax(np.where(best, tie[block], -1.0)))
            side[block] = chosen
            wanted[chosen] -= held[block]
            remaining -= counts[block]
        if rarest is None:
            return side


def keep_for_development(side: np.ndarray, counts: np.ndarray, sizes: np.ndarray, *, least: int = 2) -> None:
    """Move blocks from side 0 (the holdout) to side 1 until every class has ``least`` blocks there, if it has as many.

    Changes ``side`` in place. A class with fewer blocks gives all of them to side 1.
    """
    has = counts > 0
    for place in np.flatnonzero(has.any(axis=0)).tolist():
        missing = least - int((has[:, place] & (side == 1)).sum())
        if missing > 0:
            held = np.flatnonzero(has[:, place] & (side == 0))
            side[held[np.argsort(sizes[held], kind="stable")][:missing]] = 1


def spread(side: np.ndarray, counts: np.ndarray, sizes: np.ndarray, *, sides: int) -> None:
    """Fill empty sides, and give each class that lies on one side only a block on another; changes ``side`` in place.

    A move is made only when it leaves no other class on one side and no side empty.
    """
    has = counts > 0
    for empty in np.flatnonzero(np.bincount(side, minlength=sides) == 0).tolist():
        fullest = int(np.bincount(side, sizes, minlength=sides).argmax())
        blocks = np.flatnonzero(side == fullest)
        if len(blocks) > 1:
            side[blocks[np.argmin(sizes[blocks])]] = empty
    for place in np.flatnonzero(has.sum(axis=0) >= 2).tolist():
        holders = np.flatnonzero(has[:, place])
        if len(np.unique(side[holders])) > 1:
            continue
        for block in holders[np.argsort(sizes[holders], kind="stable")].tolist():
            before = int(side[block])
            rows = np.bincount(side, sizes, minlength=sides)
            rows[before] = np.inf
            side[block] = int(rows.argmin())
            if (side == before).any() and not _stranded(side, has, has[block]):
                break
            side[block] = before


def _stranded(side: np.ndarray, has: np.ndarray, classes: np.ndarray) -> bool:
    """Whether any of these classes has at least two blocks that all lie on one side."""
    for place in np.flatnonzero(classes).tolist():
        sides = side[has[:, place]]
        if len(sides) > 1 and (sides == sides[0]).all():
            return True
    return False


def class_counts(targets: np.ndarray, blocks: np.ndarray, *, bins: int) -> np.ndarray:
    """Rows of each class in each block, int64 (blocks, classes).

    targets: class index (rows,), flags (rows, labels), or numbers (rows,), which are cut at quantiles into ``bins``.
    blocks: block of each row, 0.., shape (rows,).
    """
    size = int(blocks.max(initial=-1)) + 1
    if targets.ndim == 2:
        counts = np.zeros((size, targets.shape[1]), dtype=np.int64)
        np.add.at(counts, blocks, targets.astype(np.int64))
        return counts
    if targets.dtype.kind == "f":
        edges = np.unique(np.quantile(targets, np.linspace(0, 1, bins + 1)[1:-1]))
        targets = np.searchsorted(edges, targets, side="right")
    counts = np.zeros((size, int(targets.max(initial=0)) + 1), dtype=np.int64)
    np.add.at(counts, (blocks, targets), 1)
    return counts
