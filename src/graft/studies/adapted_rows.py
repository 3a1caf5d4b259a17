"""What a source is adapted to: contents without labels; everything that can be refused before a model is loaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graft.core.errors import InputError
from graft.inputs.contract import require_columns
from graft.inputs.roles import Roles
from graft.representations.reading import TextReading
from graft.representations.source import Source
from graft.representations.sources import require_may_read, require_reads, resolve_source
from graft.representations.tokens import text_reading
from graft.rows.content import Content, ContentKind, kind_named
from graft.rows.table import Table, read_frame
from graft.rows.values import numbers

_LEAST = 20
_STEPS, _MINUTES = (10, 10_000_000), 100_000


@dataclass(frozen=True, eq=False)
class AdaptedRows:
    """contents: usable ones, in the order of the file. set_aside: how many could not be used."""

    name: str
    kind: ContentKind
    contents: tuple[Content, ...]
    set_aside: int
    source: Source


@dataclass(frozen=True, eq=False)
class JudgedPairs:
    """Pairs of contents and how near a person says they are: ``scores``, higher is nearer, (pairs,). set_aside: how
    many pairs of the file could not be used."""

    name: str
    one: tuple[Content, ...]
    other: tuple[Content, ...]
    scores: np.ndarray
    set_aside: int = 0


def adapted_rows(table: Table, roles: Roles, reference: str) -> AdaptedRows:
    """The contents of a table and the source that is to be adapted to them.

    Raises InputError for too few of them, SourceError for a source that has nothing to adapt or reads another kind.
    """
    require_columns(table, list(roles.content))
    kind = kind_named(roles.kind)
    read = kind.read([table.as_written(name) for name in roles.content], table.folder)
    problems = [kind.problem(content) for content in read]
    contents = tuple(
        content for content, problem in zip(read, problems, strict=True) if problem is None or not problem.fatal
    )
    if len(set(map(kind.digest, contents))) < _LEAST:
        raise InputError(
            f"{len(set(map(kind.digest, contents)))} different {kind.plural} in {table.name}",
            needed=f"{_LEAST} at least; a thousand are a good beginning, and they need no labels",
            fix="give more rows",
        )
    require_may_read(reference, kind)
    source = resolve_source(reference)
    require_reads(source, kind)
    if not source.weights.pretrained:
        raise InputError(
            f"{reference} has random weights",
            needed="a source that learnt something already: this is further pretraining",
            fix=f"--source {reference.removeprefix('random:')}",
        )
    text_reading(source)
    return AdaptedRows(table.name, kind, contents, len(read) - len(contents), source)


def can_be_adapted(source: Source) -> bool:
    """Whether ``graft sources adapt`` takes a source: it learnt something, and has layers that learn from texts."""
    return source.weights.pretrained and isinstance(source.reading, TextReading)


def read_pairs(file: Path, kind: ContentKind, *, encoding: str | None = None) -> JudgedPairs:
    """Pairs from a file of three columns: one content, the other, and a number that is higher the nearer they are.

    Raises InputError for another file.
    """
    table = read_frame(file, encoding=encoding)
    names = table.frame.columns
    if len(names) != 3:
        raise InputError(
            f"{file} has {len(names)} columns: {', '.join(names[:6])}",
            needed=f"three: one {kind.name}, the other, and how near they are as a number",
            fix="keep those three, in this order",
        )
    scores, _ = numbers(table.frame[names[2]])
    sides = [kind.read([table.as_written(name)], table.folder) for name in names[:2]]
    good = np.isfinite(scores) & np.array([_usable(kind, pair) for pair in zip(*sides, strict=True)], dtype=bool)
    if good.sum() < 10:
        raise InputError(
            f"{int(good.sum())} usable pairs in {file}",
            needed=f"ten at least, each with two {kind.plural} and a number",
            fix=f"check the columns: {names[0]!r} and {names[1]!r} are compared, {names[2]!r} says how near they are",
        )
    if np.ptp(scores[good]) == 0:
        raise InputError(
            f"every pair in {file} has the score {scores[good][0]:g}",
            needed="pairs of which some are nearer than others",
            fix="add pairs that are nothing like one another, with a lower number",
        )
    one, other = (tuple(side[place] for place in np.flatnonzero(good)) for side in sides)
    return JudgedPairs(file.name, one, other, scores[good], int((~good).sum()))


def _usable(kind: ContentKind, pair: Sequence[Content]) -> bool:
    problems = [kind.problem(content) for content in pair]
    return all(problem is None or not problem.fatal for problem in problems)


def require_course(*, steps: int, minutes: float) -> None:
    """Raise InputError for a length that nothing can be learnt in."""
    if not _STEPS[0] <= steps <= _STEPS[1]:
        raise InputError(f"{steps:,} steps", needed=f"{_STEPS[0]:,} to {_STEPS[1]:,}", fix="--steps 1000 is usual")
    if not 0 < minutes <= _MINUTES:
        raise InputError(
            f"{minutes:g} minutes", needed=f"more than 0, at most {_MINUTES:,}", fix="--minutes 20 is usual"
        )
