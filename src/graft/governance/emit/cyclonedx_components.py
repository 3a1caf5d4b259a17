"""Components of the bill of materials: ancestors, data sets and software packages.

Decision: the pedigree of a component names its direct parents in brief; each of them is a component of its own.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from graft.governance.emit.ancestry import Ancestor, hub_address, parents
from graft.governance.emit.entries import described, properties, purl, version
from graft.governance.emit.facts import Package
from graft.governance.emit.licence_words import CUSTOM, declared, expression, listed
from graft.governance.records import Asset, Edge, LicenceStatement, TrainingData

_SHA256 = re.compile(r"[0-9a-f]{64}")


def ancestor_component(ancestor: Ancestor, known: Mapping[str, Ancestor]) -> dict[str, Any]:
    """An ancestor with all that is known of it."""
    asset = ancestor.asset
    address = hub_address(ancestor)
    whole = _brief(ancestor) | {"bom-ref": ancestor.identity}
    if asset is None:
        return whole | described(
            externalReferences=_addresses(address), properties=properties((("graft:known-by", "name alone"),))
        )
    return whole | described(
        supplier={"name": asset.publisher} if asset.publisher else {},
        hashes=_hashes(asset),
        licenses=licences(asset.licences),
        pedigree=pedigree(asset.edges, known),
        externalReferences=_addresses(address),
        properties=_told(asset),
        data=[_data(asset)] if ancestor.is_data else [],
        modelCard={} if ancestor.is_data else _trained_on(asset),
    )


def pedigree(edges: Iterable[Edge], known: Mapping[str, Ancestor]) -> dict[str, Any]:
    """The direct parents that are models, each with what was done to it; nothing when there are none."""
    found = []
    for edge, parent in parents(edges, known):
        if not parent.is_data:
            told = [("graft:relation", edge.relation), ("graft:stated-by", edge.where), ("graft:study", edge.study)]
            told.append(("graft:identity", parent.identity))
            found.append(_brief(parent) | {"properties": properties(told)})
    return described(ancestors=found)


def library(package: Package) -> dict[str, Any]:
    """A software package."""
    address = purl(package)
    named = {"type": "library", "bom-ref": address, "name": package.name}
    return named | described(version=version(package.version), purl=address)


def licences(statements: tuple[LicenceStatement, ...]) -> list[dict[str, Any]]:
    """One expression where the places agree; else every licence that is stated, each declared by its places."""
    if spdx := declared(statements):
        return [{"expression": spdx, "acknowledgement": "declared"}]
    return [{"license": _licence(stated, where)} for stated, where in listed(statements)]


def _licence(stated: str, where: str) -> dict[str, Any]:
    """One of several licences: by identifier when it is a single one of the SPDX list, else by name."""
    listed_id = bool(expression(stated)) and " " not in stated and not stated.startswith(CUSTOM)
    named = {"id": stated} if listed_id else {"name": stated}
    return named | {"acknowledgement": "declared", "properties": properties((("graft:stated-by", where),))}


def _brief(ancestor: Ancestor) -> dict[str, Any]:
    kind = "data" if ancestor.is_data else "machine-learning-model"
    return {"type": kind, "name": ancestor.name, **described(version=version(ancestor.version))}


def _hashes(asset: Asset) -> list[dict[str, str]]:
    """The SHA-256 of the weights or the data, where that is one file."""
    weights = [file for file in asset.files if file.path.endswith(".safetensors")] or list(asset.files)
    known = [file.sha256 for file in weights if _SHA256.fullmatch(file.sha256)]
    return [{"alg": "SHA-256", "content": known[0]}] if len(weights) == 1 and known else []


def _told(asset: Asset) -> list[dict[str, str]]:
    told = [
        ("graft:digest", asset.digest),
        ("graft:reference", asset.reference),
        ("graft:revision", asset.revision),
        ("graft:files", str(len(asset.files) or "")),
    ]
    told += [("graft:licence-stated", f"{one.stated} ({one.where})") for one in asset.licences]
    told += [("graft:language", language) for language in asset.languages]
    return properties(told)


def _data(asset: Asset) -> dict[str, Any]:
    return {"type": "dataset", "name": asset.name, "bom-ref": f"{asset.identity}#data"}


def _trained_on(asset: Asset) -> dict[str, Any]:
    """The model card of an ancestor: its architecture, and the data it says it was trained on."""
    first: dict[str, TrainingData] = {}
    for one in asset.training_data:
        first.setdefault(one.name, one)
    data = [
        {"type": "dataset", "name": one.name, "description": f"named as training data in {one.where}"}
        for one in first.values()
    ]
    parameters = described(modelArchitecture=", ".join(asset.architectures), datasets=data)
    return described(modelParameters=parameters)


def _addresses(address: str) -> list[dict[str, str]]:
    return [{"type": "distribution", "url": address}] if address else []
