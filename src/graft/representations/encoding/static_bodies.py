"""A body without layers: the vectors of a text's tokens, averaged.

Decisions: the table stays on the disk and is mapped, so a process pays for the words its texts have, once it has seen
that every number of it is one. A row is summed token after token, so its vector does not depend on the rows beside it.
"""

import math
from collections.abc import Iterator, Mapping

import numpy as np

from graft.core.errors import SourceError
from graft.representations.cache import Ragged
from graft.representations.encoding.bodies import Precision
from graft.representations.source import Source
from graft.representations.tokens import TokenRows
from graft.representations.weights.safetensors_file import TensorEntry, check_safetensors, mapped

_TOKENS_TOGETHER = 1 << 15
_ROWS_LOOKED_AT = 1 << 14


class StaticBody:
    """The table of a source. Raises SourceError for one with what is no number, or a place it has no vector for."""

    def __init__(self, source: Source) -> None:
        source.weights.require_unchanged()
        self._source = source
        tensors = _tensors(source)
        self._vectors = tensors["embeddings"] if "embeddings" in tensors else tensors["embedding.weight"]
        self._weights = tensors.get("weights")
        self._places = tensors.get("mapping")
        for name, table in tensors.items():
            for start in range(0, len(table), _ROWS_LOOKED_AT):
                odd = ~np.isfinite(table[start : start + _ROWS_LOOKED_AT])
                if odd.any():
                    row = start + int(np.argwhere(odd)[0][0])
                    raise _unusable(source, f"row {row:,} of its {name} holds what is no number")
        if self._places is not None and not _within(self._places, len(self._vectors)):
            raise _unusable(source, f"its mapping names rows beyond its {len(self._vectors):,} vectors")

    def run(self, tokens: TokenRows, *, pooled: bool) -> Iterator[tuple[np.ndarray, Ragged]]:
        """Row numbers and their vectors, batch after batch; zeros for a row without a token."""
        if not pooled:
            raise stays_as_it_is(self._source)
        start = 0
        while start < len(tokens):
            enough = np.searchsorted(tokens.offsets, tokens.offsets[start] + _TOKENS_TOGETHER, side="right") - 1
            stop = max(start + 1, int(enough))
            rows = np.arange(start, stop)
            yield rows, Ragged(self._means(tokens.take(rows)), np.arange(len(rows) + 1, dtype=np.int64))
            start = stop

    def _means(self, tokens: TokenRows) -> np.ndarray:
        places = tokens.ids if self._places is None else np.asarray(self._places[tokens.ids], np.int64)
        made = np.zeros((len(tokens), self._source.weights.hidden), np.float32)
        some = np.flatnonzero(tokens.lengths)
        if len(some):
            found = np.asarray(self._vectors[places], np.float32)
            if self._weights is not None:
                found = found * np.asarray(self._weights[tokens.ids], np.float32)[:, None]
            made[some] = np.add.reduceat(found, tokens.offsets[some], axis=0) / tokens.lengths[some, None]
        if self._source.normalise:
            made /= np.maximum(np.linalg.norm(made, axis=1, keepdims=True), np.float32(1e-32))
        return made


def load_static_body(source: Source, layer: int | None, precision: Precision) -> StaticBody:
    """The body of a source without layers. Raises SourceError, and for a layer, eight bits or random weights."""
    if layer is not None or not source.weights.pretrained:
        raise stays_as_it_is(source)
    if precision == "int8":
        raise SourceError(
            f"{source.weights.reference} in eight bits",
            needed="native or float32: looking vectors up needs no faster numbers",
            fix="leave the precision out",
        )
    return StaticBody(source)


def stays_as_it_is(source: Source) -> SourceError:
    """That a source has vectors and no layers."""
    return SourceError(
        f"{source.weights.reference} has a vector for each token and no layers: there is nothing to tune or to draw",
        needed="the strategy frozen",
        fix="leave --strategy out, or choose an encoder, for example minilm",
    )


def _tensors(source: Source) -> Mapping[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for name in source.weights.files:
        file = source.weights.directory / name
        entries: tuple[TensorEntry, ...] = check_safetensors(file)
        found |= {entry.name: mapped(file, entry) for entry in entries if math.prod(entry.shape)}
    return found


def _within(places: np.ndarray, rows: int) -> bool:
    return int(places.min()) >= 0 and int(places.max()) < rows


def _unusable(source: Source, why: str) -> SourceError:
    return SourceError(
        f"{source.weights.reference} cannot be used: {why}", needed="a sound table", fix="copy or make it again"
    )
