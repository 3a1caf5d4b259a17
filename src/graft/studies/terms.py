"""What a study owes to governance: nothing is used or saved unrecorded, and nothing blocked is used at all.

Decisions: sources and rows are in the ledger before anything is trained, so a study that is refused or killed is
recorded too; a use that is blocked stops the study, one that is unsettled is told and goes on. What is asked is what
the bundle will be made of: the sources, and the rows, which a bundle may hold. Rows of one's own state no licence, and
only a person knows that they are one's own, so they block until that is decided: it is one command, and better said
before the training than by the first gate after it. The gate is asked about a finished study as well, because a use may
be asked about for the first time, and a decision may have changed.
"""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graft.core.errors import GateNotMet
from graft.facts.study import AssetFacts, StudyRecord, TermsFacts, UseFacts
from graft.governance.answers import answer
from graft.governance.descent_file import Descent, read_bundle
from graft.governance.ledger.state import merged
from graft.governance.licences.statements import stated_licences
from graft.governance.lineage import Lineage, lineage_of
from graft.governance.named_assets import read_source
from graft.governance.reading import read_data
from graft.governance.records import Answer, Asset, AssetKind, Decision, Edge, Permission, Relation, Use
from graft.governance.registry import HoldoutOpenings, Registry, SourcesTuned
from graft.inputs.dataset import Dataset
from graft.representations.source import Source
from graft.scores.strategies import Strategy
from graft.studies.prepared import Prepared


class Governed:
    """The ledger's view of one study. sources: assets by reference. data: the rows."""

    def __init__(self, registry: Registry, prepared: Prepared, given: Any) -> None:
        self._registry, self._study = registry, prepared.identity
        registry.start_study(prepared.identity)
        self.data = registry.add_asset(rows_asset(given, prepared.table.name, prepared.rows))
        self.sources = {reference: registry.add_asset(asset) for reference, asset in _read_sources(prepared).items()}

    def gate(self, uses: Iterable[Use], *, keeps_rows: bool, tell: Callable[[str], None]) -> None:
        """Ask whether every source, and a model that learns from the rows, may be put to the uses.

        keeps_rows: whether the bundle may hold rows. tell: called with what is unsettled. Raises GateNotMet when a use
        of one is blocked, saying what would unblock it.
        """
        _gate(
            _Asked(self.sources, self.data, keeps_rows), uses, self._registry.assets(), self._registry.decisions(), tell
        )

    def licences(self) -> dict[str, str]:
        """What counts as the licence of each source, by its reference."""
        return {reference: stated_licences(asset) for reference, asset in self.sources.items()}

    def open_holdout(self, holdout: str) -> HoldoutOpenings:
        """Record that this study scores the holdout; who did so far."""
        return self._registry.open_holdout(holdout, self._study)

    def descent(self, name: str, source: Source | None, strategy: Strategy, *, keeps_rows: bool) -> Descent:
        """What the shipped model was made from. keeps_rows: whether it stores vectors of training rows."""
        edges = [Edge(relation=Relation.TRAINED_ON_DATA, parent=self.data.identity, study=self._study)]
        origins = () if source is None else source.origins
        used = [self.sources[one.weights.reference] for one in origins if one.weights.reference in self.sources]
        if used and strategy.lineage:
            relation = Relation(strategy.lineage)
            edges += [Edge(relation=relation, parent=one.identity, study=self._study) for one in used]
            if keeps_rows:
                edges.append(Edge(relation=Relation.STORED_VECTORS, parent=self.data.identity, study=self._study))
        assets = _ancestors(self._lineage(), (edge.parent for edge in edges))
        ledger = self._registry.ledger
        return Descent(
            name=name,
            study=self._study,
            edges=tuple(edges),
            assets=assets,
            ledger=ledger.head(),
            ledger_first=ledger.first(),
        )

    def answers(self, descent: Descent) -> tuple[Answer, ...]:
        """Whether a bundle made from this may be put to each use there is."""
        bundle, lineage, decisions = *_to_be(descent), self._registry.decisions()
        return tuple(answer(lineage, bundle.identity, uses=[use], decisions=decisions) for use in Use)

    def finish(self, bundle: Path, verdict: str) -> None:
        """Record the bundle and what the study found."""
        saved, _ = read_bundle(bundle)
        self._registry.add_asset(saved)
        self._registry.finish_study(self._study, verdict=verdict, bundle=saved.digest)

    def tuned(self, record: StudyRecord, rows: str) -> None:
        """Record the best score of each source, where the study had several. rows: ``Dataset.labelled``."""
        digests = {one.reference: one.digest for one in record.sources}
        scores: dict[str, float] = {}
        for one in record.candidates:
            # What stands side by side says nothing of one of its sources, and neither does one kind of several.
            if one.kind == "transfer" and one.source in digests and not record.data.contract.roles.kinds:
                digest = digests[one.source]
                scores[digest] = max(one.score.mean, scores.get(digest, one.score.mean))
        if len(scores) > 1:
            told = SourcesTuned(rows=rows, study=self._study, metric=record.metric, scores=scores)
            self._registry.tune_sources(told)

    def _lineage(self) -> Lineage:
        return lineage_of(self._registry.assets())


