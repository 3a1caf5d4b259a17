"""Which parameters may change: the strategies, and the controls that transfer nothing. One file each, one tuple."""

import re

from graft.core.errors import InputError
from graft.scores.strategies.contrastive import CONTRASTIVE
from graft.scores.strategies.controls import CLASSICAL, MAJORITY, SCRATCH
from graft.scores.strategies.frozen import FROZEN
from graft.scores.strategies.full import FULL
from graft.scores.strategies.gradual import GRADUAL
from graft.scores.strategies.l2sp import L2SP
from graft.scores.strategies.lora import LORA
from graft.scores.strategies.partial import PARTIAL
from graft.scores.strategies.wiseft import WISEFT
from graft.scores.strategy import Penalty, Rates, Strategy, Trains

STRATEGIES = (MAJORITY, CLASSICAL, SCRATCH, FROZEN, PARTIAL, CONTRASTIVE, LORA, FULL, L2SP, GRADUAL, WISEFT)

__all__ = [
    "CLASSICAL",
    "CONTRASTIVE",
    "FROZEN",
    "FULL",
    "GRADUAL",
    "L2SP",
    "LORA",
    "MAJORITY",
    "PARTIAL",
    "SCRATCH",
    "STRATEGIES",
    "WISEFT",
    "Penalty",
    "Rates",
    "Strategy",
    "Trains",
    "notations",
    "parse_strategy",
]


def notations() -> tuple[str, ...]:
    """How every strategy that can be asked for is written; controls run unasked.

    >>> notations()[:2]
    ('frozen', 'partial:K')
    """
    return tuple(text for one in STRATEGIES if not one.control for text in one.notations)


def parse_strategy(text: str) -> Strategy:
    """Read a strategy. Raises InputError for an unknown one.

    >>> str(parse_strategy("partial:2")), parse_strategy("frozen").trains_backbone
    ('partial:2', False)
    >>> str(parse_strategy("contrastive:2")), str(parse_strategy("contrastive"))
    ('contrastive:2', 'contrastive')
    """
    match = re.fullmatch(r"([^:]+)(:[1-9][0-9]*)?", text)
    found = next((one for one in STRATEGIES if match is not None and one.name == match[1]), None)
    if match is None or found is None or found.numbered == ("never" if match[2] else "must"):
        raise InputError(
            f"{text!r} is not a strategy",
            needed=f"{', '.join(notations())}, with K upper layers; the controls always run",
            fix="for example --strategy frozen --strategy partial:2",
        )
    return found.of(int(match[2][1:])) if match[2] else found
