"""The facts of a pretrained model's folder, and of a data set (one file, or a folder), as an asset.

Decision: a licence or a card beside a data file speaks about it and is stated as lying beside it; it is not part of the
asset, whose digest is that of its rows alone.
"""

from pathlib import Path

from graft.core.errors import InputError, SourceError
from graft.governance.reading.digests import asset_digest, digest_files
from graft.governance.reading.model_card import CARD, read_card
from graft.governance.reading.parents import architectures, configured_edges, recorded_edges
from graft.governance.reading.small_files import cards, licence_files
from graft.governance.reading.stated_licences import stated_in_cards, stated_in_files
from graft.governance.records import Asset, AssetKind, Edge, LicenceStatement


def read_model(directory: Path, *, reference: str = "", revision: str = "", name: str = "") -> Asset:
    """The asset of a model in the layout of the Hub: the digest of every file, and what its own files state.

    reference: how it was named (``hf:org/name@revision``, ``path:DIR``; by default the latter). revision: the commit
    it was downloaded at. name: what to call it; by default the name in the reference, else that of the folder. Nothing
    is guessed: an absent fact stays empty, and every licence statement says where it was read. Raises InputError when
    a file cannot be read, and SourceError when there is no folder.
    """
    if not directory.is_dir():
        raise SourceError(f"{directory} is no folder", needed="the folder of a model", fix="check the path")
    files = digest_files(directory)
    card = read_card(directory)
    hub = hub_name(reference)
    called = name or hub or directory.resolve().name
    own = frozenset(one.lower() for one in (called, hub, card.title, directory.resolve().name) if one)
    return Asset(
        kind=AssetKind.SOURCE,
        name=called,
        version=revision,
        digest=asset_digest(files),
        files=files,
        reference=reference or f"path:{directory}",
        revision=revision,
        publisher=hub.partition("/")[0] if "/" in hub else "",
        licences=unique((*card.licences, *stated_in_files(directory))),
        training_data=card.training_data,
        edges=(
            *recorded_edges(directory),
            *_distinct((*card.edges, *configured_edges(directory, own_names=own))),
        ),
        languages=card.languages,
        tags=card.tags,
        architectures=architectures(directory),
    )


def hub_name(reference: str) -> str:
    """The repository a reference of the Hub names; empty for others.

    >>> hub_name("hf:BAAI/bge-small-en@5c38ec7"), hub_name("minilm")
    ('BAAI/bge-small-en', '')
    """
    return reference.removeprefix("hf:").partition("@")[0] if reference.startswith("hf:") else ""


def unique(statements: tuple[LicenceStatement, ...]) -> tuple[LicenceStatement, ...]:
    """Statements in order, each once."""
    return tuple(dict.fromkeys(statements))


def _distinct(edges: tuple[Edge, ...]) -> tuple[Edge, ...]:
    """One edge per parent: the first place that names it says the relation, and the others are added to its where."""
    found: dict[str, Edge] = {}
    for edge in edges:
        known = found.get(edge.parent)
        found[edge.parent] = known.model_copy(update={"where": f"{known.where}; {edge.where}"}) if known else edge
    return tuple(found.values())


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
