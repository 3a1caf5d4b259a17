"""The columns of a table as arrays, with a coded problem for every cell that cannot be used.

Decisions: a cell that holds something unreadable is fatal for its row, because filling it in would hide an error; an
empty number or category is not, because the contract allows it. An unknown category is kept and reported. Of contents
of several kinds one may be missing or damaged: the row is read without it, which is told.
"""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from graft.inputs.schema import CATEGORY_CAP, Contract
from graft.rows.content import Content, ContentKind, joined_contents, kind_named
from graft.rows.names import Names
from graft.rows.table import Table
from graft.rows.values import how_written, numbers, times

_EXCERPT, _NAMED = 60, 6


@dataclass(frozen=True)
class RowProblem:
    """Something wrong with one row.

    row: position in the given table, from 0. code: what the kind of content calls it (missing-text, empty-text,
    too-long), read-without-text where the other contents of the row go on, or bad-number, unknown-category,
    missing-label, unknown-label, missing-group, missing-time, bad-time, missing-id or repeated-id. fatal: the row is
    left out.
    """

    row: int
    column: str
    code: str
    message: str
    fatal: bool


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a model reads: contents (rows,), numeric float32 (rows, k), categorical object (rows, c).

    Where the cells are the content, nothing stands beside it: k and c are 0.
    """

    contents: tuple[Content, ...]
    numeric: np.ndarray
    categorical: np.ndarray
    problems: tuple[RowProblem, ...]


@dataclass(frozen=True, eq=False)
class Keys:
    """What rows are named and split by: ids, groups (str) and times (datetime64[us]), (rows,); None where absent."""

    ids: tuple[str, ...]
    groups: np.ndarray | None
    times: np.ndarray | None
    problems: tuple[RowProblem, ...]


def read_inputs(table: Table, contract: Contract) -> Inputs:
    """The input columns of every row; all of them must exist."""
    problems: list[RowProblem] = []
    roles, kind = contract.roles, kind_named(contract.roles.kind)
    written: list[Content] = []
    if kind.parts:
        written = _joined(kind, table, contract, problems)
    elif not kind.cells:
        columns = [table.as_written(name) for name in roles.content]
        written = _contents(kind, columns, table, roles.content, problems)
    numeric = [_numbers(table, name, problems) for name in roles.numeric]
    categorical = [_categories(table, contract, name, problems) for name in roles.categorical]
    if kind.cells:
        columns = [pl.Series(name, found) for name, found in zip(roles.numeric, numeric, strict=True)]
        columns += [
            pl.Series(name, cells, pl.String) for name, cells in zip(roles.categorical, categorical, strict=True)
        ]
        written = _contents(kind, columns, table, roles.inputs, problems)
        numeric, categorical = [], []
    beside = np.full((len(table), len(numeric)), np.nan, dtype=np.float32)
    for place, found in enumerate(numeric):
        beside[:, place] = found
    names = np.full((len(table), len(categorical)), "", dtype=object)
    for place, cells in enumerate(categorical):
        names[:, place] = cells
    return Inputs(tuple(written), beside, names, tuple(problems))


def _numbers(table: Table, name: str, problems: list[RowProblem]) -> np.ndarray:
    """A numeric column, float64 (rows,), NaN where there is no number that can be used."""
    column = table.frame[name]
    found, bad = numbers(column)
    huge = np.abs(np.nan_to_num(found)) > np.finfo(np.float32).max
    bad |= huge
    for row in np.flatnonzero(bad).tolist():
        how = "of more than 38 digits" if huge[row] else how_written(str(column[row]))
        message = f"{_excerpt(str(column[row]))!r} is " + (f"a number {how}" if how else "no finite number")
        problems.append(RowProblem(row, name, "bad-number", message, fatal=True))
    found[bad] = np.nan
    return found


def _joined(kind: ContentKind, table: Table, contract: Contract, problems: list[RowProblem]) -> list[Content]:
    """Contents of several kinds: a part that cannot be used counts as absent and is told, the others go on."""
    parts: list[list[Content | None]] = []
    told: list[RowProblem] = []
    for part, (_, names) in zip(kind.parts, contract.roles.parts, strict=True):
        own: list[RowProblem] = []
        found = _contents(part, [table.as_written(name) for name in names], table, names, own)
        for place, one in enumerate(own):
            if one.fatal:
                found[one.row] = None
                own[place] = replace(one, code=f"read-without-{part.name}", fatal=False)
        parts.append(found)
        told += own
    written = joined_contents(kind, parts)
    why: dict[int, list[str]] = {row: [] for row, content in enumerate(written) if content is None}
    for one in told:
        if one.row in why:
            why[one.row].append(one.message)
        else:
            problems.append(one)
    where = ", ".join(contract.roles.content[:_NAMED])
    problems += [RowProblem(row, where, "missing-content", "; ".join(said), fatal=True) for row, said in why.items()]
    return written


def _contents(
    kind: ContentKind, columns: list[pl.Series], table: Table, names: tuple[str, ...], problems: list[RowProblem]
) -> list[Content]:
    where = ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
    found = kind.read(columns, table.folder)
    for row, content in enumerate(found):
        problem = kind.problem(content)
        if problem is not None:
            problems.append(RowProblem(row, where, problem.code, problem.message, problem.fatal))
    return found


def _categories(table: Table, contract: Contract, name: str, problems: list[RowProblem]) -> list[str]:
    facts = contract.column(name, "categorical")
    cells = [cell or "" for cell in table.as_names(name).to_list()]
    if facts is None:
        return cells
    known = [count.value for count in facts.categories]
    names, measured = Names(known), table.measured(name)
    meant = {cell: names.find(cell, measured=measured) for cell in set(cells) - {""}}
    for row, cell in enumerate(cells):
        if cell and meant[cell] is None and facts.distinct <= CATEGORY_CAP:
            message = f"{_excerpt(cell)!r} did not occur in the data the contract was made from"
            problems.append(RowProblem(row, name, "unknown-category", message, fatal=False))
    return [cell if (place := meant.get(cell)) is None else known[place] for cell in cells]


def read_keys(table: Table, contract: Contract, *, required: bool) -> Keys:
    """The id, group and time columns, where they exist; required: a row without its group or time is fatal."""
    roles = contract.roles
    problems: list[RowProblem] = []
    have = set(table.frame.columns)
    ids = _ids(table, roles.id, problems) if table.names_rows(roles.id) else tuple(map(str, range(len(table))))
    groups: np.ndarray | None = None
    if roles.group is not None and roles.group in have:
        cells = table.as_names(roles.group).to_list()
        groups = np.array([cell or "" for cell in cells], dtype=np.str_)
        for row, cell in enumerate(cells):
            if cell is None and required:
                problems.append(RowProblem(row, roles.group, "missing-group", "the row has no group", fatal=True))
    moments: np.ndarray | None = None
    if roles.time is not None and roles.time in have:
        moments, bad = times(table.frame[roles.time])
        for row in np.flatnonzero(np.isnat(moments)).tolist() if required else ():
            code, what = (
                ("bad-time", "the time cannot be read") if bad[row] else ("missing-time", "the row has no time")
            )
            problems.append(RowProblem(row, roles.time, code, what, fatal=True))
    return Keys(ids, groups, moments, tuple(problems))


def _ids(table: Table, name: str | None, problems: list[RowProblem]) -> tuple[str, ...]:
    if name is None:
        return tuple(map(str, range(len(table))))
    seen: set[str] = set()
    ids: list[str] = []
    for row, cell in enumerate(table.as_ids(name).to_list()):
        if cell is None:
            problems.append(
                RowProblem(row, name, "missing-id", f"the row has no id and is called 'row {row}'", fatal=False)
            )
        elif cell in seen:
            problems.append(RowProblem(row, name, "repeated-id", f"an earlier row is called {cell!r} too", fatal=False))
        ids.append(f"row {row}" if cell is None else cell)
        seen.add(ids[-1])
    return tuple(ids)


def _excerpt(text: str) -> str:
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"
