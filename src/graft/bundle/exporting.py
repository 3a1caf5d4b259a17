"""A document about a bundle that was saved earlier, with what has been decided since.

Decision: the bundle's own documents stay as they were sealed; a new one is made from the same facts and today's
decisions.
"""

import json
from pathlib import Path

from graft.bundle.documents import Told, model_facts
from graft.bundle.evidence import at, outcome_of, parse_evidence
from graft.bundle.loading import load_bundle
from graft.core.errors import InputError
from graft.governance.answering import answer
from graft.governance.descent_file import read_bundle, read_descent
from graft.governance.emit import ModelFacts, cyclonedx, model_card, spdx
from graft.governance.lineage import lineage_of
from graft.governance.records import Use
from graft.governance.registry import Registry
from graft.scores.models import ClassicalModel

FORMATS = ("card", "cyclonedx", "spdx")


def export_document(folder: Path, name: str, registry: Registry) -> str:
    """A document about the bundle in ``folder``: ``card`` (Markdown), ``cyclonedx`` or ``spdx`` (JSON).

    Raises BundleError when the bundle does not verify, InputError for another name.
    """
    if name not in FORMATS:
        raise InputError(f"the document {name!r}", needed=f"one of {', '.join(FORMATS)}")
    facts = _facts(folder, registry)
    if name == "card":
        return model_card(facts)
    return json.dumps((cyclonedx if name == "cyclonedx" else spdx)(facts), indent=2, ensure_ascii=False) + "\n"


def _facts(folder: Path, registry: Registry) -> ModelFacts:
    bundle = load_bundle(folder)
    record = parse_evidence((folder / "evidence.json").read_text("utf-8"))
    asset, parents = read_bundle(folder)
    decisions = registry.decisions()
    recorded = {one.identity: one for one in (asset, *parents)} | {one.identity: one for one in registry.assets()}
    lineage = lineage_of(recorded.values())
    answers = tuple(answer(lineage, asset.identity, uses=[use], decisions=decisions) for use in Use)
    info, rows = bundle.info(), at(record, "splits", "development_rows")
    told = Told(
        bundle.contract,
        outcome_of(record),
        record,
        rows=rows if isinstance(rows, int) else 0,
        kept_rows=info.kept_rows,
        vocabulary=isinstance(bundle.model, ClassicalModel),
    )
    facts = model_facts(folder, bundle.lineage, told, descent=read_descent(folder), answers=answers)
    decided = [one.licence for one in decisions if one.asset == asset.identity]
    return facts.model_copy(update={"created": info.created, "licence": decided[-1] if decided else ""})
