"""What people have decided about licences, ready to be looked up.

Decisions: the last decision about a thing counts; a decision names a licence, which then replaces what is stated, or
says ``cleared``: the open questions about this thing are answered with yes, while stated refusals and obligations
stay. A named data set behind an asset is decided under ``training_key``.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from graft.governance.licences.training import find_training_set, learned_from
from graft.governance.records import Asset, Decision

CLEARED = "cleared"


@dataclass(frozen=True)
class Settled:
    """Decisions by what they are about. named: those that name a licence. cleared: those that answer open questions."""

    named: dict[str, Decision]
    cleared: dict[str, Decision]

    def behind(self, asset: Asset) -> tuple[tuple[str, Decision], ...]:
        """(data set, decision) for every decision about a single data set behind an asset."""
        return (*_behind(self.named, asset), *_behind(self.cleared, asset))

    def sets_named(self, asset: Asset) -> tuple[tuple[str, str], ...]:
        """(data set, licence) for the data sets behind an asset that were given a licence."""
        return tuple((name, one.licence) for name, one in _behind(self.named, asset))

    def sets_cleared(self, asset: Asset) -> frozenset[str]:
        """The data sets behind an asset whose questions are answered: all of them when those of the asset are."""
        if asset.identity in self.cleared:
            return frozenset(one.name for one in learned_from(asset.training_data))
        return frozenset(name for name, _ in _behind(self.cleared, asset))


def settle(decisions: Iterable[Decision]) -> Settled:
    """Decisions to be looked up, oldest first."""
    named: dict[str, Decision] = {}
    cleared: dict[str, Decision] = {}
    for one in decisions:
        (cleared if one.licence.strip().casefold() == CLEARED else named)[one.asset] = one
    return Settled(named, cleared)


def training_key(identity: str, data_set: str) -> str:
    """What a decision about a data set behind an asset is filed under.

    >>> training_key("source:a1", "MS MARCO")
    'source:a1#MS MARCO'
    """
    return f"{identity}#{data_set}"


def _behind(found: dict[str, Decision], asset: Asset) -> tuple[tuple[str, Decision], ...]:
    """(data set, decision) for the data sets behind an asset, whatever name of the set a decision uses."""
    prefix = training_key(asset.identity, "")
    behind = []
    for key in sorted(found) if asset.training_data else ():
        if key.startswith(prefix):
            name = key.removeprefix(prefix)
            known = find_training_set(name)
            behind.append((known.name if known else name, found[key]))
    return tuple(behind)
