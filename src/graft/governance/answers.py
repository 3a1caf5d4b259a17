"""May we do this with that? The answer over the whole lineage, with every obligation and the path that causes it.

This is not legal advice. Decisions: the worst of all reasons is the answer; every asset that is reached counts with
its terms, read as its reach reads them; a choice of licences is made once per asset, for the whole answer, and told;
one shortest path is given for each obligation, licence and asset that causes it; of more than twenty assets that cause
the same in the same way the nearest twenty are listed and the others counted, so that an answer stays readable and its
size does not grow with the square of a long chain.

Of what people have decided, the last decision about a thing counts; a decision names a licence, which then replaces
what is stated, or says ``cleared``: the open questions about this thing are answered with yes, while stated refusals
and obligations stay. A named data set behind an asset is decided under ``training_key``.
"""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from graft.core.errors import InputError
from graft.governance.causes import Gathered, walk_from
from graft.governance.licences.effects import Asked, chosen, effects
from graft.governance.licences.expressions import CLEARED, Leaf, Terms, Unknown, read_terms
from graft.governance.licences.findings import label, licence_findings, training_findings
from graft.governance.licences.reach import Reach, step
from graft.governance.licences.statements import asset_terms
from graft.governance.licences.table import Duty
from graft.governance.licences.training import find_training_set, learned_from, trained_effects
from graft.governance.lineage import Lineage
from graft.governance.records import Answer, Asset, Decision, Finding, Permission, Relation, Use


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


_BASE_NEEDED = Asked(
    Duty.BASE_NEEDED, "", "how adapters work", "an adapter works only with its base, which has to be there as well."
)


def answer(lineage: Lineage, identity: str, *, uses: Iterable[Use], decisions: Iterable[Decision] = ()) -> Answer:
    """Whether an asset may be put to uses, under which obligations, and why.

    identity: of an asset of the lineage. decisions: oldest first; the last about an asset counts.
    Raises InputError for an asset that is not there, and without a use.

    >>> from graft.governance.lineage import lineage_of
    >>> from graft.governance.records import AssetKind, LicenceStatement
    >>> mit = LicenceStatement(stated="MIT", where="LICENSE")
    >>> model = Asset(kind=AssetKind.SOURCE, name="minilm", digest="a1", licences=(mit,))
    >>> said = answer(lineage_of([model]), "source:a1", uses=[Use.REDISTRIBUTE])
    >>> said.outcome.value, [one.text for one in said.obligations]
    ('allowed', ['minilm: keep the copyright notice and the licence text in every copy.'])
    """
    question = _Question(lineage, identity, _in_order(uses), settle(decisions))
    if identity not in lineage.assets:
        raise _nobody(lineage, identity)
    walk = walk_from(lineage, identity)
    gathered = Gathered(walk)
    findings: list[Finding] = []
    plans: dict[str, _Plan] = {}
    for one, reaches in walk.reaches().items():
        plans[one] = _plan(question, one, reaches)
        findings.extend(_findings(question, one, plans[one]))
    for place in walk.places:
        _gather(question, plans[place[0]], place, gathered)
    for place, base in walk.adapters:
        gathered.add(place, f"{lineage.label(place[0])}, an adapter of {lineage.label(base)}", _BASE_NEEDED)
    reasons = gathered.reasons()
    outcomes = {reason.outcome for reason in reasons}
    worst = next((one for one in (Permission.BLOCKED, Permission.UNSETTLED) if one in outcomes), Permission.ALLOWED)
    return Answer(
        asset=identity,
        uses=question.uses,
        outcome=worst,
        reasons=reasons,
        obligations=gathered.obligations(),
        findings=tuple(findings),
    )


@dataclass(frozen=True)
class _Question:
    """What was asked."""

    lineage: Lineage
    identity: str
    uses: tuple[Use, ...]
    settled: Settled


