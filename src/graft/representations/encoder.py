"""The fast encoder: texts to pooled vectors, or to token activations at a layer, through the cache.

Decisions: rows of one length class (token count rounded up, see ``padded_width``) are run in batches of one fixed
shape per class, the last one filled up with repeats. Every matrix product then has the same shape whatever the other
rows are, so a row's vector does not depend, to the last bit, on the batch it was in, on the cache's state or on where
a killed run resumed. Few shapes also keep the processor's kernels warm, and almost nothing is spent on padding.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from graft.core.digests import content_digest, key
from graft.core.progress import SILENT, Progress
from graft.representations.backbone import device, load_encoder, lower_half, native_precision, pool, quiet_transformers
from graft.representations.cache import ActivationCache, Ragged, concatenate
from graft.representations.sources import Source
from graft.representations.spaces import Space, pooled_space
from graft.representations.tokens import TokenRows, padded_width, special_tokens, tokenise

TOKENS_PER_BATCH = 512
_ROWS_PER_SHARD = 4096


@dataclass(frozen=True)
class EncodeReport:
    """What an encoding cost. rows: given. distinct: different texts. computed: rows the backbone ran for."""

    rows: int
    distinct: int
    computed: int


class Encoder:
    """A source ready to encode; its weights are loaded at the first row that no cache holds."""

    def __init__(
        self, source: Source, *, cache: ActivationCache | None = None, precision: torch.dtype | None = None
    ) -> None:
        self.source = source
        self.cache = cache
        self.precision = precision or native_precision()
        self._models: dict[int | None, torch.nn.Module] = {}

    @property
    def space(self) -> Space:
        """The space of the pooled vectors."""
        return pooled_space(self.source, str(self.precision).removeprefix("torch."))

    def vectors(self, texts: Sequence[str], *, progress: Progress = SILENT) -> tuple[np.ndarray, EncodeReport]:
        """Pooled vectors, float32, shape (rows, dimension), and what they cost."""
        rows, report = self._activations(texts, None, progress)
        return rows.values, report

    def boundary(self, texts: Sequence[str], layer: int, *, progress: Progress = SILENT) -> tuple[Ragged, EncodeReport]:
        """Token activations after ``layer`` layers; values as uint16 holding bfloat16, or float32."""
        return self._activations(texts, layer, progress)

    def _activations(self, texts: Sequence[str], layer: int | None, progress: Progress) -> tuple[Ragged, EncodeReport]:
        digests = [content_digest(text) for text in texts]
        first: dict[bytes, int] = {}
        inverse = np.fromiter((first.setdefault(digest, len(first)) for digest in digests), np.int64, len(digests))
        unique = list(first)
        positions = np.zeros(len(unique), np.int64)
        positions[inverse[::-1]] = np.arange(len(texts))[::-1]
        distinct = [texts[position] for position in positions.tolist()]
        space = key({"space": self.space.computation, "layer": layer})
        ragged, computed = self._through_cache(space, unique, distinct, layer, progress)
        return ragged.take(inverse), EncodeReport(len(texts), len(unique), computed)

    def _through_cache(
        self, space: str, digests: list[bytes], texts: list[str], layer: int | None, progress: Progress
    ) -> tuple[Ragged, int]:
        if self.cache is None:
            return self._compute(texts, layer, progress, None), len(texts)
        found = self.cache.find(space, digests)
        missing = found.missing
        if not len(missing):
            known = self.cache.read(found)
            if known is not None:
                return known, 0
            missing = np.arange(len(digests))
        fresh = self._compute([texts[row] for row in missing], layer, progress, (space, [digests[r] for r in missing]))
        if len(missing) == len(digests):
            return fresh, len(missing)
        keep = found.shard >= 0
        known = self.cache.read(type(found)(found.shard[keep], found.place[keep], found.shards))
        if known is None:
            return self._compute(texts, layer, progress, (space, digests)), len(texts)
        order = np.argsort(np.concatenate([np.flatnonzero(keep), missing]))
        return concatenate([known, fresh]).take(order), len(missing)

    def _compute(
        self, texts: list[str], layer: int | None, progress: Progress, keep: tuple[str, list[bytes]] | None
    ) -> Ragged:
        tokens = tokenise(self.source, texts)
        order: list[np.ndarray] = []
        pieces: list[Ragged] = []
        waiting = kept = 0
        with progress.stage(f"encode with {self.source.reference}", len(texts), "rows") as stage:
            for rows, ids, mask in batches(tokens, special_tokens(self.source).pad):
                pieces.append(self._run(ids, mask, layer, len(rows)))
                order.append(rows)
                waiting += len(rows)
                stage.advance(len(rows))
                if keep is not None and waiting >= _ROWS_PER_SHARD:
                    self._keep(keep, order[kept:], pieces[kept:])
                    waiting, kept = 0, len(pieces)
        if keep is not None and waiting:
            self._keep(keep, order[kept:], pieces[kept:])
        if not pieces:
            return Ragged(np.zeros((0, self.source.dimension), np.float32), np.zeros(1, np.int64))
        return concatenate(pieces).take(np.argsort(np.concatenate(order)))

    def _keep(self, keep: tuple[str, list[bytes]], order: list[np.ndarray], pieces: list[Ragged]) -> None:
        assert self.cache is not None
        space, digests = keep
        self.cache.put(space, [digests[row] for row in np.concatenate(order)], concatenate(pieces))

    def _run(self, ids: np.ndarray, mask: np.ndarray, layer: int | None, rows: int) -> Ragged:
        model = self._model(layer)
        where = device()
        tensors = torch.from_numpy(ids).to(where), torch.from_numpy(mask).to(where)
        with torch.inference_mode():
            hidden = model(input_ids=tensors[0], attention_mask=tensors[1]).last_hidden_state
            if layer is None:
                vectors = pool(hidden, tensors[1], self.source.pooling, normalise=self.source.normalise)
                return Ragged(vectors[:rows].cpu().numpy(), np.arange(rows + 1))
            lengths = mask[:rows].sum(1)
            kept = hidden[:rows][tensors[1][:rows].bool()].cpu()
            values = kept.view(torch.uint16).numpy() if kept.dtype == torch.bfloat16 else kept.numpy()
            return Ragged(values, np.concatenate([[0], np.cumsum(lengths)]))

    def _model(self, layer: int | None) -> torch.nn.Module:
        if layer not in self._models:
            model = load_encoder(self.source)
            with quiet_transformers():
                # Architectures that cannot change it (MPNet) keep their own.
                model.set_attn_implementation("sdpa")
            if layer is not None:
                model = lower_half(model, self.source, layer)
            self._models[layer] = model.to(self.precision).to(device())
        return self._models[layer]


def batches(tokens: TokenRows, pad: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Batches of one fixed shape per length class, longest first.

    Yields row numbers (rows,), token numbers and mask, both (shape of the class); the batch is filled up with repeats
    of its first row, so ``rows`` may be shorter than the batch.
    """
    width = np.array([padded_width(int(length)) for length in tokens.lengths], np.int64)
    for length in np.unique(width)[::-1]:
        members = np.flatnonzero(width == length)
        size = max(1, TOKENS_PER_BATCH // int(length))
        for start in range(0, len(members), size):
            rows = members[start : start + size]
            ids = np.full((size, length), pad, np.int64)
            mask = np.zeros((size, length), np.int64)
            for place, row in enumerate(rows):
                values = tokens.row(int(row))
                ids[place, : len(values)] = values
                mask[place, : len(values)] = 1
            ids[len(rows) :], mask[len(rows) :] = ids[0], mask[0]
            yield rows, ids, mask
