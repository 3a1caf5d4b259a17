"""What a column is for.

Decisions: a column that the model reads is read one way only, and never predicts itself; roles are plain names, so
they travel inside the contract as JSON, where the columns of content stand under the name of their kind:
``{"text": ["message"], "label": ["category"]}``.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from graft.core.errors import InputError
from graft.rows.content import kinds

# In place of names: every column that fits.
EVERY = "*"


@dataclass(frozen=True)
class Roles:
    """The columns of a table by what they are for.

    content, numeric, categorical: what the model reads. label: what it predicts (several columns: multilabel). kind:
    which kind the content is of, such as ``text``; of the kind ``row`` it is what the numeric and categorical columns
    hold, and ``content`` is empty. ``*`` among numeric or categorical stands for every column that fits (``every``). id
    names a row; rows of one group never lie on both sides of a
    split; time orders the rows.
    Raises InputError when one column is given two jobs that exclude each other.

    >>> Roles(content=("message",), label=("category",)).inputs
    ('message',)
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    content: tuple[str, ...]
    label: tuple[str, ...]
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    id: str | None = None
    group: str | None = None
    time: str | None = None
    kind: str = "text"

    def __post_init__(self) -> None:
        """Refuse roles that exclude each other."""
        owner: dict[str, str] = {}
        for field in ("content", "label", "numeric", "categorical"):
            given, role = getattr(self, field), self.kind if field == "content" else field
            if isinstance(given, str):
                raise InputError(
                    f"{role}={given!r} is one string",
                    needed="a tuple of column names",
                    fix=f"write {role}=({given!r},)",
                )
            names = tuple(given)
            object.__setattr__(self, field, names)
            for name in names:
                if name == EVERY and field in ("numeric", "categorical"):
                    continue
                if name in owner:
                    raise InputError(
                        f"column {name!r} is given as {owner[name]} and as {role}",
                        needed=f"one role per column among {self.kind}, label, numeric and categorical",
                        fix=f"take {name!r} out of one of the two",
                    )
                owner[name] = role
        for role in ("id", "group", "time"):
            name = getattr(self, role)
            if name is not None and not isinstance(name, str):
                raise InputError(f"{role}={name!r}", needed="the name of one column", fix=f"write {role}='column'")
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
        """The columns a model reads, in order: content, numeric, categorical."""
        return self.content + self.numeric + self.categorical

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Every (column, role), in a fixed order; a column with two roles appears twice."""
        many = (
            (self.kind, self.content),
            ("numeric", self.numeric),
            ("categorical", self.categorical),
            ("label", self.label),
        )
        pairs = [(name, role) for role, names in many for name in names]
        single = (("id", self.id), ("group", self.group), ("time", self.time))
        return (*pairs, *((name, role) for role, name in single if name is not None))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """In JSON the columns of content stand under the name of their kind."""
        writing = core_schema.wrap_serializer_function_ser_schema(_under_kind)
        return core_schema.no_info_before_validator_function(_by_kind, handler(source), serialization=writing)


def one_kind(
    *, text: tuple[str, ...] = (), image: tuple[str, ...] = (), audio: tuple[str, ...] = ()
) -> tuple[str, tuple[str, ...]]:
    """The kind whose columns are named, and these; a text without any when none is.

    Raises InputError for columns of two kinds.

    >>> one_kind(image=("photo",))
    ('image', ('photo',))
    """
    named = [(kind, columns) for kind, columns in (("text", text), ("image", image), ("audio", audio)) if columns]
    if len(named) > 1:
        told = " and ".join(f"{kind} ({', '.join(columns)})" for kind, columns in named)
        raise InputError(
            f"columns of {told}", needed="columns of one kind of content", fix="study them one after the other"
        )
    return named[0] if named else ("text", ())


def _by_kind(given: Any) -> Any:
    names = [kind.name for kind in kinds.KINDS if isinstance(given, dict) and kind.name in given]
    if len(names) != 1:
        return given
    return {"content": given[names[0]], "kind": names[0]} | {key: given[key] for key in given if key != names[0]}


def _under_kind(roles: Roles, serialise: core_schema.SerializerFunctionWrapHandler) -> dict[str, Any]:
    written: dict[str, Any] = serialise(roles)
    kind = written.pop("kind")
    return {kind: written.pop("content"), **written}
