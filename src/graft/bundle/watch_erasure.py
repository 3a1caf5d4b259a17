"""People leave what a watch remembers of them, with the receipt that tables write.

Decisions: a watch keeps no texts, but rows of its reference and of batches since (ids, vectors, the digest of what a
row says, whom it belongs to) and checks that name rows or users. It is a place like any other that keeps rows, found by
id, by what rows belong together, or by what they say, and written anew without them. The reference stays the same
reference, under the seal it had, so its checks and bets go on. Numbers over many rows (p-values, shares, bets, power)
stay, and the receipt says so. What killed writers left in the folder may hold anybody and is removed.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake
from safetensors.numpy import load_file, save_file

from graft.bundle.folders import put_back, whole_folder
from graft.bundle.judged_rows import judged_rows, other_judged_rows, with_judged_rows
from graft.bundle.manifest import MANIFEST, read_manifest, write_manifest
from graft.core import foreign
from graft.core.errors import InputError
from graft.core.files import locked, whole_file, write_json, write_text
from graft.core.several import Names, several
from graft.facts.watch import WatchBaseline
from graft.governance.records import AssetKind
from graft.governance.registry import Registry
from graft.representations.cache import ActivationCache
from graft.tables.erasure.erasing import ErasureRequest, erase_everywhere
from graft.tables.erasure.places import CachePlace, Held, Place, Wanted
from graft.tables.erasure.receipt import Receipt

FACTS, ROWS, ARRAYS = "baseline.json", "rows.parquet", "rows.safetensors"
SHOP_SETTINGS = "shop.json"
BASELINE, CHECKS, STATE, SINCE, LOCK = "baseline", "checks", "state.json", "since.safetensors", "checks.lock"
WORDS, PARTS, CONTEXTS, LEAST_OF_A_WORD = "terms.json", "terms.safetensors", "contexts.safetensors", 5
Of = Literal["row", "group"]
KEPT, SEGMENT, MARKS, JUDGED, SEEN = "kept/", "segment ", "marks", "judged", "seen/"
# Entries of the log that a checkpoint holds too are no longer needed: ten thousand would be listed at every check.
CONFIGURATION: dict[str, str | None] = {
    "delta.logRetentionDuration": "interval 1 hour",
    "delta.enableExpiredLogCleanup": "true",
    "delta.deletedFileRetentionDuration": "interval 1 hour",
}
_GONE = "(erased)"
_LEFT = (
    "numbers over many rows (p-values, shares, power, what was bet, counts of words that five rows or more have) were "
    "made with them and stay; a new baseline leaves them out",
    "pages and records that were written elsewhere (watch report --out, watch check --out) and the study beside the "
    "bundle are not reached: write the pages anew",
)


def watch_folder(bundle: Path | str) -> Path:
    """Where the watch of a bundle or a shop is: a folder beside it."""
    place = Path(bundle).absolute()
    return place.with_name(f"{place.name}.watch")


def user_number(name: str, salt: bytes) -> str:
    """What stands for a user of a shop, 16 hexadecimal digits."""
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8, key=salt).hexdigest()


def word_marks(words: Sequence[str]) -> np.ndarray:
    """A number for each word, uint64 (n,), by which it is found again and from which it cannot be read."""
    told = b"".join(hashlib.sha256(one.encode("utf-8", "surrogatepass")).digest()[:8] for one in words)
    return np.frombuffer(told, np.uint64).copy()


def baseline_seal(folder: Path) -> str:
    """By which seal checks know a baseline: its own, or the one it had before rows were erased; "" where none is."""
    if not (folder / MANIFEST).is_file():
        return ""
    told = foreign.read_json(folder / FACTS) if (folder / FACTS).is_file() else {}
    before = told.get("seal", "") if isinstance(told, dict) else ""
    return str(before) or read_manifest(folder).seal


def erase_watched(
    folder: Path,
    ids: Names,
    *,
    of: Of = "row",
    digests: frozenset[bytes] = frozenset(),
    by: str,
    reason: str = "",
    cache: ActivationCache | None = None,
) -> Receipt:
    """Erase rows from the watch in ``folder``; the receipt, which lies there too.

    ids: of rows, or what they belong to (``of="group"``). digests: of what rows say, erased with them from the watch
    and from the activation cache, the default one when None. by, reason: as they stand in the receipt. The same call
    continues an erasure that was cut off. An id that is nowhere is no error. Raises InputError without ids.
    """
    places: list[Place] = [CachePlace(cache or ActivationCache()), WatchPlace(folder, of, digests)]
    return erase_everywhere(
        folder, folder.name, several(ids), places, asking=ErasureRequest(by, reason), notes=lambda wanted: _LEFT
    )


def watched_place(bundle: Path) -> "WatchPlace":
    """Where rows of a bundle's watch are kept. Raises InputError for a bundle that is not watched, and for a shop."""
    place = watch_folder(bundle)
    if not place.is_dir() or (place / BASELINE / SHOP_SETTINGS).is_file():
        raise InputError(
            f"{bundle} {'is a shop' if place.is_dir() else 'is not watched'}",
            needed=f"a bundle with a watch, {place}",
            fix="erase from a shop with --shop" if place.is_dir() else "leave it out: nothing is kept",
        )
    return WatchPlace(place, contents=True)


