"""A table as a record: what its page shows. Where it comes from, its versions, its index, what its rows look like.

Decision: plain numbers, words and tuples, so a page, a file and a program read the same facts.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field

from graft.facts.schema import Document, Step


@dataclass(frozen=True)
class Tried:
    """One number of clusters on the grid. separation: mean silhouette, -1 to 1. error: its standard error."""

    clusters: int
    separation: float
    error: float


@dataclass(frozen=True)
class Trait:
    """A value of the user's own columns that is over-represented in a cluster.

    inside: share of the cluster's rows that have it. overall: share of all rows.
    """

    column: str
    value: str
    inside: float
    overall: float


@dataclass(frozen=True)
class Row:
    """A row as it is shown. text: its beginning, or a line to recognise it by; empty when the table has none. picture:
    how it looks, small, as a data URI; empty for what a line says whole, and on the map."""

    id: str
    text: str
    picture: str = ""


@dataclass(frozen=True)
class ClusterFacts:
    """A cluster. name: a few words for a person. cohesion: mean cosine of its rows with its centre, at most 1.

    words: the telling words. traits: over-represented values of the user's columns. examples: most central rows first.
    """

    name: str
    rows: int
    share: float
    cohesion: float
    words: tuple[str, ...]
    traits: tuple[Trait, ...]
    examples: tuple[Row, ...]


@dataclass(frozen=True)
class ClusteringFacts:
    """All clusters, largest first, and how their number was chosen; see ``clusters.Clustering``."""

    clusters: tuple[ClusterFacts, ...]
    separation: float
    unstructured: float
    distinct: bool
    tried: tuple[Tried, ...]


@dataclass(frozen=True)
class OutlierRow:
    """A remote row. remoteness: mean distance to its nearest rows. nearest: the nearest of all. cluster: its number."""

    row: Row
    remoteness: float
    nearest: Row
    cluster: int


@dataclass(frozen=True)
class OutlierFacts:
    """Rows beyond the line: the most remote are listed. found, expected: how many, and how many a clean table has."""

    listed: tuple[OutlierRow, ...]
    found: int
    expected: float
    usual: float
    line: float | None
    level: float
    absent: str


@dataclass(frozen=True)
class GroupFacts:
    """Near-duplicates. members: the most central first, as many as are listed. least: least similarity to it."""

    rows: int
    members: tuple[Row, ...]
    similarity: tuple[float, ...]
    least: float


@dataclass(frozen=True)
class DuplicateFacts:
    """Groups of near-duplicates, the largest first; see ``near_duplicates``."""

    listed: tuple[GroupFacts, ...]
    groups: int
    rows: int
    pairs: int
    threshold: float
    reason: str


@dataclass(frozen=True)
class MapFacts:
    """One map of the points. across, up: a place for each point; see ``projection.Projection`` for the rest."""

    method: str
    across: tuple[float, ...]
    up: tuple[float, ...]
    explained: float | None
    trust: float | None
    kept: float | None


@dataclass(frozen=True)
class Coding:
    """A column of categories over the points. codes: place among values, the most frequent first; -1 where missing."""

    column: str
    values: tuple[str, ...]
    codes: tuple[int, ...]


@dataclass(frozen=True)
class Points:
    """The rows on the map. near: for each, places among them of its nearest; distances: theirs, nearest first."""

    rows: tuple[Row, ...]
    cluster: tuple[int, ...]
    outlier: tuple[bool, ...]
    near: tuple[tuple[int, ...], ...]
    distances: tuple[tuple[float, ...], ...]
    columns: tuple[Coding, ...]


@dataclass(frozen=True)
class TableOverview:
    """What a table holds. rows: of the table. analysed: rows that clusters, outliers and near-duplicates are of."""

    rows: int
    analysed: int
    dimension: int
    clustering: ClusteringFacts
    outliers: OutlierFacts
    duplicates: DuplicateFacts
    points: Points
    maps: tuple[MapFacts, ...]


@dataclass(frozen=True)
class VersionFact:
    """A version of the table. time: as it is to be printed. rows: how many it changed; None when that is not known."""

    number: int
    time: str
    operation: str
    rows: int | None = None


@dataclass(frozen=True)
class IndexFact:
    """The search index. kind: ``exact`` or ``usearch``. state: a few words, such as ``of the current version``.

    recall: share of the true ten nearest it finds, measured on ``queries`` queries; None when it was not measured.
    """

    kind: str
    state: str
    recall: float | None = None
    queries: int = 0


def _content_for_text(given: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 called the columns that were embedded text, whatever they held."""
    return {("content" if name == "text" else name): value for name, value in given.items()}


class TableFacts(Document):
    """A table. space: fingerprint of its embedding space. source: what embedded it. precision: ``native`` or ``int8``.

    version: the current one. versions: the newest first, as many as are to be listed. content: columns that were
    embedded. overview: what was found among its rows.
    """

    STEPS: ClassVar[tuple[Step, ...]] = (_content_for_text,)

    schema_: Literal["graft/table/2"] = Field(default="graft/table/2", alias="schema")
    name: str
    space: str
    overview: TableOverview
    source: str = ""
    precision: str = "native"
    version: int | None = None
    versions: tuple[VersionFact, ...] = ()
    index: IndexFact | None = None
    id_column: str = "id"
    content: tuple[str, ...] = ()
