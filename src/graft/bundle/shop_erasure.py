"""Users leave a shop for good, with the receipt that tables write.

Decisions: a shop is a place like any other that keeps rows: it finds users by id and is written anew without them;
what killed writers left beside it (the folder that stepped aside, half a new one) may hold anybody and is a place of
its own, removed whole, and what its watch remembers of them is another. The receipt lies in the shop, beside the files
of the manifest; it is begun before anything is removed and continued by the same call after a kill. What was fitted
stays, and the receipt says in words what that is: only a fit without them removes it. Such a fit asks the receipts, so
that old files bring nobody back.
"""

import glob
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open

from graft.bundle.folders import put_back, settled
from graft.bundle.manifest import MANIFEST
from graft.bundle.shop import ARRAYS, FACTS, SAMPLE, load_shop, one_writer
from graft.bundle.shop_documents import keep_shop, record_shop
from graft.bundle.shop_lineage import ERASE, read_lineage
from graft.bundle.shop_vectors import exported_tables
from graft.bundle.watch_erasure import WatchPlace, watch_folder
from graft.core import foreign
from graft.core.errors import OutputError
from graft.core.several import Names
from graft.entities.shop import Shop
from graft.governance.records import AssetKind
from graft.governance.registry import Registry
from graft.rows.named import ids_given
from graft.tables.erasure.erasing import ErasureRequest, erase_everywhere
from graft.tables.erasure.places import RECEIPTS, Held, Place, Wanted
from graft.tables.erasure.receipt import Receipt, concerned_by, read_receipts, write_receipt

_USERS = ("people", "events/users")


def erase_users(folder: Path | str, users: Names, *, by: str, reason: str = "") -> Receipt:
    """Erase users from the shop in ``folder``: events, names, places, and what killed writers left; the receipt.

    by, reason: who asks, and why, as they stand in the receipt. An id that is unknown is no error: the receipt says so.
    The same call continues an erasure that was cut off. Raises InputError without users, BundleError for no shop,
    TableError when somebody brings them back meanwhile: the receipt then stays begun.
    """
    place = Path(folder)
    request = ErasureRequest(by, reason)
    with one_writer(place):
        put_back(place)
        load_shop(place, verify=False)
        with Registry() as registry:
            tables = exported_tables(place, registry)
            said = tuple(
                f"vectors of this shop were written into the table {one}, which is not reached: if they are of users, "
                "graft tables erase erases them there"
                for one in sorted(tables)
            )
            receipt = erase_everywhere(
                place, place.absolute().name, ids_given(users, what="users"), shop_places(place), asking=request,
                notes=lambda wanted: said,
            )  # fmt: skip
            record_shop(place, registry)
    return receipt


def shop_places(folder: Path) -> list[Place]:
    """Where users of a shop are kept: its watch, where it has one, what killed writers left beside it, then the shop.

    Whoever erases from them holds ``one_writer`` meanwhile, so what lies beside the shop belongs to nobody alive.
    """
    place, watch = folder.absolute(), watch_folder(folder)
    watched = [WatchPlace(watch, of="group")] if watch.is_dir() else []
    return [*watched, *_left_beside(place), ShopPlace(place)]


def _left_beside(folder: Path) -> "list[LeftPlace]":
    """What killed writers left beside an absolute path."""
    beside = [folder.with_name(f".{folder.name}.previous")]
    beside += sorted(folder.parent.glob(f".{glob.escape(folder.name)}.*.partial"))
    return [LeftPlace(one) for one in beside if one.is_dir()]


def erased_from(folder: Path) -> Callable[[str], bool] | None:
    """Whether a user was erased from the shop in ``folder``, by its receipts; None where there are none."""
    place = settled(folder)
    receipts = read_receipts(place) if place.is_dir() else []
    if not receipts:
        return None
    return concerned_by(receipts)


def holds_users(folder: Path, users: Iterable[str]) -> bool:
    """Whether a shop, readable or not, holds any of these users."""
    return bool(ShopPlace(folder).find(Wanted(frozenset(users))).files)


def note_erasure(folder: Path, receipt: Receipt) -> None:
    """Keep the receipt of an erasure that reached this shop from a table, so that a fit leaves the erased out."""
    write_receipt(folder, receipt)
    with Registry() as registry:
        record_shop(folder, registry)


def holding_shops(users: Iterable[str]) -> list[Path]:
    """The shops that the ledger knows and that hold any of these users, where they lie."""
    wanted = frozenset(users)
    with Registry() as registry:
        if not registry.ledger.exists:
            return []
        known = (one.reference for one in registry.assets() if one.kind is AssetKind.BUNDLE)
        folders = {Path(one.removeprefix("path:")) for one in known if one.startswith("path:")}
    return [one for one in sorted(folders) if (one / FACTS).is_file() and holds_users(one, wanted)]


