"""Key entities of an embedding table: do they still have the neighbours they had?

Decisions: a version of a table is compared with an earlier one, or with another table of the same ids, by neighbours
and not by coordinates, so a space that was only turned is the same space. What chance does is measured on replicates:
tables that were learnt again, where they are given, else the old space with each row moved, in a direction of its own,
by as much as half of the rows moved (one space turned onto the other): what most rows did is taken for chance, and an
entity counts as changed whose neighbours changed by more than that explains. In a space that stayed as it was, any
change counts. Of a table so large that the neighbours of all are too many to look for, and no entities are named, some
are drawn by chance; replicates are made one after the other.
"""

from collections.abc import Sequence
from typing import overload

import numpy as np

from graft.core.errors import InputError
from graft.core.seeds import generator
from graft.core.vectors import unit_rows
from graft.evidence.neighbour_change import Aligned, aligned, nearest, neighbour_change
from graft.facts.watch import EntityChange, TableCheck
from graft.tables.table import EmbeddingTable

# Cosines that are computed for every space, where nobody names entities; and rows that say how a space was turned.
PAIRS, LEAST_DRAWN, TURNED = 400_000_000, 200, 100_000
# More than 1 / LEVEL, so that one entity that changed alone can be told: see ``evidence/neighbour_change.py``.
REPLICATES, LEVEL = 24, 0.05


def check_table(
    table: EmbeddingTable,
    against: int | EmbeddingTable,
    *,
    entities: Sequence[str] | None = None,
    replicates: Sequence[EmbeddingTable] = (),
    k: int = 10,
    seed: int = 0,
) -> TableCheck:
    """Compare the neighbours of entities now with those in an earlier version, or in another table.

    entities: ids; all of both when None, or of more than 20,000 as many as are drawn. replicates: tables of the same
    ids that differ from ``against`` by chance alone, two or more. Raises InputError where nothing is in both.
    """
    if entities is not None and not len(entities):
        raise InputError(
            "no entities", needed="one id or more", fix="leave them out to look at all, or at some of many"
        )
    names, vectors = table.vectors()
    if isinstance(against, int):
        old_names, old = table.vectors(version=against)
        called = f"version {against}"
    else:
        old_names, old = against.vectors()
        called = str(against.path)
    both, now, before = np.intersect1d(np.asarray(names, str), np.asarray(old_names, str), return_indices=True)
    if len(both) < 3:
        raise InputError(
            f"{len(both)} rows in both {table.path} and {called}",
            needed="3 or more",
            fix="compare tables of one set of ids",
        )
    drawn = len(both) if entities is not None else max(LEAST_DRAWN, PAIRS // len(both))
    if entities is not None:
        asked = list(dict.fromkeys(map(str, entities)))
    elif drawn < len(both):
        asked = both[np.sort(generator(seed, "watch", "entities").permutation(len(both))[:drawn])].tolist()
    else:
        asked = both.tolist()
    place = {name: at for at, name in enumerate(both.tolist())}
    missing = tuple(name for name in asked if name not in place)
    chosen = np.array([place[name] for name in asked if name in place], np.int64)
    if not len(chosen):
        raise InputError(
            f"none of {len(asked)} entities is in both",
            needed="ids of the table",
            fix=f"the first one asked for is {asked[0]!r}",
        )
    new, old = np.asarray(vectors, np.float32)[now], np.asarray(old, np.float32)[before]
    # A turn is told by few rows, and so is how far rows moved in the median.
    some = np.sort(generator(seed, "watch", "turned").permutation(len(both))[:TURNED])
    moved = aligned(new[some], old[some])
    told, null = _replicates(old, moved, both, replicates, generator(seed, "watch", "replicates"))
    found = neighbour_change(old, new, null, entities=chosen, k=k)
    lists = nearest(old, chosen, k=k), nearest(new, chosen, k=k)
    changed = []
    for at in np.argsort(found.adjusted, kind="stable").tolist():
        if found.adjusted[at] > LEVEL:
            break
        were, are = (dict.fromkeys(both[one[at][one[at] >= 0]].tolist()) for one in lists)
        changed.append(
            EntityChange(
                entity=str(both[chosen[at]]), jaccard=float(found.jaccard[at]), overlap=float(found.overlap[at]),
                usual=float(found.usual[at]), adjusted=float(found.adjusted[at]),
                gone=tuple(name for name in were if name not in are),
                come=tuple(name for name in are if name not in were),
            )
        )  # fmt: skip
    return TableCheck(
        table=str(table.path), against=called, entities=len(chosen), missing=missing, rows=len(both),
        appeared=len(names) - len(both), vanished=len(old_names) - len(both), null=told, p_value=found.p_value,
        moved=float(np.median(moved.moved)), before=float(np.median(moved.before)),
        overlap=float(found.overlap.mean()), usual=float(found.usual.mean()), changed=tuple(changed),
        drawn=drawn < len(both),
    )  # fmt: skip


def _replicates(
    old: np.ndarray, moved: Aligned, ids: np.ndarray, given: Sequence[EmbeddingTable], rng: np.random.Generator
) -> tuple[str, Sequence[np.ndarray]]:
    if given:
        found = []
        for one in given:
            names, vectors = one.vectors()
            place = {name: at for at, name in enumerate(np.asarray(names, str).tolist())}
            if lacking := [name for name in ids.tolist() if name not in place]:
                raise InputError(
                    f"the replicate {one.path} lacks {len(lacking):,} rows, the first is {lacking[0]!r}",
                    needed="the rows of both",
                )
            found.append(np.asarray(vectors, np.float32)[[place[name] for name in ids.tolist()]])
        few = ", too few to tell one entity that changed alone" if len(given) * LEVEL < 1 else ""
        return f"measured on {len(given)} replicates{few}", found
    typical = np.sqrt(2 * max(0.0, float(np.median(moved.moved))))
    return "chance is what half of the rows did", _Noisy(unit_rows(old, tolerance=0.0), float(typical), rng)


class _Noisy(Sequence[np.ndarray]):
    """A space with each row moved in a direction of its own, several times, each made when it is asked for."""

    def __init__(self, units: np.ndarray, typical: float, rng: np.random.Generator) -> None:
        self.units, self.typical = units, np.float32(typical / np.sqrt(units.shape[1]))
        self.seeds = rng.integers(0, 1 << 63, size=REPLICATES).tolist()

    def __len__(self) -> int:
        return REPLICATES

    @overload
    def __getitem__(self, place: int) -> np.ndarray: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[np.ndarray]: ...

    def __getitem__(self, place: int | slice) -> np.ndarray | Sequence[np.ndarray]:
        if isinstance(place, slice):
            return [self[one] for one in range(REPLICATES)[place]]
        rng = np.random.default_rng(self.seeds[place])
        noise = rng.standard_normal(self.units.shape, dtype=np.float32)
        noise *= self.typical
        noise += self.units
        return noise
