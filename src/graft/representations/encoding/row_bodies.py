"""A body of rows, run over many at once: cells are small."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from graft.core.errors import SourceError
from graft.representations.backbone import device
from graft.representations.cache import Ragged
from graft.representations.encoding.bodies import Precision
from graft.representations.row_source import RowInput, row_input, row_reading
from graft.representations.source import Source
from graft.representations.towers.row_resnet import RowResnet, load_row_resnet
from graft.rows.content import Cells

_ROWS_PER_BATCH = 256


def prepared_rows(source: Source, rows: Sequence[Cells]) -> RowInput:
    """Rows for a source. Raises SourceError for a source that reads anything else."""
    return row_input(row_reading(source).columns, rows)


class RowBody:
    """The network, whole or up to a block. Every batch has one shape, so that a row says the same in any company."""

    def __init__(self, network: RowResnet, layer: int | None) -> None:
        self._network, self._layer = network, layer

    def run(self, rows: RowInput, *, pooled: bool) -> Iterator[tuple[np.ndarray, Ragged]]:
        """Row numbers, and their vectors or the activations after the layer, batch after batch."""
        where = device()
        for start in range(0, len(rows.numbers), _ROWS_PER_BATCH):
            batch = np.arange(start, min(start + _ROWS_PER_BATCH, len(rows.numbers)))
            filled = np.resize(batch, _ROWS_PER_BATCH)
            with torch.inference_mode():
                numbers, codes = (torch.from_numpy(part[filled]).to(where) for part in (rows.numbers, rows.codes))
                if pooled:
                    made = self._network(numbers, codes)
                else:
                    assert self._layer is not None
                    made = self._network.below(numbers, codes, self._layer)
                values = made[: len(batch)].float().cpu().numpy()
            yield batch, Ragged(np.ascontiguousarray(values), np.arange(len(batch) + 1, dtype=np.int64))


def load_row_body(source: Source, layer: int | None, precision: Precision) -> RowBody:
    """The body of a source of rows, cut after ``layer`` blocks unless that is None. Raises SourceError."""
    if precision == "int8":
        raise SourceError(
            f"{source.weights.reference} in eight bits",
            needed="native or float32: eight-bit numbers are for sources of texts",
            fix="leave the precision out",
        )
    return RowBody(load_row_resnet(source).to(device()), layer)


def no_row_cut(source: Source, rows: Sequence[Cells]) -> np.ndarray:
    """No row is larger than a source reads."""
    return np.zeros(len(rows), bool)
