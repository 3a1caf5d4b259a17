"""What can be known of a bundle before its model is loaded, and refused then: loading takes seconds."""

from pathlib import Path

from pydantic import ValidationError

from graft.bundle.folders import settled
from graft.bundle.manifest import read_manifest
from graft.core import foreign
from graft.inputs.contract import require_columns
from graft.inputs.schema import Contract
from graft.rows.table import Table


def require_bundle(folder: Path, table: Table | None = None) -> None:
    """Raise BundleError when ``folder`` is no bundle, and ContractError when a column it needs is not in ``table``.

    Nothing is verified: that is for load_bundle, which says what is damaged.
    """
    place = settled(folder)
    read_manifest(place)
    if table is None:
        return
    try:
        contract = Contract.model_validate_json(foreign.read_text(place / "contract.json"))
    except (OSError, ValueError, RecursionError, ValidationError):
        return
    require_columns(table, [*contract.roles.content, *contract.roles.numeric, *contract.roles.categorical])
