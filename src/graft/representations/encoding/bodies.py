"""A source's body ready to run over tokenised rows: lean where that is proven, as transformers wrote it elsewhere."""

from collections.abc import Iterator
from functools import cached_property, partial
from typing import Any, Literal, Protocol

import numpy as np
import torch

from graft.core.errors import InputError
from graft.representations.backbone import (
    device,
    layers_of,
    lower_half,
    native_precision,
    pool_layers,
    quiet_transformers,
)
from graft.representations.cache import Ragged
from graft.representations.encoding.batching import SMALLER_PACKS, TOKENS_PER_PACK, Packed, batches, packed_batches
from graft.representations.encoding.calibrated_int8 import quantise_lean
from graft.representations.encoding.lean_bert import LeanBert, layout_of
from graft.representations.encoding.lean_source import lean_source
from graft.representations.encoding.packed_linear import pack
from graft.representations.encoding.quantised import quantise
from graft.representations.encoding.sentences import CALIBRATING, longer
from graft.representations.source import Source
from graft.representations.tokens import TokenRows, special_tokens, tokenise

# Up to so many tokens the sizes of the last batches matter more than trying them costs, which is about two batches.
_FEW = 32 * TOKENS_PER_PACK
_SLOT = 16  # tokens of a row to try a size with: it fills the shortest slot
_DRAWN_ROWS, _DRAWN_LENGTH = 8, 32
Precision = torch.dtype | Literal["int8"]


def as_precision(given: torch.dtype | str | None, native: torch.dtype) -> Precision:
    """The number type that ``native``, ``float32`` or ``int8`` names; None is ``native``. Raises InputError."""
    if isinstance(given, torch.dtype):
        return given
    named: dict[str | None, Precision] = {
        None: native, "native": native, "float32": torch.float32, "int8": "int8"
    }  # fmt: skip
    if given not in named:
        raise InputError(
            f"precision={given!r}", needed="'native', 'float32' or 'int8'", fix="leave it out for the fastest safe one"
        )
    return named[given]


class ModelInput(Protocol):
    """Contents as a body takes them. truncated: bool, shape (rows,), which of them are not read to their end."""

    @property
    def truncated(self) -> np.ndarray:
        """Which rows were cut."""
        ...


class Body(Protocol):
    """Runs rows that were prepared for it; what these are is between the two (``TokenRows`` for texts)."""

    def run(self, tokens: Any, *, pooled: bool) -> Iterator[tuple[np.ndarray, Ragged]]:
        """Row numbers, and their vectors (one a row) or their token activations, batch after batch."""
        ...


class PlainBody:
    """The forward that transformers wrote, on rectangles of padded rows."""

    def __init__(self, model: Any, source: Source) -> None:
        self._model, self._source = model, source

    def run(self, tokens: TokenRows, *, pooled: bool) -> Iterator[tuple[np.ndarray, Ragged]]:
        """As the protocol says."""
        where = device()
        for rows, ids, mask in batches(tokens, special_tokens(self._source).pad):
            marked = torch.from_numpy(mask).to(where)
            with torch.inference_mode():
                given = torch.from_numpy(ids).to(where)
                beside = self._source.beside if pooled else ()
                more = {"output_hidden_states": True} if beside else {}
                said = self._model(input_ids=given, attention_mask=marked, **more)
                hidden = said.last_hidden_state
                if pooled:
                    states = [*(said.hidden_states[layer] for layer in beside), hidden]
                    made = pool_layers(states, marked, self._source, skip=tokens.skip)[: len(rows)]
                else:
                    made = hidden[: len(rows)][marked[: len(rows)].bool()]
                yield rows, _ragged(made, None if pooled else mask[: len(rows)].sum(1))


