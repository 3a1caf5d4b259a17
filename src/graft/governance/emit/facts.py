"""Everything the documents about a saved model say, as one record.

Decision: the documents are functions of this record alone. A fact that is not known is empty, and a document then says
nothing, or that it is not known; it never says what somebody hopes.
"""

import math
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, Field, FiniteFloat, NonNegativeInt

from graft.core.intervals import Interval
from graft.core.version import __version__
from graft.governance.records import Asset, Edge, FileDigest, Obligation, Record

USE = 'import graft\n\nprint(graft.load("this folder").predict("rows.csv", explain=True).frame)'


def utc(time: str) -> str:
    """An ISO 8601 time in UTC and whole seconds; empty for none. Raises ValueError for what is no time.

    >>> utc("2026-05-01T10:00:00+02:00"), utc("2026-05-01"), utc("")
    ('2026-05-01T08:00:00Z', '2026-05-01T00:00:00Z', '')
    """
    if not time:
        return ""
    moment = datetime.fromisoformat(time)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    # Not strftime, which leaves the zeros of the year 999 away.
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


Name = Annotated[str, Field(min_length=1)]


def _finite(interval: Interval) -> Interval:
    """The interval. Raises ValueError where it is no number, or has one end alone."""
    if not math.isfinite(interval.mean) or (interval.low is None) != (interval.high is None):
        raise ValueError("a number, with both ends of its interval or none")
    return interval


class Measure(Record):
    """A score on rows that were not trained on.

    value: with its interval at ``level``, both ends or none. slice: the part of the rows it is about; empty for all of
    them. rows: how many. data: the name of the data set. data_reference: how that is found (``hf:org/name``), if it is
    public.
    """

    name: Name
    value: Annotated[Interval, AfterValidator(_finite)]
    level: FiniteFloat = 0.95
    slice: str = ""
    rows: NonNegativeInt = 0
    data: str = ""
    data_reference: str = ""


class Fairness(Record):
    """What is known of a group that could be treated worse: what it gains, what may harm it, what is done about it."""

    group: Name
    benefits: str = ""
    harms: str = ""
    mitigation: str = ""


class Considerations(Record):
    """What to think of before the model is used."""

    users: tuple[str, ...] = ()
    use_cases: tuple[str, ...] = ()
    limitations: tuple[str, ...] = ()
    tradeoffs: tuple[str, ...] = ()
    fairness: tuple[Fairness, ...] = ()


class Package(Record):
    """A software package the model needs."""

    name: Name
    version: str = ""


class ModelFacts(Record):
    """A saved model.

    task: ``binary``, ``multiclass``, ``multilabel``, ``regression`` or ``recommendation``. kinds: of what it reads,
    such as ``text``; none for a recommendation.
    verdict: the sentence of the study. done: what was done to the source. strategy: which parameters changed.
    created: ISO 8601, or empty. maker: who supplies it. edges: from the model to its parents. lineage: every ancestor
    that is known, with edges of its own; a parent that is not among them is known by its identity alone. tested_on:
    identities of the data it was scored on. licence: an SPDX expression somebody decided on, or the name of terms;
    empty while that is unsettled. training_rows, fingerprint: the rows it learnt from. kept_rows: how many of them are
    inside. vocabulary: whether the model holds terms of their texts. inside: what of the rows is inside, in other words
    than the usual ones. evidence: the file in which the evidence is; empty for none. use: Python code.
    """

    name: Name
    version: str = ""
    task: Name
    kinds: tuple[str, ...] = ("text",)
    labels: tuple[str, ...] = ()
    description: str = ""
    verdict: str = ""
    strategy: str = ""
    done: str = ""
    created: Annotated[str, AfterValidator(utc)] = ""
    maker: str = ""
    files: tuple[FileDigest, ...] = ()
    metrics: tuple[Measure, ...] = ()
    edges: tuple[Edge, ...] = ()
    lineage: tuple[Asset, ...] = ()
    tested_on: tuple[str, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    licence: str = ""
    licence_link: str = ""
    considerations: Considerations = Considerations()
    languages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    training_rows: NonNegativeInt = 0
    fingerprint: str = ""
    kept_rows: NonNegativeInt = 0
    vocabulary: bool = False
    inside: str = ""
    evidence: str = "evidence.json"
    packages: tuple[Package, ...] = ()
    study: str = ""
    use: str = USE
    graft: str = __version__
