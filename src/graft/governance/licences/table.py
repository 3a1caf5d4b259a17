"""The table of licences: records read from ``terms.yaml``, one per licence, with a clause for everything they say.

This is not legal advice. Decisions: what a licence asks is data that can be read, corrected and cited without touching
code; a use is either granted by a clause or limited by one, never both and never neither; "unsettled" is a state of
its own, because many questions about models have no answer yet; the table is small and checked, not large and guessed.
Of the words people use, case, punctuation, a leading "the" and the spelling of "licence" carry no meaning; numbers,
``.`` and ``+`` do (``GPL-3.0+`` is not ``GPL-3.0``); of a Python classifier the last part counts.
"""

import re
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Literal, Self

import yaml
from pydantic import model_validator

from graft.governance.records import Permission, Record, Use

_DROPPED = re.compile(r"[^\w.+/]+|_+")


def normalise(stated: str) -> str:
    """The form under which two names of a licence count as the same.

    >>> normalise("The Apache Software License, Version 2.0")
    'apache software license version 2.0'
    >>> normalise("License :: OSI Approved :: MIT License") == normalise("MIT Licence")
    True
    """
    words = stated.strip()
    if words.casefold().startswith("license ::"):
        words = words.rsplit("::", 1)[1]
    words = _DROPPED.sub(" ", words.casefold().replace("licence", "license"))
    return re.sub(r"^the ", "", words.strip()).strip(" .")


PUBLISHERS_WORDS = "LicenseRef-non-commercial"


class Duty(StrEnum):
    """The codes of obligations."""

    ATTRIBUTION = "attribution"
    NOTICE = "notice"
    LICENCE_COPY = "licence-copy"
    STATE_CHANGES = "state-changes"
    SHARE_ALIKE = "share-alike"
    SOURCE_CODE = "source-code"
    NETWORK_SOURCE = "network-source"
    NAMING = "naming"
    DISPLAY = "display"
    USE_LIMITS = "use-limits"
    PASS_ON_LIMITS = "pass-on-limits"
    USER_THRESHOLD = "user-threshold"
    NON_COMMERCIAL = "non-commercial"
    NO_ENDORSEMENT = "no-endorsement"
    REGION = "region"
    BASE_NEEDED = "base-needed"
    CHECK_TRAINING_DATA = "check-training-data"


class Limit(Record):
    """Uses a licence does not grant. adapted: only for something made from the thing, not for the thing itself."""

    outcome: Literal[Permission.BLOCKED, Permission.UNSETTLED]
    uses: tuple[Use, ...]
    text: str
    clause: str
    unblock: str
    adapted: bool = False


class Ask(Record):
    """What a licence asks in return.

    when: the uses that trigger it. adapted: as in Limit. outputs: carries to models trained on its outputs
    (``students``) or to its outputs as such (``any``). users: monthly users above which it applies.
    """

    code: Duty
    text: str
    clause: str
    when: tuple[Use, ...]
    adapted: bool = False
    outputs: Literal["", "students", "any"] = ""
    users: int | None = None


class Students(Record):
    """What a licence says of models trained on its outputs: they are bound by it, or outputs are refused for that."""

    kind: Literal["bound", "refused"]
    text: str
    clause: str
    unblock: str = ""


class Licence(Record):
    """One licence. id: SPDX identifier. grants: the clause that permits each use; what is not granted is limited.

    decided_only: only a person's decision may name it, no file. note: a trap in its name.
    """

    id: str
    name: str
    text: str
    names: tuple[str, ...]
    grants: dict[Use, str]
    limits: tuple[Limit, ...] = ()
    asks: tuple[Ask, ...] = ()
    students: Students | None = None
    decided_only: bool = False
    note: str = ""

    @model_validator(mode="after")
    def _every_use_has_an_answer(self) -> Self:
        limited = {use for limit in self.limits if not limit.adapted for use in limit.uses}
        if limited & set(self.grants) or limited | set(self.grants) != set(Use):
            raise ValueError(f"{self.id}: every use is either granted or limited, by one clause each")
        return self


class Family(Record):
    """A name that says a licence but not which of members. common: the licence whose terms all members share."""

    name: str
    names: tuple[str, ...]
    members: tuple[str, ...]
    common: str = ""


class LicenceTable(Record):
    """All of ``terms.yaml``.

    silent: words that state nothing. elsewhere: words that say "a licence without a name". besides: "more is asked".
    """

    licences: tuple[Licence, ...]
    families: tuple[Family, ...]
    silent: tuple[str, ...]
    elsewhere: tuple[str, ...]
    besides: tuple[str, ...]


@cache
def table() -> LicenceTable:
    """The table shipped with Graft."""
    return LicenceTable.model_validate(shipped("terms.yaml"))


def shipped(name: str) -> object:
    """What a YAML file of this package holds. Plain values only; the fast reader where it is there."""
    text = resources.files("graft.governance.licences").joinpath(name).read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@cache
def licence(identifier: str) -> Licence:
    """The licence with an SPDX identifier of the table.

    >>> licence("Apache-2.0").asks[-1].clause
    'section 4(d)'
    """
    return {record.id: record for record in table().licences}[identifier]


@cache
def by_name() -> dict[str, Licence | Family]:
    """Every licence and family under each of its names, normalised. Raises ValueError when a name means two things."""
    found: dict[str, Licence | Family] = {}
    records: tuple[Licence | Family, ...] = (*table().licences, *table().families)
    for record in records:
        own = (record.id,) if isinstance(record, Licence) else ()
        for name in {normalise(name) for name in (*own, record.name, *record.names)}:
            if name in found:
                raise ValueError(f"{name!r} names both {found[name].name} and {record.name}")
            found[name] = record
    return found
