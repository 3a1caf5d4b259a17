"""From a folder to a model that is known to be the one that was saved.

Decisions: every file is compared with the manifest before any of them is read; then the model must reproduce its
stored predictions, which finds what digests cannot, such as a library that computes differently. Digests say that
nothing changed, not that it ever fitted, and whoever reseals a bundle can write anything into it: counts are compared
where a mismatch would be silent (NumPy repeats a single column), and then made-up rows go the whole way that real ones
will, so that whatever does not fit breaks there. Loading runs no code of the bundle.
"""

from pathlib import Path

import numpy as np

from graft.bundle.bundle import Bundle
from graft.bundle.decision import DecisionRule
from graft.bundle.evidence import read_evidence
from graft.bundle.folders import settled
from graft.bundle.manifest import check_files, read_manifest
from graft.bundle.origin import Origin
from graft.bundle.reference import read_reference
from graft.bundle.sample import check_sample
from graft.core import foreign
from graft.core.errors import BundleError, GraftError
from graft.core.places import BUNDLE, next_step
from graft.core.tasks import Task
from graft.inputs.schema import Contract
from graft.representations.row_columns import RowColumns
from graft.rows.content import kind_named
from graft.scores.models import load_model

_ROWS = 2


def load_bundle(folder: Path | str, *, verify: bool = True) -> Bundle:
    """Read a bundle.

    verify: compare every file with its digest, and the model's scores with the stored predictions; let made-up rows go
    the way of real ones.
    Raises BundleError with what is wrong, naming the files.
    """
    place = settled(Path(folder))
    manifest = read_manifest(place)
    if "contract.json" not in manifest.files:
        raise BundleError(
            f"{place} is no bundle: it has no contract.json",
            needed="the folder of a bundle, as graft study wrote it",
            fix=next_step(place, BUNDLE),
        )
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
            _rehearse(bundle)
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


def _rehearse(bundle: Bundle) -> None:
    """Raise BundleError unless model, contract, decision and reference belong together."""
    problem = _problem(bundle)
    if problem:
        raise _unfit(bundle, problem)
    try:
        found = bundle.predict(_rows(bundle), explain=False)
    except GraftError as error:
        raise _unfit(bundle, error.given) from error
    except Exception as error:  # whatever NumPy, SciPy or torch meet in parts that do not fit
        raise _unfit(bundle, f"{type(error).__name__}: {str(error)[:200]}") from error
    numbers = found.frame["probability" if bundle.contract.task is not Task.REGRESSION else "prediction"]
    if found.frame["prediction"].dtype.is_float() and not np.isfinite(numbers.drop_nulls().to_numpy()).all():
        raise _unfit(bundle, "it predicts what is no number")


def _problem(bundle: Bundle) -> str:
    roles, model = bundle.contract.roles, bundle.model
    if not (roles.inputs if kind_named(roles.kind).cells else roles.content):
        return f"its contract names no column of {roles.kind}"
    if model.output.task is not bundle.contract.task:
        return f"its model is for {model.output.task}, its contract for {bundle.contract.task}"
    if not np.isfinite([model.output.mean, model.output.scale]).all():
        return "its model scales by what is no number"
    columns = getattr(model, "columns", None)
    if isinstance(columns, RowColumns):
        wrong = ({*columns.numeric} - {*roles.numeric}) | ({*columns.categorical} - {*roles.categorical})
        return f"its model reads {sorted(wrong)[0]!r}, which its contract does not name so" if wrong else ""
    if columns is not None and len(columns.means) != len(roles.numeric):
        return f"its model has {len(columns.means)} numeric columns, its contract {len(roles.numeric)}"
    if columns is not None and len(columns.categories) != len(roles.categorical):
        return f"its model has {len(columns.categories)} categorical columns, its contract {len(roles.categorical)}"
    return ""


def _rows(bundle: Bundle) -> dict[str, list[str | float | None]]:
    """Rows that come from no data, in the columns of the contract."""
    roles = bundle.contract.roles
    kind = kind_named(roles.kind)
    rows: dict[str, list[str | float | None]] = {}
    for part, names in () if kind.cells else roles.parts:
        own = kind_named(part)
        contents = [own.cell(content) for content in own.made_up(bundle.contract.labels)[:_ROWS]]
        rows |= {name: list(contents) for name in names}
    count = _ROWS
    rows |= {name: [float(number) for number in range(count)] for name in roles.numeric}
    rows |= {name: ["made up"] * count for name in roles.categorical}
    return rows


def _unfit(bundle: Bundle, problem: str) -> BundleError:
    return BundleError(
        f"the parts of {bundle.folder} do not fit one another: {problem}",
        needed="a bundle as Graft wrote it",
        fix="copy the bundle again from where it was written; do not use this one",
    )
