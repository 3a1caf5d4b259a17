"""What a column is for.

Decisions: a column that the model reads is read one way only, and never predicts itself; roles are plain names, so
they travel inside the contract as JSON.
"""

from dataclasses import dataclass
from typing import ClassVar

from pydantic import ConfigDict

from graft.core.errors import InputError


@dataclass(frozen=True)
class Roles:
    """The columns of a table by what they are for.

    text, numeric, categorical: what the model reads. label: what it predicts (several columns: multilabel).
    id names a row; rows of one group never lie on both sides of a split; time orders the rows.
    Raises InputError when one column is given two jobs that exclude each other.

    >>> Roles(text=("message",), label=("category",)).inputs
    ('message',)
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    text: tuple[str, ...]
    label: tuple[str, ...]
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    id: str | None = None
    group: str | None = None
    time: str | None = None

    def __post_init__(self) -> None:
        """Refuse roles that exclude each other."""
        owner: dict[str, str] = {}
        for role in ("text", "label", "numeric", "categorical"):
            given = getattr(self, role)
            if isinstance(given, str):
                raise InputError(
                    f"{role}={given!r} is one string",
                    needed="a tuple of column names",
                    fix=f"write {role}=({given!r},)",
                )
            names = tuple(given)
            object.__setattr__(self, role, names)
            for name in names:
                if name in owner:
                    raise InputError(
                        f"column {name!r} is given as {owner[name]} and as {role}",
                        needed="one role per column among text, label, numeric and categorical",
                        fix=f"take {name!r} out of one of the two",
                    )
                owner[name] = role
        for role in ("id", "group"):
            name = getattr(self, role)
            if name is not None and owner.get(name) == "label":
                raise InputError(
                    f"column {name!r} is given as label and as {role}",
                    needed=f"a label that is not also the {role} of its row",
                    fix=f"take {name!r} out of one of the two",
                )

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns a model reads, in order: text, numeric, categorical."""
        return self.text + self.numeric + self.categorical

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Every (column, role), in a fixed order; a column with two roles appears twice."""
        many = (
            ("text", self.text),
            ("numeric", self.numeric),
            ("categorical", self.categorical),
            ("label", self.label),
        )
        pairs = [(name, role) for role, names in many for name in names]
        single = (("id", self.id), ("group", self.group), ("time", self.time))
        return (*pairs, *((name, role) for role, name in single if name is not None))
