"""``mlm``: tokens are masked, and told from those around them.

Decisions: 15 % of the tokens are hidden: four fifths behind the mask token, a tenth behind another token, a tenth left
as they are. The head is the usual one, a layer and the encoder's own embeddings; it begins near the identity and learns
alone first, because a source seldom comes with the head it was pretrained with. What is trained is the encoder's last
token vectors; the pooled vector follows.

Devlin, Chang, Lee & Toutanova (2019), BERT; as further pretraining: Gururangan et al. (2020), Don't stop pretraining.
"""

from typing import Any

import numpy as np

from graft.core.errors import InputError
from graft.scores.adaptation.method import AdaptationMethod, Material, Objective

MASKED = 0.15


def masked(
    row: np.ndarray, special: frozenset[int], mask: int, others: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The tokens of a text with some hidden, and the places of these; one is hidden at least, if there is any.

    others: token numbers that a hidden one may be replaced with.

    >>> row, hidden = masked(np.array([2, 7, 8, 3]), frozenset({2, 3}), 4, np.array([9]), np.random.default_rng(0))
    >>> row.tolist(), hidden.tolist()
    ([2, 4, 8, 3], [1])
    """
    inside = np.flatnonzero(~np.isin(row, list(special)))
    hidden = inside[rng.random(len(inside)) < MASKED]
    if not len(hidden) and len(inside):
        hidden = inside[[rng.integers(len(inside))]]
    how = rng.random(len(hidden))
    found = row.copy()
    found[hidden[how < 0.8]] = mask
    swapped = hidden[(how >= 0.8) & (how < 0.9)]
    found[swapped] = rng.choice(others, len(swapped))
    return found, hidden


def _make(body: Any, material: Material, seed: int) -> Objective:
    from graft.scores.adaptation.decoder import Unmasking

    if material.mask is None:
        raise InputError(
            f"{material.source.weights.reference} has no mask token",
            needed="a source whose tokenizer has one, such as [MASK]",
            fix="--method tsdae, which needs none",
        )
    mask = material.mask
    return Unmasking(body, material, seed, lambda row, special, others, rng: masked(row, special, mask, others, rng))


MLM = AdaptationMethod(
    name="mlm",
    kind="text",
    title="masked language modelling",
    meaning="15 % of the tokens are masked, and told from those around them",
    share=MASKED,
    make=_make,
)
