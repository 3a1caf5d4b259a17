"""A table at a glance: clusters, outliers, near-duplicates and a map, as one record for people and pages.

Decisions: a large table is read through a sample drawn with the caller's generator, and the record says so; what is
listed is bounded, what is counted is not. Only rows that are listed are looked at, one file at a time, so a table of a
hundred thousand pictures opens some hundred of them. Neighbours on the map are the nearest among the rows on the map,
found in the full space, so that the lines drawn between them show where the flat map misleads. The record holds plain
numbers, words and tuples: ``dataclasses.asdict`` makes JSON of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from graft.core.errors import TableError
from graft.core.progress import SILENT, Progress
from graft.core.vectors import unit_rows
from graft.facts.table import (
    ClusterFacts,
    ClusteringFacts,
    Coding,
    DuplicateFacts,
    GroupFacts,
    MapFacts,
    OutlierFacts,
    OutlierRow,
    Points,
    Row,
    TableOverview,
    Trait,
)
from graft.tables.neighbourhood.clusters import Clustering, find_clusters
from graft.tables.neighbourhood.labels import categories, cluster_traits, cluster_words
from graft.tables.neighbourhood.near_duplicates import NearDuplicates, find_near_duplicates, suggested_threshold
from graft.tables.neighbourhood.neighbours import neighbours
from graft.tables.neighbourhood.outliers import Outliers, find_outliers
from graft.tables.neighbourhood.projection import Projection, project_pca, project_umap, umap_installed

MOST_ROWS = 50_000
MOST_POINTS = 5_000
_LISTED_OUTLIERS = 30
_LISTED_GROUPS = 40
_LISTED_MEMBERS = 8
_EXAMPLES = 3
_NEAR_ON_MAP = 5
_TEXT = 240
_COLUMNS = 8
_PICTURES = 400
Pictured = Callable[[int], str]
"""How a row looks, by its number: a small data URI, "" where it cannot be had."""


def overview(
    ids: Sequence[str],
    vectors: np.ndarray,
    texts: Sequence[str | None] | None = None,
    columns: Mapping[str, Sequence[object]] | None = None,
    *,
    rng: np.random.Generator,
    lines: Sequence[str] | None = None,
    pictured: Pictured | None = None,
    most_rows: int = MOST_ROWS,
    most_points: int = MOST_POINTS,
    umap: bool | None = None,
    progress: Progress = SILENT,
) -> TableOverview:
    """Look at a table as a whole.

    ids: one per row. vectors: (rows, dimension), normalised here when they are not. texts: what was embedded, None
    where there is none. columns: the user's own, by name; those of categories colour the map and describe clusters.
    lines: what a row is recognised by where there are no texts; groups are not named by them. pictured: how a row
    looks; asked of those that are listed.
    most_rows, most_points: rows analysed and rows on the map, sampled with ``rng`` beyond. umap: whether to add that
    map; when the extra is installed if None. Raises InputError for no rows, for lengths that differ and for vectors
    that are no numbers.
    """
    _require_alike(ids, vectors, texts, columns or {})
    if lines is not None and len(lines) != len(vectors):
        raise TableError(
            f"{len(vectors)} vectors with {len(lines)} lines", needed="one per row", fix="pass the same rows"
        )
    chosen = np.sort(rng.permutation(len(vectors))[:most_rows])
    kept = unit_rows(vectors[chosen])
    said = texts if texts is not None else lines
    shown = _Shown(
        [ids[row] for row in chosen],
        None if said is None else [said[row] or "" for row in chosen],
        worded=texts is not None,
        pictured=None if pictured is None else lambda position: pictured(int(chosen[position])),
    )
    own = {name: [values[row] for row in chosen] for name, values in (columns or {}).items()}
    with progress.stage("look at the table", 4, "steps") as stage:
        clustering = find_clusters(kept, rng=rng)
        stage.advance(1)
        nearest = neighbours(kept, 10)
        remote = find_outliers(nearest.distances)
        stage.advance(1)
        repeated = find_near_duplicates(kept, suggested_threshold(kept, nearest.distances, rng=rng))
        stage.advance(1)
        points = np.sort(rng.permutation(len(kept))[:most_points])
        maps = _maps(kept, points, umap_installed() if umap is None else umap, rng)
        stage.advance(1)
    first = nearest.positions[:, 0] if nearest.positions.shape[1] else np.zeros(len(kept), np.int64)
    return TableOverview(
        rows=len(vectors),
        analysed=len(kept),
        dimension=vectors.shape[1],
        clustering=_clustering_facts(clustering, shown, own),
        outliers=_outlier_facts(remote, first, clustering.assignment, shown),
        duplicates=_duplicate_facts(repeated, shown),
        points=_points(kept, points, clustering.assignment, remote, shown, own),
        maps=tuple(_map_facts(one) for one in maps),
    )


@dataclass(frozen=True)
class _Shown:
    """What is printed of the analysed rows. worded: whether texts are texts, and not lines that name something."""

    ids: list[str]
    texts: list[str] | None
    worded: bool
    pictured: Pictured | None
    looked: dict[int, str] = field(default_factory=dict)

    def row(self, position: int) -> Row:
        """A row of the map."""
        text = "" if self.texts is None else " ".join(self.texts[position][: 4 * _TEXT].split())
        return Row(str(self.ids[position]), text if len(text) <= _TEXT else text[: _TEXT - 1].rstrip() + "…")

    def listed(self, position: int) -> Row:
        """A row of a list, with how it looks."""
        return replace(self.row(position), picture=self._picture(position))

    def rows(self, positions: Sequence[int]) -> tuple[Row, ...]:
        return tuple(self.row(position) for position in positions)

    def _picture(self, position: int) -> str:
        if self.pictured is None:
            return ""
        if position not in self.looked and len(self.looked) < _PICTURES:
            self.looked[position] = self.pictured(position)
        return self.looked.get(position, "")


def _require_alike(
    ids: Sequence[str], vectors: np.ndarray, texts: Sequence[str | None] | None, columns: Mapping[str, Sequence[object]]
) -> None:
    if vectors.ndim != 2 or not vectors.shape[1]:
        raise TableError(f"vectors of shape {vectors.shape}", needed="shape (rows, dimension)", fix="pass one row each")
    lengths = {"ids": len(ids), **({} if texts is None else {"texts": len(texts)})}
    lengths |= {f"column {name!r}": len(values) for name, values in columns.items()}
    wrong = [f"{length} {name}" for name, length in lengths.items() if length != len(vectors)]
    if wrong:
        raise TableError(
            f"{len(vectors)} vectors with {', '.join(wrong)}", needed="one of each per row", fix="pass the same rows"
        )
    if not len(vectors):
        raise TableError("a table of 0 rows", needed="at least one row", fix="put rows into the table first")


def _maps(vectors: np.ndarray, points: np.ndarray, umap: bool, rng: np.random.Generator) -> list[Projection]:
    shown = vectors[points]
    maps = [project_pca(shown, rng=rng)]
    other = project_umap(shown, rng=rng) if umap else None
    return maps if other is None else [*maps, other]


def _clustering_facts(found: Clustering, shown: _Shown, own: Mapping[str, Sequence[object]]) -> ClusteringFacts:
    count = len(found.centres)
    words = (
        ((),) * count
        if shown.texts is None or not shown.worded
        else cluster_words(shown.texts, found.assignment, count)
    )
    traits = cluster_traits(own, found.assignment, count)
    facts = []
    for number in range(count):
        rows = np.flatnonzero(found.assignment == number)
        central = rows[np.argsort(-found.similarity[rows], kind="stable")]
        facts.append(
            ClusterFacts(
                name=_name(number, words[number], traits[number], shown.row(int(central[0]))),
                rows=len(rows),
                share=len(rows) / len(found.assignment),
                cohesion=float(found.similarity[rows].mean()),
                words=words[number],
                traits=traits[number],
                examples=_different(shown, central),
            )
        )
    return ClusteringFacts(tuple(facts), found.separation, found.unstructured, found.distinct, found.tried)


def _name(number: int, words: Sequence[str], traits: Sequence[Trait], central: Row) -> str:
    """The telling words; without any the strongest trait; without that the id of the central row."""
    if words:
        return ", ".join(words[:3])
    return f"{traits[0].column}: {traits[0].value}" if traits else f"around {central.id}"


def _different(shown: _Shown, central: np.ndarray) -> tuple[Row, ...]:
    """The most central rows whose texts differ."""
    found: dict[str, int] = {}
    for position in central[:50].tolist():
        row = shown.row(position)
        found.setdefault(row.text or row.id, position)
        if len(found) == _EXAMPLES:
            break
    return tuple(map(shown.listed, found.values()))


def _outlier_facts(found: Outliers, nearest: np.ndarray, assignment: np.ndarray, shown: _Shown) -> OutlierFacts:
    listed = tuple(
        OutlierRow(shown.listed(row), float(found.remoteness[row]), shown.row(int(nearest[row])), int(assignment[row]))
        for row in found.flagged[:_LISTED_OUTLIERS].tolist()
    )
    return OutlierFacts(listed, len(found.flagged), found.expected, found.usual, found.line, found.level, found.absent)


def _duplicate_facts(found: NearDuplicates, shown: _Shown) -> DuplicateFacts:
    listed = tuple(
        GroupFacts(
            len(group.rows),
            tuple(map(shown.listed, group.rows[:_LISTED_MEMBERS])),
            group.similarity[:_LISTED_MEMBERS],
            group.similarity[-1],
        )
        for group in found.groups[:_LISTED_GROUPS]
    )
    stated = found.threshold
    return DuplicateFacts(listed, len(found.groups), found.rows, found.pairs, stated.similarity, stated.reason)


def _points(
    vectors: np.ndarray,
    points: np.ndarray,
    assignment: np.ndarray,
    remote: Outliers,
    shown: _Shown,
    own: Mapping[str, Sequence[object]],
) -> Points:
    near = neighbours(vectors[points], _NEAR_ON_MAP)
    flagged = np.isin(points, remote.flagged)
    coded = ((name, categories([values[row] for row in points])) for name, values in own.items())
    columns = [Coding(name, one[0], tuple(one[1].tolist())) for name, one in coded if one is not None]
    return Points(
        rows=shown.rows(points.tolist()),
        cluster=tuple(assignment[points].tolist()),
        outlier=tuple(flagged.tolist()),
        near=tuple(map(tuple, near.positions.tolist())),
        distances=tuple(tuple(round(value, 4) for value in row) for row in near.distances.tolist()),
        columns=tuple(columns[:_COLUMNS]),
    )


def _map_facts(one: Projection) -> MapFacts:
    across, up = (tuple(round(value, 4) for value in one.places[:, axis].tolist()) for axis in (0, 1))
    return MapFacts(one.method, across, up, one.explained, one.trust, one.kept)