@dataclass(frozen=True)
class _Plan:
    """One asset's part in the answer: its terms with choices made, and what they were before."""

    asset: Asset | None
    stated: Terms
    terms: Terms
    cleared: bool


def _plan(question: _Question, identity: str, reaches: tuple[Reach, ...]) -> _Plan:
    """The terms that count for an asset."""
    asset = question.lineage.assets.get(identity)
    decision = question.settled.named.get(identity)
    cleared = identity in question.settled.cleared
    if decision is not None:
        stated = read_terms(decision.licence, decided=True)
    elif asset is None:
        stated = Leaf("", unknown=Unknown.ABSENT)
    else:
        stated = asset_terms(asset)
    return _Plan(asset, stated, chosen(stated, reaches, question.uses, cleared=cleared), cleared)


def _gather(question: _Question, plan: _Plan, place: tuple[str, Reach], gathered: Gathered) -> None:
    """Everything one asset causes at one reach: by its own terms, and by those of the data it was trained on."""
    identity, reach = place
    name = question.lineage.label(identity)
    found = effects(plan.terms, reach, question.uses, cleared=plan.cleared)
    for what in found.every:
        gathered.add(place, name, what)
    if plan.asset is None or not plan.asset.training_data:
        return
    for trained in trained_effects(
        plan.asset.training_data,
        step(reach, Relation.TRAINED_ON_DATA, "data:"),
        question.uses,
        decided=question.settled.sets_named(plan.asset),
        cleared=question.settled.sets_cleared(plan.asset),
    ):
        gathered.add(place, f"{name}, trained on {', '.join(trained.sets)}", trained.what)


def _findings(question: _Question, identity: str, plan: _Plan) -> Iterator[Finding]:
    """What to know about one asset: how its terms were settled, or what is wrong with them."""
    name, settled = question.lineage.label(identity), question.settled
    named = settled.named.get(identity)
    for decision in filter(None, (named, settled.cleared.get(identity))):
        yield _decided(identity, name, decision)
    if plan.asset is None:
        text = f"{name} is named as a parent, but it is not in the ledger: nothing is known of its terms."
        yield Finding(
            code="lineage-unknown-parent", severity="warning", asset=identity, message=text, fix="add it to the ledger."
        )
        return
    if named is None:
        yield from licence_findings(plan.asset)
    if plan.asset.training_data:
        behind = settled.behind(plan.asset)
        for data_set, decision in behind:
            yield _decided(identity, f"{name}, trained on {data_set}", decision)
        told = settled.sets_cleared(plan.asset) | {data_set for data_set, _ in behind}
        yield from training_findings(plan.asset, settled=told)
    if plan.stated != plan.terms:
        text = f"{name}: of {plan.stated} the answer takes {plan.terms}."
        yield Finding(code="licence-choice", severity="note", asset=identity, message=text)


def _decided(identity: str, name: str, decision: Decision) -> Finding:
    """The note that a person has decided."""
    text = f"{name}: {decision.by or 'somebody'} decided {decision.licence!r}, because {decision.because}"
    return Finding(code="licence-decided", severity="note", asset=identity, message=text)


def _in_order(uses: Iterable[Use]) -> tuple[Use, ...]:
    """Uses in the order of their definition, each once."""
    asked = set(uses)
    if not asked:
        raise InputError("no use was named", needed=f"one of {', '.join(Use)}", fix="say what you want to do")
    return tuple(use for use in Use if use in asked)


def _nobody(lineage: Lineage, identity: str) -> InputError:
    """The error for an asset that is not there, with those that come close."""
    names = {one: label(asset) for one, asset in lineage.assets.items()}
    near = difflib.get_close_matches(identity, [*names, *names.values()], n=3, cutoff=0.5)
    fix = f"did you mean {', '.join(near)}?" if near else "add it to the ledger first"
    return InputError(f"no asset {identity!r} is in this lineage", needed="the identity of an asset in it", fix=fix)
