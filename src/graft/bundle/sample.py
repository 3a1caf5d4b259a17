"""Predictions that a bundle must reproduce when it is loaded.

Decisions: raw scores are stored, because they are what another machine or library version could change; they must
come out again within 1e-5 (relative to the value where it is above one). A bundle without rows stores made-up
contents only.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from graft.bundle.raw_scores import score
from graft.core import foreign
from graft.core.errors import BundleError
from graft.core.files import write_json
from graft.core.seeds import generator
from graft.inputs.dataset import Dataset
from graft.inputs.schema import Contract
from graft.rows.content import Cells, Content, kind_named
from graft.rows.content.row import cells_of
from graft.scores.models import Model

SAMPLE_ROWS, _MADE_UP_ROWS = 32, 12
_FILE = "sample.json"
_TOLERANCE = 1e-5


def write_sample(folder: Path, model: Model, sample: Dataset) -> None:
    """Write the raw scores of at most 32 rows, with the rows."""
    rows = sample.take(np.arange(min(len(sample), SAMPLE_ROWS)))
    columns = {
        "ids": list(rows.ids),
        rows.kind.plural: list(map(rows.kind.written, rows.contents)),
        "numeric": [[None if np.isnan(value) else float(value) for value in row] for row in rows.numeric],
        "categorical": [list(row) for row in rows.categorical.tolist()],
    }
    write_json(folder / _FILE, {**columns, "scores": score(model, rows).scores.tolist()})


def made_up(contract: Contract) -> Dataset:
    """Rows that come from no data: made-up contents, which may use the names of the classes."""
    kind = kind_named(contract.roles.kind)
    contents = _made_up_cells(contract) if kind.cells else kind.made_up(contract.labels)[:SAMPLE_ROWS]
    return _rows(contract, tuple(f"made-up {number}" for number in range(len(contents))), contents)


def _made_up_cells(contract: Contract) -> tuple[Cells, ...]:
    """Rows with the columns of a contract, whose cells are drawn apart from one another from what it says of each."""
    rng, columns = generator(0, "made-up rows"), []
    inputs = [
        contract.column(name, role) for name, role in contract.roles.columns if role in ("numeric", "categorical")
    ]
    for facts in (one for one in inputs if one is not None):
        if facts.number is not None:
            drawn = rng.uniform(0, 1, _MADE_UP_ROWS) * (facts.number.max - facts.number.min) + facts.number.min
            columns.append(pl.Series(facts.name, drawn, pl.Float64))
        else:
            known = [count.value for count in facts.categories] or [""]
            columns.append(pl.Series(facts.name, rng.choice(known, _MADE_UP_ROWS).tolist(), pl.String))
    return tuple(row for row in cells_of(columns) if row is not None)


def _rows(contract: Contract, ids: tuple[str, ...], contents: tuple[Content, ...]) -> Dataset:
    roles = contract.roles
    beside = not kind_named(roles.kind).cells
    return Dataset(
        contract=contract,
        ids=ids,
        contents=contents,
        rows=np.arange(len(contents), dtype=np.int64),
        numeric=np.full((len(contents), beside * len(roles.numeric)), np.nan, np.float32),
        categorical=np.full((len(contents), beside * len(roles.categorical)), "", object),
    )


def check_sample(folder: Path, model: Model, contract: Contract) -> None:
    """Raise BundleError unless the model reproduces the stored scores."""
    stored = foreign.read_json(folder / _FILE)
    kind = kind_named(contract.roles.kind)
    bare = _rows(contract, tuple(stored["ids"]), tuple(map(kind.restored, stored[kind.plural])))
    numeric = np.array(stored["numeric"], np.float32).reshape(bare.numeric.shape)
    categorical = np.array(stored["categorical"], object).reshape(bare.categorical.shape)
    rows = replace(bare, numeric=numeric, categorical=categorical)
    if not len(rows):
        raise BundleError(
            f"{folder / _FILE} holds no rows to repeat", needed="stored predictions", fix="copy the bundle again"
        )
    wanted, got = np.array(stored["scores"], np.float64), score(model, rows).scores
    if wanted.shape != got.shape or not np.allclose(got, wanted, rtol=_TOLERANCE, atol=_TOLERANCE):
        gap = f"by up to {np.abs(got - wanted).max():.2g}" if wanted.shape == got.shape else "in shape"
        raise BundleError(
            f"the model in {folder} does not reproduce its stored predictions: they differ {gap}",
            needed=f"the scores of sample.json within {_TOLERANCE:g}",
            fix="use the library versions in bom.cdx.json; the model is not the one that was evaluated",
        )
