"""What a person should know about how names and numbers were understood, said before anything is trained.

Decision: nothing is repaired in silence; spaces around a name do not make another, which is told, while two spellings
that differ in case, or in characters that look alike, are two, which is told too: of names in a column as of labels in
lists.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Mapping

import numpy as np
import polars as pl

from graft.core.tasks import CLASSES, Task
from graft.inputs.classes import numbers_in_words
from graft.inputs.contract import numbered_classes
from graft.inputs.dataset import Dataset
from graft.inputs.schema import Contract
from graft.inputs.targets import SEPARATORS, label_lists, separator_of
from graft.rows.content.joined import having
from graft.rows.table import Table
from graft.rows.values import numbers, written_names

_ABSENT = ("na", "n/a", "nan", "null", "none", "<na>", "nat", "-", "--", "\u2013", "\u2014", "?")
# What spreadsheets write where a formula failed.
_FAILED = re.compile(r"#(n/a|ref!|name\?|value!|div/0!|null!|num!|n/v|spill!|calc!)", re.IGNORECASE)
_YES, _NO = {"yes", "y", "true", "t", "1"}, {"no", "n", "false", "f", "0"}
_DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_QUOTES = re.compile("[\u2018\u2019\u201a\u201b\u2032\u0060\u00b4]")
_FEWEST_ABOVE = 5
_SHOWN = 3


def remarks(table: Table, contract: Contract) -> tuple[str, ...]:
    """Notes about the columns of names of a table under its contract, and about a label column of numbers."""
    roles = contract.roles
    named = [*roles.categorical, *([roles.group] if roles.group else [])]
    if contract.task in CLASSES:
        named.insert(0, roles.label[0])
    found = [note for name in named for note in _spellings(table, name)]
    if contract.task is Task.MULTILABEL and len(roles.label) == 1:
        found += _twins(roles.label[0], contract.labels) + _absent(
            roles.label[0], _rows_of(table.frame[roles.label[0]])
        )
    summed = [*roles.numeric, *(roles.label if contract.task is Task.REGRESSION else ())]
    found += [note for name in summed for note in _total(table, name)]
    if contract.task in CLASSES:
        label = table.as_names(roles.label[0])
        counts = label.drop_nulls().value_counts(name="rows")
        found += _absent(roles.label[0], {str(word): int(rows) for word, rows in counts.iter_rows()})
        found += _listed(table.as_names(roles.label[0]))
        if len(contract.labels) > _FEWEST_ABOVE and (shown := numbers_in_words(contract.labels)):
            found.append(f"column {roles.label[0]!r} holds {len(contract.labels)} classes, and {shown}")
        if numbered_classes(table.frame[roles.label[0]]):
            found.append(
                f"column {roles.label[0]!r} holds the numbers of {len(contract.labels)} classes: every whole number "
                f"from {_least(table, roles.label[0])} on, each several times (for a quantity: task regression)"
            )
    if contract.task is Task.REGRESSION and _few_whole(table.frame[roles.label[0]]):
        found.append(
            f"column {roles.label[0]!r} is read as a quantity: if its whole numbers are names of classes, choose the "
            "task multiclass"
        )
    return tuple(found)


def shared_parts(rows: Dataset) -> tuple[str, ...]:
    """Of rows of several kinds, how many have one part in common with a row that differs in the others.

    They are no copies, and yet a split may lay the same picture on both sides.
    """
    told = []
    for part in rows.kind.parts if rows.groups is None else ():
        places, contents = having(rows.contents, part.name)
        whole: defaultdict[Hashable, set[Hashable]] = defaultdict(set)
        forms = [part.loose(one) for one in contents]
        for place, form in zip(places.tolist(), forms, strict=True):
            whole[form].add(rows.kind.loose(rows.contents[place]))
        if count := sum(len(whole[form]) > 1 for form in forms):
            told.append(
                f"{count:,} rows have the same {part.name} as another row and differ in the rest: they are no copies, "
                f"and may lie on both sides of a split; if the {part.name} goes with the label, name what they share "
                "as --group"
            )
    return tuple(told)


def _listed(names: pl.Series) -> list[str]:
    """Whether classes look like several others between separators."""
    classes = set(names.drop_nulls().unique().to_list())
    for mark in SEPARATORS:
        several = sorted(
            name for name in classes if mark in name and {part.strip() for part in name.split(mark)} <= classes
        )
        if several:
            rows, first = int(names.is_in(several).sum()), several[0]
            return [
                f"column {names.name!r}: {first!r} looks like several labels of one row ({rows:,} rows hold such): "
                "read as a class of its own (for several labels a row: task multilabel)"
            ]
    return []


def _least(table: Table, name: str) -> int:
    return int(str(table.frame[name].cast(pl.Float64).fill_nan(None).min()).partition(".")[0])


def _few_whole(column: pl.Series) -> bool:
    """Whether every value of a column is a whole number that occurs in several rows."""
    if not column.dtype.is_integer():
        return False
    counts = column.drop_nulls().value_counts(name="rows")["rows"]
    return bool(len(counts) and int(counts.to_numpy().min()) > 1)


def _spellings(table: Table, name: str) -> list[str]:
    written = table.as_written(name)
    if written.dtype != pl.String:
        return []
    notes: list[str] = []
    meant = written_names(written)
    spaced = written.filter(
        (written.str.strip_chars() != written).fill_null(value=False) & meant.is_in(_exact(written))
    )
    if len(spaced):
        notes.append(
            f"column {name!r}: {len(spaced):,} cells have spaces around a name that stands without them too, such as "
            f"{spaced[0]!r}: both are read as {spaced[0].strip()!r}"
        )
    return notes + _twins(name, meant.drop_nulls().unique().to_list())


def _twins(name: str, words: Collection[str]) -> list[str]:
    """Names that a person would take for one another: by their case, by their look, by what they answer."""
    notes: list[str] = []
    by_case = _grouped(words, str.casefold)
    if by_case:
        notes.append(
            f"column {name!r}: {by_case} differ in upper and lower case only: they are read as different names"
        )
    firsts = {word.casefold(): word for word in sorted(words, reverse=True)}
    by_look = _grouped(firsts.values(), _look)
    if by_look:
        notes.append(
            f"column {name!r}: {by_look} look alike and are written with other characters: they are read as different "
            "names"
        )
    kinds = [sorted(word for word in firsts.values() if word.casefold() in said) for said in (_YES, _NO)]
    if all(kinds) and len(firsts) == sum(map(len, kinds)) > 2:
        shown = "; ".join(" and ".join(map(repr, one)) for one in kinds if len(one) > 1)
        notes.append(f"column {name!r}: {shown} say the same in other words: they are read as different names")
    return notes


def _grouped(words: Collection[str], key: Callable[[str], str]) -> str:
    """Those with the same key, as a person reads them; the first few."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for word in sorted(words):
        found[key(word)].append(word)
    twins = [same for same in found.values() if len(same) > 1]
    # Spelt out where nobody could tell them apart.
    shown = ascii if key is _look else repr
    return "; ".join(" and ".join(map(shown, same)) for same in twins[:_SHOWN])


