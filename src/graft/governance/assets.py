"""What a person asks of the registry: add, look at, ask about. One place for the command line and for Python.

Decision: a bundle is asked about by its path or by its name; one the ledger does not know brings its own lineage along.
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from graft.core.errors import BundleError
from graft.core.memory import collection_paused
from graft.governance.answers import answer
from graft.governance.descent_file import read_bundle, read_descent
from graft.governance.ledger import Head
from graft.governance.ledger.lookup import UnknownAsset
from graft.governance.lineage import Lineage, lineage_of
from graft.governance.named_assets import read_named, with_statements
from graft.governance.reading import FileChanges, file_changes
from graft.governance.records import Answer, Asset, AssetKind, Record, Use
from graft.governance.registry import Registry
from graft.representations.embedded import NAMES
from graft.representations.embedded import named as embedded_named
from graft.representations.hub import kept_snapshot
from graft.representations.references import parse_reference


def add(
    registry: Registry,
    named: str,
    *,
    kind: AssetKind | None = None,
    name: str = "",
    licence: str = "",
    trained_on: str | Iterable[str] = (),
    parents: str | Iterable[str] = (),
) -> Asset:
    """Read an asset where it lies and record it, with what a person states beside it; see ``with_statements``."""
    first, *others = read_named(named, kind=kind)
    for other in others:
        registry.add_asset(other)
    stated = with_statements(
        first,
        name=name,
        licence=licence,
        trained_on=trained_on,
        parents=parents,
        find=lambda wanted: known(registry, wanted),
    )
    return registry.add_asset(stated)


def known(registry: Registry, named: str) -> Asset | None:
    """The asset of that name in the ledger, or None. Raises InputError when several have it."""
    try:
        return registry.find(named)
    except UnknownAsset:
        return None


def look_up(registry: Registry, named: str) -> tuple[Asset, Lineage]:
    """An asset, by its name or by the folder of a bundle, and the lineage it is in. Raises InputError for neither."""
    recorded = {asset.identity: asset for asset in registry.assets()}
    folder = Path(named)
    if (folder / "manifest.json").is_file():
        bundle, parents = read_bundle(folder)
        for asset in (bundle, *parents):
            recorded.setdefault(asset.identity, asset)
        return recorded[bundle.identity], lineage_of(recorded.values())
    found = registry.find(named)
    return found, lineage_of(recorded.values())


def may_we(registry: Registry, named: str, uses: Iterable[Use]) -> Answer:
    """Whether an asset may be put to uses, under which obligations, and why."""
    with collection_paused():
        asset, lineage = look_up(registry, named)
        return answer(lineage, asset.identity, uses=uses, decisions=registry.decisions())


def changed_files(asset: Asset) -> FileChanges | None:
    """Which files of an asset are not as they were recorded; None when it is not where it was."""
    place = _place(asset)
    if asset.kind is AssetKind.TABLE or place is None or not place.exists():
        # A table lives on: its own versions say what changed.
        return None
    if replaced(asset):
        return None
    return file_changes(asset, place)


def replaced(asset: Asset) -> bool:
    """Whether what lives on where a bundle was recorded is another one by now: it was fitted anew."""
    place = _place(asset)
    if asset.kind is not AssetKind.BUNDLE or place is None:
        return False
    with suppress(BundleError, OSError):
        living = read_descent(place).living
        return bool(living) and living != asset.digest
    return False


class BundleHead(Record):
    """What the ledger says to the head a bundle notes.

    named: the bundle. head: where the ledger of its study ended when it was written. ours: whether this is that ledger.
    held: whether this ledger still holds that head.
    """

    named: str
    head: Head
    ours: bool
    held: bool

    @property
    def missing(self) -> bool:
        """Whether this is the ledger that wrote the bundle, and is no longer as it was then."""
        return self.ours and not self.held

    def __str__(self) -> str:
        if self.missing:
            return (
                f"{self.named} notes event {self.head.count} with the hash {self.head.hash[:12]}, which this ledger "
                "does not hold: it was put back to an older copy, cut or written anew, or it is another branch of the "
                "ledger that wrote the bundle"
            )
        if self.ours:
            return f"{self.named}: this ledger still holds event {self.head.count}, at which the bundle was written"
        return (
            f"{self.named}: this ledger does not know it: another ledger wrote it, in which event {self.head.count} "
            f"has the hash {self.head.hash[:12]}; only its files are checked here"
        )


def recorded_heads(registry: Registry) -> tuple[BundleHead, ...]:
    """The heads of the bundles that this ledger wrote and that still lie where it recorded them."""
    found = []
    for asset in registry.assets():
        place = _place(asset)
        if asset.kind is AssetKind.BUNDLE and place is not None:
            with suppress(BundleError, OSError):
                found.append(bundle_head(registry, place))
    return tuple(one for one in found if one is not None and one.ours)


def bundle_head(registry: Registry, bundle: Path) -> BundleHead | None:
    """The head a bundle notes, held against this ledger; None when the bundle notes none.

    The ledger that wrote a bundle has the first event the bundle names, or says that it finished its study with it.
    Raises BundleError when there is no bundle, or it does not say what it was made from.
    """
    asset, _ = read_bundle(bundle)
    descent = read_descent(bundle)
    if descent.ledger is None:
        return None
    ours = descent.ledger_first == registry.ledger.first() or asset.digest in {
        study.bundle for study in registry.studies()
    }
    return BundleHead(named=str(bundle), head=descent.ledger, ours=ours, held=registry.ledger.holds(descent.ledger))


def _place(asset: Asset) -> Path | None:
    """Where an asset lies on this machine, as far as its reference says."""
    if asset.reference in NAMES:
        return embedded_named(asset.reference).directory()
    if asset.reference.startswith("hf:"):
        parsed = parse_reference(asset.reference)
        return kept_snapshot(parsed.location, parsed.revision)
    if asset.reference.startswith("path:"):
        return Path(asset.reference.removeprefix("path:")).expanduser()
    return None