def gate_again(
    prepared: Prepared, given: Any, uses: Iterable[Use], *, keeps_rows: bool, tell: Callable[[str], None]
) -> None:
    """``Governed.gate`` for a study that is finished already; the ledger is read and nothing is written.

    The sources and rows are read anew, as their files and the ledger's decisions are today. given: what the rows were
    read from. Raises GateNotMet as it does.
    """
    asked = tuple(uses)
    if not asked:
        return
    with Registry() as registry:
        known = {asset.identity: asset for asset in registry.assets()}

        def now(asset: Asset) -> Asset:
            return merged(known[asset.identity], asset) if asset.identity in known else asset

        sources = {reference: now(asset) for reference, asset in _read_sources(prepared).items()}
        rows = now(rows_asset(given, prepared.table.name, prepared.rows))
        every = known | {asset.identity: asset for asset in (*sources.values(), rows)}
        _gate(_Asked(sources, rows, keeps_rows), asked, every.values(), registry.decisions(), tell)


@dataclass(frozen=True)
class _Asked:
    """What a gate is about. sources: by reference. keeps_rows: whether the bundle may hold rows."""

    sources: Mapping[str, Asset]
    rows: Asset
    keeps_rows: bool


def _gate(
    about: _Asked,
    uses: Iterable[Use],
    assets: Iterable[Asset],
    decisions: tuple[Decision, ...],
    tell: Callable[[str], None],
) -> None:
    """Raise GateNotMet when a use is blocked; tell what is unsettled. assets: all that are known."""
    asked = tuple(uses)
    if not asked:
        return
    relations = [Relation.TRAINED_ON_DATA]
    if about.keeps_rows and about.sources:
        relations.append(Relation.STORED_VECTORS)
    edges = tuple(Edge(relation=relation, parent=about.rows.identity) for relation in relations)
    bundle = Asset(kind=AssetKind.BUNDLE, name="the model", digest="to be written", edges=edges)
    lineage = lineage_of((bundle, *assets))
    answers = {
        name: (asset, answer(lineage, identity, uses=asked, decisions=decisions))
        for name, asset, identity in (
            *((reference, one, one.identity) for reference, one in about.sources.items()),
            (about.rows.name, about.rows, bundle.identity),
        )
    }
    blocked = {name: one for name, one in answers.items() if one[1].outcome is Permission.BLOCKED}
    if blocked:
        raise GateNotMet(
            f"{', '.join(blocked)} may not be used as asked ({', '.join(asked)}): "
            + _reasons((said for _, said in blocked.values()), Permission.BLOCKED),
            needed="sources and rows whose terms allow it",
            fix="; ".join(_decided_by(asset, about, lineage) for asset, _ in blocked.values()),
        )
    for name, (asset, said) in answers.items():
        if said.outcome is Permission.UNSETTLED:
            wanted = " ".join(f"--use {use}" for use in asked)
            tell(
                f"{name} is unsettled for {', '.join(asked)}: {_reasons([said], Permission.UNSETTLED)} "
                f"What settles it: graft assets check {_called(asset, lineage)} {wanted} --all"
            )


