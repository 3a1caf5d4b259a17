"""A locked holdout and the folds every candidate shares.

Decisions: a unit (rows that repeat one another) is never on both sides of a split, and neither is a group. Forward in
time, training rows are strictly earlier than test rows, and a row whose unit turns up again in a test is left out of
that training side rather than moved, so neither rule bends. What cannot be had, such as a class missing from a training
side, is written in the notes. Random splits are kind="stratified" on data that has groups or times: they show optimism.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graft.core.errors import InputError
from graft.core.seeds import generator
from graft.core.tasks import Task
from graft.inputs.balance import allot, class_counts, spread
from graft.inputs.blocks import (
    Blocks,
    apart,
    draw_holdout,
    earlier_holdout,
    group_blocks,
    grown_holdout,
    too_few,
    unit_blocks,
)
from graft.inputs.forward import forward_folds, forward_holdout

KINDS = ("stratified", "group", "time")
_BINS = 10
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class Fold:
    """One division of the development rows; train and test are sorted indices into the data set, int64."""

    repeat: int
    index: int
    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True, eq=False)
class Splits:
    """The holdout, the development rows (sorted indices, int64), the folds of the latter, and what could not be had.

    further: the folds of more repeats, for candidates that cost seconds.
    """

    kind: str
    holdout: np.ndarray
    development: np.ndarray
    folds: tuple[Fold, ...]
    notes: tuple[str, ...] = ()
    further: tuple[Fold, ...] = ()


def make_splits(
    targets: np.ndarray,
    *,
    task: Task,
    units: np.ndarray,
    kind: str = "stratified",
    groups: np.ndarray | None = None,
    times: np.ndarray | None = None,
    folds: int = 5,
    repeats: int = 1,
    further: int = 0,
    holdout: float = 0.2,
    seed: int = 0,
    held: np.ndarray | None = None,
    grow: bool = False,
    label_names: Sequence[str] = (),
) -> Splits:
    """The splits of a data set.

    targets: as in Dataset, (rows,) or (rows, labels). units: int64 (rows,), rows of one value stay together (the groups
    of find_duplicates). kind: "stratified"; "group" with groups (rows,), which stay together too; or "time" with times
    datetime64 (rows,): the holdout is the latest rows, folds expand forward, repeats do not apply. further: repeats
    beyond those. holdout: share of rows, in [0, 1). held: bool (rows,), the rows of an earlier holdout, which is then
    taken as it is; other rows of its units are left out. grow: beside held, more rows are held out until it is the
    share asked for; forward in time the latest rows are held out anew instead. label_names: how notes call the classes.
    Deterministic in seed. Raises InputError when the rows do not allow the folds.

    >>> made = make_splits(np.arange(20) % 2, task=Task.BINARY, units=np.arange(20), folds=2)
    >>> len(made.holdout), [len(fold.test) for fold in made.folds]
    (4, [8, 8])
    """
    _check_options(kind, folds, repeats, holdout)
    _check_rows(targets, {"units": units, "groups": groups, "times": times, "held": held}, held)
    notes: list[str] = []
    if kind == "time":
        if times is None or np.isnat(times).any():
            given = "rows without a time" if times is not None else "kind='time' without times"
            raise InputError(
                given, needed="the time of every row", fix="name the time column; leave out rows without one"
            )
        if grow and held is not None:
            notes.append("the holdout is drawn anew from the latest rows; the earlier one is learnt from")
            held = None
        inside, development = forward_holdout(times, units, share=holdout, held=held, notes=notes)
        if repeats > 1:
            notes.append("folds forward in time are determined by the times: they are made once, not repeated")
        pairs = forward_folds(times, units, development, folds=folds, notes=notes)
        made = tuple(Fold(0, index, train, test) for index, (train, test) in enumerate(pairs))
        more: tuple[Fold, ...] = ()
    else:
        blocks = _blocks(kind, units, groups, folds, notes)
        values = targets.astype(np.float64) if task is Task.REGRESSION else targets
        counts = class_counts(values, blocks.of_row, bins=max(2, min(_BINS, len(targets) // (2 * folds))))
        if held is not None:
            inside, development = earlier_holdout(blocks, held, notes=notes)
            if grow:
                inside, development = grown_holdout(
                    blocks, counts, inside, development, share=holdout, folds=folds, seed=seed, notes=notes
                )
        else:
            inside, development = draw_holdout(blocks, counts, share=holdout, folds=folds, seed=seed, notes=notes)
        made = _folds(blocks, counts, development, folds, range(repeats), seed, notes)
        more = _folds(blocks, counts, development, folds, range(repeats, repeats + further), seed, [])
    if task is not Task.REGRESSION:
        notes.extend(_absent(targets, inside, made, label_names))
    return Splits(kind, inside, development, made, tuple(notes), more)


def _check_options(kind: str, folds: int, repeats: int, holdout: float) -> None:
    if kind not in KINDS:
        raise InputError(f"kind={kind!r}", needed=", ".join(KINDS), fix="choose one of these")
    if folds < 2:
        raise InputError(f"folds={folds}", needed="at least 2 folds", fix="use 5")
    if repeats < 1:
        raise InputError(f"repeats={repeats}", needed="at least 1 repeat", fix="use 1")
    if not 0 <= holdout < 1:
        raise InputError(f"holdout={holdout}", needed="a share of the rows in [0, 1)", fix="use 0.2")


def _check_rows(targets: np.ndarray, others: dict[str, np.ndarray | None], held: np.ndarray | None) -> None:
    for name, array in others.items():
        if array is not None and len(array) != len(targets):
            raise InputError(
                f"{len(array)} {name} for {len(targets)} rows", needed="one per row", fix="pass the same rows"
            )
    if held is not None and (held.all() or not held.any()):
        raise InputError(
            f"{'all' if held.any() else 'none'} of the rows are in the earlier holdout",
            needed="some rows in it and some to learn from",
            fix="check that the holdout belongs to this data set, or draw a new one",
        )


def _blocks(kind: str, units: np.ndarray, groups: np.ndarray | None, folds: int, notes: list[str]) -> Blocks:
    if kind == "stratified":
        return unit_blocks(units)
    if groups is None:
        raise InputError("kind='group' without groups", needed="the group of every row", fix="name the group column")
    return group_blocks(units, groups, largest=1 / folds, notes=notes)


def _folds(
    blocks: Blocks,
    counts: np.ndarray,
    development: np.ndarray,
    folds: int,
    repeats: range,
    seed: int,
    notes: list[str],
) -> tuple[Fold, ...]:
    members, local = np.unique(blocks.of_row[development], return_inverse=True)
    if len(members) < folds:
        raise too_few(len(members), folds, blocks.what, f"{folds} folds outside the holdout")
    sizes = np.bincount(local).astype(np.float64)
    made: list[Fold] = []
    for repeat in repeats:
        rng = generator(seed, "folds", repeat)
        side = allot(counts[members], sizes, shares=(1 / folds,) * folds, rng=rng)
        spread(side, counts[members], sizes, sides=folds)
        of_row = side[local]
        for index in range(folds):
            test = development[of_row == index]
            rest = development[of_row != index]
            train = apart(rest, test, blocks.units)
            if len(train) < len(rest):
                notes.append(
                    f"fold {index} of repeat {repeat}: {len(rest) - len(train)} rows repeat its test rows "
                    "and are left out of training"
                )
            made.append(Fold(repeat, index, train, test))
    return tuple(made)


def _absent(targets: np.ndarray, inside: np.ndarray, folds: Sequence[Fold], names: Sequence[str]) -> list[str]:
    """A note for every side that lacks classes of the data set."""
    notes: list[str] = []
    sides = [(f"the training side of fold {fold.index} of repeat {fold.repeat}", fold.train) for fold in folds]
    if len(inside):
        sides.insert(0, ("the holdout", inside))
    present = _present(targets)
    for where, rows in sides:
        lacking = sorted(present - _present(targets[rows]))
        if lacking:
            shown = ", ".join(repr(names[c]) if c < len(names) else str(c) for c in lacking[:_SHOWN])
            more = f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
            notes.append(f"{where} has no row of {'class' if len(lacking) == 1 else 'classes'} {shown}{more}")
    return notes


def _present(targets: np.ndarray) -> set[int]:
    found: list[int] = (np.flatnonzero(targets.any(axis=0)) if targets.ndim == 2 else np.unique(targets)).tolist()
    return set(found)
