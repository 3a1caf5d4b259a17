"""From a folder to a model that is known to be the one that was saved.

Decisions: every file is compared with the manifest before any of them is read; then the model must reproduce its
stored predictions, which finds what digests cannot, such as a library that computes differently. Loading runs no code
of the bundle.
"""

from pathlib import Path

from graft.bundle.decision import DecisionRule
from graft.bundle.evidence import read_evidence
from graft.bundle.folders import settled
from graft.bundle.manifest import check_files, read_manifest
from graft.bundle.origin import Origin
from graft.bundle.predicting import Bundle
from graft.bundle.reference import read_reference
from graft.bundle.rehearsal import require_fit
from graft.bundle.sample import check_sample
from graft.core import foreign
from graft.core.errors import BundleError, GraftError
from graft.inputs.schema import Contract
from graft.rows.content import kind_named
from graft.scores.models import load_model


def load_bundle(folder: Path | str, *, verify: bool = True) -> Bundle:
    """Read a bundle.

    verify: compare every file with its digest, and the model's scores with the stored predictions; let made-up rows go
    the way of real ones.
    Raises BundleError with what is wrong, naming the files.
    """
    place = settled(Path(folder))
    manifest = read_manifest(place)
    if verify:
        check_files(place, manifest)
    try:
        contract = Contract.model_validate_json(_text(place, "contract.json"))
        model = load_model(place / "model")
        bundle = Bundle(
            folder=place,
            model=model,
            contract=contract,
            decision=DecisionRule.model_validate_json(_text(place, "decision.json")),
            origin=Origin.model_validate_json(_text(place, "lineage.json")),
            record=read_evidence(place),
            reference=read_reference(place, model, kind_named(contract.roles.kind)),
            manifest=manifest,
        )
        bundle.decision.require_fit(contract)
        if verify:
            check_sample(place, model, contract)
            require_fit(bundle)
    except GraftError:
        raise
    except Exception as error:  # whatever the readers of its parts meet in content they did not expect
        raise BundleError(
            f"{place} does not hold what its manifest promises ({type(error).__name__}: {error})",
            needed="a bundle as Graft wrote it",
            fix="copy the bundle again, or write it again with this version of Graft",
        ) from error
    return bundle


def _text(folder: Path, name: str) -> str:
    return foreign.read_text(folder / name)
