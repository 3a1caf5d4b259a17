"""The documents in a bundle that tell others about it: model card, bills of materials, obligations.

Decisions: all are functions of one record of facts, so they never disagree; no licence is claimed for the model until
a person decided one, because what a source states is not what it allows; digests in the documents are of the model's
own files, those of all files stand in the manifest. A document of a bundle that was saved earlier is made anew from
the same facts and today's decisions; what was sealed stays as it is.
"""

from dataclasses import dataclass
from pathlib import Path

from graft.bundle.audits import audited_considerations, audited_measures, read_addendum
from graft.bundle.document_files import document, every_obligation, packages, require_format, write_all
from graft.bundle.evidence import read_evidence
from graft.bundle.loading import load_bundle
from graft.bundle.origin import Origin
from graft.facts.study import StudyRecord
from graft.governance.answers import answer
from graft.governance.descent_file import Descent, read_bundle, read_descent
from graft.governance.emit import ModelFacts, considerations_of, measures_of
from graft.governance.lineage import lineage_of
from graft.governance.reading import digest_files
from graft.governance.records import Answer, Use
from graft.governance.registry import Registry
from graft.inputs.schema import Contract

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
    """What documents need beside the origin. rows: training rows. kept_rows: how many of them are in the bundle.

    vocabulary: whether the model holds terms of the training texts.
    """

    contract: Contract
    record: StudyRecord | None
    rows: int
    kept_rows: int
    vocabulary: bool


def write_documents(folder: Path, origin: Origin, told: Told, *, descent: Descent, answers: tuple[Answer, ...]) -> None:
    """Write the documents of a bundle whose model is in ``folder`` already.

    answers: whether the model may be put to each use; none when nobody asked.
    """
    write_all(folder, model_facts(folder, origin, told, descent=descent, answers=answers), answers)


def model_facts(
    folder: Path, origin: Origin, told: Told, *, descent: Descent, answers: tuple[Answer, ...]
) -> ModelFacts:
    """The facts of the model in ``folder``."""
    files = tuple(file.model_copy(update={"path": f"model/{file.path}"}) for file in digest_files(folder / "model"))
    contract = told.contract
    return ModelFacts(
        name=f"{', '.join(contract.roles.label)} from {', '.join(contract.roles.inputs)}",
        task=str(contract.task),
        kinds=tuple(kind for kind, _ in contract.roles.parts),
        labels=contract.labels,
        verdict="" if told.record is None else told.record.verdict.sentence,
        strategy=f"{origin.source} {origin.strategy}".strip(),
        done=origin.done,
        files=files,
        metrics=() if told.record is None else measures_of(told.record),
        edges=descent.edges,
        lineage=descent.assets,
        obligations=every_obligation(answers),
        considerations=considerations_of(told.record, contract),
        training_rows=told.rows,
        fingerprint=origin.data,
        kept_rows=told.kept_rows,
        vocabulary=told.vocabulary,
        packages=tuple(packages(_PACKAGES)),
        study=origin.study,
        graft=origin.graft,
    )


def export_document(folder: Path, name: str, registry: Registry) -> str:
    """A document about the bundle in ``folder``: ``card`` (Markdown), ``cyclonedx`` or ``spdx`` (JSON).

    Raises BundleError when the bundle does not verify, InputError for another name.
    """
    require_format(name)
    return document(name, _facts(folder, registry))


def _facts(folder: Path, registry: Registry) -> ModelFacts:
    bundle = load_bundle(folder)
    record = read_evidence(folder)
    asset, parents = read_bundle(folder)
    decisions = registry.decisions()
    recorded = {one.identity: one for one in (asset, *parents)} | {one.identity: one for one in registry.assets()}
    lineage = lineage_of(recorded.values())
    answers = tuple(answer(lineage, asset.identity, uses=[use], decisions=decisions) for use in Use)
    info = bundle.info()
    told = Told(
        bundle.contract,
        record,
        rows=0 if record is None else record.splits.development_rows,
        kept_rows=info.kept_rows,
        vocabulary=bool(bundle.model.encoders),
    )
    facts = model_facts(folder, bundle.origin, told, descent=read_descent(folder), answers=answers)
    decided = [one.licence for one in decisions if one.asset == asset.identity]
    told_since: dict[str, object] = {"created": info.created, "licence": decided[-1] if decided else ""}
    if (addendum := read_addendum(folder)) is not None:
        told_since["considerations"] = audited_considerations(facts.considerations, addendum)
        told_since["metrics"] = (*facts.metrics, *audited_measures(folder, addendum))
    return facts.model_copy(update=told_since)
