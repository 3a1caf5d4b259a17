"""What an erasure did, place by place: the paper to keep when somebody asks for it.

Decisions: a receipt must not be the last place that names the erased: it holds neither text nor vector nor content
digest, and of each id only the SHA-256 with a salt of its own, so that whoever knows the id can check it with
``concerns``. (Short ids can be guessed by trying them all; a receipt is a private paper.) It states the SHA-256 of all
it says, so damage shows; whoever notes that number elsewhere can tell a receipt that was written anew. What changed is
not what was intended but what was found: the SHA-256 of every file of a place is taken before and after, and the
removed files are listed with theirs, because that is how copies are found in backups. The receipt is written before
anything is removed, as *begun*, and replaced when all is done; the same ids asked for again continue a begun receipt.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from graft.core import foreign
from graft.core.errors import InputError, TableError
from graft.core.files import write_json
from graft.tables.erasure.places import RECEIPTS, marks

SCHEMA = 2
_SHOWN = 12


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
    versions: of the table, those that listed a file with an erased row; they can no longer be read.
    """

    name: str
    rows: int
    before: str
    after: str
    removed: tuple[FileMark, ...] = ()
    written: tuple[FileMark, ...] = ()
    notes: tuple[str, ...] = ()
    versions: tuple[int, ...] = ()

    def remarks(self) -> tuple[str, ...]:
        """The notes, and which versions are lost."""
        if not self.versions:
            return self.notes
        shown = ", ".join(map(str, self.versions[:_SHOWN]))
        more = f" and {len(self.versions) - _SHOWN} more" if len(self.versions) > _SHOWN else ""
        return (*self.notes, f"versions that held it can no longer be read: {shown}{more}")


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

    @property
    def sha256(self) -> str:
        """SHA-256 of all it says: of its JSON in UTF-8, keys in order, without spaces and without this number."""
        said = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()

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
            said += [f"  {note}" for note in place.remarks()]
        return [*said, *self.notes, *([f"sha256 of this receipt: {self.sha256}"] if self.complete else [])]


def write_receipt(table: Path, receipt: Receipt) -> Path:
    """Write a receipt into the folder of a table or shop, replacing the one that was begun at that moment; its path."""
    first = receipt.ids[0].salt[:8] if receipt.ids else "none"
    path = table / RECEIPTS / f"{receipt.begun.replace(':', '')}-{first}.json"
    receipt = replace(receipt, schema=SCHEMA)
    write_json(path, {**asdict(receipt), "sha256": receipt.sha256})
    return path


def read_receipt(path: Path) -> Receipt:
    """A receipt from its file. Raises TableError when it is damaged, or of a newer Graft.

    One of schema 1 states no digest and is believed.
    """
    try:
        stated = foreign.read_json(path, limit=foreign.SETTINGS_LIMIT)
        if not isinstance(stated["schema"], int) or stated["schema"] > SCHEMA:
            raise TableError(
                f"{path} is a receipt of schema {stated['schema']}", needed=f"schema {SCHEMA}", fix="update Graft"
            )
        digest = stated.pop("sha256") if stated["schema"] > 1 else None
        receipt = _read(stated)
        if digest is not None and digest != receipt.sha256:
            raise ValueError("it was changed after it was written")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, TableError):
            raise
        why = error.given if isinstance(error, InputError) else str(error)
        raise TableError(
            f"{path} is not a receipt that can be read ({why})",
            needed="the JSON file an erasure wrote",
            fix="use its copy",
        ) from error
    return receipt


def read_receipts(table: Path) -> list[Receipt]:
    """All receipts of a table or shop, oldest first."""
    return [read_receipt(path) for path in sorted((table / RECEIPTS).glob("*.json"))]


def returned(table: Path, receipt: Receipt) -> tuple[FileMark, ...]:
    """Files below the table's folder with the content of one that was removed: from a backup, for example."""
    removed = {mark.sha256 for place in receipt.places for mark in place.removed}
    found = marks(table) if removed else {}
    # An empty file is like any other empty one.
    empty = hashlib.sha256().hexdigest()
    return tuple(FileMark(path, digest) for path, digest in found.items() if digest in removed - {empty})


def begun_before(receipts: Iterable[Receipt], ids: Sequence[str]) -> Receipt | None:
    """The receipt, not complete, of an erasure of just these ids."""
    for receipt in receipts:
        if not receipt.complete and len(receipt.ids) == len(ids) and all(map(receipt.concerns, ids)):
            return receipt
    return None


def concerned_by(receipts: Iterable[Receipt]) -> Callable[[str], bool]:
    """Whether any of the receipts is about an id, for asking about very many ids.

    >>> asked = concerned_by([Receipt("tickets", "me", "", "", "", True, (ErasedId.of("4711"),))])
    >>> asked("4711"), asked("4712")
    (True, False)
    """
    begun = [(hashlib.sha256(_begin(one.salt)), bytes.fromhex(one.sha256)) for all_ in receipts for one in all_.ids]

    def asked(given: str) -> bool:
        raw = given.encode("utf-8", "surrogatepass")
        for salted, wanted in begun:
            found = salted.copy()
            found.update(raw)
            if found.digest() == wanted:
                return True
        return False

    return asked


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
                "versions": tuple(place.get("versions", ())),
            }
        )
        for place in stated["places"]
    )
    names = tuple(ErasedId(**name) for name in stated["ids"])
    return Receipt(**{**stated, "places": places, "ids": names, "notes": tuple(stated["notes"])})


def _salted(salt: str, given: str) -> str:
    return hashlib.sha256(_begin(salt) + given.encode("utf-8", "surrogatepass")).hexdigest()


def _begin(salt: str) -> bytes:
    return f"{salt}:".encode("utf-8", "surrogatepass")
