"""What the events of a ledger amount to: a fold, so everything known can be replayed from the events alone.

Decisions: what is said about an asset later is merged into what is known (see ``merged``); a holdout is opened once
per study, however often that study was interrupted; kinds of events that are not listed here belong to others and are
passed over.

When more is said about an asset, its files are the same, because its digest is; so nothing it was read from can have
changed, and what is not said again is kept: an empty field is an unknown fact and erases nothing, descent and training
data accumulate, and a licence replaces what the same place was said to state before. (What lives on under one digest,
as a shop does, says its files anew each time.) A person's statement therefore outlives every later reading of the
files.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from pydantic import Field, ValidationError

from graft.core.errors import LedgerError
from graft.governance.ledger.events import Event, Head
from graft.governance.records import Asset, AuditStatement, Decision, Edge, LicenceStatement, Record


def merged(old: Asset, new: Asset) -> Asset:
    """The asset ``old`` once ``new`` is said about it; it keeps the time it was first added.

    >>> known = Asset(kind="data", name="tickets", digest="ab", publisher="us", added="2026-01-01T00:00:00Z")
    >>> both = merged(known, Asset(kind="data", name="tickets.csv", digest="ab"))
    >>> both.name, both.publisher, both.added
    ('tickets.csv', 'us', '2026-01-01T00:00:00Z')
    """
    kept = {name: getattr(old, name) for name in Asset.model_fields if not getattr(new, name)}
    data = {(one.where, one.name): one for one in (*old.training_data, *new.training_data)}
    joined = {
        "licences": _by_place(old.licences, new.licences),
        "training_data": tuple(data.values()),
        "edges": tuple(dict.fromkeys((*old.edges, *new.edges))),
        "added": old.added,
    }
    return new.model_copy(update=kept | joined)


def _by_place(old: tuple[LicenceStatement, ...], new: tuple[LicenceStatement, ...]) -> tuple[LicenceStatement, ...]:
    places: dict[str, dict[LicenceStatement, None]] = {}
    for statements in (old, new):
        stated: dict[str, dict[LicenceStatement, None]] = {}
        for statement in statements:
            stated.setdefault(statement.where, {})[statement] = None
        places |= stated
    return tuple(statement for stated in places.values() for statement in stated)


class Kind(StrEnum):
    """What can happen."""

    ASSET_ADDED = "asset-added"
    ASSET_UPDATED = "asset-updated"
    EDGE_RECORDED = "edge-recorded"
    LICENCE_DECIDED = "licence-decided"
    HOLDOUT_OPENED = "holdout-opened"
    STUDY_STARTED = "study-started"
    STUDY_FINISHED = "study-finished"
    SOURCES_RANKED = "sources-ranked"
    SOURCES_TUNED = "sources-tuned"
    AUDITED = "audited"


class Opening(Record):
    """A study that opened a holdout. at: when it did so first, UTC."""

    study: str
    at: str


class HoldoutOpenings(Record):
    """Who opened a holdout, in order."""

    holdout: str
    openings: tuple[Opening, ...] = ()

    @property
    def count(self) -> int:
        """How many distinct studies did."""
        return len(self.openings)

    @property
    def studies(self) -> tuple[str, ...]:
        """Their keys."""
        return tuple(opening.study for opening in self.openings)


class StudyEntry(Record):
    """A study. finished: UTC, empty while it runs. bundle: digest of what it saved, empty without."""

    key: str
    started: str
    finished: str = ""
    verdict: str = ""
    bundle: str = ""


class SourcesRanked(Record):
    """An order of sources that was stated for some rows before they were tuned. places: by the digest of their
    weights; 1 is the first. names: how they were referred to, by the same digests."""

    rows: str
    places: dict[str, float]
    names: dict[str, str] = Field(default_factory=dict)
    at: str = ""


class SourcesTuned(Record):
    """What a study measured of several sources on some rows. scores: the best of each, by the digest of its weights;
    higher is better."""

    rows: str
    study: str
    metric: str
    scores: dict[str, float]
    at: str = ""


AnyRecord = TypeVar("AnyRecord", bound=Record)


@dataclass
class State:
    """All that is known after the event ``last``. names: identities by every name an asset was ever given."""

    last: Event | None = None
    assets: dict[str, Asset] = field(default_factory=dict)
    names: dict[str, dict[str, None]] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    openings: dict[str, HoldoutOpenings] = field(default_factory=dict)
    studies: dict[str, StudyEntry] = field(default_factory=dict)
    ranked: list[SourcesRanked] = field(default_factory=list)
    tuned: list[SourcesTuned] = field(default_factory=list)
    audits: list[AuditStatement] = field(default_factory=list)

    @property
    def head(self) -> Head:
        """The head of the chain as far as it was folded."""
        return self.last.head if self.last else Head()

    def take(self, event: Event) -> None:
        """Fold one more event in. Raises LedgerError when this version cannot read it."""
        take = _TAKE.get(event.kind)
        if take is not None:
            take(self, event)
        self.last = event

    def holdout(self, holdout: str) -> HoldoutOpenings:
        """Who opened a holdout; nobody, if it was never heard of."""
        return self.openings.get(holdout) or HoldoutOpenings(holdout=holdout)

    def last_decision(self, asset: str) -> Decision | None:
        """The decision about an asset, by identity, that counts."""
        return next((decision for decision in reversed(self.decisions) if decision.asset == asset), None)


def _asset(state: State, event: Event) -> None:
    asset = _read(Asset, event).model_copy(update={"added": event.time})
    old = state.assets.get(event.subject)
    state.assets[event.subject] = asset if old is None else merged(old, asset)
    state.names.setdefault(asset.name, {})[event.subject] = None


def _edge(state: State, event: Event) -> None:
    asset = state.assets.get(event.subject)
    if asset is not None:
        state.assets[event.subject] = merged(asset, asset.model_copy(update={"edges": (_read(Edge, event),)}))


def _decision(state: State, event: Event) -> None:
    state.decisions.append(_read(Decision, event).model_copy(update={"at": event.time}))


def _opening(state: State, event: Event) -> None:
    known = state.holdout(event.subject)
    study = str(event.facts.get("study", ""))
    if study not in known.studies:
        opening = Opening(study=study, at=event.time)
        state.openings[event.subject] = known.model_copy(update={"openings": (*known.openings, opening)})


def _started(state: State, event: Event) -> None:
    state.studies.setdefault(event.subject, StudyEntry(key=event.subject, started=event.time))


def _finished(state: State, event: Event) -> None:
    known = state.studies.get(event.subject) or StudyEntry(key=event.subject, started=event.time)
    facts = {name: str(event.facts.get(name, "")) for name in ("verdict", "bundle")}
    state.studies[event.subject] = known.model_copy(update={"finished": event.time, **facts})


def _ranked(state: State, event: Event) -> None:
    state.ranked.append(_read(SourcesRanked, event).model_copy(update={"at": event.time}))


def _tuned(state: State, event: Event) -> None:
    state.tuned.append(_read(SourcesTuned, event).model_copy(update={"at": event.time}))


def _audited(state: State, event: Event) -> None:
    state.audits.append(_read(AuditStatement, event).model_copy(update={"at": event.time}))


_TAKE: dict[str, Callable[[State, Event], None]] = {
    Kind.ASSET_ADDED: _asset,
    Kind.ASSET_UPDATED: _asset,
    Kind.EDGE_RECORDED: _edge,
    Kind.LICENCE_DECIDED: _decision,
    Kind.HOLDOUT_OPENED: _opening,
    Kind.STUDY_STARTED: _started,
    Kind.STUDY_FINISHED: _finished,
    Kind.SOURCES_RANKED: _ranked,
    Kind.SOURCES_TUNED: _tuned,
    Kind.AUDITED: _audited,
}


def _read(record: type[AnyRecord], event: Event) -> AnyRecord:
    try:
        return record.model_validate_json(event.body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise LedgerError(
            f"event {event.sequence} ({event.kind}) cannot be read: {where}: {first['msg']}",
            needed="facts as this version of Graft writes them",
            fix="pip install --upgrade graft-ml, if a newer version wrote it",
        ) from error
