"""How far eight-bit vectors are from those in float32, measured for each source before they are used.

Decisions: the sample is the first contents that are really to be encoded, spread over their sizes, and a few of our own
(for texts, ``sentences``) that are the same for everybody, and not those that scales were taken from; the answer is
kept beside the cache, because the source is pinned by digests. A source whose mean cosine falls below the bar is
refused, since neighbours change long before vectors look wrong.
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
from graft.rows.content import Content, ContentKind

LOWEST_MEAN = 0.99
_SAMPLE = 128
# Counts the ways of quantising; a measurement of an earlier way says nothing about this one.
_METHOD = 2


@dataclass(frozen=True)
class Fidelity:
    """Cosines between int8 and float32 vectors of the same contents. rows: how many."""

    mean: float
    minimum: float
    rows: int


def sample_of(contents: Sequence[Content], kind: ContentKind, own: Sequence[Content]) -> list[Content]:
    """Our own, then up to 128 of ``contents``, smallest to largest."""
    distinct = {kind.digest(one): one for one in contents}
    order = sorted(distinct.values(), key=lambda one: (kind.size(one), kind.written(one)))
    places = np.unique(np.linspace(0, len(order) - 1, min(_SAMPLE, len(order))).astype(int))
    return [*own, *(order[place] for place in places.tolist())]


def compare(exact: np.ndarray, rough: np.ndarray) -> Fidelity:
    """Row by row, both shape (rows, dimension).

    >>> compare(np.eye(2), np.eye(2) * 3)
    Fidelity(mean=1.0, minimum=1.0, rows=2)
    """
    norms = np.linalg.norm(exact, axis=1) * np.linalg.norm(rough, axis=1)
    cosine = (exact * rough).sum(1) / np.where(norms == 0, 1, norms)
    return Fidelity(float(cosine.mean()), float(cosine.min()), len(exact))


def require_faithful(found: Fidelity, reference: str, kind: ContentKind) -> None:
    """Raise SourceError when the mean cosine is below the bar, or not a number."""
    if not found.mean >= LOWEST_MEAN:
        raise SourceError(
            f"{reference} in int8 has a mean cosine of {found.mean:.4f} to float32 over {found.rows} {kind.plural} "
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
