"""The registry: assets, decisions, descent, openings of holdouts and studies, as events of a ledger.

Decisions: nothing is kept but events, and state is a fold over them; saying the same again makes no event; a check and
the event that depends on it are one step, even when several processes write (when another wrote in between, the
check is made again).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import RLock
from typing import Any, Self

from graft.core.errors import InputError
from graft.core.memory import collection_paused
from graft.governance.ledger.lookup import UnknownAsset, find_asset
from graft.governance.ledger.state import (
    HoldoutOpenings,
    Kind,
    Opening,
    SourcesRanked,
    SourcesTuned,
    State,
    StudyEntry,
    merged,
)
from graft.governance.ledger.store import Ledger
from graft.governance.licences import refuse_unknown
from graft.governance.reading import named_parent, parent_reference
from graft.governance.records import Asset, AuditStatement, Decision, Record

__all__ = ["HoldoutOpenings", "Opening", "Registry", "SourcesRanked", "SourcesTuned", "StudyEntry"]

News = tuple[Kind, str, dict[str, Any]] | None
"""An event to write: kind, subject and facts; None when it is known already."""


class Registry:
    """What a ledger says about assets, decisions and studies. One object serves many threads.

    ledger: where the events are; a path, a database URL or None names one as ``Ledger`` does.

    >>> import tempfile
    >>> with Registry(Path(tempfile.mkdtemp()) / "ledger.sqlite") as registry:
    ...     _ = registry.add_asset(Asset(kind="source", name="minilm", digest="53aa51"))
    ...     registry.find("53aa").identity
    'source:53aa51'
    """

    def __init__(self, ledger: Ledger | str | Path | None = None) -> None:
        self.ledger = ledger if isinstance(ledger, Ledger) else Ledger(ledger)
        self._state = State()
        self._lock = RLock()

    def add_asset(self, asset: Asset) -> Asset:
        """Add an asset, or what is now said about one known by its identity; the asset as it is recorded.

        What is said is merged into what is known. Raises InputError for an asset that would descend from itself.
        """

        def news(state: State) -> News:
            old = state.assets.get(asset.identity)
            for edge in asset.edges:
                _refuse_circle(state.assets, asset.identity, edge.parent)
            if old is not None and merged(old, asset) == old:
                return None
            return Kind.ASSET_UPDATED if old else Kind.ASSET_ADDED, asset.identity, _facts(asset, "added")

        return self._say(news).assets[asset.identity]

    def assets(self) -> tuple[Asset, ...]:
        """All assets, in the order they were added."""
        with self._lock:
            return tuple(self._now().assets.values())

    def find(self, named: str) -> Asset:
        """The asset of that identity, name (``NAME`` or ``NAME@VERSION``, earlier names too) or beginning of a digest.

        Raises InputError when none is meant, or several are.
        """
        with self._lock:
            state = self._now()
            return find_asset(state.assets, named, state.names)

    def identity(self, named: str) -> str:
        """The identity of an asset, named as for ``find``, or of a parent that a recorded asset knows by name only.

        Raises InputError when neither is meant.
        """
        try:
            return self.find(named).identity
        except UnknownAsset:
            parent = named if parent_reference(named) else named_parent(named.removeprefix("hf:").removeprefix("name:"))
            if any(edge.parent == parent for asset in self.assets() for edge in asset.edges):
                return parent
            raise

    def decide(self, decision: Decision) -> Decision:
        """Record a person's decision about an asset, named as for ``find``; the decision as it is recorded.

        A parent that a recorded asset names (``hf:org/name``) can be decided about without its files.
        Raises InputError when the asset is unknown, when it is not said which licence, why, or by whom, or when the
        licence is a word nobody knows.
        """
        for name in ("licence", "because", "by"):
            if not getattr(decision, name).strip():
                raise InputError(
                    f"a decision about {decision.asset!r} without {name!r}",
                    needed="a licence, a reason and a person",
                    fix="say them with --licence, --because and --by, for whoever asks later",
                )
        refuse_unknown(decision.licence)
        asset = self.identity(decision.asset)
        facts = _facts(decision.model_copy(update={"asset": asset}), "at")

        def news(state: State) -> News:
            last = state.last_decision(asset)
            known = last is not None and _facts(last, "at") == facts
            return None if known else (Kind.LICENCE_DECIDED, asset, facts)

        decided = self._say(news).last_decision(asset)
        assert decided is not None
        return decided

    def decisions(self, asset: str | None = None) -> tuple[Decision, ...]:
        """All decisions, or those about one asset, in order: the last about an asset counts."""
        wanted = None if asset is None else self.find(asset).identity
        with self._lock:
            return tuple(found for found in self._now().decisions if wanted in (None, found.asset))

    def open_holdout(self, holdout: str, study: str) -> HoldoutOpenings:
        """Record that a study opens a holdout, both by their keys; all that opened it so far.

        The same study counts once, however often it was interrupted and begun again.
        """
        if not study:
            raise InputError(f"nobody opens the holdout {holdout!r}", needed="the key of a study")

        def news(state: State) -> News:
            known = study in state.holdout(holdout).studies
            return None if known else (Kind.HOLDOUT_OPENED, holdout, {"study": study})

        return self._say(news).holdout(holdout)

    def holdout(self, holdout: str) -> HoldoutOpenings:
        """Which studies opened a holdout; asking does not open it."""
        with self._lock:
            return self._now().holdout(holdout)

    def start_study(self, key: str) -> StudyEntry:
        """Record that a study starts. One that was interrupted and begins again is the same study."""
        return self._say(lambda state: None if key in state.studies else (Kind.STUDY_STARTED, key, {})).studies[key]

    def finish_study(self, key: str, *, verdict: str, bundle: str = "") -> StudyEntry:
        """Record what a study found. verdict: its word. bundle: digest of what it saved.

        Raises InputError for a study that never started.
        """

        def news(state: State) -> News:
            known = state.studies.get(key)
            if known is None:
                raise InputError(f"the study {key!r} never started", needed="a study that is in the ledger")
            same = known.finished and (known.verdict, known.bundle) == (verdict, bundle)
            return None if same else (Kind.STUDY_FINISHED, key, {"verdict": verdict, "bundle": bundle})

        return self._say(news).studies[key]

    def studies(self) -> tuple[StudyEntry, ...]:
        """All studies, in the order they started."""
        with self._lock:
            return tuple(self._now().studies.values())

    def rank_sources(self, ranked: SourcesRanked) -> None:
        """Record an order of sources for some rows. Saying the same as last time makes no event."""

        def news(state: State) -> News:
            last = next((one for one in reversed(state.ranked) if one.rows == ranked.rows), None)
            facts = _facts(ranked, "at")
            return None if last and _facts(last, "at") == facts else (Kind.SOURCES_RANKED, ranked.rows, facts)

        self._say(news)

    def tune_sources(self, tuned: SourcesTuned) -> None:
        """Record what a study measured of several sources on some rows, once."""

        def news(state: State) -> News:
            facts = _facts(tuned, "at")
            known = any(_facts(one, "at") == facts for one in state.tuned if one.study == tuned.study)
            return None if known else (Kind.SOURCES_TUNED, tuned.rows, facts)

        self._say(news)

    def state_audit(self, audit: AuditStatement) -> None:
        """Record what an audit found of an asset. The same record again makes no event."""

        def news(state: State) -> News:
            facts = _facts(audit, "at")
            last = next(
                (one for one in reversed(state.audits) if (one.asset, one.about) == (audit.asset, audit.about)), None
            )
            return None if last and _facts(last, "at") == facts else (Kind.AUDITED, audit.asset, facts)

        self._say(news)

    def audits(self, asset: str) -> tuple[AuditStatement, ...]:
        """What audits found of an asset, by its identity, in order."""
        with self._lock:
            return tuple(one for one in self._now().audits if one.asset == asset)

    def rankings(self) -> tuple[tuple[SourcesRanked, SourcesTuned], ...]:
        """Every study that tuned sources which were ranked for the same rows, with the last such ranking."""
        with self._lock:
            state = self._now()
            found = []
            for tuned in state.tuned:
                both = (one for one in reversed(state.ranked) if one.rows == tuned.rows)
                ranked = next((one for one in both if len(one.places.keys() & tuned.scores.keys()) > 1), None)
                if ranked is not None:
                    found.append((ranked, tuned))
            return tuple(found)

    def ranked(self) -> int:
        """How many orders of sources were stated, whether anything was tuned since or not."""
        with self._lock:
            return len(self._now().ranked)

    def close(self) -> None:
        """Close the ledger's connections; a later use opens new ones."""
        self.ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _now(self) -> State:
        """The state after all events there are; only those that came since the last time are read."""
        with self._lock, collection_paused():
            for event in self.ledger.events(after=self._state.head):
                self._state.take(event)
            return self._state

    def _say(self, news: Callable[[State], News]) -> State:
        """Write what ``news`` makes of the state, unless it is known already; again if others wrote meanwhile."""
        with self._lock:
            while True:
                state = self._now()
                said = news(state)
                if said is None:
                    return state
                kind, subject, facts = said
                event = self.ledger.append_at(state.head, kind, subject, facts)
                if event is not None:
                    state.take(event)
                    return state


def _facts(record: Record, *without: str) -> dict[str, Any]:
    """What a record states. What it leaves unsaid is left out, so an older version can read all it knows of."""
    return record.model_dump(mode="json", exclude=set(without), exclude_defaults=True)


def _refuse_circle(assets: Mapping[str, Asset], child: str, parent: str) -> None:
    """Raise InputError when ``child`` is ``parent`` or one of its ancestors. All by identity."""
    todo, seen = [parent], set[str]()
    while todo:
        identity = todo.pop()
        if identity == child:
            raise InputError(
                f"{child} would descend from itself, by way of {parent}",
                needed="parents that were made before their children",
                fix="check which of the two was made from the other",
            )
        if identity not in seen and identity in assets:
            todo += [edge.parent for edge in assets[identity].edges]
        seen.add(identity)
