"""The documents in a bundle that tell others about it: model card, bills of materials, obligations.

Decisions: all are functions of one record of facts, so they never disagree; no licence is claimed for the model until
a person decided one, because what a source states is not what it allows; digests in the documents are of the model's
own files, those of all files stand in the manifest.
"""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from graft.bundle.evidence import Outcome
from graft.bundle.origin import Lineage
from graft.bundle.telling import considerations_of, metrics_of
from graft.core.files import write_json, write_text
from graft.governance.descent_file import Descent
from graft.governance.emit import ModelFacts, Package, cyclonedx, model_card, spdx
from graft.governance.reading import digest_files
from graft.governance.records import Answer, Obligation
from graft.inputs.schema import Contract

CARD, CYCLONEDX, SPDX, OBLIGATIONS = "README.md", "bom.cdx.json", "bom.spdx.json", "obligations.json"
_PACKAGES = (
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "numpy",
    "scipy",
    "scikit-learn",
    "polars",
    "pydantic",
)


@dataclass(frozen=True)
class Told:
    """What documents need beside the lineage. rows: training rows. kept_rows: how many of them are in the bundle.

    vocabulary: whether the model holds terms of the training texts.
    """

    contract: Contract
    outcome: Outcome
    record: Any
    rows: int
    kept_rows: int
    vocabulary: bool


def write_documents(
    folder: Path, lineage: Lineage, told: Told, *, descent: Descent, answers: tuple[Answer, ...]
) -> None:
    """Write the documents of a bundle whose model is in ``folder`` already.

    answers: whether the model may be put to each use; none when nobody asked.
    """
    facts = model_facts(folder, lineage, told, descent=descent, answers=answers)
    write_text(folder / CARD, model_card(facts))
    write_json(folder / CYCLONEDX, cyclonedx(facts))
    write_json(folder / SPDX, spdx(facts))
    write_json(folder / OBLIGATIONS, obligations(answers))


def obligations(answers: tuple[Answer, ...]) -> dict[str, Any]:
    """The answers as a document, use by use."""
    statement = "Not legal advice. What was read, and what follows from it, when the bundle was written."
    asked = {
        use.value: said.model_dump(mode="json", exclude={"asset", "uses"}) for said in answers for use in said.uses
    }
    return {
        "schema": "graft/obligations/1",
        "statement": statement if answers else f"{statement} Nobody asked about this bundle.",
        "uses": asked,
    }


def model_facts(
    folder: Path, lineage: Lineage, told: Told, *, descent: Descent, answers: tuple[Answer, ...]
) -> ModelFacts:
    """The facts of the model in ``folder``."""
    files = tuple(file.model_copy(update={"path": f"model/{file.path}"}) for file in digest_files(folder / "model"))
    contract = told.contract
    return ModelFacts(
        name=f"{', '.join(contract.roles.label)} from {', '.join(contract.roles.inputs)}",
        task=str(contract.task),
        labels=contract.labels,
        verdict=told.outcome.verdict,
        strategy=f"{lineage.source} {lineage.strategy}".strip(),
        done=lineage.done,
        files=files,
        metrics=metrics_of(told.record),
        edges=descent.edges,
        lineage=descent.assets,
        obligations=_every(answers),
        considerations=considerations_of(told.record, contract),
        training_rows=told.rows,
        fingerprint=lineage.data,
        kept_rows=told.kept_rows,
        vocabulary=told.vocabulary,
        packages=tuple(_packages()),
        study=lineage.study,
        graft=lineage.graft,
    )


def _every(answers: tuple[Answer, ...]) -> tuple[Obligation, ...]:
    """Each obligation once, whichever use causes it."""
    return tuple(dict.fromkeys(one for said in answers for one in said.obligations))


def _packages() -> list[Package]:
    found = []
    for name in _PACKAGES:
        try:
            found.append(Package(name=name, version=version(name).partition("+")[0]))
        except PackageNotFoundError:
            continue
    return found
