"""Terms nobody has read yet: a family, an unknown word, no statement at all.

Decisions: an unknown licence blocks every use but internal evaluation, which it leaves unsettled, until a person
decides; a family, terms beside a known licence, an asset that is not in the ledger, and anything that is only used or
learned from leave every use unsettled.
"""

from graft.governance.licences.bars import Barred, Effects
from graft.governance.licences.expressions import Leaf, Unknown
from graft.governance.licences.known import DECIDE, WHOLE
from graft.governance.licences.reach import Reach
from graft.governance.records import Outcome, Use

_LONGEST = 60
_MILD = (Unknown.ABSENT, Unknown.BESIDES)


def unread_terms(leaf: Leaf, reach: Reach, uses: tuple[Use, ...]) -> Effects:
    """What terms that are not known bar for uses, at a reach."""
    if reach is Reach.BEHIND:
        return Effects()
    direct = reach is Reach.SELF or reach in WHOLE
    text, unblock = why_unread(leaf)
    barred = []
    for use in uses:
        mild = leaf.family or leaf.unknown in _MILD or not direct or use is Use.INTERNAL
        outcome = Outcome.UNSETTLED if mild else Outcome.BLOCKED
        barred.append(Barred(outcome, use, quoted(leaf.stated), "terms not known", text, unblock, True))
    return Effects(tuple(barred))


def why_unread(leaf: Leaf) -> tuple[str, str]:
    """Why terms are not known, and what would settle them."""
    stated = repr(quoted(leaf.stated))
    if leaf.family:
        return f"{stated} names a family of licences, not one of them.", "find out which one it is and record it."
    told = {
        Unknown.WORD: f"{stated} is no licence Graft knows.",
        Unknown.UNRECORDED: f"{stated} is on the SPDX list, but Graft holds no record of what it asks.",
        Unknown.ELSEWHERE: f"{stated} says that there are terms, but not which.",
        Unknown.BESIDES: "there are terms beside the licence that nobody has read.",
        Unknown.SILENT: f"{stated} states no licence.",
        Unknown.MISSING: "no licence is stated anywhere.",
        Unknown.ABSENT: "it is not in the ledger, so its licence is not known.",
    }[leaf.unknown or Unknown.MISSING]
    return told, f"add it to the ledger, or {DECIDE}" if leaf.unknown is Unknown.ABSENT else DECIDE


def quoted(stated: str) -> str:
    """Words of others, on one line and not too long.

    >>> quoted("MIT\\n\\nCopyright")
    'MIT Copyright'
    """
    line = " ".join(stated.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
