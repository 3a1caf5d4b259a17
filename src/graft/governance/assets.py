"""What a person asks of the registry: add, look at, ask about. One place for the command line and for Python.

Decision: a bundle is asked about by its path or by its name; one the ledger does not know brings its own lineage along.
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from graft.core.errors import BundleError, LedgerError
from graft.core.memory import collection_paused
from graft.governance.adding import MINILM_PACKAGE, read_named, with_statements
from graft.governance.answering import answer
from graft.governance.descent_file import read_bundle, read_descent
from graft.governance.ledger import Head
from graft.governance.ledger.lookup import UnknownAsset
from graft.governance.lineage import Lineage, lineage_of
from graft.governance.reading import FileChanges, file_changes, package_folder
from graft.governance.records import Answer, Asset, AssetKind, Use
from graft.governance.registry import Registry
from graft.representations.hub import kept_snapshot
from graft.representations.references import parse_reference


def add(
    registry: Registry,
    named: str,
    *,
    kind: AssetKind | None = None,
    name: str = "",
    licence: str = "",
    trained_on: Iterable[str] = (),
    parents: Iterable[str] = (),
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
    return file_changes(asset, place)


def noted_heads(registry: Registry) -> tuple[Head, ...]:
    """Where the ledger ended when each bundle that still lies here was written by a study of this ledger."""
    studies = {study.key for study in registry.studies()}
    heads = []
    for asset in registry.assets():
        place = _place(asset)
        if asset.kind is AssetKind.BUNDLE and asset.study in studies and place is not None:
            with suppress(BundleError, OSError):
                heads.append(read_descent(place).ledger)
    return tuple(head for head in heads if head is not None)


def noted_head(registry: Registry, bundle: Path) -> Head | None:
    """Where the ledger of a bundle's study ended when the bundle was written; None when the bundle does not say.

    Raises LedgerError when the study is not in this ledger: it is another one, or the study was removed.
    """
    descent = read_descent(bundle)
    if descent.ledger is None:
        return None
    if descent.study not in {study.key for study in registry.studies()}:
        raise LedgerError(
            f"the ledger {registry.ledger.place} knows nothing of the study that wrote {bundle}",
            needed=f"the ledger of that study, whose event {descent.ledger.count} has the hash "
            f"{descent.ledger.hash[:12]}…",
            fix="name it in GRAFT_LEDGER; if this is the one, it was written anew: use a backup",
        )
    return descent.ledger


def _place(asset: Asset) -> Path | None:
    """Where an asset lies on this machine, as far as its reference says."""
    if asset.reference == "minilm":
        return package_folder(MINILM_PACKAGE)
    if asset.reference.startswith("hf:"):
        parsed = parse_reference(asset.reference)
        return kept_snapshot(parsed.location, parsed.revision)
    if asset.reference.startswith("path:"):
        return Path(asset.reference.removeprefix("path:")).expanduser()
    return None
