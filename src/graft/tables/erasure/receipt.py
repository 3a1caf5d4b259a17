"""What an erasure did, place by place: the paper to keep when somebody asks for it.

Decisions: a receipt must not be the last place that names the erased: it holds neither text nor vector nor content
digest, and of each id only the SHA-256 with a salt of its own, so that whoever knows the id can check it with
``concerns``. (Short ids can be guessed by trying them all; a receipt is a private paper.) What changed is not what was
intended but what was found: the SHA-256 of every file of a place is taken before and after, and the removed files are
listed with theirs, because that is how copies are found in backups. The receipt is written before anything is
removed, as *begun*, and replaced when all is done; the same ids asked for again continue a begun receipt.
"""

import hashlib
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from graft.core.errors import TableError
from graft.core.files import write_json

SCHEMA = 1
FOLDER = "receipts"


@dataclass(frozen=True)
class ErasedId:
    """An erased id that only its holder recognises. found: whether it was anywhere."""

    salt: str
    sha256: str
    found: bool = False

    @classmethod
    def of(cls, given: str) -> "ErasedId":
        """An id, salted anew."""
        salt = secrets.token_hex(16)
        return cls(salt, _salted(salt, given))

    def means(self, given: str) -> bool:
        """Whether this is ``given``."""
        return secrets.compare_digest(self.sha256, _salted(self.salt, given))


@dataclass(frozen=True)
class FileMark:
    """A file, by its path within the place and the SHA-256 of its bytes."""

    path: str
    sha256: str


@dataclass(frozen=True)
class PlaceRecord:
    """What happened in one place.

    rows: stored rows removed, every version of one counted. before, after: SHA-256 over the paths and digests of all
    its files. removed: files that were there before. written: files that are there since. notes: what else to know.
    """

    name: str
    rows: int
    before: str
    after: str
    removed: tuple[FileMark, ...] = ()
    written: tuple[FileMark, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Receipt:
    """An erasure. by, reason: who asked and why, as they said it. complete: False while it is under way or was cut
    off."""

    table: str
    by: str
    reason: str
    begun: str
    finished: str
    complete: bool
    ids: tuple[ErasedId, ...]
    places: tuple[PlaceRecord, ...] = ()
    notes: tuple[str, ...] = ()
    graft: str = ""
    schema: int = SCHEMA

    @property
    def found(self) -> int:
        """How many of the ids were anywhere."""
        return sum(name.found for name in self.ids)

    def concerns(self, given: str) -> bool:
        """Whether the receipt is about the id ``given``.

        >>> Receipt("tickets", "me", "", "", "", True, (ErasedId.of("4711"),)).concerns("4711")
        True
        """
        return any(name.means(given) for name in self.ids)

    def lines(self) -> list[str]:
        """The receipt as plain lines."""
        state = "complete" if self.complete else "NOT COMPLETE: run the same erasure again to finish it"
        said = [
            f"erasure from {self.table}: {state}",
            f"asked for by {self.by}" + (f": {self.reason}" if self.reason else ""),
            f"begun {self.begun}" + (f", finished {self.finished}" if self.finished else ""),
            f"ids: {len(self.ids)} asked for, {self.found} found",
        ]
        for place in self.places:
            said.append(f"{place.name}: {place.rows} stored rows removed")
            said.append(f"  before {place.before}")
            said.append(f"  after  {place.after}")
            said += [f"  removed {mark.path} ({mark.sha256})" for mark in place.removed]
            said += [f"  written {mark.path} ({mark.sha256})" for mark in place.written]
            said += [f"  {note}" for note in place.notes]
        return [*said, *self.notes]


def write_receipt(table: Path, receipt: Receipt) -> Path:
    """Write a receipt into the table's folder, replacing the one that was begun at that moment; its path."""
    first = receipt.ids[0].salt[:8] if receipt.ids else "none"
    path = table / FOLDER / f"{receipt.begun.replace(':', '')}-{first}.json"
    write_json(path, asdict(receipt))
    return path


def read_receipt(path: Path) -> Receipt:
    """A receipt from its file. Raises TableError when it is damaged, or of a newer Graft."""
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
        if stated["schema"] > SCHEMA:
            raise TableError(
                f"{path} is a receipt of schema {stated['schema']}", needed=f"schema {SCHEMA}", fix="update Graft"
            )
        return _read(stated)
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, TableError):
            raise
        raise TableError(
            f"{path} is not a receipt that can be read", needed="the JSON file an erasure wrote", fix="use its copy"
        ) from error


def read_receipts(table: Path) -> list[Receipt]:
    """All receipts of a table, oldest first."""
    return [read_receipt(path) for path in sorted((table / FOLDER).glob("*.json"))]


def begun_before(receipts: Iterable[Receipt], ids: Sequence[str]) -> Receipt | None:
    """The receipt, not complete, of an erasure of just these ids."""
    for receipt in receipts:
        if not receipt.complete and len(receipt.ids) == len(ids) and all(map(receipt.concerns, ids)):
            return receipt
    return None


def stamp(moment: datetime) -> str:
    """A time as receipts state it, to the microsecond."""
    return moment.isoformat(timespec="microseconds")


def mark_found(names: Sequence[ErasedId], ids: Iterable[str]) -> tuple[ErasedId, ...]:
    """The names with ``found`` set for those that mean one of ``ids``."""
    known = list(ids)
    return tuple(replace(name, found=name.found or any(map(name.means, known))) for name in names)


def _read(stated: dict[str, Any]) -> Receipt:
    places = tuple(
        PlaceRecord(
            **{
                **place,
                "removed": tuple(FileMark(**mark) for mark in place["removed"]),
                "written": tuple(FileMark(**mark) for mark in place["written"]),
                "notes": tuple(place["notes"]),
            }
        )
        for place in stated["places"]
    )
    names = tuple(ErasedId(**name) for name in stated["ids"])
    return Receipt(**{**stated, "places": places, "ids": names, "notes": tuple(stated["notes"])})


def _salted(salt: str, given: str) -> str:
    return hashlib.sha256(f"{salt}:{given}".encode("utf-8", "surrogatepass")).hexdigest()
