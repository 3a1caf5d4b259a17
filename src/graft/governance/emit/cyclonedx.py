"""The bill of materials of a saved model, as CycloneDX 1.6.

Decisions: the serial number is derived from the facts, so the same facts give the same document; every ancestor is a
component of its own whose pedigree names its direct parents in brief, which keeps a long lineage flat; what CycloneDX
has no field for (how a parent was used, where a licence was read) stands in properties named ``graft:…``.

The format: https://cyclonedx.org/docs/1.6/json/
"""

import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from graft.core.digests import key
from graft.governance.emit.ancestry import Ancestor, ancestors, hub_address, parents
from graft.governance.emit.entries import described, properties, purl, version
from graft.governance.emit.facts import Measure, ModelFacts, Package
from graft.governance.emit.licence_words import CUSTOM, declared, expression, listed
from graft.governance.records import Asset, Edge, FileDigest, LicenceStatement, TrainingData

MODEL = "model"
_ADDRESS = re.compile(r"https?://[\w.~:/?#@!$&'()*+,;=%-]+", re.ASCII)


def cyclonedx(facts: ModelFacts) -> dict[str, Any]:
    """The document, ready for JSON."""
    known = ancestors(facts)
    libraries = list({part["bom-ref"]: part for part in map(library, facts.packages)}.values())
    content: dict[str, Any] = {
        "metadata": {
            **described(timestamp=facts.created),
            "tools": {"components": [{"type": "application", "name": "graft", "version": version(facts.graft)}]},
            "component": _model(facts),
        },
        "components": [*(ancestor_component(one, known) for one in known.values()), *libraries],
    }
    needed = {
        MODEL: [*(edge.parent for edge, _ in parents(facts.edges, known)), *(one["bom-ref"] for one in libraries)]
    }
    needed |= {one.identity: [edge.parent for edge in one.asset.edges] for one in known.values() if one.asset}
    content["dependencies"] = [
        {"ref": ref, **described(dependsOn=list(dict.fromkeys(refs)))} for ref, refs in needed.items()
    ]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, key([content, facts.model_dump(mode='json')]))}",
        "version": 1,
        **content,
    }


def _model(facts: ModelFacts) -> dict[str, Any]:
    """The component the document is about."""
    spdx = expression(facts.licence)
    link = facts.licence_link if _ADDRESS.fullmatch(facts.licence_link) else ""
    named = [{"license": {"name": facts.licence, **described(url=link)}}] if facts.licence else []
    weights = [file for file in facts.files if file.path.endswith(".safetensors")]
    return {
        "type": "machine-learning-model",
        "bom-ref": MODEL,
        "name": facts.name,
        **described(
            version=version(facts.version),
            description=facts.description or facts.verdict,
            supplier={"name": facts.maker} if facts.maker else {},
            hashes=sha256(weights[0]) if len(weights) == 1 else [],
            licenses=[{"expression": spdx}] if spdx else named,
            pedigree=pedigree(facts.edges, ancestors(facts)),
            components=[_file(file) for file in facts.files],
            modelCard=_model_card(facts),
            properties=_model_properties(facts),
        ),
    }


def _file(file: FileDigest) -> dict[str, Any]:
    size = properties((("graft:bytes", str(file.size)),))
    return {
        "type": "file",
        "bom-ref": f"file:{file.path}",
        "name": file.path,
        "hashes": sha256(file),
        "properties": size,
    }


def sha256(file: FileDigest) -> list[dict[str, str]]:
    """The digest of a file as the format writes it."""
    return [{"alg": "SHA-256", "content": file.sha256}]


def _model_card(facts: ModelFacts) -> dict[str, Any]:
    known = facts.considerations
    fairness = [
        {
            "groupAtRisk": one.group,
            **described(benefits=one.benefits, harms=one.harms, mitigationStrategy=one.mitigation),
        }
        for one in known.fairness
    ]
    data = [edge.parent for edge, parent in parents(facts.edges, ancestors(facts)) if parent.is_data]
    return {
        "modelParameters": {
            "approach": {"type": "supervised"},
            "task": facts.task,
            **described(
                modelArchitecture=facts.strategy,
                datasets=[{"ref": ref} for ref in dict.fromkeys((*data, *facts.tested_on))],
            ),
        },
        **described(
            quantitativeAnalysis=described(performanceMetrics=[_metric(metric) for metric in facts.metrics]),
            considerations=described(
                users=list(known.users),
                useCases=list(known.use_cases),
                technicalLimitations=list(known.limitations),
                performanceTradeoffs=list(known.tradeoffs),
                fairnessAssessments=fairness,
            ),
        ),
    }


def _metric(metric: Measure) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": metric.name, "value": repr(metric.value.mean), **described(slice=metric.slice)}
    if metric.value.ends is not None:
        low, high = metric.value.ends
        entry["confidenceInterval"] = {"lowerBound": repr(low), "upperBound": repr(high)}
    return entry


def _model_properties(facts: ModelFacts) -> list[dict[str, str]]:
    told = [
        ("graft:study", facts.study),
        ("graft:verdict", facts.verdict),
        ("graft:done", facts.done),
        ("graft:training-rows", str(facts.training_rows or "")),
        ("graft:training-rows-fingerprint", facts.fingerprint),
        ("graft:training-rows-inside", str(facts.kept_rows)),
        ("graft:licence-status", "decided" if facts.licence else "unsettled"),
    ]
    told += [("graft:label", label) for label in facts.labels]
    told += [("graft:obligation", f"{one.text} ({one.basis})") for one in facts.obligations]
    told += [
        ("graft:interval-level", f"{name}: {level:g}")
        for name, level in dict.fromkeys(
            (metric.name, metric.level) for metric in facts.metrics if metric.value.ends is not None
        )
    ]
    return properties(told)


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
