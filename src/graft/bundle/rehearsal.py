"""Whether the parts of a bundle fit one another, before anybody relies on them.

Decisions: digests say that nothing changed, not that it ever fitted, and whoever reseals a bundle can write anything
into it. Counts are compared where a mismatch would be silent (NumPy repeats a single column), and then made-up rows go
the whole way that real ones will: whatever does not fit breaks there, and is told as a bundle that does not fit.
"""

import numpy as np

from graft.bundle.predicting import Bundle
from graft.core.errors import BundleError, GraftError
from graft.core.tasks import Task
from graft.rows.content import kind_named

_ROWS = 2


def require_fit(bundle: Bundle) -> None:
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
    if not roles.content:
        return f"its contract names no column of {roles.kind}"
    if model.output.task is not bundle.contract.task:
        return f"its model is for {model.output.task}, its contract for {bundle.contract.task}"
    if not np.isfinite([model.output.mean, model.output.scale]).all():
        return "its model scales by what is no number"
    columns = getattr(model, "columns", None)
    if columns is not None and len(columns.means) != len(roles.numeric):
        return f"its model has {len(columns.means)} numeric columns, its contract {len(roles.numeric)}"
    if columns is not None and len(columns.categories) != len(roles.categorical):
        return f"its model has {len(columns.categories)} categorical columns, its contract {len(roles.categorical)}"
    return ""


def _rows(bundle: Bundle) -> dict[str, list[str | float | None]]:
    """Rows that come from no data, in the columns of the contract."""
    roles = bundle.contract.roles
    kind = kind_named(roles.kind)
    contents = [kind.written(content) for content in kind.made_up(bundle.contract.labels)[:_ROWS]]
    rows: dict[str, list[str | float | None]] = {name: list(contents) for name in roles.content}
    rows |= {name: [float(number) for number in range(len(contents))] for name in roles.numeric}
    rows |= {name: ["made up"] * len(contents) for name in roles.categorical}
    return rows


def _unfit(bundle: Bundle, problem: str) -> BundleError:
    return BundleError(
        f"the parts of {bundle.folder} do not fit one another: {problem}",
        needed="a bundle as Graft wrote it",
        fix="copy the bundle again from where it was written; do not use this one",
    )
