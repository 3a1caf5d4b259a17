"""A graph of SPDX 3 elements, and the packages in it: models, data sets, files and software.

Decisions: identifiers are the document's own name and a digest of what they stand for, so they are the same whenever
the facts are; an agent, a licence or a data set that occurs twice is one element. The specification asks an AI package
and a data set for a supplier or originator, a version, a place to download it from and the times it was built and
released. What is not known is NOASSERTION, or an agent of that name; a time cannot be, so the time of the document
stands in as the latest it can have been, and a comment says so.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from graft.core.digests import key
from graft.governance.emit.ancestry import Ancestor, hub_address
from graft.governance.emit.entries import described, purl
from graft.governance.emit.facts import Package
from graft.governance.emit.licence_words import custom_licences, declared, listed
from graft.governance.records import Asset, FileDigest, LicenceStatement, TrainingData

CREATION = "_:CreationInfo0"
NO_ASSERTION = "NOASSERTION"
NO_LICENCE = "expandedlicensing_NoAssertionLicense"


@dataclass
class SpdxGraph:
    """Elements in the order they were added. namespace: what every identifier begins with."""

    namespace: str
    elements: dict[str, dict[str, Any]] = field(default_factory=dict)

    def identifier(self, kind: str, what: object) -> str:
        """The identifier of what an element stands for."""
        return f"{self.namespace}#{kind}-{key(what)}"

    def add(self, kind: str, what: object, **entries: Any) -> str:
        """Add an element, unless it is there, and return its identifier. Entries that say nothing are left out."""
        identifier = self.identifier(kind, [entries["type"], what])
        element = {"type": entries.pop("type"), "spdxId": identifier, "creationInfo": CREATION}
        self.elements.setdefault(identifier, element | described(**entries))
        return identifier

    def relate(self, source: str, how: str, targets: Iterable[str], *, comment: str = "") -> None:
        """Say that a source stands in a relationship to targets; nothing when there are none."""
        found = list(dict.fromkeys(targets))
        if found:
            self.add(
                "relationship",
                [source, how, found, comment],
                type="Relationship",
                **{"from": source},
                relationshipType=how,
                to=found,
                comment=comment,
            )

    def agent(self, name: str) -> str:
        """The agent of a name; one for everybody who is not known."""
        return self.add(
            "agent",
            name,
            type="Agent",
            name=name or NO_ASSERTION,
            comment="" if name else "Who this is was not stated.",
        )

    def licence(self, spdx: str) -> str:
        """The licence of an expression; the individual that asserts nothing for an empty one."""
        if not spdx:
            return NO_LICENCE
        texts = [
            {"type": "DictionaryEntry", "key": name, "value": self._custom(name)} for name in custom_licences(spdx)
        ]
        return self.add(
            "licence",
            spdx,
            type="simplelicensing_LicenseExpression",
            simplelicensing_licenseExpression=spdx,
            simplelicensing_customIdToUri=texts,
        )

    def _custom(self, name: str) -> str:
        """The element behind an identifier that is not on the SPDX list."""
        return self.add(
            "licence-text",
            name,
            type="simplelicensing_SimpleLicensingText",
            name=name,
            simplelicensing_licenseText=f"The terms known as {name}; their text is not part of this document.",
        )


NO_TIME = "When it was built and released is not known: the time of this document stands in, as the latest it can be."
_TYPES = {
    "image": (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp"),
    "audio": (".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a"),
    "structured": (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".json"),
    "text": (".txt", ".md"),
}
_ABOUT = ("license", "licence", "readme", "notice", "copying")


def model_package(graph: SpdxGraph, ancestor: Ancestor, time: str) -> str:
    """An ancestor that is a model."""
    asset = ancestor.asset
    package = graph.add(
        "model",
        ancestor.identity,
        type="ai_AIPackage",
        name=ancestor.name,
        comment=_comment(asset),
        suppliedBy=graph.agent(asset.publisher if asset else ""),
        releaseTime=time,
        software_packageVersion=ancestor.version or NO_ASSERTION,
        software_downloadLocation=hub_address(ancestor) or NO_ASSERTION,
        software_primaryPurpose="model",
        verifiedUsing=_hashes(asset),
        ai_typeOfModel=list(asset.architectures) if asset else [],
        ai_useSensitivePersonalInformation="noAssertion",
    )
    _licences(graph, package, asset.licences if asset else ())
    if asset:
        named = [named_data(graph, one, time) for one in _distinct(asset.training_data)]
        graph.relate(package, "trainedOn", named, comment="as its own card states")
    return package


def data_package(graph: SpdxGraph, ancestor: Ancestor, time: str) -> str:
    """An ancestor that is a data set."""
    asset = ancestor.asset
    package = _data(
        graph,
        ancestor.identity,
        name=ancestor.name,
        time=time,
        comment=_comment(asset),
        originatedBy=[graph.agent(asset.publisher if asset else "")],
        software_packageVersion=ancestor.version or NO_ASSERTION,
        software_downloadLocation=hub_address(ancestor) or NO_ASSERTION,
        verifiedUsing=_hashes(asset),
        dataset_datasetType=_types(asset),
        dataset_datasetSize=sum(file.size for file in asset.files) if asset else 0,
    )
    _licences(graph, package, asset.licences if asset else ())
    return package


def named_data(graph: SpdxGraph, named: TrainingData, time: str) -> str:
    """A data set that is known by the name a card gives it; two, where cards state different licences for it."""
    package = _data(
        graph,
        [named.name, declared(named.licences), listed(named.licences)],
        name=named.name,
        time=time,
        comment=f"Named in {named.where}. {NO_TIME}",
        originatedBy=[graph.agent("")],
        software_downloadLocation=NO_ASSERTION,
        dataset_datasetType=["noAssertion"],
    )
    _licences(graph, package, named.licences)
    return package


def file_element(graph: SpdxGraph, file: FileDigest) -> str:
    """A file of the model."""
    return graph.add("file", file.path, type="software_File", name=file.path, verifiedUsing=[_hash(file.sha256)])


def software_package(graph: SpdxGraph, package: Package) -> str:
    """A software package the model needs."""
    address = purl(package)
    return graph.add(
        "software",
        address,
        type="software_Package",
        name=package.name,
        software_packageVersion=package.version,
        software_packageUrl=address,
        software_primaryPurpose="library",
    )


def conclude(graph: SpdxGraph, package: str, *, stated: str, concluded: str, comment: str = "") -> None:
    """Exactly one declared and one concluded licence. stated, concluded: SPDX expressions, or empty."""
    graph.relate(package, "hasDeclaredLicense", [graph.licence(stated)], comment=comment)
    graph.relate(package, "hasConcludedLicense", [graph.licence(concluded)])


def _licences(graph: SpdxGraph, package: str, statements: tuple[LicenceStatement, ...]) -> None:
    told = "; ".join(f"{stated} ({where})" for stated, where in listed(statements))
    conclude(graph, package, stated=declared(statements), concluded="", comment=f"Stated: {told}" if told else "")


def _data(graph: SpdxGraph, what: object, *, time: str, **entries: Any) -> str:
    return graph.add(
        "data",
        what,
        type="dataset_DatasetPackage",
        builtTime=time,
        releaseTime=time,
        software_primaryPurpose="data",
        dataset_hasSensitivePersonalInformation="noAssertion",
        **entries,
    )


def _comment(asset: Asset | None) -> str:
    if asset is None:
        return f"Known by name alone: no copy of it was read. {NO_TIME}"
    return f"The SHA-256 over the list of its files is {asset.digest}. {NO_TIME}"


def _types(asset: Asset | None) -> list[str]:
    """The kinds of data that the names of the files show."""
    paths = [PurePosixPath(file.path) for file in asset.files] if asset else []
    endings = {path.suffix.lower() for path in paths if not path.name.lower().startswith(_ABOUT)}
    return [name for name, known in _TYPES.items() if endings.intersection(known)] or ["noAssertion"]


def _hashes(asset: Asset | None) -> list[dict[str, str]]:
    return [_hash(asset.files[0].sha256)] if asset and len(asset.files) == 1 else []


def _hash(sha256: str) -> dict[str, str]:
    return {"type": "Hash", "algorithm": "sha256", "hashValue": sha256}


def _distinct(named: tuple[TrainingData, ...]) -> tuple[TrainingData, ...]:
    """The data sets named, each once."""
    first: dict[str, TrainingData] = {}
    for one in named:
        first.setdefault(one.name, one)
    return tuple(first.values())
