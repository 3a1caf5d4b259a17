"""How a record becomes JSON, and how it comes back.

Decisions: there is one way to JSON and one way back for all records. A schema is a name and a number; within a number
names may be added, never changed or removed. A change of meaning raises the number and appends a step that turns the
number before into it, so whatever was written once can still be read. What a newer version wrote is refused in words,
because nobody can know what it means. A number that does not exist is null.
"""

import json
from collections.abc import Callable
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from graft.core.errors import InputError

Step = Callable[[dict[str, Any]], dict[str, Any]]

_AGAIN = "copy it again, or have it written again by the command that made it"


class Fact(BaseModel):
    """A part of a record: typed, frozen, without names that nobody knows."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )


class Document(Fact):
    """A record that is written to a file.

    schema_: its schema; every kind of document states today's as the default. STEPS: each takes the JSON of a number
    and gives that of the next; the first one takes number 1.
    """

    STEPS: ClassVar[tuple[Step, ...]] = ()

    schema_: str = Field(alias="schema")

    @classmethod
    def current(cls) -> str:
        """The schema that is written today."""
        return str(cls.model_fields["schema_"].default)

    def to_json(self) -> str:
        """The record as readable JSON."""
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, where: str) -> Self:
        """The record in some JSON of today's schema or an earlier one.

        where: what a message calls the file. Raises InputError for anything else, with what is wrong in words.
        """
        try:
            given = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where} is not JSON ({error})", needed=cls.current(), fix=_AGAIN) from error
        stated = given.get("schema") if isinstance(given, dict) else None
        kind, _, last = cls.current().rpartition("/")
        name, _, number = str(stated).rpartition("/")
        if name != kind or not number.isdecimal() or number == "0":
            raise InputError(
                f"{where} has the schema {stated!r}", needed=f"{kind}/1 to {cls.current()}", fix="check the path"
            )
        if int(number) > int(last):
            raise _newer(where, f"its schema is {stated}", cls.current())
        try:
            for step in cls.STEPS[int(number) - 1 :]:
                given = step(given)
            return cls.model_validate(given | {"schema": cls.current()})
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
                raise _newer(where, f"it says {place}", cls.current()) from error
            raise InputError(
                f"{where} is damaged at {place}: {first['msg']}", needed=cls.current(), fix=_AGAIN
            ) from error
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise InputError(
                f"{where} is damaged ({type(error).__name__}: {error})", needed=cls.current(), fix=_AGAIN
            ) from error


def _newer(where: str, why: str, current: str) -> InputError:
    return InputError(
        f"{where} was written by a newer version of Graft: {why}",
        needed=f"{current} or an earlier one",
        fix="upgrade Graft, or write the file again with this version",
    )
