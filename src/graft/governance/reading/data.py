"""The facts of a data set: one file, or a folder, as an asset.

Decision: a licence or a card beside a data file speaks about it and is stated as lying beside it; it is not part of the
asset, whose digest is that of its rows alone.
"""

from pathlib import Path

from graft.core.errors import InputError
from graft.governance.reading.digests import asset_digest, digest_files
from graft.governance.reading.model_card import CARD, read_card
from graft.governance.reading.models import hub_name, unique
from graft.governance.reading.small_files import cards, licence_files
from graft.governance.reading.stating import stated_in_cards, stated_in_files
from graft.governance.records import Asset, AssetKind, LicenceStatement


def read_data(path: Path, *, reference: str = "", revision: str = "", name: str = "") -> Asset:
    """The asset of a data set: a file (CSV, TSV, JSON lines, Parquet or any other) or a folder of files.

    reference: how it was named; by default ``path:PATH``. name: what to call it; by default the name of the file or
    folder. Raises InputError when it is missing, empty or cannot be read.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist", needed="a data file or a folder", fix="check the path")
    files = digest_files(path)
    folder, beside = (path, "") if path.is_dir() else (path.resolve().parent, path.name)
    if beside and path.name in {one.name for one in (*cards(folder), *licence_files(folder))}:
        raise InputError(f"{path} is a card or a licence", needed="a data file", fix="name the file with the rows")
    card = read_card(folder, beside=beside)
    hub = hub_name(reference)
    return Asset(
        kind=AssetKind.DATA,
        name=name or hub or path.resolve().name,
        version=revision,
        digest=asset_digest(files),
        files=files,
        reference=reference or f"path:{path}",
        revision=revision,
        publisher=hub.partition("/")[0] if "/" in hub else "",
        licences=unique((*card.licences, *_beside(folder, beside))),
        languages=card.languages,
        tags=card.tags,
    )


def _beside(folder: Path, beside: str) -> tuple[LicenceStatement, ...]:
    """What licence files say, and cards other than README.md, whose statements have been read already."""
    plain = stated_in_cards(folder, beside=beside, leaving_out=CARD)
    return (*plain, *stated_in_files(folder, beside=beside))
