"""Rows gathered into batches of few shapes.

Decisions: rows are sorted by length class first. For a model that runs as transformers wrote it, a batch is a
rectangle of rows padded to one width (see ``padded_width``). For a lean model it is packed: the tokens of many rows one
after the other, nothing between them, always the same number a class, the last batch filled up with padding tokens that
no row attends to. Every matrix product then has one shape whatever the other rows are, so a row's vector does not
depend, to the last bit, on the batch it was in, on the cache's state or on where a killed run resumed. A last batch may
be of a smaller size, so that one short query does not pay for a thousand tokens, but only of a size that was seen to
give the same bits on this machine (``bodies``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from graft.representations.tokens import TokenRows, padded_width

TOKENS_PER_BATCH = 512
# Packed batches are larger: the weights come from far caches once a batch, whatever its size.
TOKENS_PER_PACK = 1024
# What a few short rows need; used where a smaller batch proves to give the very same numbers.
SMALLER_PACKS = (32, 128, 512)
# Attention runs in blocks of this many places; shorter rows share a block, each in a slot of its own.
BLOCK = 32
_SHORTEST_SLOT = 16


def batches(
    tokens: TokenRows, pad: int, *, size: int = TOKENS_PER_BATCH
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Batches of one fixed shape per length class, longest first. size: tokens of a batch.

    Yields row numbers (rows,), token numbers and mask, both (shape of the class); the batch is filled up with repeats
    of its first row, so ``rows`` may be shorter than the batch.
    """
    width = np.array([padded_width(int(length)) for length in tokens.lengths], np.int64)
    for length in np.unique(width)[::-1]:
        members = np.flatnonzero(width == length)
        count = max(1, size // int(length))
        for start in range(0, len(members), count):
            rows = members[start : start + count]
            ids = np.full((count, length), pad, np.int64)
            mask = np.arange(length) < tokens.lengths[rows][:, None]
            taken = tokens.take(rows)
            ids[: len(rows)][mask] = taken.ids
            ids[len(rows) :] = ids[0]
            mask = np.concatenate([mask, np.broadcast_to(mask[:1], (count - len(rows), length))])
            yield rows, ids, mask.astype(np.int64)


@dataclass(frozen=True)
class Packed:
    """Rows whose tokens follow one another.

    rows: their numbers, shape (rows,). lengths: tokens of each, shape (rows,). ids: token numbers, and positions: the
    place of a token in its row, both int64, shape (tokens of the batch,), padding at the end. slot: places reserved for
    one row in the attention.
    """

    rows: np.ndarray
    lengths: np.ndarray
    ids: np.ndarray
    positions: np.ndarray
    slot: int

    @property
    def tokens(self) -> int:
        """Tokens of the rows, without the padding."""
        return int(self.lengths.sum())


def slot_of(length: int) -> int:
    """Places reserved for a row of ``length`` tokens: a part of a block, or whole blocks.

    >>> [slot_of(length) for length in (2, 17, 64, 65, 200)]
    [16, 32, 64, 96, 224]
    """
    return _SHORTEST_SLOT if length <= _SHORTEST_SLOT else -(-length // BLOCK) * BLOCK


def packed_batches(
    tokens: TokenRows, pad: int, *, size: int = TOKENS_PER_PACK, smaller: Sequence[int] = ()
) -> Iterator[Packed]:
    """Packed batches of ``size`` tokens (more for a class whose slot is longer), longest rows first.

    smaller: sizes, ascending, of which the last batch of a class takes the first that holds it.
    """
    slots = np.array([slot_of(int(length)) for length in tokens.lengths], np.int64)
    for slot in np.unique(slots)[::-1]:
        members = np.flatnonzero(slots == slot)
        members = members[np.argsort(-tokens.lengths[members], kind="stable")]
        capacity = max(size, int(slot))
        ends = np.cumsum(tokens.lengths[members])
        start = 0
        while start < len(members):
            before = ends[start - 1] if start else 0
            stop = int(np.searchsorted(ends, before + capacity, side="right"))
            enough = next((one for one in smaller if ends[stop - 1] - before <= one), capacity)
            yield _packed(tokens.take(members[start:stop]), members[start:stop], enough, int(slot), pad)
            start = stop


def _packed(taken: TokenRows, rows: np.ndarray, capacity: int, slot: int, pad: int) -> Packed:
    ids = np.full(capacity, pad, np.int64)
    positions = np.zeros(capacity, np.int64)
    ids[: len(taken.ids)] = taken.ids
    positions[: len(taken.ids)] = np.arange(len(taken.ids)) - np.repeat(taken.offsets[:-1], taken.lengths)
    return Packed(rows, taken.lengths, ids, positions, slot)