@dataclass(frozen=True)
class ShopPlace:
    """The folder of a shop."""

    folder: Path

    @property
    def name(self) -> str:
        """What a person calls it."""
        return f"recommender {self.folder.name}"

    @property
    def root(self) -> Path:
        """The folder of all its files."""
        return self.folder

    def find(self, wanted: Wanted) -> Held:
        """The users with these ids. A row is a pair of theirs, or their name where they have none."""
        if not wanted.ids or not self.folder.is_dir():
            return Held()
        files = tuple(path for path in sorted(self.folder.rglob("*")) if _may_hold(path, self.folder))
        try:
            known, rows = _known(self.folder / ARRAYS, wanted.ids)
            sampled = set(map(str, foreign.read_json(self.folder / SAMPLE)["users"]))
        except Exception:
            return Held(files=files)
        held = [self.folder / ARRAYS] if known else []
        held += [self.folder / SAMPLE] if sampled & wanted.ids else []
        return Held(rows, frozenset(known), files=tuple(held))

    def erase(self, wanted: Wanted) -> tuple[str, ...]:
        """Write the shop anew without them."""
        if not self.find(wanted).files:
            return ()
        shop, lineage = load_shop(self.folder), read_lineage(self.folder)
        gone = sorted(wanted.ids & set(shop.people.names))
        if lineage is not None:
            lineage = lineage.stepped(ERASE, said=f"{len(gone):,} users, see {RECEIPTS}/")
        keep_shop(self.folder, shop.without_people(gone), lineage)
        for left in _left_beside(self.folder):
            # The writer removes what it replaced and says nothing where it cannot: here that must not stay unsaid.
            left.erase(wanted)
        return _what_stays(shop, gone)


@dataclass(frozen=True)
class LeftPlace:
    """A folder that a killed writer of a shop left beside it."""

    folder: Path

    @property
    def name(self) -> str:
        """What a person calls it."""
        return f"left by a killed writer: {self.folder.name}"

    @property
    def root(self) -> Path:
        """The folder of all its files."""
        return self.folder

    def find(self, wanted: Wanted) -> Held:
        """All its files: any of them may hold anybody."""
        files = tuple(path for path in sorted(self.folder.rglob("*")) if path.is_file()) if wanted.ids else ()
        return Held(files=files)

    def erase(self, wanted: Wanted) -> tuple[str, ...]:
        """Remove it whole."""
        if not wanted.ids or not self.folder.is_dir():
            return ()
        try:
            shutil.rmtree(self.folder)
        except OSError as error:
            raise OutputError(
                f"cannot remove {self.folder}: {error.strerror}",
                needed="a folder this user may write",
                fix="run the erasure as the owner of the shop; what was done is kept, and the rest is still to do",
            ) from error
        return ("removed whole",)


def _may_hold(path: Path, folder: Path) -> bool:
    name = path.relative_to(folder)
    return path.is_file() and name.parts[0] not in (RECEIPTS, MANIFEST)


def _known(arrays: Path, wanted: frozenset[str]) -> tuple[set[str], int]:
    """Which of some users a shop knows, and how many pairs they have. Reads names and places, and no vectors."""
    known: set[str] = set()
    rows = 0
    with safe_open(arrays, framework="numpy") as opened:
        for name in _USERS:
            raw, ends = opened.get_tensor(f"names.{name}").tobytes(), opened.get_tensor(f"ends.{name}").tolist()
            starts = [0, *ends[:-1]] if ends else []
            words = [raw[a:b].decode() for a, b in zip(starts, ends, strict=True)]
            there = [place for place, word in enumerate(words) if word in wanted]
            known |= {words[place] for place in there}
            if name == "events/users":
                both = [opened.get_tensor(f"{side}/user") for side in ("pairs", "overruled")]
                rows = sum(int(np.isin(one, there).sum()) for one in both)
    return known, max(rows, len(known))


def _what_stays(shop: Shop, gone: Sequence[str]) -> tuple[str, ...]:
    """What of them is still in what was fitted, in words."""
    fitted = len(shop.model.factors.users.anchors)
    there = [name for name in gone if shop.people.places[name] < fitted]
    later = len(gone) - len(there)
    said = []
    if later:
        said.append(
            f"{later:,} of them came after the fit: nothing that was fitted knows them, and the vectors are those of a "
            "shop that never met them; only the number of events that were read goes on to count theirs"
        )
    if there:
        taken = shop.events.over(users=there).met().items
        rest = set(shop.events.without(users=there).met().items)
        alone = [name for name in taken if name not in rest and name not in shop.by_events]
        said.append(
            f"{len(there):,} of them were there at the fit: the vectors of items, the maps from content and context, "
            "what is taken together and what each view counts were learnt with them and stay until the next fit; "
            "graft recommend fit ... --out onto this folder leaves them out and removes that too"
        )
        if alone:
            said.append(f"{len(alone):,} items that nobody else met keep their names and vectors until then")
    return tuple(said)
