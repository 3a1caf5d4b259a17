"""The rows of a study in one file, for processes that do not hold them.

Decisions: an Arrow file, which holds every value bit for bit and runs nothing when it is read; the contract travels in
it as JSON. The digest of what the rows mean is compared when they are read, so two processes never differ on them.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa

from graft.core.errors import InputError
from graft.core.files import whole_file
from graft.inputs.dataset import Dataset
from graft.inputs.schema import Contract
from graft.rows.content import kind_named


def write_rows(path: Path, rows: Dataset) -> None:
    """Write labelled rows, whole or not at all."""
    columns: dict[str, pa.Array] = {
        "id": pa.array(rows.ids, pa.string()),
        "content": pa.array(map(rows.kind.written, rows.contents), pa.string()),
        "row": pa.array(rows.rows),
    }
    columns |= _wide("numeric", rows.numeric)
    columns |= _wide("categorical", rows.categorical)
    if rows.targets is not None:
        columns |= _wide("target", rows.targets) if rows.targets.ndim == 2 else {"target": pa.array(rows.targets)}
    if rows.groups is not None:
        columns["group"] = pa.array(rows.groups.tolist(), pa.string())
    if rows.times is not None:
        columns["time"] = pa.array(rows.times.astype(np.int64))
    table = pa.table(columns, metadata={"contract": rows.contract.model_dump_json()})
    with whole_file(path) as temporary, pa.ipc.new_file(str(temporary), table.schema) as writer:
        writer.write_table(table)


def read_rows(path: Path, fingerprint: str) -> Dataset:
    """The rows of a file. Raises InputError unless they are those with this fingerprint."""
    try:
        with pa.OSFile(str(path), "rb") as stream:
            table = pa.ipc.open_file(stream).read_all()
        rows = _rows(table)
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise InputError(
            f"the rows in {path} cannot be read: {error}", needed="the file a study wrote there", fix="run it again"
        ) from error
    if rows.fingerprint != fingerprint:
        raise InputError(
            f"{path} holds other rows than were asked for", needed="the file of this very study", fix="run it again"
        )
    return rows


def _rows(table: pa.Table) -> Dataset:
    names = set(table.column_names)
    targets = _narrow(table, "target", np.uint8) if "target" not in names else table["target"].to_numpy()
    contract = Contract.model_validate_json(table.schema.metadata[b"contract"])
    return Dataset(
        contract=contract,
        ids=tuple(table["id"].to_pylist()),
        contents=tuple(map(kind_named(contract.roles.kind).restored, table["content"].to_pylist())),
        rows=table["row"].to_numpy(),
        numeric=_narrow(table, "numeric", np.float32),
        categorical=_narrow(table, "categorical", object),
        targets=targets if names & {"target", "target.0"} else None,
        groups=np.array(table["group"].to_pylist(), np.str_) if "group" in names else None,
        times=table["time"].to_numpy().astype("datetime64[us]") if "time" in names else None,
    )


def _wide(name: str, values: np.ndarray) -> dict[str, pa.Array]:
    """One column for each of an array (rows, columns)."""
    return {f"{name}.{place}": pa.array(column) for place, column in enumerate(values.T)}


def _narrow(table: pa.Table, name: str, kind: type) -> np.ndarray:
    """The array (rows, columns) of columns that ``_wide`` made."""
    columns = [one for one in table.column_names if one.startswith(f"{name}.")]
    found: np.ndarray = np.empty((len(table), len(columns)), kind)
    for place in range(len(columns)):
        found[:, place] = table[f"{name}.{place}"].to_numpy()
    return found
