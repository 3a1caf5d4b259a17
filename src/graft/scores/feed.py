"""Rows to batches for a network: token numbers, or activations at the freeze boundary (``bodies``: pixels).

Decisions: a batch holds rows of about the same length (shuffled in pools of a few batches, sorted inside a pool), so
that little is spent on padding while the order stays random; every batch has one of a few shapes, because a processor
prepares a kernel for each new one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from graft.representations.cache import Ragged
from graft.representations.tokens import TokenRows, padded_width
from graft.scores.network import Vocabulary

_POOL = 8


class Feed(Protocol):
    """Rows a body can be given."""

    @property
    def lengths(self) -> np.ndarray:
        """Tokens per row."""
        ...

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """What the body takes for these rows."""
        ...

    def lesson(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """The same for a step of training, which may change them so that they still mean the same."""
        ...


@dataclass(frozen=True)
class TokenFeed:
    """Token numbers, possibly of a shrunken vocabulary."""

    tokens: TokenRows
    pad: int
    vocabulary: Vocabulary | None = None

    @property
    def lengths(self) -> np.ndarray:
        """Tokens per row."""
        return self.tokens.lengths

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """Padded token numbers and their mask, both (rows, longest)."""
        longest = padded_width(int(self.lengths[rows].max()))
        ids = np.full((len(rows), longest), self.pad, np.int64)
        mask = np.arange(longest)[None, :] < self.lengths[rows][:, None]
        ids[mask] = np.concatenate([self.tokens.row(int(row)) for row in rows])
        if self.vocabulary is not None:
            ids = self.vocabulary.compact(ids)
        return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask.astype(np.int64))}

    def lesson(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """The same: a text with a word changed says something else."""
        return self.batch(rows)


@dataclass(frozen=True)
class ActivationFeed:
    """Activations at the freeze boundary; uint16 values hold bfloat16."""

    activations: Ragged

    @property
    def lengths(self) -> np.ndarray:
        """Tokens per row."""
        return np.diff(self.activations.offsets)

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """Padded activations (rows, longest, dimension), float32, and their mask."""
        taken = self.activations.take(rows)
        lengths = np.diff(taken.offsets)
        values = torch.from_numpy(taken.values)
        values = (values.view(torch.bfloat16) if values.dtype == torch.uint16 else values).float()
        width = padded_width(int(lengths.max()))
        mask = torch.from_numpy(np.arange(width)[None, :] < lengths[:, None])
        padded = torch.zeros(*mask.shape, values.shape[1])
        padded[mask] = values
        return {"inputs_embeds": padded, "attention_mask": mask.long()}

    def lesson(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """The same: what lies below was computed once."""
        return self.batch(rows)


def training_batches(
    lengths: np.ndarray, rows: np.ndarray, size: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """One pass over ``rows`` in random batches of ``size`` and about equal length; a rest waits for the next pass."""
    order = rng.permutation(rows)
    if len(order) > size:
        order = order[: len(order) // size * size]
    batches: list[np.ndarray] = []
    for start in range(0, len(order), size * _POOL):
        pool = order[start : start + size * _POOL]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[at : at + size] for at in range(0, len(pool), size)]
    for place in rng.permutation(len(batches)):
        yield batches[place]


def reading_batches(lengths: np.ndarray, rows: np.ndarray, size: int = 16) -> Iterator[tuple[np.ndarray, int]]:
    """``rows`` once, longest first, in batches of exactly ``size``.

    The last one is filled up with repeats; the number beside a batch says how many of its rows count.
    """
    order = rows[np.argsort(-lengths[rows], kind="stable")]
    for start in range(0, len(order), size):
        batch = order[start : start + size]
        yield np.resize(batch, size), len(batch)
