"""Every field of every record reaches a reader: changing it changes the page or the summary in the terminal.

What is knowingly not shown is listed with the reason; a field that is shown may not be on the list.
"""

import dataclasses
import enum
import io
import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, get_args, get_type_hints

import pytest
from jinja2 import UndefinedError
from pydantic import BaseModel
from rich.console import Console

from graft.facts.study import StudyRecord
from graft.facts.table import TableFacts
from graft.report.study import print_summary, render_page
from graft.report.table import render_table_page
from unit.report.records import binary_harms, changed, control_shipped, governed, regression, undecided
from unit.report.tables import friendly

EACH = 4  # changes of one field that are tried in a record

NOT_SHOWN = {
    "StudyRecord.schema_": "for programs",
    "StudyRecord.settings": "for programs; what a person needs of it (effort, folds, seed, margin) stands in its place",
    "AssetFacts.digest": "shown where the source or the rows are",
    "Contract.schema_": "for programs",
    "Contract.task": "the task of the study, which is shown",
    "Contract.rows": "the rows that were given, which are shown",
    "Contract.positions": "part of reading; the labels, which are shown, are their numbers",
    "Contract.separator": "part of reading, not of what was found",
    "Crossing.low": "the statement, which is shown, says it",
    "Crossing.high": "the statement, which is shown, says it",
    "CurvePoint.train": "the held-in loss is what counts; two lines a fold would hide it",
    "HarmReason.code": "for programs",
    "HarmReason.text": "the next steps, which are shown, say it",
    "HarmReason.step": "the next steps, which are shown, say it",
    "LengthFacts.p95": "least, middle and most are enough for a reader",
    "NumberFacts.std": "least, mean and most are enough for a reader",
    "Roles.kinds": "every column is shown with its role",
    "Roles.content": "every column is shown with its role",
    "Roles.label": "every column is shown with its role",
    "Roles.numeric": "every column is shown with its role",
    "Roles.categorical": "every column is shown with its role",
    "Roles.id": "every column is shown with its role",
    "Roles.group": "every column is shown with its role",
    "Roles.time": "every column is shown with its role",
    "SliceScore.p_harm": "hidden harm, which is shown, is decided by it",
    "OutlierRow.cluster": "the map shows it",
    "Tried.separation": "that of the number which was chosen is shown",
    "Tried.error": "that of the number which was chosen decides, and what it decided is shown",
    "TableFacts.schema_": "for programs",
}


def parts(value: Any) -> dict[str, Any] | None:
    """The fields of a record; None for anything else."""
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return None


def put(record: Any, name: str, value: Any) -> Any:
    if isinstance(record, BaseModel):
        return record.model_copy(update={name: value})
    return dataclasses.replace(record, **{name: value})


def others(value: Any) -> Iterator[Any]:
    """Other values of the same kind."""
    if isinstance(value, enum.Enum):
        yield next(one for one in type(value) if one is not value)
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield 2 * value + 7919
        yield value + 1
    elif isinstance(value, float) and math.isfinite(value):
        yield value * 0.9 + 0.01
        yield value + 0.5
        yield -value
    elif isinstance(value, str):
        yield {"transfer": "control", "control": "transfer"}.get(value, f"Zq{value}")


def variants(record: Any) -> Iterator[tuple[str, Any]]:
    """``Class.field`` and the whole record with that field changed, for every field below it."""
    for name, value in (parts(record) or {}).items():
        for field, new in changes(value, f"{type(record).__name__}.{name}"):
            yield field, put(record, name, new)


def changes(value: Any, field: str) -> Iterator[tuple[str, Any]]:
    if parts(value) is not None:
        yield from variants(value)
    elif isinstance(value, tuple):
        if value:
            yield field, value[:-1]
        for place in range(min(len(value), 9)):
            for inner, new in changes(value[place], field):
                yield inner, (*value[:place], new, *value[place + 1 :])
    elif isinstance(value, dict):
        yield field, value | {"Zq": "Zq"}
    else:
        yield from ((field, new) for new in others(value))


def fields_of(kind: Any, known: set[type] | None = None) -> set[str]:
    """``Class.field`` of a record and of every record inside it."""
    known = set() if known is None else known
    found: set[str] = set()
    for inner in get_args(kind):
        found |= fields_of(inner, known)
    if not isinstance(kind, type) or kind in known:
        return found
    if issubclass(kind, BaseModel) or dataclasses.is_dataclass(kind):
        known.add(kind)
        names = kind.model_fields if issubclass(kind, BaseModel) else [one.name for one in dataclasses.fields(kind)]
        hints = get_type_hints(kind)
        for name in names:
            # a field that holds records is looked at when theirs are
            found |= fields_of(hints[name], known) if holds_records(hints[name]) else {f"{kind.__name__}.{name}"}
    return found


def holds_records(hint: Any) -> bool:
    """Whether a value of this type is a record, or has records in it."""
    if isinstance(hint, type) and (issubclass(hint, BaseModel) or dataclasses.is_dataclass(hint)):
        return True
    return any(holds_records(inner) for inner in get_args(hint))


def told(records: list[Any], show: Callable[[Any], str]) -> dict[str, bool]:
    """Every field that some record holds a value of, and whether changing it changes what is shown."""
    found: dict[str, bool] = {}
    tried: Counter[str] = Counter()
    for record in records:
        plain, here = show(record), Counter[str]()
        for field, new in variants(record):
            if found.get(field) or here[field] == EACH or (field in NOT_SHOWN and tried[field] == 2 * EACH):
                continue
            here[field] += 1
            tried[field] += 1
            try:
                found[field] = show(new) != plain
            except (ValueError, KeyError, UndefinedError):  # it no longer fits what stands beside it: it was read
                found[field] = True
    return found


def study_told(record: StudyRecord) -> str:
    file = io.StringIO()
    print_summary(record, Console(file=file, width=200))
    return render_page(record) + file.getvalue()


def studies() -> list[StudyRecord]:
    open_ = undecided()
    settled = changed(open_, holdout=open_.holdout.model_copy(update={"warning": ""}))
    return [governed(), settled, open_, binary_harms(), control_shipped(), regression()]


def tables() -> list[TableFacts]:
    facts = friendly()
    outliers = dataclasses.replace(facts.overview.outliers, listed=(), found=0, line=None, absent="too few rows")
    near = facts.overview.duplicates
    chain = dataclasses.replace(near.listed[0], rows=3, least=near.threshold / 2)
    few = dataclasses.replace(facts.overview, outliers=outliers, duplicates=dataclasses.replace(near, listed=(chain,)))
    return [facts, facts.model_copy(update={"overview": few})]


@pytest.fixture(scope="module", params=[pytest.param("study", marks=pytest.mark.slow), "table"])
def seen(request):
    if request.param == "study":
        return StudyRecord, told(studies(), study_told)
    return TableFacts, told(tables(), render_table_page)


def test_every_field_is_shown_or_knowingly_not(seen):
    _, found = seen
    hidden = {field for field, shown in found.items() if not shown}
    assert hidden - NOT_SHOWN.keys() == set()


def test_what_is_listed_as_not_shown_is_not_shown(seen):
    _, found = seen
    assert {field for field, shown in found.items() if shown} & NOT_SHOWN.keys() == set()


def test_every_field_was_looked_at(seen):
    kind, found = seen
    assert fields_of(kind) - found.keys() - NOT_SHOWN.keys() == set()


def test_the_list_names_fields_that_there_are():
    assert NOT_SHOWN.keys() <= fields_of(StudyRecord) | fields_of(TableFacts)
