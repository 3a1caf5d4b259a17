"""How far eight-bit vectors are from those in float32, measured for each source before they are used.

Decisions: the sample is the first texts that are really to be encoded, spread over their lengths, and a few sentences
of our own that are the same for everybody; the answer is kept beside the cache, because the source is pinned by
digests. A source whose mean cosine falls below the bar is refused, since neighbours change long before vectors look
wrong.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from graft.core.errors import SourceError
from graft.core.files import whole_file
from graft.core.settings import cache_directory
from graft.representations.spaces import Space

LOWEST_MEAN = 0.99
_SAMPLE = 128
# Counts the ways of quantising; a measurement of an earlier way says nothing about this one.
_METHOD = 1
_SENTENCES = (
    "Where is my parcel?",
    "I was charged twice for the same invoice.",
    "The delivery arrived late and the box was open.",
    "How do I reset the password of my account?",
    "The committee will publish its report on water quality next spring.",
    "Please cancel the order I placed yesterday evening and refund the full amount to my card.",
    "A small village in the mountains has lost its only railway line after a hundred years.",
    "error 404: /api/v2/users?id=17 not found",
    "Thank you!",
    "Die Rechnung vom 3. Mai ist noch offen.",
    "She reads three newspapers every morning, and believes none of them.",
    "Cheap flights, hotels, insurance: click here now",
    "The patient shows mild symptoms and was sent home with advice to rest.",
    "Interest rates were left unchanged at 2.5 % for the third month in a row.",
    "red cotton shirt, size M, long sleeves",
    "If the valve does not close, turn the wheel to the left and wait for thirty seconds before you try again.",
)


@dataclass(frozen=True)
class Fidelity:
    """Cosines between int8 and float32 vectors of the same texts. rows: how many texts."""

    mean: float
    minimum: float
    rows: int


def sample_of(texts: Sequence[str]) -> list[str]:
    """Our own sentences, alone and joined to longer texts, then up to 128 of ``texts``, shortest to longest."""
    joined = [" ".join(_SENTENCES[start : start + 4]) for start in range(0, len(_SENTENCES), 4)]
    order = sorted(set(texts), key=lambda text: (len(text), text))
    places = np.unique(np.linspace(0, len(order) - 1, min(_SAMPLE, len(order))).astype(int))
    return [*_SENTENCES, *joined, *(order[place] for place in places.tolist())]


def compare(exact: np.ndarray, rough: np.ndarray) -> Fidelity:
    """Row by row, both shape (rows, dimension).

    >>> compare(np.eye(2), np.eye(2) * 3)
    Fidelity(mean=1.0, minimum=1.0, rows=2)
    """
    norms = np.linalg.norm(exact, axis=1) * np.linalg.norm(rough, axis=1)
    cosine = (exact * rough).sum(1) / np.where(norms == 0, 1, norms)
    return Fidelity(float(cosine.mean()), float(cosine.min()), len(exact))


def require_faithful(found: Fidelity, reference: str) -> None:
    """Raise SourceError when the mean cosine is below the bar, or not a number."""
    if not found.mean >= LOWEST_MEAN:
        raise SourceError(
            f"{reference} in int8 has a mean cosine of {found.mean:.4f} to float32 over {found.rows} texts "
            f"(lowest {found.minimum:.4f})",
            needed=f"at least {LOWEST_MEAN}",
            fix="use the native precision, or force int8 if neighbours may change",
        )


def _place(space: Space) -> Path:
    return cache_directory() / "fidelity" / f"{space.computation}-{_METHOD}.json"


def recorded(space: Space) -> Fidelity | None:
    """What was measured for a space before; None when nothing was, or it cannot be read."""
    try:
        return Fidelity(**json.loads(_place(space).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def record(space: Space, found: Fidelity) -> None:
    """Keep a measurement; a place that cannot be written costs measuring again."""
    with suppress(OSError), whole_file(_place(space)) as temporary:
        temporary.write_text(json.dumps(asdict(found)), encoding="utf-8")
