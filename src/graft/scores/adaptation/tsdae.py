"""``tsdae``: tokens are deleted, and the text must be told again from its vector alone.

Decisions: 60 % of the tokens are deleted and at least one is kept; the vector is the source's own pooling, because that
is what will be used (the paper found CLS, mean and max within a point of one another); the decoder's words are the
encoder's embeddings, and its attention to the text sees one place only, the vector, which makes that attention a
linear map of it. The decoder has one layer of its own: a weak one leaves the work to the vector, and the paper's, tied
to all layers of the encoder, costs as much again as the encoder does. It begins at random, and learns alone first
(``loop``), so that its first gradients spoil nothing.

Wang, Reimers & Gurevych (2021), TSDAE, Findings of EMNLP; on the weak decoder Xiao et al. (2022), RetroMAE.
"""

from typing import Any

import numpy as np

from graft.scores.adaptation.method import AdaptationMethod, Material, Objective

DELETED = 0.6


def with_deletions(row: np.ndarray, special: frozenset[int], share: float, rng: np.random.Generator) -> np.ndarray:
    """The tokens of a text without a share of them; what is special stays, and so does one token at least.

    >>> with_deletions(np.array([2, 7, 8, 9, 3]), frozenset({2, 3}), 1.0, np.random.default_rng(0)).tolist()
    [2, 7, 3]
    """
    inside = np.flatnonzero(~np.isin(row, list(special)))
    gone = rng.random(len(inside)) < share
    if gone.all() and len(inside):
        gone[rng.integers(len(inside))] = False
    return np.delete(row, inside[gone])


def _make(body: Any, material: Material, seed: int) -> Objective:
    from graft.scores.adaptation.decoder import Retelling

    return Retelling(body, material, seed, _deleted)


def _deleted(row: np.ndarray, special: frozenset[int], rng: np.random.Generator) -> np.ndarray:
    return with_deletions(row, special, DELETED, rng)


TSDAE = AdaptationMethod(
    name="tsdae",
    kind="text",
    title="denoising autoencoder (TSDAE)",
    meaning="60 % of the tokens are deleted, and the text is told again from its vector",
    share=DELETED,
    make=_make,
)
