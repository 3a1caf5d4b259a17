"""The front matter of a model card for the Hugging Face Hub.

Decisions: ``base_model`` and ``datasets`` hold what the Hub can find, which is repositories; other parents stand in the
card's text. An interval is an argument of its metric, because the Hub has no field for it.

The format: https://huggingface.co/docs/hub/model-cards
"""

from typing import Any

import yaml

from graft.governance.emit.ancestry import DESCENT, ancestors, hub_name, parents
from graft.governance.emit.facts import Measure, ModelFacts
from graft.governance.emit.hub_licences import licence_entries
from graft.governance.records import Relation

_RELATIONS = {
    Relation.FINE_TUNED: "finetune",
    Relation.ADAPTER: "adapter",
    Relation.MERGED: "merge",
    Relation.QUANTISED: "quantized",
}


def front_matter(facts: ModelFacts) -> str:
    """The YAML between the two ``---`` lines, without them."""
    return yaml.safe_dump(_entries(facts), sort_keys=False, allow_unicode=True, width=4096)


def _entries(facts: ModelFacts) -> dict[str, Any]:
    entries: dict[str, Any] = {**licence_entries(facts), **_base_models(facts)}
    if data := _data_sets(facts):
        entries["datasets"] = data
    if facts.languages:
        entries["language"] = list(facts.languages)
    entries["pipeline_tag"] = facts.pipeline
    entries["library_name"] = "graft"
    usual = ("graft", facts.task, *(["text-regression"] if facts.task == "regression" else []))
    entries["tags"] = list(dict.fromkeys((*usual, *facts.tags)))
    if facts.metrics:
        entries["model-index"] = [{"name": facts.name, "results": _results(facts)}]
    return entries


def _base_models(facts: ModelFacts) -> dict[str, Any]:
    """The repositories the model descends from, and how, where they all descend alike."""
    found: dict[str, Relation] = {}
    for edge, parent in parents(facts.edges, ancestors(facts)):
        if edge.relation in DESCENT and not parent.is_data and (name := hub_name(parent.reference)):
            found.setdefault(name, edge.relation)
    if not found:
        return {}
    names, relations = list(found), {_RELATIONS.get(relation, "") for relation in found.values()}
    entries: dict[str, Any] = {"base_model": names[0] if len(names) == 1 else names}
    if len(relations) == 1 and (relation := relations.pop()):
        entries["base_model_relation"] = relation
    return entries


def _data_sets(facts: ModelFacts) -> list[str]:
    trained = (
        hub_name(parent.reference)
        for edge, parent in parents(facts.edges, ancestors(facts))
        if edge.relation is Relation.TRAINED_ON_DATA
    )
    return [name for name in dict.fromkeys(trained) if name]


def _results(facts: ModelFacts) -> list[dict[str, Any]]:
    """One result per data set, with its metrics in order."""
    results: dict[tuple[str, str], dict[str, Any]] = {}
    for metric in facts.metrics:
        data = {"type": hub_name(metric.data_reference) or "private", "name": metric.data or "training table"}
        empty = {"task": {"type": facts.pipeline}, "dataset": data, "metrics": []}
        results.setdefault((data["type"], data["name"]), empty)["metrics"].append(_metric(metric))
    return list(results.values())


def _metric(metric: Measure) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": metric.name, "value": metric.value.mean}
    arguments: dict[str, Any] = {}
    if metric.slice:
        entry["name"] = f"{metric.name} ({metric.slice})"
        arguments["slice"] = metric.slice
    if metric.value.ends is not None:
        low, high = metric.value.ends
        arguments["confidence_interval"] = {"low": low, "high": high, "level": metric.level}
    if metric.rows:
        arguments["rows"] = metric.rows
    return entry | ({"args": arguments} if arguments else {})