_TOLD = 3


def _reasons(answers: Iterable[Answer], outcome: Permission) -> str:
    """The first reasons for an outcome, and how many more there are."""
    texts = _texts(one.text for said in answers for one in said.reasons if one.outcome is outcome)
    more = f" ({len(texts) - _TOLD} more reasons.)" if len(texts) > _TOLD else ""
    return " ".join(texts[:_TOLD]) + more


def _decided_by(asset: Asset, about: _Asked, lineage: Lineage) -> str:
    """The command that records a person's decision about a blocked asset."""
    command = f"graft assets decide {_called(asset, lineage)} --licence"
    if asset is not about.rows:
        return f'{command} LICENCE --because "WHY", or choose another source'
    without = ", or leave them out of the bundle: --no-rows" if about.keeps_rows else ""
    return f'if the rows are yours, {command} own --because "WHY"{without}'


def _called(asset: Asset, lineage: Lineage) -> str:
    """An asset as a command may name it: its name, or the beginning of its digest where others have that name too."""
    alike = sum(one.name == asset.name for one in lineage.assets.values())
    return shlex.quote(asset.name) if alike == 1 else asset.digest[:12]


def _read_sources(prepared: Prepared) -> dict[str, Asset]:
    """The pretrained sources of a study as their files describe them, by reference."""
    return {
        source.weights.reference: read_source(
            source.weights.reference, source.weights.directory, revision=source.weights.revision
        )
        for source in prepared.origins
        if source.weights.pretrained
    }


def terms_facts(descent: Descent, answers: tuple[Answer, ...], asked: Iterable[Use]) -> TermsFacts:
    """What the terms of everything a bundle was made from ask for, use by use."""
    wanted, lineage = set(asked), _to_be(descent)[1]
    return TermsFacts(
        made_from=tuple(_made_from(edge, lineage) for edge in descent.edges),
        uses=tuple(_use_facts(use, said, asked=use in wanted) for said in answers for use in said.uses),
        obligations=_texts(one.text for said in answers for one in said.obligations),
        findings=_texts(one.message for said in answers for one in said.findings),
    )


def _to_be(descent: Descent) -> tuple[Asset, Lineage]:
    """The bundle that is about to be written, and the lineage it will be in."""
    bundle = Asset(kind=AssetKind.BUNDLE, name=descent.name, digest="to be written", edges=descent.edges)
    return bundle, lineage_of((bundle, *descent.assets))


@contextmanager
def governed(prepared: Prepared, given: Any) -> Iterator[Governed]:
    """The ledger of this user or team, open for one study. given: what the rows were read from."""
    with Registry() as registry:
        yield Governed(registry, prepared, given)


def rows_asset(given: Any, name: str, rows: Dataset) -> Asset:
    """Rows as an asset: their file when there is one. given: what they were read from. name: of their table."""
    if isinstance(given, str | Path) and Path(given).is_file():
        return read_data(Path(given))
    return Asset(kind=AssetKind.DATA, name=name, digest=rows.fingerprint, reference="rows given in Python")


def _made_from(edge: Edge, lineage: Lineage) -> AssetFacts:
    asset = lineage.assets[edge.parent]
    return AssetFacts(
        kind=asset.kind.value,
        name=lineage.label(edge.parent),
        digest=asset.digest,
        relation=edge.relation.value,
        licences=tuple(f"{one.stated} ({one.where})" for one in asset.licences),
    )


def _use_facts(use: Use, said: Answer, *, asked: bool) -> UseFacts:
    return UseFacts(
        use=use.value,
        asked=asked,
        outcome=said.outcome.value,
        reasons=_texts(one.text for one in said.reasons),
        unblock=_texts(one.unblock for one in said.reasons if one.unblock),
    )


def _texts(texts: Iterable[str]) -> tuple[str, ...]:
    """Each text once, in order."""
    return tuple(dict.fromkeys(texts))


def _ancestors(lineage: Lineage, identities: Iterable[str]) -> tuple[Asset, ...]:
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
