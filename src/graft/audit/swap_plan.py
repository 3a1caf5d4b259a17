"""The rows that mention somebody, and the same rows with others in their place, ready to be scored at once.

Decisions: a row that mentions nobody is not scored (but a sample, where labels allow rankings, which need rows to
compare with); a row is exchanged in all its texts or in none; rows that are alike but for whom they mention are of one
template, and count as one cluster together with the group of the contract.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import NamedTuple

import numpy as np
import polars as pl
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from graft.audit.identity_terms import IdentityTerms
from graft.audit.term_swaps import Mentions, TermFinder
from graft.core.progress import SILENT, Progress
from graft.facts.audit import NotSwapped
from graft.rows.table import Table
from graft.rows.values import joined

MOST_SCORED, MOST_NEUTRAL, MOST_UNMENTIONED, _NAMED = 200_000, 2_000, 5_000, 20

Cells = tuple[str | None, ...]


class Pair(NamedTuple):
    """Two identities of a group, by their places."""

    group: int
    first: int
    second: int


@dataclass(frozen=True, eq=False)
class SwapPlan:
    """Rows to be scored. rows: the positions in the table of all that are scored as they are, int64, ascending.

    versions: for each pair the row, its cells with the pair exchanged, and +1 where it was about the first alone, -1
    about the second alone, 0 about both. neutral: rows and their cells with neutral words exchanged. identities: for
    each group the rows that mention each identity. clusters: of all rows of the table. mentioning, drawn: rows that
    mention somebody, and those of them that are looked at.
    """

    columns: tuple[str, ...]
    rows: np.ndarray
    versions: dict[Pair, list[tuple[int, Cells, int]]]
    neutral: list[tuple[int, Cells]]
    identities: list[list[np.ndarray]]
    clusters: np.ndarray
    mentioning: int
    drawn: int
    failed: dict[Pair, set[int]]
    not_swapped: tuple[NotSwapped, ...]
    left: tuple[tuple[str, int], ...]

    def table(self, table: Table) -> Table:
        """The rows as they are, then every version in turn, then the neutral ones."""
        several = [(row, cells) for found in self.versions.values() for row, cells, _ in found]
        several += self.neutral
        places = [*self.rows.tolist(), *(row for row, _ in several)]
        frame, written = table.frame[places], table.written
        for number, name in enumerate(self.columns):
            own = joined([table.as_written(name)[self.rows.tolist()]])
            column = pl.Series(name, [*own, *(cells[number] for _, cells in several)], pl.String)
            frame = frame.with_columns(column)
        kept = [name for name in written.columns if name not in self.columns]
        written = written.select(kept)[places] if kept else pl.DataFrame()
        return replace(table, frame=frame, written=written, decimals=pl.DataFrame())


@dataclass(eq=False)
class _Failures:
    """Words that could not be exchanged, and the rows in which."""

    rows: dict[tuple[str, str, str], set[int]] = field(default_factory=dict)

    def facts(self) -> tuple[NotSwapped, ...]:
        found = [
            NotSwapped(group=group, word=word, reason=reason, texts=len(rows), rows=tuple(sorted(rows)[:_NAMED]))
            for (group, word, reason), rows in self.rows.items()
        ]
        return tuple(sorted(found, key=lambda one: (-one.texts, one.group, one.word, one.reason)))


def plan_swaps(
    table: Table,
    usable: np.ndarray,
    columns: Sequence[str],
    terms: IdentityTerms,
    neutral: IdentityTerms,
    *,
    groups: np.ndarray | None,
    ranked: np.ndarray,
    rng: np.random.Generator,
    progress: Progress = SILENT,
) -> SwapPlan:
    """What is to be scored.

    usable: positions of rows that a model can read, int64. columns: whose texts are exchanged. groups: of all rows of
    the table, None without. ranked: bool, rows of the table with a label, of which some that mention nobody are scored.
    """
    finder, other = TermFinder(terms), TermFinder(neutral)
    texts = [joined([table.as_written(name)]) for name in columns]
    cells: dict[int, Cells] = {int(row): tuple(column[row] for column in texts) for row in usable.tolist()}
    said: dict[int, tuple[Mentions, ...]] = {}
    clusters: dict[int, str] = {}
    left: dict[str, int] = {}
    with progress.stage("looking for terms", len(cells), "rows") as stage:
        for row, own in cells.items():
            found = tuple(finder.mentions(text or "") for text in own)
            for word in {word for one in found for word in one.left}:
                left[word] = left.get(word, 0) + 1
            if any(one.found for one in found):
                said[row] = found
            clusters[row] = "\1".join(finder.template(text or "", one) for text, one in zip(own, found, strict=True))
            stage.advance()
    mentioning = len(said)
    looked = _drawn(said, terms, rng)
    failures = _Failures()
    versions, failed = _versions(looked, cells, said, finder, failures)
    chosen = _neutral(list(cells), cells, other, rng)
    labelled = [row for row in cells if ranked[row]]
    beside = np.array([row for row in labelled if row not in said], np.int64)
    if len(beside) > MOST_UNMENTIONED:
        beside = rng.choice(beside, MOST_UNMENTIONED, replace=False)
    rows = {row for found in versions.values() for row, _, _ in found} | {row for row, _ in chosen}
    if any(ranked[row] for row in looked):
        rows |= set(beside.tolist()) | {row for row in looked if ranked[row]}
    held: list[list[list[int]]] = [[[] for _ in group.identities] for group in terms.groups]
    for row in looked:
        for number, place in {(one.group, one.identity) for found in said[row] for one in found.found}:
            held[number][place].append(row)
    identities = [[np.array(rows, np.int64) for rows in several] for several in held]
    return SwapPlan(
        columns=tuple(columns),
        rows=np.array(sorted(rows), np.int64),
        versions=versions,
        neutral=chosen,
        identities=identities,
        clusters=_clusters(len(table), clusters, groups),
        mentioning=mentioning,
        drawn=len(looked),
        failed=failed,
        not_swapped=failures.facts(),
        left=tuple(sorted(left.items(), key=lambda pair: (-pair[1], pair[0]))),
    )


def _drawn(said: dict[int, tuple[Mentions, ...]], terms: IdentityTerms, rng: np.random.Generator) -> list[int]:
    """The rows that are looked at: all, or as many as can be scored in every version."""
    rows, wanted = list(said), 0
    for found in said.values():
        for number, group in enumerate(terms.groups):
            held = len({place for one in found for place in one.identities(number)})
            wanted += held * (len(group.identities) - 1) - held * (held - 1) // 2
    if wanted <= MOST_SCORED:
        return rows
    share = int(len(rows) * MOST_SCORED / wanted)
    return [rows[place] for place in sorted(rng.choice(len(rows), share, replace=False).tolist())]


def _versions(
    rows: list[int],
    cells: dict[int, Cells],
    said: dict[int, tuple[Mentions, ...]],
    finder: TermFinder,
    failures: _Failures,
) -> tuple[dict[Pair, list[tuple[int, Cells, int]]], dict[Pair, set[int]]]:
    found: dict[Pair, list[tuple[int, Cells, int]]] = {}
    failed: dict[Pair, set[int]] = {}
    for number, group in enumerate(finder.terms.groups):
        for one, other in combinations(range(len(group.identities)), 2):
            found[Pair(number, one, other)] = []
    for row in rows:
        for number, group in enumerate(finder.terms.groups):
            held = {place for one in said[row] for place in one.identities(number)}
            for one, other in combinations(range(len(group.identities)), 2) if held else ():
                if one not in held and other not in held:
                    continue
                pair = Pair(number, one, other)
                done = [
                    finder.exchanged(text or "", told, number, one, other)
                    for text, told in zip(cells[row], said[row], strict=True)
                ]
                if wrong := [each for each in done if each.text is None]:
                    key = (group.name, wrong[0].word, wrong[0].reason)
                    failures.rows.setdefault(key, set()).add(row)
                    failed.setdefault(pair, set()).add(row)
                    continue
                now = tuple(
                    each.text if text is not None else None for each, text in zip(done, cells[row], strict=True)
                )
                found[pair].append((row, now, int(one in held) - int(other in held)))
    return found, failed


def _neutral(
    rows: list[int], cells: dict[int, Cells], finder: TermFinder, rng: np.random.Generator
) -> list[tuple[int, Cells]]:
    """Rows with neutral words, each with all of these exchanged; a sample where there are many."""
    found = []
    for row in rng.permutation(len(rows)).tolist():
        own = cells[rows[row]]
        now = tuple(None if text is None else _all_exchanged(text, finder) for text in own)
        if now != own:
            found.append((rows[row], now))
        if len(found) == MOST_NEUTRAL:
            break
    return sorted(found, key=lambda pair: pair[0])


def _all_exchanged(text: str, finder: TermFinder) -> str:
    for number in sorted({one.group for one in finder.mentions(text).found}):
        text = finder.exchanged(text, finder.mentions(text), number, 0, 1).text or text
    return text


def _clusters(rows: int, templates: dict[int, str], groups: np.ndarray | None) -> np.ndarray:
    """The cluster of each row of a table, int64 (rows,): rows of one template or of one group, and what that joins."""
    numbers: dict[str, int] = {}
    of_template = np.arange(rows, dtype=np.int64) + len(templates)
    for row, template in templates.items():
        of_template[row] = numbers.setdefault(template, len(numbers))
    if groups is None:
        return of_template
    # Rows without a group are a group of their own each.
    named = np.array([group or f"\0{row}" for row, group in enumerate(groups.tolist())])
    _, first = np.unique(of_template, return_inverse=True)
    _, second = np.unique(named, return_inverse=True)
    links = coo_matrix((np.ones(rows), (first, second + first.max() + 1)), shape=(2 * rows + 2, 2 * rows + 2))
    return np.asarray(connected_components(links, directed=False)[1][first], np.int64)
