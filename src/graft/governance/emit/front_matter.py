"""The front matter of a model card for the Hugging Face Hub.

Decisions: ``base_model`` and ``datasets`` hold what the Hub can find, which is repositories; other parents, folders on
somebody's disk among them, stand in the card's text. An interval is an argument of its metric, because the Hub has no
field for it. Licences go by the names the Hub knows; a card with another licence says ``other`` and gives its name and
a link.

The format: https://huggingface.co/docs/hub/model-cards and https://huggingface.co/docs/hub/repositories-licenses
"""

from typing import Any

import yaml

from graft.governance.emit.ancestry import DESCENT, ancestors, hub_name, hub_parent, parents
from graft.governance.emit.facts import Measure, ModelFacts
from graft.governance.emit.kind_words import pipeline, words_of
from graft.governance.emit.licence_words import expression
from graft.governance.records import Relation

UNSETTLED = "unsettled"
_NUMBERS = "regression"
_LINK = "README.md"
_HUB = {
    "0BSD": "0bsd",
    "AGPL-3.0-only": "agpl-3.0",
    "Apache-2.0": "apache-2.0",
    "BSD-2-Clause": "bsd-2-clause",
    "BSD-3-Clause": "bsd-3-clause",
    "BSL-1.0": "bsl-1.0",
    "CC-BY-3.0": "cc-by-3.0",
    "CC-BY-4.0": "cc-by-4.0",
    "CC-BY-NC-3.0": "cc-by-nc-3.0",
    "CC-BY-NC-4.0": "cc-by-nc-4.0",
    "CC-BY-NC-ND-4.0": "cc-by-nc-nd-4.0",
    "CC-BY-NC-SA-3.0": "cc-by-nc-sa-3.0",
    "CC-BY-NC-SA-4.0": "cc-by-nc-sa-4.0",
    "CC-BY-ND-4.0": "cc-by-nd-4.0",
    "CC-BY-SA-3.0": "cc-by-sa-3.0",
    "CC-BY-SA-4.0": "cc-by-sa-4.0",
    "CC0-1.0": "cc0-1.0",
    "CDLA-Permissive-2.0": "cdla-permissive-2.0",
    "GPL-2.0-only": "gpl-2.0",
    "GPL-3.0-only": "gpl-3.0",
    "ISC": "isc",
    "LGPL-2.1-only": "lgpl-2.1",
    "LGPL-3.0-only": "lgpl-3.0",
    "LicenseRef-Meta-Llama-3": "llama3",
    "LicenseRef-scancode-bigcode-open-rail-m-v1": "bigcode-openrail-m",
    "LicenseRef-scancode-bigscience-open-rail-m": "bigscience-openrail-m",
    "LicenseRef-scancode-bigscience-rail-1.0": "bigscience-bloom-rail-1.0",
    "LicenseRef-scancode-gemma-tou-2024-04-01": "gemma",
    "LicenseRef-scancode-llama-2-license-2023": "llama2",
    "LicenseRef-scancode-llama-3.1-license-2024": "llama3.1",
    "LicenseRef-scancode-llama-3.2-license-2024": "llama3.2",
    "LicenseRef-scancode-llama-3.3-license-2024": "llama3.3",
    "LicenseRef-scancode-llama-4-cla-2025": "llama4",
    "LicenseRef-scancode-stable-diffusion-2022-08-22": "creativeml-openrail-m",
    "MIT": "mit",
    "MPL-2.0": "mpl-2.0",
    "ODbL-1.0": "odbl",
    "ODC-By-1.0": "odc-by",
    "PDDL-1.0": "pddl",
    "Unlicense": "unlicense",
}


def licence_entries(facts: ModelFacts) -> dict[str, str]:
    """The front matter's ``license``, and what goes with ``other``.

    >>> licence_entries(ModelFacts(name="m", task="binary", licence="Apache License 2.0"))
    {'license': 'apache-2.0'}
    >>> licence_entries(ModelFacts(name="m", task="binary"))
    {'license': 'other', 'license_name': 'unsettled', 'license_link': 'README.md'}
    """
    spdx = expression(facts.licence)
    if spdx in _HUB:
        return {"license": _HUB[spdx]}
    name = spdx or " ".join(facts.licence.split()) or UNSETTLED
    files = (file.path for file in facts.files if file.path.upper().startswith(("LICENSE", "LICENCE")))
    return {"license": "other", "license_name": name, "license_link": facts.licence_link or next(files, _LINK)}


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
    entries["pipeline_tag"] = _pipeline(facts)
    entries["library_name"] = "graft"
    words = words_of(facts.kinds)
    apart = [one.tag for one in words] if facts.task == _NUMBERS else []
    several = [one.kind for one in words] if len(words) > 1 else []
    entries["tags"] = list(dict.fromkeys(filter(None, ("graft", facts.task, *several, *apart, *facts.tags))))
    if facts.metrics:
        entries["model-index"] = [{"name": facts.name, "results": _results(facts)}]
    return entries


def _pipeline(facts: ModelFacts) -> str:
    return pipeline(facts.kinds, numbers=facts.task == _NUMBERS)


def _base_models(facts: ModelFacts) -> dict[str, Any]:
    """The repositories the model descends from, and how, where they all descend alike."""
    found: dict[str, Relation] = {}
    for edge, parent in parents(facts.edges, ancestors(facts)):
        if edge.relation in DESCENT and not parent.is_data and (name := hub_parent(parent)):
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
        empty = {"task": {"type": _pipeline(facts)}, "dataset": data, "metrics": []}
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
