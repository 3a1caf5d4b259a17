"""What a person should know about the licences of one asset, in plain words.

Decisions: one finding per kind of problem, not per data set, so that the list stays readable; every finding says
which place states what, and what to do next.
"""

from graft.governance.licences.effects import effects, quoted, why_unread
from graft.governance.licences.expressions import Leaf, Unknown, leaves
from graft.governance.licences.reach import Reach
from graft.governance.licences.statements import OWN_KINDS, Stated, what_counts
from graft.governance.licences.table import licence, table
from graft.governance.licences.training import Learned, learned_from
from graft.governance.records import Asset, Finding, Use

UNKNOWN = "UNKNOWN"
_ASK = "find out which is right, and record what a person decides."
_LATER = "keep to other uses, or let a person decide whether these terms reach the model, and record the decision."


def conflicts(asset: Asset) -> tuple[Finding, ...]:
    """Every finding about the licences of an asset and of the data it was trained on; no decision is looked at."""
    return (*licence_findings(asset), *training_findings(asset))


def licence_findings(asset: Asset) -> tuple[Finding, ...]:
    """Findings about what is stated of the asset itself."""
    stated = what_counts(asset.licences)
    if not stated:
        return (_nothing_stated(asset),)
    rival = tuple(one for one in stated if not _besides(one))
    found = [_conflict(asset, rival)] if len(rival) > 1 else []
    found += _unknown_elsewhere(asset, stated)
    for one in stated:
        for leaf in leaves(one.terms):
            found.extend(_about(asset, leaf, one.where))
    return tuple(found)


def training_findings(asset: Asset, *, settled: frozenset[str] = frozenset()) -> tuple[Finding, ...]:
    """Findings about the data sets an asset was trained on: their own terms, and those nobody has checked.

    settled: data sets a person has decided about.
    """
    every = [one for one in learned_from(asset.training_data) if one.name not in settled]
    free = [one for one in every if effects(one.terms, Reach.LEARNED, (Use.COMMERCIAL,)).barred]
    alike = [one for one in every if effects(one.terms, Reach.LEARNED, (Use.REDISTRIBUTE,)).barred]
    traps = [one for one in every if one.open]
    unchecked = [one for one in every if not one.checked and not one.open]
    own = " and ".join(str(one.terms) for one in what_counts(asset.licences))
    stated = f"is stated to be {own}, but" if own else "states no licence, and"
    trained = f"{label(asset)} {stated} it was trained on data"
    told = (
        (free, f"{trained} offered for non-commercial use only", "training-data-terms"),
        (
            alike,
            f"{trained} whose terms ask that what is made from it stays under the same terms",
            "training-data-terms",
        ),
        (traps, f"{trained} that nobody has licensed for commercial use", "training-data-terms"),
        (unchecked, f"{label(asset)} was trained on data whose terms nobody has checked", "training-data-unchecked"),
    )
    return tuple(_training(asset, code, text, sets) for sets, text, code in told if sets)


def label(asset: Asset) -> str:
    """How an asset is called in a sentence."""
    return f"{asset.name} {asset.version}".strip()


def _training(asset: Asset, code: str, text: str, sets: list[Learned]) -> Finding:
    checked = code == "training-data-terms"
    names = "; ".join(f"{one.name} [{one.where}]" if checked else one.name for one in sets)
    fix = _LATER if checked else "look up their terms and record them, or decide that they do not matter here."
    return Finding(code=code, severity="warning", asset=asset.identity, message=f"{text}: {names}.", fix=fix)


def _nothing_stated(asset: Asset) -> Finding:
    if asset.kind in OWN_KINDS:
        text = (
            f"{label(asset)} states no licence of its own: it is taken as your work; what it was made from has a say."
        )
        return Finding(code="licence-own", severity="note", asset=asset.identity, message=text)
    text = f"{label(asset)} states no licence anywhere, so nobody has been given a right to use it."
    fix = "ask its publisher, or record a decision (your own work: 'own')."
    return Finding(code="licence-missing", severity="error", asset=asset.identity, message=text, fix=fix)


def _conflict(asset: Asset, stated: tuple[Stated, ...]) -> Finding:
    """Two licences for one thing: in two places, or in one that does not say whether both apply."""
    told = " and ".join(str(one) for one in stated)
    places = {where.partition(" (")[0] for one in stated for where in one.where}
    opening = (
        f"{label(asset)}: different licences are stated in different places"
        if len(places) > 1
        else f"{label(asset)}: several licences are stated, and not whether all apply or one may be chosen"
    )
    text = f"{opening}: {told}. Until a person decides, the strictest answer counts."
    return Finding(code="licence-conflict", severity="warning", asset=asset.identity, message=text, fix=_ASK)


def _unknown_elsewhere(asset: Asset, stated: tuple[Stated, ...]) -> list[Finding]:
    """A place that says the licence is unknown, beside one that names it."""
    silent = [one.where for one in asset.licences if one.stated.upper() == UNKNOWN]
    named = [one for one in stated if one.words.upper() != UNKNOWN]
    if not silent or not named:
        return []
    told = " and ".join(str(one) for one in named)
    text = f"{label(asset)}: {' and '.join(silent)} says the licence is unknown; what counts is {told}."
    return [Finding(code="licence-unknown-elsewhere", severity="note", asset=asset.identity, message=text)]


def _besides(one: Stated) -> bool:
    """Whether a statement adds to a licence and does not rival it."""
    return isinstance(one.terms, Leaf) and one.terms.unknown is Unknown.BESIDES


def _about(asset: Asset, leaf: Leaf, where: tuple[str, ...]) -> list[Finding]:
    """Findings about one licence that is named."""
    found = []

    def tell(code: str, severity: str, text: str, fix: str = "") -> None:
        message = f"{label(asset)} ({'; '.join(where)}): {text}"
        found.append(Finding(code=code, severity=severity, asset=asset.identity, message=message, fix=fix))

    if leaf.common:
        tell("licence-version", "note", f"{quoted(leaf.stated)!r} states no version; what all versions ask is used.")
    elif leaf.family:
        members = next(family.members for family in table().families if family.name == leaf.family)
        text, fix = why_unread(leaf)
        tell("licence-family", "warning", f"{text.rstrip('.')}: {', '.join(members)}.", fix)
    elif leaf.unknown is not None:
        text, fix = why_unread(leaf)
        beside = leaf.unknown in (Unknown.BESIDES, Unknown.ADDED)
        tell("licence-further-terms" if beside else "licence-unknown", "warning" if beside else "error", text, fix)
    elif licence(leaf.licence).note:
        tell("licence-name", "note", licence(leaf.licence).note)
    if leaf.exception:
        tell("licence-exception", "note", f"the exception {leaf.exception} permits more; it is not counted on.")
    return found
