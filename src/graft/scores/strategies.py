"""Which parameters may change: the strategies, and the controls that transfer nothing."""

import re
from dataclasses import dataclass
from enum import StrEnum

from graft.core.errors import InputError


class Kind(StrEnum):
    """The families of candidates."""

    MAJORITY = "majority"
    CLASSICAL = "classical"
    SCRATCH = "scratch"
    FROZEN = "frozen"
    PARTIAL = "partial"
    LORA = "lora"
    FULL = "full"
    CONTRASTIVE = "contrastive"


CONTROLS = (Kind.MAJORITY, Kind.CLASSICAL, Kind.SCRATCH)


@dataclass(frozen=True)
class Strategy:
    """A family, and how many of the upper layers may change.

    layers: of ``partial``, and of ``contrastive`` where it is not everything; 0 means that the family says it all.

    >>> str(parse_strategy("partial:2")), parse_strategy("frozen").trains_backbone
    ('partial:2', False)
    >>> str(parse_strategy("contrastive:2")), str(parse_strategy("contrastive"))
    ('contrastive:2', 'contrastive')
    """

    kind: Kind
    layers: int = 0

    def __str__(self) -> str:
        """The strategy as a person writes it."""
        return f"{self.kind}:{self.layers}" if self.layers else str(self.kind)

    @property
    def is_control(self) -> bool:
        """Whether it transfers nothing."""
        return self.kind in CONTROLS

    @property
    def trains_backbone(self) -> bool:
        """Whether a backbone's weights change."""
        return self.kind in (Kind.SCRATCH, Kind.PARTIAL, Kind.LORA, Kind.FULL, Kind.CONTRASTIVE)


def parse_strategy(text: str) -> Strategy:
    """Read a strategy. Raises InputError for an unknown one."""
    match = re.fullmatch(r"(partial|contrastive):(\d+)", text)
    if match and int(match[2]) > 0:
        return Strategy(Kind(match[1]), int(match[2]))
    if text in set(Kind) - {Kind.PARTIAL}:
        return Strategy(Kind(text))
    raise InputError(
        f"{text!r} is not a strategy",
        needed="frozen, partial:K (K upper layers), lora, full, contrastive or contrastive:K; the controls always run",
        fix="for example --strategy frozen --strategy partial:2",
    )
