"""The study's record inside a bundle.

Decision: a bundle that nobody studied holds an empty table. A bundle that keeps no rows blanks the content of every row
in the record, and every string that is the content of a training row.
"""

from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_origin

from pydantic import BaseModel

from graft.core import foreign
from graft.core.errors import InputError
from graft.core.files import write_text
from graft.facts.study import ErrorFact, StudyRecord, SuspectFact
from graft.inputs.duplicates import Contradiction

EVIDENCE = "evidence.json"
_OF_ROWS = (Contradiction, ErrorFact, SuspectFact)
_FIRST = '"graft/study/1"'


def write_evidence(folder: Path, record: StudyRecord | None) -> None:
    """Write the record into a bundle; an empty table without one."""
    write_text(folder / EVIDENCE, "{}\n" if record is None else record.to_json())


def read_evidence(folder: Path) -> StudyRecord | None:
    """The record in a bundle, or None. Raises InputError for one that cannot be read."""
    text = foreign.read_text(folder / EVIDENCE)
    if text.strip() in ("", "{}"):
        return None
    try:
        return StudyRecord.from_json(text, str(folder / EVIDENCE))
    except InputError:
        # With the first schema, a bundle without rows blanked words of the record too where a row said just that.
        if _FIRST in text and '""' in text:
            return None
        raise


def without_contents(record: StudyRecord, written: Iterable[str]) -> StudyRecord:
    """The record with the content of every row blank, and every string that is one of ``written``: contents as files
    hold them."""
    blank: StudyRecord = _blanked(record, frozenset(content.strip() for content in written))
    return blank


def _blanked(value: Any, written: frozenset[str]) -> Any:
    if isinstance(value, BaseModel):
        free = [name for name, one in type(value).model_fields.items() if get_origin(one.annotation) is not Literal]
        return value.model_copy(update=_parts(value, free, written))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **_parts(value, [one.name for one in fields(value)], written))
    if isinstance(value, dict):
        return {name: _blanked(inner, written) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_blanked(inner, written) for inner in value)
    # an enumeration is a word of the record, not one of a row
    return "" if type(value) is str and value.strip() in written else value


def _parts(value: Any, names: list[str], written: frozenset[str]) -> dict[str, Any]:
    blank = {"text": "", "picture": ""} if isinstance(value, _OF_ROWS) else {}
    return {name: _blanked(getattr(value, name), written) for name in names} | blank
