"""From one generation to another and back: one replacement of ``table.json``.

Decisions: a generation answers only after it was compared with the present one, row by row by id and digest, its
vectors looked at, and some of them made again and compared. While the pointer is replaced, the old generation's
writers wait, so that no row falls between the two. Rolling back is the same swap in the other direction: what was
written since is caught up, which needs the old encoder if texts were added or changed, and what was deleted stays
deleted.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from graft.core.errors import TableError
from graft.core.files import locked
from graft.core.progress import SILENT, Progress
from graft.core.vectors import unit_rows
from graft.representations.spaces import content_kind
from graft.rows.content import Content
from graft.tables.adapters import adapter_path
from graft.tables.migration.built import CHUNK, catch_up
from graft.tables.migration.contents import Encode, encoded, row_contents
from graft.tables.migration.next_generation import migrating
from graft.tables.pointer import Pointer, none_erased, read_pointer, remove_generation, swap
from graft.tables.table import EmbeddingTable

LEAST_COSINE = 0.995
_ROUNDS = 20


@dataclass(frozen=True)
class Verified:
    """A generation found fit to answer. rows: compared. remade: vectors made again. cosine: the lowest among these."""

    rows: int
    remade: int
    cosine: float


@dataclass(frozen=True)
class Swapped:
    """A swap that was made. version: of the generation that answered before. verified: what the new one showed."""

    before: str
    after: str
    version: int
    verified: Verified


def verify(
    old: EmbeddingTable, new: EmbeddingTable, encode: Encode, *, rng: np.random.Generator, sample: int = 64
) -> Verified:
    """Check that ``new`` holds the rows of ``old`` in its own space. Raises TableError or SpaceMismatch when not.

    encode: the encoder of the new space; ``sample`` rows are made again with it.
    """
    theirs, ours = old.read(["id", "digest"]), new.read(["id", "digest"])
    stale = int(new.changed(theirs["id"], theirs["digest"]).sum())
    extra = int(pc.sum(pc.invert(pc.is_in(ours["id"], value_set=theirs["id"].combine_chunks()))).as_py() or 0)
    if stale or extra or ours.num_rows != theirs.num_rows:
        raise _incomplete(new, f"{stale} rows are missing or older, {extra} are too many")
    # Reading them checks the space stated on every row, and the dimension.
    _, vectors = new.vectors()
    if not np.isfinite(vectors).all():
        raise _incomplete(new, "it holds vectors with values that are not numbers")
    chosen = np.sort(rng.permutation(len(vectors))[:sample])
    lowest = 1.0
    if len(chosen):
        columns = new.generation.content
        contents = row_contents(new.read(columns).take(chosen), columns, content_kind(new.space))
        again = unit_rows(encoded(encode, contents, new.space))
        lowest = float(np.einsum("rd,rd->r", again, unit_rows(vectors[chosen])).min())
    if not lowest >= LEAST_COSINE:
        raise _incomplete(new, f"made again, a vector has cosine {lowest:.3f} with the stored one")
    return Verified(ours.num_rows, len(chosen), lowest)


def swap_to(
    path: Path,
    generation: str,
    encode: Encode,
    *,
    rng: np.random.Generator,
    sample: int = 64,
    chunk: int = CHUNK,
    progress: Progress = SILENT,
) -> Swapped:
    """Let ``generation`` answer, after catching up and verifying; the one before is kept.

    encode: the encoder of that generation's space. Raises TableError, and swaps nothing, when it is not whole or does
    not verify.
    """
    with migrating(path):
        return _swap(path, generation, encode, rng, sample, chunk, progress)


def roll_back(
    path: Path,
    encode: Encode | None = None,
    *,
    rng: np.random.Generator,
    chunk: int = CHUNK,
    progress: Progress = SILENT,
) -> Swapped:
    """Return to the generation that answered before; the present one is kept.

    encode: the encoder of that one's space. Without it, only what needs none can be caught up: rows deleted since, and
    other columns. Raises TableError when none is kept, and when texts came or changed since and there is no encoder.
    """

    def missing(contents: Sequence[Content]) -> np.ndarray:
        raise TableError(
            f"{len(contents)} {content_kind(there.space).plural} came or changed since the swap, and generation {to!r} "
            "has no vectors for them",
            needed="the encoder of its space",
            fix="load that source and roll back with it",
        )

    with migrating(path):
        pointer = read_pointer(path)
        to = previous(pointer)
        there = pointer.generation(to)
        return _swap(path, to, encode or missing, rng, 64 if encode else 0, chunk, progress)


def previous(pointer: Pointer) -> str:
    """The kept generation to return to: the newest other one. Raises TableError when there is none."""
    kept = [one.name for one in pointer.generations if one.state == "kept"]
    if not kept:
        raise TableError(
            f"table {pointer.name!r} has no earlier generation to return to",
            needed="a generation that was swapped away and not dropped",
            fix="look at the generations with graft tables show",
        )
    return kept[-1]


def drop(path: Path, generation: str) -> int:
    """Remove a generation that does not answer, its index and its adapter; the bytes freed. No way back after this.

    Raises TableError for the one that answers.
    """
    with migrating(path):
        remove_generation(path, generation)
        freed = 0
        for place in (path / generation, path / f"{generation}.index", adapter_path(path, generation)):
            freed += sum(each.stat().st_size for each in (place, *place.rglob("*")) if each.is_file())
            if place.is_dir():
                shutil.rmtree(place)
            place.unlink(missing_ok=True)
        return freed


def _swap(
    path: Path,
    generation: str,
    encode: Encode,
    rng: np.random.Generator,
    sample: int,
    chunk: int,
    progress: Progress,
) -> Swapped:
    old, new = EmbeddingTable.open(path), EmbeddingTable.open(path, generation=generation)
    if generation == old.generation.name:
        raise TableError(
            f"generation {generation!r} answers already", needed="another one", fix="nothing has to be swapped"
        )
    for _ in range(_ROUNDS):
        built = catch_up(old, new, encode, chunk=chunk, progress=progress)
        with none_erased(path):
            if old.version != built.version:
                continue
            verified = verify(old.as_of(built.version), new, encode, rng=rng, sample=sample)
            if _swapped_at(path, generation, old, built.version):
                adapter_path(path, generation).unlink(missing_ok=True)
                return Swapped(old.generation.name, generation, built.version, verified)
    raise TableError(
        f"table {old.name!r} changed faster than it could be caught up with",
        needed="a quieter moment",
        fix="pause its writers and try again: what was built is kept",
    )


def _swapped_at(path: Path, generation: str, old: EmbeddingTable, version: int) -> bool:
    """Swap if the old generation is still at ``version``, with its writers waiting meanwhile."""
    with locked(old.store.root / ".writing.lock"):
        if old.version != version:
            return False
        swap(path, generation)
        return True


def _incomplete(new: EmbeddingTable, why: str) -> TableError:
    return TableError(
        f"generation {new.generation.name!r} cannot answer: {why}",
        needed="every row of the present one, in the new space",
        fix="build it again: what is right is kept; or drop it",
    )