class LeanBody:
    """The lean forward on packed rows."""

    def __init__(self, model: LeanBert, source: Source, dtype: torch.dtype) -> None:
        self._model, self._source, self._dtype = model, source, dtype

    def run(self, tokens: TokenRows, *, pooled: bool) -> Iterator[tuple[np.ndarray, Ragged]]:
        """As the protocol says."""
        few = len(tokens.ids) <= _FEW
        for batch in packed_batches(tokens, special_tokens(self._source).pad, smaller=self._smaller if few else ()):
            with torch.inference_mode():
                made = self._batch(batch, pooled, tokens.skip)
            yield batch.rows, _ragged(made, None if pooled else batch.lengths)

    def _batch(self, batch: Packed, pooled: bool, skip: int = 0) -> torch.Tensor:
        where = device()
        layout = layout_of(batch, dtype=self._dtype, where=where)
        ids, positions = (torch.from_numpy(values).to(where) for values in (batch.ids, batch.positions))
        if not pooled:
            hidden: torch.Tensor = self._model(ids, positions, layout)
            return hidden[: batch.tokens]
        rows, slot = layout.valid.shape
        states = self._model.states(ids, positions, layout, (*self._source.beside, len(self._model.layer)))
        apart = [state.index_select(0, layout.slots[: rows * slot]).view(rows, slot, -1) for state in states]
        return pool_layers(apart, layout.valid, self._source, skip=skip)

    @cached_property
    def _smaller(self) -> tuple[int, ...]:
        """The smaller sizes of a batch that give the same bits as the full one on this processor.

        oneDNN picks its kernel, and so the order of its sums, by the number of tokens; sizes are therefore tried, full
        of drawn tokens, and not believed.
        """
        if device().type != "cpu":
            return ()
        whole = _drawn_rows(self._source, count=TOKENS_PER_PACK // _SLOT, length=_SLOT)
        full = self._hidden(whole, ())
        return tuple(
            size
            for size in SMALLER_PACKS
            if torch.equal(self._hidden(whole.take(np.arange(size // _SLOT)), (size,)), full[:size])
        )

    def _hidden(self, tokens: TokenRows, smaller: tuple[int, ...]) -> torch.Tensor:
        with torch.inference_mode():
            (batch,) = packed_batches(tokens, special_tokens(self._source).pad, smaller=smaller)
            return self._batch(batch, pooled=False)


def _ragged(made: torch.Tensor, lengths: np.ndarray | None) -> Ragged:
    """Rows of ``made`` as numbers NumPy has; bfloat16 as the uint16 with its bits. lengths: None for one each."""
    made = made.cpu()
    values = made.view(torch.uint16).numpy() if made.dtype == torch.bfloat16 else made.numpy()
    lengths = np.ones(len(values), np.int64) if lengths is None else lengths
    return Ragged(values, np.concatenate([[0], np.cumsum(lengths)]))


def load_body(source: Source, layer: int | None, precision: Precision) -> Body:
    """The body of a source, cut after ``layer`` layers unless that is None. Raises SourceError."""
    dtype = native_precision() if precision == "int8" else precision
    made, model = lean_source(source)
    if made is None:
        return _plain_body(model, source, layer, precision, dtype)
    if layer is not None:
        layers_of(made, source.weights.layers)  # refuses a source that has another number of them than it says
        made.layer = made.layer[:layer]
    if precision == "int8":
        quantise_lean(made, partial(_calibrating, made, source), dtype=dtype, where=device())
    made = made.to(dtype).to(device())
    pack(made, TOKENS_PER_PACK)
    return LeanBody(made, source, dtype)


def _plain_body(model: Any, source: Source, layer: int | None, precision: Precision, dtype: torch.dtype) -> PlainBody:
    if layer is not None:
        model = lower_half(model, source, layer)
    if precision == "int8":
        quantise(model, dtype)
    with quiet_transformers():
        # Architectures that cannot change it (MPNet) keep their own.
        model.set_attn_implementation("sdpa")
    return PlainBody(model.to(dtype).to(device()), source)


def _calibrating(model: LeanBert, source: Source) -> Iterator[int]:
    """Run a float32 model over our own sentences, and over drawn tokens; the tokens of each batch.

    The drawn ones are for vocabularies that do not know the words of our sentences.
    """
    drawn = _drawn_rows(source, count=_DRAWN_ROWS, length=min(_DRAWN_LENGTH, source.reading.limit))
    for tokens in (tokenise(source, longer(CALIBRATING)), drawn):
        for batch in packed_batches(tokens, special_tokens(source).pad):
            layout = layout_of(batch, dtype=torch.float32, where=torch.device("cpu"))
            model(torch.from_numpy(batch.ids), torch.from_numpy(batch.positions), layout)
            yield batch.tokens


def _drawn_rows(source: Source, *, count: int, length: int) -> TokenRows:
    """Rows of tokens drawn evenly from the vocabulary, always the same."""
    ids = np.random.default_rng(0).integers(0, source.weights.vocabulary, count * length)
    nothing = np.zeros(count)
    return TokenRows(ids, np.arange(0, count * length + 1, length), nothing, nothing, nothing)
