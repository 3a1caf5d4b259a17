"""The model card and the obligations of a bundle.

Decisions: the card states facts that are in the bundle and nothing else; the licence of the bundle is ``other`` until
a person has decided, because what a source states is not what it allows.
"""

import re
from typing import Any

import yaml

from graft.bundle.evidence import Outcome
from graft.bundle.lineage import Lineage
from graft.inputs.roles import Task
from graft.inputs.schema import Contract

_MINILM = "sentence-transformers/all-MiniLM-L6-v2"


def obligations(lineage: Lineage) -> dict[str, Any]:
    """What is stated about the licence of the source, and that nobody has checked it."""
    if not lineage.source:
        return {
            "source": "",
            "stated_licence": "",
            "status": "none known",
            "statement": "No pretrained source was used. The terms of the training rows were not checked.",
        }
    said = f"states the licence {lineage.licence!r}" if lineage.licence else "states no licence"
    return {
        "source": lineage.source,
        "stated_licence": lineage.licence,
        "status": "unsettled",
        "statement": f"The source {lineage.source} {said}. Whether a use meets its terms is unsettled until checked.",
    }


def model_card(lineage: Lineage, contract: Contract, outcome: Outcome, *, kept_rows: int, vocabulary: bool) -> str:
    """The card, as README.md.

    kept_rows: training rows in the bundle. vocabulary: whether the model holds terms of the training texts.
    """
    front = yaml.safe_dump(_front_matter(lineage, contract, outcome), sort_keys=False, allow_unicode=True)
    title = f"{', '.join(contract.roles.label)} from {', '.join(contract.roles.inputs)}"
    sections = [
        f"---\n{front}---\n\n# {title}",
        outcome.verdict,
        "## What it is",
        "\n".join(f"- {line}" for line in _facts(lineage, contract, outcome)),
        "## Rows inside",
        _rows_inside(kept_rows, vocabulary=vocabulary),
        "## Licence",
        str(obligations(lineage)["statement"]),
        "## Use",
        "```python\nfrom graft.bundle import load_bundle\n\n"
        'print(load_bundle("this folder").predict("rows.csv", explain=True).frame)\n```',
    ]
    return "\n\n".join(section.strip() for section in sections if section) + "\n"


def _rows_inside(kept_rows: int, *, vocabulary: bool) -> str:
    if kept_rows:
        return (
            f"The bundle holds {kept_rows:,} training rows, their texts and vectors: share it as you would share them."
        )
    told = "The bundle holds no training row: neither texts nor vectors of single rows."
    terms = " The vocabulary of the model consists of words and letter sequences from the training texts."
    return told + (terms if vocabulary else "")


def _facts(lineage: Lineage, contract: Contract, outcome: Outcome) -> list[str]:
    facts = [f"Task: {contract.task}" + (f" ({', '.join(contract.labels)})" if contract.labels else "")]
    facts.append(f"Source: {lineage.source or 'none'}; strategy: {lineage.strategy}")
    if lineage.source_digest:
        facts.append(f"SHA-256 of the source's weights: {lineage.source_digest}")
    facts += [f"What was done: {lineage.done}", f"Fingerprint of the training rows: {lineage.data}"]
    if outcome.score is not None:
        facts.append(f"{outcome.metric} on {outcome.rows or 'the'} holdout rows: {outcome.score:.4g}")
    facts.append(f"Study: {lineage.study}; Graft {lineage.graft}; the evidence is in evidence.json")
    return facts


def _front_matter(lineage: Lineage, contract: Contract, outcome: Outcome) -> dict[str, Any]:
    front: dict[str, Any] = {"license": "other", "license_name": "unsettled"}
    if base := _base_model(lineage.source):
        front |= {"base_model": base, "base_model_relation": "finetune"}
    front |= {"pipeline_tag": "text-classification", "library_name": "graft", "tags": ["graft", str(contract.task)]}
    if contract.task is Task.REGRESSION:
        front["tags"].append("text-regression")
    if outcome.score is not None and outcome.metric:
        task = {"type": "text-classification"}
        data = {"name": outcome.data or "training table", "type": "private"}
        metrics = [{"type": outcome.metric, "value": round(outcome.score, 6)}]
        result = {"task": task, "dataset": data, "metrics": metrics}
        front["model-index"] = [{"name": f"{lineage.source} {lineage.strategy}".strip(), "results": [result]}]
    return front


def _base_model(source: str) -> str:
    """The name of the source on the Hub; empty when it has none or the weights are random.

    >>> _base_model("hf:BAAI/bge-small-en@5c38ec7"), _base_model("path:./mine")
    ('BAAI/bge-small-en', '')
    """
    if source == "minilm":
        return _MINILM
    match = re.match(r"hf:([^@]+)", source)
    return match[1] if match else ""
