"""What the page of a table tells besides its rows: where it comes from, its versions, its index.

Decision: the page is given these facts as plain words and numbers, so it reads no table and no index itself.
"""

from dataclasses import dataclass


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


@dataclass(frozen=True)
class TableFacts:
    """A table. space: fingerprint of its embedding space. source: what embedded it. precision: ``native`` or ``int8``.

    version: the current one. versions: the newest first, as many as are to be listed. text: columns that were embedded.
    """

    name: str
    rows: int
    dimension: int
    space: str
    source: str = ""
    precision: str = "native"
    version: int | None = None
    versions: tuple[VersionFact, ...] = ()
    index: IndexFact | None = None
    id_column: str = "id"
    text: tuple[str, ...] = ()
