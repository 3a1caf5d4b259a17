"""The bill of materials of a saved model, as SPDX 3.0.1 with its AI and data set profiles.

Decisions: every identifier is derived from the facts, so the same facts give the same document; a model of which it
is not known when it was made takes the beginning of 1970 for the time the format requires, and says so.

The format: https://spdx.github.io/spdx-spec/v3.0.1/
"""

import uuid
from typing import Any

from graft.core.digests import key
from graft.governance.emit.ancestry import DESCENT, Ancestor, ancestors
from graft.governance.emit.facts import Measure, ModelFacts
from graft.governance.emit.licence_words import expression
from graft.governance.emit.model_card import interval
from graft.governance.emit.spdx_packages import (
    CREATION,
    NO_ASSERTION,
    SpdxGraph,
    conclude,
    data_package,
    file_element,
    model_package,
    software_package,
)
from graft.governance.records import Edge, Relation

CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
PROFILES = ["core", "software", "simpleLicensing", "ai", "dataset"]
_BEGINNING = "1970-01-01T00:00:00Z"


def spdx(facts: ModelFacts) -> dict[str, Any]:
    """The document, ready for JSON."""
    graph = SpdxGraph(f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, key(facts.model_dump(mode='json')))}")
    time = facts.created or _BEGINNING
    maker = graph.agent(facts.maker)
    tool = graph.add("tool", "graft", type="Tool", name=f"graft {facts.graft}")
    model = _model(graph, facts, time)
    known = {identity: _package(graph, one, time) for identity, one in ancestors(facts).items()}
    _descent(graph, model, facts.edges, known)
    for one in facts.lineage:
        _descent(graph, known[one.identity], one.edges, known)
    graph.relate(model, "testedOn", [known[identity] for identity in facts.tested_on])
    graph.relate(model, "contains", [file_element(graph, file) for file in facts.files])
    graph.relate(model, "dependsOn", [software_package(graph, package) for package in facts.packages])
    creation = {
        "type": "CreationInfo",
        "@id": CREATION,
        "specVersion": "3.0.1",
        "created": time,
        "createdBy": [maker],
        "createdUsing": [tool],
    }
    if not facts.created:
        creation["comment"] = "When the model was made is not known: 1970 stands in."
    return {"@context": CONTEXT, "@graph": [creation, *_collections(graph, model), *graph.elements.values()]}


def _collections(graph: SpdxGraph, model: str) -> list[dict[str, Any]]:
    """The document and the bill of materials in it."""
    bill, document = f"{graph.namespace}#bill", f"{graph.namespace}#document"
    shared = {"creationInfo": CREATION, "profileConformance": PROFILES}
    inside = list(graph.elements)
    return [
        {"type": "SpdxDocument", "spdxId": document, **shared, "rootElement": [bill], "element": [bill, *inside]},
        {
            "type": "software_Sbom",
            "spdxId": bill,
            **shared,
            "rootElement": [model],
            "element": inside,
            "software_sbomType": ["build"],
        },
    ]


def _model(graph: SpdxGraph, facts: ModelFacts, time: str) -> str:
    """The package the document is about."""
    known = facts.considerations
    trained = [facts.done, f"Fingerprint of the training rows: {facts.fingerprint}." if facts.fingerprint else ""]
    trained += [f"Training rows: {facts.training_rows}." if facts.training_rows else ""]
    asked = [f"{one.text} ({one.basis})" for one in facts.obligations]
    model = graph.add(
        "model",
        [facts.name, "this model"],
        type="ai_AIPackage",
        name=facts.name,
        summary=facts.verdict,
        description=facts.description,
        comment=" ".join(["The licences of what it is made from ask:", *asked]) if asked else "",
        suppliedBy=graph.agent(facts.maker),
        builtTime=time,
        releaseTime=time,
        software_packageVersion=facts.version or facts.study or NO_ASSERTION,
        software_downloadLocation=NO_ASSERTION,
        software_primaryPurpose="model",
        ai_typeOfModel=[facts.strategy] if facts.strategy else [],
        ai_domain=[facts.task],
        ai_informationAboutTraining=" ".join(one for one in trained if one),
        ai_informationAboutApplication=" ".join((*known.users, *known.use_cases)),
        ai_limitation=" ".join((*known.limitations, *known.tradeoffs)),
        ai_metric=[_metric(metric) for metric in facts.metrics],
        ai_useSensitivePersonalInformation="noAssertion",
        ai_autonomyType="noAssertion",
    )
    decided = expression(facts.licence)
    unread = f"Stated: {facts.licence}" if facts.licence and not decided else ""
    conclude(graph, model, stated=decided, concluded=decided, comment=unread)
    return model


def _package(graph: SpdxGraph, ancestor: Ancestor, time: str) -> str:
    return data_package(graph, ancestor, time) if ancestor.is_data else model_package(graph, ancestor, time)


def _descent(graph: SpdxGraph, child: str, edges: tuple[Edge, ...], known: dict[str, str]) -> None:
    """A relationship for every edge. What SPDX has no word for is ``other``, with Graft's word in the comment."""
    for edge in dict.fromkeys(edges):
        how = "descendantOf" if edge.relation in DESCENT else "other"
        how = "trainedOn" if edge.relation is Relation.TRAINED_ON_DATA else how
        told = [
            edge.relation,
            f"stated by {edge.where}" if edge.where else "",
            f"study {edge.study}" if edge.study else "",
        ]
        graph.relate(child, how, [known[edge.parent]], comment="; ".join(one for one in told if one))


def _metric(metric: Measure) -> dict[str, str]:
    key_ = f"{metric.name} ({metric.slice})" if metric.slice else metric.name
    told = interval(metric)
    return {"type": "DictionaryEntry", "key": key_, "value": f"{metric.value.mean!r}" + (f", {told}" if told else "")}
