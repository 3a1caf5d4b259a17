"""The gate before anything is learnt: may sources and rows be put to the uses that are asked for?

Decisions: a use that is blocked stops the work, one that is unsettled is told and goes on. What is asked is what will
be made: the sources, and each data set as part of what is saved, which learns from it and may hold its rows. Rows of
one's own state no licence, and only a person knows that they are one's own, so they block until that is decided: it is
one command, and better said before the training than by the first gate after it.
"""

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from graft.core.errors import GateNotMet
from graft.governance.answers import answer
from graft.governance.descent_file import Descent
from graft.governance.lineage import Lineage, lineage_of
from graft.governance.records import Answer, Asset, AssetKind, Decision, Edge, Permission, Relation, Use

_TOLD = 3


@dataclass(frozen=True)
class ToBeMade:
    """What a gate is about. sources: by reference. data: what is learnt from. keeps_rows: whether what is saved may
    hold rows, or vectors of them. leave_out: how rows are left out of it, in words; empty where they cannot be."""

    sources: Mapping[str, Asset]
    data: tuple[Asset, ...]
    keeps_rows: bool
    leave_out: str = ""


def require_allowed(
    about: ToBeMade,
    uses: Iterable[Use],
    assets: Iterable[Asset],
    decisions: tuple[Decision, ...],
    tell: Callable[[str], None],
) -> None:
    """Ask whether every source, and what learns from the rows, may be put to the uses.

    assets: all that are known. tell: called with what is unsettled. Raises GateNotMet when a use is blocked, saying
    what would unblock it.
    """
    asked = tuple(uses)
    if not asked:
        return
    every = tuple(assets)
    lineage = lineage_of(every)
    answers = [
        (reference, one, answer(lineage, one.identity, uses=asked, decisions=decisions))
        for reference, one in about.sources.items()
    ]
    for one in about.data:
        made = _learnt_from(one, about)
        answers.append(
            (one.name, one, answer(lineage_of((made, *every)), made.identity, uses=asked, decisions=decisions))
        )
    blocked = [one for one in answers if one[2].outcome is Permission.BLOCKED]
    if blocked:
        raise GateNotMet(
            f"{', '.join(name for name, _, _ in blocked)} may not be used as asked ({', '.join(asked)}): "
            + _reasons((said for _, _, said in blocked), Permission.BLOCKED),
            needed="sources and rows whose terms allow it",
            fix="; ".join(_decided_by(asset, about, lineage) for _, asset, _ in blocked),
        )
    for name, asset, said in answers:
        if said.outcome is Permission.UNSETTLED:
            wanted = " ".join(f"--use {use}" for use in asked)
            tell(
                f"{name} is unsettled for {', '.join(asked)}: {_reasons([said], Permission.UNSETTLED)} "
                f"What settles it: graft assets check {_called(asset, lineage)} {wanted} --all"
            )


def to_be_written(descent: Descent) -> tuple[Asset, Lineage]:
    """What is about to be written, and the lineage it will be in."""
    bundle = Asset(kind=AssetKind.BUNDLE, name=descent.name, digest="to be written", edges=descent.edges)
    return bundle, lineage_of((bundle, *descent.assets))


def ancestors_of(lineage: Lineage, identities: Iterable[str]) -> tuple[Asset, ...]:
    """The known assets among some identities and all they descend from, in the order of their identities."""
    found: set[str] = set()
    waiting = list(identities)
    while waiting:
        identity = waiting.pop()
        if identity not in found:
            found.add(identity)
            waiting += [edge.parent for edge in lineage.parents(identity)]
    known = (identity for identity in sorted(found) if identity in lineage.assets)
    # When an asset came into somebody's ledger says nothing about it.
    return tuple(lineage.assets[one].model_copy(update={"added": "", "edges": lineage.parents(one)}) for one in known)


def _learnt_from(rows: Asset, about: ToBeMade) -> Asset:
    relations = [Relation.TRAINED_ON_DATA]
    if about.keeps_rows:
        relations.append(Relation.STORED_VECTORS)
    edges = tuple(Edge(relation=relation, parent=rows.identity) for relation in relations)
    return Asset(kind=AssetKind.BUNDLE, name="the model", digest="to be written", edges=edges)


def _reasons(answers: Iterable[Answer], outcome: Permission) -> str:
    """The first reasons for an outcome, and how many more there are."""
    texts = list(dict.fromkeys(one.text for said in answers for one in said.reasons if one.outcome is outcome))
    more = f" ({len(texts) - _TOLD} more reasons.)" if len(texts) > _TOLD else ""
    return " ".join(texts[:_TOLD]) + more


def _decided_by(asset: Asset, about: ToBeMade, lineage: Lineage) -> str:
    """The command that records a person's decision about a blocked asset."""
    command = f"graft assets decide {_called(asset, lineage)} --licence"
    if not any(asset is one for one in about.data):
        return f'{command} LICENCE --because "WHY", or choose another source'
    without = f", or {about.leave_out}" if about.leave_out else ""
    return f'if the rows are yours, {command} own --because "WHY"{without}'


def _called(asset: Asset, lineage: Lineage) -> str:
    """An asset as a command may name it: its name, or the beginning of its digest where others have that name too."""
    alike = sum(one.name == asset.name for one in lineage.assets.values())
    return shlex.quote(asset.name) if alike == 1 else asset.digest[:12]
