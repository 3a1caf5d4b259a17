"""The bill of materials of a saved model, as CycloneDX 1.6.

Decisions: the serial number is derived from the facts, so the same facts give the same document; every ancestor is a
component of its own whose pedigree names its direct parents, which keeps a long lineage flat; what CycloneDX has no
field for (how a parent was used, where a licence was read) stands in properties named ``graft:…``.

The format: https://cyclonedx.org/docs/1.6/json/
"""

import re
import uuid
from typing import Any

from graft.core.digests import key
from graft.governance.emit.ancestry import ancestors, parents
from graft.governance.emit.cyclonedx_components import ancestor_component, library, pedigree
from graft.governance.emit.entries import described, properties, version
from graft.governance.emit.facts import Measure, ModelFacts
from graft.governance.emit.licence_words import expression
from graft.governance.records import FileDigest

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
    told += [("graft:obligation", f"{one.text} ({one.licence}, {one.clause})") for one in facts.obligations]
    told += [
        ("graft:interval-level", f"{name}: {level:g}")
        for name, level in dict.fromkeys(
            (metric.name, metric.level) for metric in facts.metrics if metric.value.ends is not None
        )
    ]
    return properties(told)
