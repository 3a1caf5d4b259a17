"""The study record inside a bundle, read as plain JSON.

Decisions: a bundle tolerates a record it does not know, so nothing here requires a key; a bundle that keeps no rows
blanks every ``text`` in the record, and every string that is a training text.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from graft.core.errors import BundleError


@dataclass(frozen=True)
class Outcome:
    """What a study found. score: of the shipped model on the holdout. Empty or None where the record does not say."""

    verdict: str = ""
    metric: str = ""
    score: float | None = None
    rows: int | None = None
    data: str = ""


def parse_evidence(text: str) -> Any:
    """The record; an empty table for an empty text. Raises BundleError when it is no JSON."""
    if not text.strip():
        return {}
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"the evidence is not JSON ({error})", needed="the study record as JSON") from error


def outcome_of(record: Any) -> Outcome:
    """What a record says."""
    score, rows = at(record, "holdout", "score", "mean"), at(record, "holdout", "rows")
    return Outcome(
        verdict=str(at(record, "verdict", "sentence") or ""),
        metric=str(at(record, "metric") or ""),
        score=float(score) if isinstance(score, int | float) else None,
        rows=rows if isinstance(rows, int) else None,
        data=str(at(record, "data", "name") or ""),
    )


def at(record: Any, *path: str) -> Any:
    """What stands under a path of names; None where the path ends early."""
    for name in path:
        record = record.get(name) if isinstance(record, dict) else None
    return record


def without_texts(record: Any, texts: Iterable[str]) -> Any:
    """The record with every string under the key ``text`` blank, and every string that is one of ``texts``.

    >>> without_texts({"errors": [{"row": 3, "text": "hello"}], "note": "hi"}, ["hi"])
    {'errors': [{'row': 3, 'text': ''}], 'note': ''}
    """
    return _blanked(record, frozenset(text.strip() for text in texts))


def _blanked(value: Any, texts: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {
            name: "" if name == "text" and isinstance(inner, str) else _blanked(inner, texts)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_blanked(inner, texts) for inner in value]
    return "" if isinstance(value, str) and value.strip() in texts else value
