"""The file in a bundle that says what it was made from, so that its lineage travels with it.

Decision: the bundle itself is not in the file, because its digest covers the file; only its edges are.
"""

from pathlib import Path

from pydantic import ValidationError

from graft.core import foreign
from graft.core.errors import BundleError
from graft.governance.ledger import Head
from graft.governance.reading import asset_digest, digest_files
from graft.governance.records import Asset, AssetKind, Edge, Record

NAME = "assets.json"
SCHEMA = "graft/assets/1"


class Descent(Record):
    """What a bundle was made from.

    edges: of the bundle. assets: everything it descends from. study: its key. living: for what goes on changing under
    one identity (a shop), the digest it is known by, 64 hexadecimal digits; empty where that is of its files. ledger:
    where the ledger ended when the bundle was written, so that a ledger that was written anew, cut or put back is
    noticed. ledger_first: the hash of that ledger's first event, which tells it from the ledgers of others.
    """

    schema_version: str = SCHEMA
    name: str
    study: str = ""
    edges: tuple[Edge, ...] = ()
    assets: tuple[Asset, ...] = ()
    living: str = ""
    ledger: Head | None = None
    ledger_first: str = ""


def read_bundle(folder: Path) -> tuple[Asset, tuple[Asset, ...]]:
    """A bundle as an asset, and the assets it descends from.

    Raises BundleError when there is no bundle, or it does not say what it was made from.
    """
    descent = read_descent(folder)
    files = digest_files(folder)
    bundle = Asset(
        kind=AssetKind.BUNDLE,
        name=descent.name,
        digest=descent.living or asset_digest(files),
        files=files,
        reference=f"path:{folder}",
        edges=descent.edges,
        study=descent.study,
    )
    return bundle, descent.assets


def read_descent(folder: Path) -> Descent:
    """What a bundle says it was made from. Raises BundleError when there is no bundle, or it does not say."""
    file = folder / NAME
    if not (folder / "manifest.json").is_file() or not file.is_file():
        raise BundleError(
            f"{folder} does not say what it was made from",
            needed=f"a bundle with {NAME}, as `graft study` and `graft recommend fit` write it",
            fix="check the path, or run the study (or the fit) again with this version",
        )
    try:
        return Descent.model_validate_json(foreign.read_bytes(file, limit=foreign.DOCUMENT_LIMIT))
    except ValidationError as error:
        raise BundleError(f"{file} is damaged", needed=SCHEMA, fix="take the bundle from its source again") from error
