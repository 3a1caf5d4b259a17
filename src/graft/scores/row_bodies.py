"""How a source of rows is fed while it is trained."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from graft.representations.row_columns import cell_table, fit_row_columns
from graft.representations.row_source import row_input, row_reading, with_columns
from graft.representations.source import Source
from graft.representations.towers.row_resnet import RowResnet
from graft.rows.content import Cells, Content


class RowFeed:
    """Rows as numbers and codes, all at once in memory."""

    def __init__(self, contents: Sequence[Content], source: Source) -> None:
        self._given = row_input(row_reading(source).columns, contents)

    @property
    def lengths(self) -> np.ndarray:
        """All are of one size."""
        return np.ones(len(self._given.numbers), np.int64)

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """Numbers (rows, 2 * numeric) and codes (rows, categorical)."""
        return {
            "numbers": torch.from_numpy(self._given.numbers[rows]),
            "codes": torch.from_numpy(self._given.codes[rows]),
        }

    def lesson(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """The same: a row with another cell says something else."""
        return self.batch(rows)


def read_from(source: Source, rows: Sequence[Cells]) -> Source:
    """A source of drawn weights whose numbers and names are those of rows that are learnt from, and of no others."""
    columns = row_reading(source).columns
    names = columns.numeric, columns.categorical
    return with_columns(source, fit_row_columns(cell_table(rows, *names), *names))


def pooled_rows(body: Any, source: Source, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Vectors, float32 (rows, width), of what a feed gives; activations have no mask here."""
    given = {name: value for name, value in inputs.items() if name != "attention_mask"}
    vectors: torch.Tensor = body(**given)
    return vectors.float()


def upper_rows(body: RowResnet, source: Source, boundary: int) -> RowResnet:
    """The network from a block on, in place."""
    body.start = boundary
    return body


def block_names(body: Any, source: Source, count: int) -> tuple[str, ...]:
    """The starts of the names of the parameters of the last so many blocks, from the lowest."""
    prefix, network = next((name, part) for name, part in body.named_modules() if isinstance(part, RowResnet))
    start = f"{prefix}." if prefix else ""
    return tuple(f"{start}blocks.{place}." for place in range(len(network.blocks) - count, len(network.blocks)))