def holding_watches(ids: Iterable[str]) -> list[Path]:
    """The bundles that the ledger knows and whose watch holds any of these rows, where they lie."""
    wanted = Wanted(frozenset(ids))
    with Registry() as registry:
        if not registry.ledger.exists:
            return []
        known = (one.reference for one in registry.assets() if one.kind is AssetKind.BUNDLE)
        folders = {Path(one.removeprefix("path:")) for one in known if one.startswith("path:")}
    found = []
    for one in sorted(folders):
        place = watch_folder(one)
        shop = (place / BASELINE / SHOP_SETTINGS).is_file()
        if place.is_dir() and not shop and WatchPlace(place).find(wanted).files:
            found.append(one)
    return found


@dataclass(frozen=True)
class WatchPlace:
    """The folder of a watch. of: what ids name: rows, or what rows belong to (users of a shop). digests: of what
    further rows say. contents: whether rows count too that say what another place holds under these ids; without,
    another's row that says the same stays."""

    folder: Path
    of: Of = "row"
    digests: frozenset[bytes] = frozenset()
    contents: bool = False

    @property
    def name(self) -> str:
        """What a person calls it."""
        return f"watch {self.folder.name}"

    @property
    def root(self) -> Path:
        """The folder of all its files."""
        return self.folder

    def find(self, wanted: Wanted) -> Held:
        """Rows of the reference and since with these ids or contents, and checks that name them."""
        sought = self._sought(wanted)
        if not self.folder.is_dir() or not (sought.words or sought.names):
            return Held(digests=self.digests)
        files, rows, ids, digests = self._left(), 0, set[str](), set(self.digests)
        for part, look in (
            (self.folder / BASELINE / ROWS, self._of_baseline),
            (self.folder / SINCE, self._since),
            (self.folder / STATE, self._pending),
        ):
            if part.is_file():
                try:
                    count, known, said = look(part, sought)
                except Exception:
                    # What cannot be read may hold anybody.
                    files.append(part)
                    continue
                rows, ids, digests = rows + count, ids | known, digests | said
                files += [part] if count or known else []
        for path in sorted((self.folder / CHECKS).rglob("*.parquet")):
            if path.parent.name == "_delta_log":
                continue
            records = pq.read_table(path, columns=["record"])["record"].to_pylist()
            known = set().union(*(sought.told(one)[1] for one in records))
            files += [path] if known else []
            rows, ids = rows + sum(bool(sought.told(one)[1]) for one in records), ids | known
        return Held(rows, frozenset(ids & wanted.ids), frozenset(digests), files=tuple(files))

    def erase(self, wanted: Wanted) -> tuple[str, ...]:
        """Write what holds them anew without them, and remove what killed writers left."""
        if not self.folder.is_dir():
            return ()
        with locked(self.folder / LOCK):
            put_back(self.folder / BASELINE)
            put_back(self.folder / CHECKS)
            if not self.find(wanted).files:
                return ()
            sought, notes = self._sought(wanted), []
            self._without_checks(sought)
            self._without_pending(sought)
            self._without_since(sought)
            notes += self._without_rows(sought)
            for path in self._left():
                path.unlink(missing_ok=True)
            for path in self.folder.glob(".*"):
                if path.is_dir():
                    shutil.rmtree(path)
        if sought.of == "group" and sought.salt is None:
            notes.append("ids of example rows were removed from all checks: whose they were is not kept")
        return tuple(notes)

    def _sought(self, wanted: Wanted) -> "_Sought":
        settings = self.folder / BASELINE / SHOP_SETTINGS
        salt = None
        if settings.is_file():
            salt = bytes.fromhex(str(foreign.read_json(settings)["salt"]))
        group = ""
        if (facts := self.folder / BASELINE / FACTS).is_file():
            group = str(foreign.read_json(facts).get("group", ""))
        digests = self.digests | (wanted.digests if self.contents else frozenset())
        return _Sought(wanted.ids, digests, self.of, group, salt)

    def _of_baseline(self, path: Path, sought: "_Sought") -> tuple[int, set[str], set[bytes]]:
        frame = pl.read_parquet(path)
        gone = sought.rows(frame)
        some = frame.filter(gone)
        known = set(some["id"].to_list())
        if sought.of == "group" and "group" in frame.columns:
            known = {sought.words[one] for one in some["group"].to_list() if one in sought.words}
        # Of a shop the name is that of the item.
        said = set() if sought.salt is not None else {bytes.fromhex(one) for one in some["name"].to_list()}
        return int(gone.sum()), known, said

    def _since(self, path: Path, sought: "_Sought") -> tuple[int, set[str], set[bytes]]:
        arrays = load_file(path)
        if not self._current():
            return len(arrays.get(f"{KEPT}certainty", ())), set(), set()
        gone = sought.kept(arrays)
        judged, seen = sought.marked(self._judged(arrays)), sought.seen(arrays)
        return int(gone.sum()) + int(judged.sum()) + int(seen.sum()), sought.known(arrays), set()

    def _judged(self, arrays: dict[str, np.ndarray]) -> np.ndarray | None:
        """The marks of judged rows; up to 0.1.0 they were among the other arrays."""
        told = self._state()
        return judged_rows(self.folder, told["judged"]) if "judged" in told else arrays.get(JUDGED)

    def _state(self) -> dict[str, Any]:
        told = foreign.read_json(self.folder / STATE) if (self.folder / STATE).is_file() else {}
        return told if isinstance(told, dict) else {}

    def _left(self) -> list[Path]:
        """What killed writers left: files, and marks that the state does not name."""
        try:
            return [*_left(self.folder), *other_judged_rows(self.folder, self._state().get("judged"))]
        except InputError:
            # A state that cannot be read names none; it is found to be unreadable by itself.
            return _left(self.folder)

    def _pending(self, path: Path, sought: "_Sought") -> tuple[int, set[str], set[bytes]]:
        row = foreign.read_json(path).get("check")
        known = sought.told(str(row["record"]))[1] if isinstance(row, dict) else set()
        return len(known), known, set()

    def _current(self) -> bool:
        """Whether what is kept since belongs to the baseline that is there; else nobody needs it any more."""
        return bool(self._state().get("baseline", "") == baseline_seal(self.folder / BASELINE))

    def _without_checks(self, sought: "_Sought") -> None:
        place = self.folder / CHECKS
        if not DeltaTable.is_deltatable(str(place)):
            return
        table = DeltaTable(str(place)).to_pyarrow_table()
        told = [sought.told(one) for one in table["record"].to_pylist()]
        old = [path for path in place.glob("*.parquet") if path.name not in _files(place)]
        if not old and not any(known for _, known in told):
            return
        at = table.schema.get_field_index("record")
        table = table.set_column(at, table.schema.field("record"), pa.array([one for one, _ in told], pa.string()))
        new, aside = self.folder / f".{CHECKS}.erasing.partial", self.folder / f".{CHECKS}.previous"
        shutil.rmtree(new, ignore_errors=True)
        # A new table: an old log lists what files held, and old versions hold it.
        write_deltalake(str(new), table, configuration=CONFIGURATION)
        shutil.rmtree(aside, ignore_errors=True)
        place.rename(aside)
        new.rename(place)
        shutil.rmtree(aside)

    def _without_pending(self, sought: "_Sought") -> None:
        path = self.folder / STATE
        if not path.is_file():
            return
        told = foreign.read_json(path)
        if isinstance(told.get("check"), dict):
            told["check"]["record"] = sought.told(str(told["check"]["record"]))[0]
            write_json(path, told)

    def _without_since(self, sought: "_Sought") -> None:
        path = self.folder / SINCE
        if not path.is_file():
            return
        if not self._current():
            path.unlink()
            for other in other_judged_rows(self.folder, None):
                other.unlink(missing_ok=True)
            return
        arrays = load_file(path)
        marks = self._judged(arrays)
        gone, judged, seen = sought.kept(arrays), sought.marked(marks), sought.seen(arrays)
        if not gone.any() and not judged.any() and not seen.any():
            return
        told = self._state()
        if judged.any() and marks is not None and "judged" in told:
            # Another file, which the state names when it is whole; then the old one goes.
            told["judged"] = with_judged_rows(self.folder, told["judged"], np.asarray(marks)[~judged], anew=True)
            write_json(self.folder / STATE, told)
            for other in other_judged_rows(self.folder, told["judged"]):
                other.unlink(missing_ok=True)
        for name, held in arrays.items():
            if name.startswith(KEPT):
                arrays[name] = np.ascontiguousarray(held[~gone])
            elif name.startswith(SEEN):
                arrays[name] = np.ascontiguousarray(held[~seen])
        if JUDGED in arrays:
            arrays[JUDGED] = np.ascontiguousarray(arrays[JUDGED][~judged])
        with whole_file(path) as temporary:
            save_file(arrays, temporary)

    def _without_rows(self, sought: "_Sought") -> list[str]:
        place = self.folder / BASELINE
        if not (place / ROWS).is_file():
            return []
        frame = pl.read_parquet(place / ROWS)
        gone = sought.rows(frame)
        if not gone.any():
            return []
        facts = WatchBaseline.from_json(foreign.read_text(place / FACTS), str(place / FACTS))
        kept, arrays = frame.filter(~gone), load_file(place / ARRAYS)
        units = kept["group"].n_unique() if "group" in kept.columns else kept.height
        some = frame.filter(gone)
        erased = facts.erased + (some["group"].n_unique() if facts.group else some.height)
        # A word is kept where five rows (of five groups) have it: with fewer gone, others have it too.
        words = (place / WORDS).is_file() and erased >= LEAST_OF_A_WORD
        truth = kept["truth"].drop_nulls().drop_nans().len() if "truth" in kept.columns else int(facts.labelled)
        facts = facts.model_copy(
            update={
                "rows": kept.height, "erased": erased, "seal": baseline_seal(place), "labelled": truth,
                "groups": units if facts.groups is not None else None, "learnt": min(facts.learnt, kept.height),
            }
        )  # fmt: skip
        with whole_folder(place) as new:
            for path in place.iterdir():
                if path.name not in (MANIFEST, ROWS, ARRAYS, FACTS) and not (
                    words and path.name in (WORDS, PARTS, CONTEXTS)
                ):
                    shutil.copy(path, new / path.name)
            kept.write_parquet(new / ROWS)
            save_file({name: np.ascontiguousarray(held[~gone]) for name, held in arrays.items()}, new / ARRAYS)
            write_text(new / FACTS, facts.to_json())
            write_manifest(new)
        notes = [f"the reference has {kept.height:,} rows left: make a new baseline once that is few"]
        if words:
            notes.append("the counts of words went too, and of their company, since they may be those of the erased "
                         "alone: words are no longer compared until a new baseline is made")  # fmt: skip
        return notes


