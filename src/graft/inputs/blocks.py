"""Blocks of rows that no split may cut, and the holdout made of them.

Decisions: groups that share a repeated text count as one group. Where that would chain most groups into one block (a
few boilerplate texts are enough), groups stay as given and a row that repeats one of the other side is left out of
training instead, so that neither groups nor repeated texts lie on both sides and folds stay comparable.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from graft.core.errors import InputError
from graft.core.seeds import generator
from graft.inputs.balance import allot, keep_for_development


@dataclass(frozen=True, eq=False)
class Blocks:
    """of_row: block of each row, 0.., int64 (rows,). units: what else stays on one side (rows,). what: their name."""

    of_row: np.ndarray
    units: np.ndarray
    what: str


def apart(rows: np.ndarray, others: np.ndarray, units: np.ndarray) -> np.ndarray:
    """The rows none of whose units occurs in others; both are indices."""
    return np.asarray(rows[~np.isin(units[rows], units[others])])


def unit_blocks(units: np.ndarray) -> Blocks:
    """Every unit is a block."""
    codes = np.unique(units, return_inverse=True)[1].ravel()
    return Blocks(codes, codes, "distinct rows")


def group_blocks(units: np.ndarray, groups: np.ndarray, *, largest: float, notes: list[str]) -> Blocks:
    """Groups joined where they share a unit, unless that makes a block of more than ``largest`` (share) of the rows."""
    unit = np.unique(units, return_inverse=True)[1].ravel()
    group = np.unique(groups, return_inverse=True)[1].ravel()
    offset = int(unit.max(initial=-1)) + 1
    size = offset + int(group.max(initial=-1)) + 1
    graph = coo_array((np.ones(len(unit), np.int8), (unit, offset + group)), shape=(size, size))
    component = connected_components(graph, directed=False)[1]
    joined = np.unique(component[unit], return_inverse=True)[1].ravel()
    biggest = int(np.bincount(joined).max(initial=0))
    if biggest > largest * len(units) and biggest > np.bincount(group).max(initial=0):
        merged = len(np.unique(group[joined == np.bincount(joined).argmax()]))
        notes.append(
            f"repeated texts link {merged} groups into one of {biggest} rows: groups are kept as given, "
            "and rows that repeat a row of the other side are left out of training"
        )
        joined = group
    return Blocks(joined, unit, "groups")


def draw_holdout(
    blocks: Blocks, counts: np.ndarray, *, share: float, folds: int, seed: int, notes: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """(holdout, development), sorted indices; about ``share`` of the rows are held out, classes spread alike."""
    sizes = np.bincount(blocks.of_row).astype(np.float64)
    needed = folds + (1 if share > 0 else 0)
    if len(sizes) < needed:
        raise too_few(
            len(sizes), needed, blocks.what, f"{folds} folds and a holdout" if share > 0 else f"{folds} folds"
        )
    side = np.ones(len(sizes), dtype=np.int64)
    if share > 0:
        side = allot(counts, sizes, shares=(share, 1 - share), rng=generator(seed, "holdout"))
        keep_for_development(side, counts, sizes)
        _keep_enough(side, sizes, folds)
    of_row = side[blocks.of_row]
    held, rest = np.flatnonzero(of_row == 0), np.flatnonzero(of_row == 1)
    got = len(held) / len(of_row)
    if abs(got - share) > max(0.05, 1 / len(of_row)):
        few = "classes have too few rows for that share"
        why = f"{blocks.what} stay whole" if sizes.max() > 1 else few
        notes.append(f"the holdout is {got:.0%} of the rows instead of {share:.0%}, because {why}")
    return held, _left_in(rest, apart(rest, held, blocks.units), "the holdout", notes)


def earlier_holdout(blocks: Blocks, held: np.ndarray, *, notes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """(holdout, development) for a given holdout, bool (rows,): what shares a block or unit with it is left out."""
    inside = np.flatnonzero(held)
    rest = np.flatnonzero(~held)
    kept = apart(apart(rest, inside, blocks.of_row), inside, blocks.units)
    return inside, _left_in(rest, kept, "the earlier holdout", notes)


def grown_holdout(
    blocks: Blocks,
    counts: np.ndarray,
    held: np.ndarray,
    development: np.ndarray,
    *,
    share: float,
    folds: int,
    seed: int,
    notes: list[str],
) -> tuple[np.ndarray, np.ndarray]:
    """(holdout, development): an earlier holdout with as many more rows as make it ``share`` of both.

    A holdout that stays as it was while the labels grow says less and less.
    """
    wanted = share * (len(held) + len(development)) - len(held)
    names, place = np.unique(blocks.of_row[development], return_inverse=True)
    if wanted < 1 or len(names) < folds + 2:
        return held, development
    part = Blocks(place, blocks.units[development], blocks.what)
    inner = np.zeros((len(names), counts.shape[1]), dtype=counts.dtype)
    inner[:] = counts[names]
    more, rest = draw_holdout(part, inner, share=wanted / len(development), folds=folds, seed=seed, notes=notes)
    notes.append(f"the earlier holdout of {len(held)} rows has grown by {len(more)} with the labels")
    return np.sort(np.concatenate([held, development[more]])), np.sort(development[rest])


def _left_in(rest: np.ndarray, kept: np.ndarray, where: str, notes: list[str]) -> np.ndarray:
    if len(kept) < len(rest):
        notes.append(f"{len(rest) - len(kept)} rows repeat, or share a group with, rows of {where} and are left out")
    return kept


def _keep_enough(side: np.ndarray, sizes: np.ndarray, folds: int) -> None:
    """Move the smallest blocks until there is one per fold to develop on and one to hold out; in place."""
    for target, least in ((1, folds), (0, 1)):
        short = least - int((side == target).sum())
        if short > 0:
            other = np.flatnonzero(side != target)
            side[other[np.argsort(sizes[other], kind="stable")][:short]] = target


def too_few(have: int, needed: int, what: str, purpose: str) -> InputError:
    """The error for too few distinct rows, groups or times."""
    duplicates = ", duplicates counted once" if what == "distinct rows" else ""
    add = {"groups": "rows of other groups", "distinct times": "a finer time column"}.get(what, "other rows")
    return InputError(
        f"{have} {what} for {purpose}", needed=f"at least {needed} {what}{duplicates}", fix=f"use fewer folds, or {add}"
    )
