"""What a study owes to governance: nothing is used or saved unrecorded, and nothing blocked is used at all.

Decisions: sources and rows are in the ledger before anything is trained, so a study that is refused or killed is
recorded too; a use that is blocked stops the study, one that is unsettled is told and goes on. What is asked is what
the bundle will be made of: the sources, and the rows, which a bundle may hold. Rows of one's own state no licence, and
only a person knows that they are one's own, so they block until that is decided: it is one command, and better said
before the training than by the first gate after it. The gate is asked about a finished study as well, because a use may
be asked about for the first time, and a decision may have changed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from graft.facts.study import AssetFacts, StudyRecord, TermsFacts, UseFacts
from graft.governance.answers import answer
from graft.governance.descent_file import Descent, read_bundle
from graft.governance.gates import ToBeMade, ancestors_of, require_allowed, to_be_written
from graft.governance.ledger.state import merged
from graft.governance.licences.statements import stated_licences
from graft.governance.lineage import Lineage, lineage_of
from graft.governance.named_assets import read_source
from graft.governance.reading import read_data
from graft.governance.records import Answer, Asset, AssetKind, Edge, Relation, Use
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
        about = _to_be_made(self.sources, self.data, keeps_rows)
        require_allowed(about, uses, self._registry.assets(), self._registry.decisions(), tell)

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
        assets = ancestors_of(self._lineage(), (edge.parent for edge in edges))
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
        bundle, lineage, decisions = *to_be_written(descent), self._registry.decisions()
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
        about = _to_be_made(sources, rows, keeps_rows)
        require_allowed(about, asked, every.values(), registry.decisions(), tell)


def _to_be_made(sources: Mapping[str, Asset], rows: Asset, keeps_rows: bool) -> ToBeMade:
    # A control keeps no vectors; it is not known yet whether one ships, so a source is enough for rows to be kept.
    leave_out = "leave them out of the bundle: --no-rows" if keeps_rows else ""
    return ToBeMade(sources, (rows,), keeps_rows and bool(sources), leave_out)


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
    wanted, lineage = set(asked), to_be_written(descent)[1]
    return TermsFacts(
        made_from=tuple(_made_from(edge, lineage) for edge in descent.edges),
        uses=tuple(_use_facts(use, said, asked=use in wanted) for said in answers for use in said.uses),
        obligations=_texts(one.text for said in answers for one in said.obligations),
        findings=_texts(one.message for said in answers for one in said.findings),
    )


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