@dataclass(frozen=True)
class _Sought:
    """What is looked for. given: the ids. digests: of contents. of: what ids name. group: the column by which rows
    belong together. salt: of the numbers that stand for users, of a shop."""

    given: frozenset[str]
    digests: frozenset[bytes]
    of: Of
    group: str
    salt: bytes | None

    @property
    def words(self) -> dict[str, str]:
        """What stands in the files for each id, with the id."""
        if self.salt is None:
            return {one: one for one in self.given}
        return {user_number(one, self.salt): one for one in self.given}

    @property
    def names(self) -> frozenset[str]:
        """Contents as the files name them."""
        return frozenset() if self.salt is not None else frozenset(one.hex() for one in self.digests)

    def rows(self, frame: pl.DataFrame) -> pl.Series:
        """Which rows of the reference are theirs, bool."""
        column = "id" if self.of == "row" else "group"
        gone = pl.Series([False] * frame.height, dtype=pl.Boolean)
        if column in frame.columns:
            gone = gone | frame[column].is_in(list(self.words))
        return gone | frame["name"].is_in(list(self.names))

    def kept(self, arrays: dict[str, np.ndarray]) -> np.ndarray:
        """Which rows that are kept of batches are theirs, bool; all where that cannot be told."""
        count = len(arrays.get(f"{KEPT}certainty", ()))
        gone = np.zeros(count, bool)
        if self.salt is None:
            if f"{KEPT}{MARKS}" not in arrays:
                return ~gone
            gone |= self.marked(arrays[f"{KEPT}{MARKS}"])
        if self.of == "group" and f"{KEPT}groups" in arrays:
            gone |= np.array([one in self.words for one in _said(arrays[f"{KEPT}groups"])], bool)
        return gone

    def seen(self, arrays: dict[str, np.ndarray]) -> np.ndarray:
        """Which rows that are kept for labels that come late are theirs, bool."""
        gone = self.marked(arrays.get(f"{SEEN}{MARKS}"))
        groups = arrays.get(f"{SEEN}groups")
        if self.of == "group" and groups is not None:
            gone = gone | np.isin(groups, word_marks(sorted(self.words)))
        return gone

    def marked(self, marks: np.ndarray | None) -> np.ndarray:
        """Which marks, uint64 (n, 2) of ids and of contents, are theirs, bool; of groups those of contents alone."""
        if marks is None or marks.ndim != 2:
            return np.zeros(0 if marks is None else len(marks), bool)
        found = np.isin(marks[:, 1], word_marks(sorted(self.names)))
        if self.of == "row":
            found |= np.isin(marks[:, 0], word_marks(sorted(self.words)))
        return np.asarray(found)

    def known(self, arrays: dict[str, np.ndarray]) -> set[str]:
        """Which of the ids are among the rows that are kept of batches."""
        if self.of == "row":
            none = np.zeros((0, 2), np.uint64)
            there = np.concatenate([arrays.get(f"{part}{MARKS}", none) for part in (KEPT, SEEN)])[:, 0]
            marked = zip(self.words.values(), word_marks(list(self.words)), strict=True)
            return {one for one, mark in marked if mark in there}
        return {self.words[one] for one in _said(arrays.get(f"{KEPT}groups")) if one in self.words}

    def told(self, record: str) -> tuple[str, set[str]]:
        """The record of a check without their names, and which of them it named."""
        # Most records name none of them: nothing is parsed that cannot.
        everybody = self.of == "group" and self.salt is None
        if not everybody and all(_plain(one) and one not in record for one in self.given):
            return record, set()
        told = json.loads(record)
        known: set[str] = set()
        theirs: Callable[[str], bool] = (lambda one: True) if everybody else self.given.__contains__
        for one in told.get("moved", ()):
            named = [name for name in one["examples"] if theirs(name)]
            if named:
                known.update(named)
                one["examples"] = [name for name in one["examples"] if name not in named]
                if one["what"].startswith("rows like "):
                    one["what"] = f"rows like {', '.join(one['examples']) or 'some that were erased'}"
        for one in told.get("contexts", ()):
            named = [name for name in one["examples"] if theirs(name)]
            known.update(named)
            one["examples"] = [name for name in one["examples"] if name not in named]
        for one in told.get("contexts", ()):
            named = [name for name in one["examples"] if theirs(name)]
            known.update(named)
            one["examples"] = [name for name in one["examples"] if name not in named]
        for one in told.get("shifts", ()):
            column, _, value = str(one["segment"]).partition("=")
            if value in self.given and self.of == "group" and column == self.group:
                known.add(value)
                one["segment"] = f"{column}={_GONE}"
        return (json.dumps(told, ensure_ascii=False, indent=2) + "\n", known) if known else (record, known)


def _plain(word: str) -> bool:
    """Whether a word stands inside JSON as it is."""
    return word.isprintable() and not {'"', "\\"} & set(word)


def _said(rows: np.ndarray | None) -> list[str]:
    """Words that are kept as rows of bytes."""
    return [] if rows is None else [row.tobytes().rstrip(b"\0").decode("utf-8", "surrogatepass") for row in rows]


def _files(place: Path) -> set[str]:
    return {Path(one).name for one in DeltaTable(str(place)).file_uris()}


def _left(folder: Path) -> list[Path]:
    """Files that killed writers left behind."""
    found: list[Path] = []
    for path in sorted(folder.glob(".*")):
        if path.name.endswith((".partial", ".previous")):
            found += [one for one in sorted(path.rglob("*")) if one.is_file()] if path.is_dir() else [path]
    return found