def _look(word: str) -> str:
    """What a name looks like: without what cannot be seen, and with one character for those that look alike."""
    plain = unicodedata.normalize("NFKC", word)
    seen = "".join(one for one in plain if unicodedata.category(one) != "Cf")
    return " ".join(_QUOTES.sub("'", _DASHES.sub("-", seen)).split()).casefold()


def _total(table: Table, name: str) -> list[str]:
    """Whether the last number of a column is the sum of all above it, as below a sheet."""
    found, _ = numbers(table.frame[name])
    stated = np.flatnonzero(np.isfinite(found))
    if len(stated) <= _FEWEST_ABOVE:
        return []
    *above, last = found[stated]
    total = float(np.sum(above))
    if last == 0 or min(above) == max(above) or abs(last - total) > 1e-9 * max(abs(last), abs(total)):
        return []
    return [
        f"column {name!r}: its last number, {last:g} in row {stated[-1]}, is the sum of all above it: it is read as a "
        "row like them; if it is a total, take it out"
    ]


def _rows_of(column: pl.Series) -> Counter[str]:
    """How many rows have each label of their list."""
    lists = label_lists(column, separator_of(column))
    return Counter(label for cell in lists if cell is not None for label in dict.fromkeys(cell) if label is not None)


def _exact(written: pl.Series) -> list[str]:
    return [cell for cell in written.drop_nulls().unique().to_list() if cell == cell.strip()]


def _absent(name: str, rows_of: Mapping[str, int]) -> list[str]:
    found = [word for word in rows_of if word.lower() in _ABSENT or _FAILED.fullmatch(word)]
    return [
        f"column {name!r}: {word!r} is read as a class ({rows_of[word]:,} rows); if it means that a row has no label, "
        "leave the cell empty"
        for word in sorted(found)
    ]
