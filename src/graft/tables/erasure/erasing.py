"""Erasing rows from a table, or from whatever else keeps them, and from everything made of it, with a receipt.

Decisions: the places farthest from the rows come first and the rows themselves last, because it is the rows that tell
under which digests the rest is kept: killed anywhere, the same call finds them again and finishes. Afterwards every
place is searched once more, and a receipt says *complete* only when nothing was found. An id that is nowhere is no
error: the receipt says so. What is freed on the disk is not overwritten, and copies elsewhere (backups, other
programs' exports) are not reached; the receipt says that too.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from graft.core.errors import InputError, TableError
from graft.core.several import several
from graft.core.version import __version__
from graft.representations.cache import ActivationCache
from graft.representations.spaces import content_kind
from graft.tables.erasure.generations import GenerationPlace
from graft.tables.erasure.indexes import IndexPlace
from graft.tables.erasure.places import CachePlace, Held, Place, Wanted, marks, whole_digest
from graft.tables.erasure.receipt import (
    ErasedId,
    FileMark,
    PlaceRecord,
    Receipt,
    begun_before,
    mark_found,
    read_receipts,
    stamp,
    write_receipt,
)
from graft.tables.inside import require_own_throughout
from graft.tables.pointer import none_erased
from graft.tables.table import EmbeddingTable

_LIMITS = (
    "the bytes are no longer in any file named here; the disk may keep freed blocks until it uses them again",
    "copies elsewhere (backups, exports, other tables) are not reached: the digests of removed files help to find them",
)


@dataclass(frozen=True)
class ErasureRequest:
    """Who asks for an erasure, and why, as it stands in the receipt. now: the clock."""

    by: str
    reason: str = ""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


def erase(
    path: Path,
    ids: str | Iterable[str],
    *,
    by: str,
    reason: str = "",
    cache: ActivationCache | None = None,
    places: Sequence[Place] = (),
    rebuild: Callable[[str], None] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Receipt:
    """Erase the rows ``ids`` of the table at ``path``: every generation and version, index, activation cache,
    ``places``.

    by, reason: who asks, and why; they stand in the receipt as given. cache: the activation cache in use, the default
    one when left out. places: others that keep rows. rebuild: called with the name of each generation whose index was
    removed. Raises InputError without ids, TableError when something is found again afterwards: the receipt then stays
    begun.
    """
    wanted_ids = _checked(ids, by)
    table = EmbeddingTable.open(path)
    require_own_throughout(path)
    with none_erased(path):
        everywhere = [*places, CachePlace(cache or ActivationCache()), *_own_places(table)]
        receipt = erase_everywhere(
            path, table.name, wanted_ids, everywhere, asking=ErasureRequest(by, reason, now),
            notes=lambda wanted: _notes(table, wanted),
        )  # fmt: skip
    for place in everywhere:
        if rebuild is not None and isinstance(place, IndexPlace) and _record(receipt, place).removed:
            rebuild(place.generation)
    return receipt


def erase_everywhere(
    home: Path,
    name: str,
    ids: str | Iterable[str],
    everywhere: Sequence[Place],
    *,
    asking: ErasureRequest,
    notes: Callable[[Wanted], tuple[str, ...]] = lambda wanted: (),
) -> Receipt:
    """Erase ``ids`` from all places, the farthest from the rows first, and keep the receipt up to date at every step.

    home: the folder whose receipts it joins. name: of what lies there. notes: what else to say, seen before anything is
    removed. Nobody else writes into the places meanwhile. Raises as ``erase`` does.
    """
    wanted_ids = _checked(ids, asking.by)
    receipt = _erase(home, wanted_ids, everywhere, _begin(home, name, wanted_ids, asking), notes)
    receipt = replace(receipt, complete=True, finished=stamp(asking.now()), notes=(*receipt.notes, *_LIMITS))
    write_receipt(home, receipt)
    return receipt


def _erase(
    home: Path,
    ids: Sequence[str],
    everywhere: Sequence[Place],
    receipt: Receipt,
    notes: Callable[[Wanted], tuple[str, ...]],
) -> Receipt:
    held = [place.find(Wanted(frozenset(ids))) for place in everywhere]
    wanted = Wanted(frozenset(ids), frozenset().union(*(one.digests for one in held)))
    found = frozenset().union(*(one.ids for one in held))
    noted = tuple(dict.fromkeys((*receipt.notes, *notes(wanted))))
    receipt = replace(receipt, ids=mark_found(receipt.ids, found), notes=noted)
    for place in everywhere:
        before, there = marks(place.root), place.find(wanted)
        receipt = _with(receipt, _intended(place, before, there))
        # What is going to be removed is on paper before it is removed: a kill in between loses no line of it.
        write_receipt(home, receipt)
        said = place.erase(wanted)
        receipt = _with(receipt, _done(place, before, there, said))
        write_receipt(home, receipt)
    _require_gone(everywhere, wanted)
    return receipt


def _own_places(table: EmbeddingTable) -> list[Place]:
    """Of every generation the index, then the rows."""
    generations = table.pointer.generations
    rows = [GenerationPlace(table.path / one.name, one.content, content_kind(one.space)) for one in generations]
    indexes = [IndexPlace(table.path / f"{one.folder.name}.index") for one in rows]
    return [*indexes, *rows]


def _begin(home: Path, name: str, ids: Sequence[str], asking: ErasureRequest) -> Receipt:
    """The receipt of this erasure: a new one, or the one that was begun when it was killed."""
    begun = begun_before(read_receipts(home), ids)
    if begun is not None:
        return begun
    names = tuple(ErasedId.of(one) for one in ids)
    return Receipt(name, asking.by, asking.reason, stamp(asking.now()), "", False, names, graft=__version__)


def _intended(place: Place, before: dict[str, str], there: Held) -> PlaceRecord:
    """What a place holds, before it is touched."""
    paths = [path.relative_to(place.root).as_posix() for path in there.files]
    removed = tuple(FileMark(path, before[path]) for path in paths if path in before)
    return PlaceRecord(place.name, there.rows, whole_digest(before), "", removed, versions=there.versions)


def _done(place: Place, before: dict[str, str], there: Held, notes: tuple[str, ...]) -> PlaceRecord:
    """What became of a place, by its files."""
    after = marks(place.root)
    return PlaceRecord(
        place.name,
        there.rows,
        whole_digest(before),
        whole_digest(after),
        tuple(FileMark(path, before[path]) for path in before if after.get(path) != before[path]),
        tuple(FileMark(path, after[path]) for path in after if after[path] != before.get(path)),
        notes,
        there.versions,
    )


def _with(receipt: Receipt, record: PlaceRecord) -> Receipt:
    """The receipt with what was done in a place; what a killed call noted there before stays in it."""
    earlier = next((one for one in receipt.places if one.name == record.name), None)
    if earlier is None:
        return replace(receipt, places=(*receipt.places, record))
    replaced = {mark.path for mark in (*record.removed, *record.written)}
    joined = replace(
        record,
        rows=max(earlier.rows, record.rows),
        before=earlier.before,
        removed=tuple(dict.fromkeys((*earlier.removed, *record.removed))),
        written=(*(mark for mark in earlier.written if mark.path not in replaced), *record.written),
        notes=tuple(dict.fromkeys((*earlier.notes, *record.notes))),
        versions=tuple(sorted({*earlier.versions, *record.versions})),
    )
    return replace(receipt, places=tuple(joined if one is earlier else one for one in receipt.places))


def _notes(table: EmbeddingTable, wanted: Wanted) -> tuple[str, ...]:
    rows = table.read(["id", "digest"]).to_pylist()
    texts = {digest.hex() for digest in wanted.digests}
    others = sum(row["digest"] in texts and row["id"] not in wanted.ids for row in rows)
    if not others:
        return ()
    return (f"{others} other rows have the same content as an erased one and keep it under their own ids",)


def _require_gone(places: Sequence[Place], wanted: Wanted) -> None:
    left = [place.name for place in places if place.find(wanted).files]
    if left:
        raise TableError(
            f"after erasing, it is found again in: {', '.join(left)}",
            needed="places that nobody writes the same rows or texts into meanwhile",
            fix="run the same erasure again: the receipt stays begun until nothing is found",
        )


def _record(receipt: Receipt, place: Place) -> PlaceRecord:
    return next(one for one in receipt.places if one.name == place.name)


def _checked(ids: str | Iterable[str], by: str) -> list[str]:
    wanted = list(dict.fromkeys(several(ids)))
    if not wanted or not all(isinstance(one, str) and one for one in wanted):
        raise InputError("no ids to erase, or an empty one", needed="one id at least, as text", fix="name it with --id")
    if not by:
        raise InputError("nobody is named who asks", needed="a name or a role", fix="give it with --by")
    return wanted
