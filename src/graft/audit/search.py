"""Who is found when a table of vectors is searched.

Decisions: queries are rows of the table that ask for what is near them, all or so many drawn, and a row never finds
itself; or those of a file. Two questions are asked: what groups get of the attention, and whether queries of a group
find more of their own group than if labels had nothing to do with vectors. The second is judged by dealing the labels
out anew over the rows, queries and results at once; where queries come from a file that says their groups, over the
queries. Rows that belong together (several of one person) are no units of their own, and make it look surer than it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from graft.audit.exposure import (
    LITTLE,
    MERIT,
    ONE_BY_ONE,
    POPULATION,
    SAME_GROUP,
    TestedTogether,
    judged_groups,
    ordered,
    share_findings,
    share_test,
)
from graft.audit.item_groups import ItemGroups
from graft.core.errors import InputError
from graft.core.seeds import generator
from graft.evidence.exposure import DRAWS, LEAST_ITEMS, Due, attention, discount_named, judge_own_group
from graft.evidence.ranked_lists import EMPTY
from graft.facts.audit import AuditFinding, SameGroup, SearchAudit
from graft.rows.named import ids_of, read_whole, texts_of
from graft.tables.indexing import usable_index
from graft.tables.searching import Searcher
from graft.tables.table import EmbeddingTable

_OWN_DRAWS = 1_999


@dataclass(frozen=True, eq=False)
class SearchResults:
    """Results of a search. lists: rows found, the nearest first, shape (queries, places), -1 after the last. rows:
    which row each query is, shape (queries,); None where they are no rows. groups: of the queries, among those of the
    rows; None where not known. asked: what was asked, in words. of: how many could have been asked."""

    lists: np.ndarray
    rows: np.ndarray | None
    groups: sparse.csr_array | None
    asked: str
    of: int


def find_rows(
    table: EmbeddingTable, groups: ItemGroups, queries: Any = None, *, k: int, sample: int = 2_000, seed: int = 0
) -> SearchResults:
    """What a table finds for its own rows, or for the queries of a file.

    groups: of its rows. queries: a table with a column ``id`` of rows to ask from, or ``query`` of texts, and the
    attribute where the groups of texts are known. sample: so many rows are drawn at most. Raises InputError for queries
    that cannot be asked.
    """
    ids, vectors = table.vectors()
    if len(ids) < 2:
        raise InputError(f"a table of {len(ids)} rows", needed="two rows or more", fix="embed more")
    if queries is not None:
        frame = read_whole(queries, what="queries")
        if "id" not in frame.columns:
            return _texts_found(table, groups, frame, ids, k)
        return _rows_found(table, groups, ids, vectors, _named_rows(frame, ids), k, "rows named in a file")
    rows = np.flatnonzero(np.abs(vectors).max(axis=1) > 0)
    of = len(rows)
    if of > sample:
        rows = np.sort(generator(seed, "audit", "queries").choice(rows, sample, replace=False))
    asked = "its own rows" + ("" if of == len(rows) else f", {len(rows):,} of {of:,} drawn")
    return replace(_rows_found(table, groups, ids, vectors, rows, k, asked), of=of)


def _rows_found(
    table: EmbeddingTable, groups: ItemGroups, ids: np.ndarray, vectors: np.ndarray, rows: np.ndarray, k: int,
    asked: str,
) -> SearchResults:  # fmt: skip
    searcher = Searcher(ids.tolist(), vectors, table.space, index=usable_index(table))
    places = min(k, len(ids) - 1)
    found = searcher.search(vectors[rows], k=places + 1, space=table.space).positions
    # A row does not find itself: it is taken out wherever it stands, else the last one is one too many.
    own = found == rows[:, None]
    own[~own.any(axis=1), -1] = True
    lists = found[~own].reshape(len(rows), places)
    return SearchResults(lists, rows, sparse.csr_array(groups.parts[rows]), asked, len(rows))


def _named_rows(frame: pl.DataFrame, ids: np.ndarray) -> np.ndarray:
    named = ids_of(frame, "id", what="queries").to_list()
    place = {str(name): at for at, name in enumerate(ids.tolist())}
    if unknown := [name for name in named if name not in place]:
        raise InputError(
            f"{len(unknown):,} of {len(named):,} ids of the queries are not in the table, the first is {unknown[0]!r}",
            needed="ids of its rows",
            fix="correct them, or give texts in a column query",
        )
    if not named:
        raise InputError("a file of no queries", needed="one or more", fix="leave it out to ask from the rows")
    return np.array(list(dict.fromkeys(place[name] for name in named)), np.int64)


def _texts_found(
    table: EmbeddingTable, groups: ItemGroups, frame: pl.DataFrame, ids: np.ndarray, k: int
) -> SearchResults:
    if "query" not in frame.columns:
        raise InputError(
            f"the queries have the columns {', '.join(map(repr, frame.columns[:20]))}",
            needed="a column id (rows of the table) or query (texts)",
            fix="rename one",
        )
    texts = texts_of(frame, ("query",), what="queries")
    if not texts:
        raise InputError("a file of no queries", needed="one or more", fix="leave it out to ask from the rows")
    answer = table.search(texts, k=k, columns=[])
    place = {str(name): at for at, name in enumerate(ids.tolist())}
    lists = np.full((len(texts), min(k, len(ids))), EMPTY, np.int64)
    lists[answer["query"].to_numpy(), answer["rank"].to_numpy() - 1] = [place[name] for name in answer["id"].to_list()]
    known = groups.parts_of(frame[groups.attribute]) if groups.attribute in frame.columns else None
    return SearchResults(lists, None, known, "texts of a file", len(texts))


def audit_found(
    found: SearchResults,
    groups: ItemGroups,
    *,
    of: str,
    merit: np.ndarray | None = None,
    merit_is: str = "",
    discount: str = "log",
    level: float = 0.95,
    seed: int = 0,
    draws: int = DRAWS,
) -> SearchAudit:
    """Audit what was found. groups: of the table's rows. merit: of each row, shape (rows,), 0 or more. draws: of labels
    dealt out at random."""
    if not (found.lists != EMPTY).any():
        raise InputError(
            f"{of}: nothing was found by {len(found.lists):,} queries", needed="a table of two rows or more"
        )
    items = groups.parts.shape[0]
    listed = np.flatnonzero((found.lists != EMPTY).any(axis=1))
    given = attention(found.lists, items, discount=discount)
    family = TestedTogether(1 + (merit is not None) + (found.groups is not None), 1 - level)
    population = share_test(
        given, groups, Due.of_population(items), against="population", due_is="its share of the table", level=level,
        family=family, seed=seed, draws=draws,
    )  # fmt: skip
    findings = share_findings(population, POPULATION, family.alpha, explained=merit is not None, what="rows")
    by_merit = None
    if merit is not None:
        by_merit = share_test(
            given, groups, Due(merit / merit.sum()), against="merit", due_is=merit_is, level=level, family=family,
            seed=seed, draws=draws,
        )  # fmt: skip
        findings += share_findings(by_merit, MERIT, family.alpha, explained=False, what="rows")
    same: tuple[SameGroup, ...] = ()
    if found.groups is not None:
        same = _same_group(
            given,
            groups,
            sparse.csr_array(found.groups[listed]),
            None if found.rows is None else found.rows[listed],
            level,
            family,
            seed,
            draws,
        )
        findings += _same_findings(same, groups.attribute, family.alpha)
    told = [groups.note] if groups.note else []
    told.append(ONE_BY_ONE)
    if groups.several:
        told.append(
            f"{groups.several:,} rows have several values of {groups.attribute}: each counts in equal parts for all"
        )
    return SearchAudit(
        of=of, digest="", level=level, seed=seed, findings=ordered(findings), attribute=groups.attribute,
        places=found.lists.shape[1], discount=discount_named(discount).means, items=items, unknown=groups.unknown,
        lists=given.shape[0], of_lists=found.of, population=population, merit=by_merit, queries=found.asked,
        same_group=same, notes=tuple(told),
    )  # fmt: skip


def _same_group(
    given: sparse.csr_array, groups: ItemGroups, asked: sparse.csr_array, rows: np.ndarray | None, level: float,
    family: TestedTogether, seed: int, draws: int,
) -> tuple[SameGroup, ...]:  # fmt: skip
    judged, why = judged_groups(groups)
    queries = np.bincount(asked.indices, minlength=len(groups.names))
    for group in np.flatnonzero(judged & (queries < LEAST_ITEMS)).tolist():
        why[group] = f"{queries[group]} queries are of it, and {LEAST_ITEMS} are needed"
    judged = judged & (queries >= LEAST_ITEMS)
    found = judge_own_group(
        given, groups.parts, asked, rows=rows, judged=judged, rng=generator(seed, "exposure", "own"), level=level,
        draws=min(draws, _OWN_DRAWS),
    )  # fmt: skip
    return tuple(
        SameGroup(
            name=groups.names[one.group], queries=one.queries, own=one.own, by_chance=one.by_chance,
            p_value=None if one.p_value is None else family.of(one.p_value), why=why[one.group],
        )
        for one in found
    )  # fmt: skip


def _same_findings(same: Sequence[SameGroup], attribute: str, alpha: float) -> list[AuditFinding]:
    if not same:
        said = f"own group by {attribute}: no group has queries enough ({LEAST_ITEMS} are needed)"
        return [AuditFinding(code=SAME_GROUP, outcome="not applicable", severity="none", said=said)]
    found = []
    for one in same:
        if one.p_value is None or one.by_chance is None or one.p_value > alpha:
            continue
        ends = one.own.ends
        amount = f"{one.own.mean:.0%}" + ("" if ends is None else f" ({ends[0]:.0%} to {ends[1]:.0%})")
        more = one.own.mean > one.by_chance
        said = f"who looks from {one.name} finds {amount} {one.name}, by chance {one.by_chance:.0%}"
        ratio = one.own.mean / max(one.by_chance, 1e-9)
        small = more and ratio < 1 / LITTLE
        surely = more and ends is not None and ends[0] * LITTLE >= one.by_chance
        todo = (
            "see what else the vectors tell of the group (graft audit leakage), and whether results should cross it"
            if more and not small
            else ""
        )
        found.append(
            AuditFinding(
                code=SAME_GROUP, outcome="found", severity="none" if small else "medium" if surely else "low",
                said=said + ("; a small gap" if small else ""), todo=todo,
            )
        )  # fmt: skip
    if rest := len(same) - len(found):
        said = f"own group: nothing shown for {rest:,} of {len(same):,} groups"
        found.append(AuditFinding(code=SAME_GROUP, outcome="not found", severity="none", said=said))
    return found
