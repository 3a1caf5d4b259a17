"""A ranking of sources as a record: what was looked at before anything was tuned, and what earlier rankings were worth.

Decision: every score is "higher is better", and one that does not apply says why instead of having a value.
"""

from typing import Literal

from pydantic import Field

from graft.core.intervals import Interval
from graft.facts.schema import Document, Fact
from graft.facts.study import CueFact


class RankingScore(Fact):
    """One score of one source. value: with what other rows would have changed; None where it does not apply, with
    ``missing`` saying why. orders: whether it counts in the order."""

    name: str
    value: Interval | None
    missing: str = ""
    orders: bool = True


class RankedSource(Fact):
    """A source in its place.

    place: 1 is the first. mean_place: over the scores that order. first: share of half-samples of the rows in which it
    came first. cut: of its contents, how many were longer than it reads.
    """

    reference: str
    digest: str
    place: int
    mean_place: float
    first: float
    scores: tuple[RankingScore, ...]
    cues: tuple[CueFact, ...] = ()
    cut: int = 0


class TunedSource(Fact):
    """A source that was ranked and then tuned. place: the mean over the scores that ordered it. score: the study's best
    of it, higher is better."""

    reference: str
    place: float
    score: float


class RankingHindsight(Fact):
    """What one later study said about one ranking of the same rows.

    study: its key. metric: what it measured by, higher is better. sources: how many both had. tau: Kendall's, of the
    places with the tuned scores; None where all sources were tuned alike. regret: by how much the source that was
    ranked first scored less than the best. rows: the key of the rows. ranked, tuned: when, UTC. order: the sources as
    they were ranked.
    """

    study: str
    metric: str
    sources: int
    tau: float | None
    regret: float
    rows: str = ""
    ranked: str = ""
    tuned: str = ""
    order: tuple[TunedSource, ...] = ()


class HindsightRecord(Document):
    """Every ranking of a ledger that a later study told something about.

    rankings: how many a ledger holds, tuned or not. tau: of all pairs of sources in them, those in the ranked order
    less those in the other, as a share. mean_regret: of the source that was ranked first.
    """

    schema_: Literal["graft/hindsight/1"] = Field(default="graft/hindsight/1", alias="schema")
    rankings: int
    hindsight: tuple[RankingHindsight, ...]
    tau: float | None
    mean_regret: float | None


class RankingRecord(Document):
    """Sources ranked for some rows, before any was tuned.

    rows: usable rows. looked_at: of these, those that were encoded. groups: of near-duplicates among them. meaning: of
    each score, by its name. hindsight: what studies later said about rankings in this ledger. tau: of all pairs of
    sources in them, those in the ranked order less those in the other, as a share.
    """

    schema_: Literal["graft/ranking/1"] = Field(default="graft/ranking/1", alias="schema")
    key: str
    task: str
    rows: int
    looked_at: int
    groups: int
    classes: int
    sources: tuple[RankedSource, ...]
    meaning: dict[str, str]
    notes: tuple[str, ...] = ()
    hindsight: tuple[RankingHindsight, ...] = ()
    tau: float | None = None
