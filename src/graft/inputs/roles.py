"""What a column is for.

Decisions: a column that the model reads is read one way only, and never predicts itself; roles are plain names, so
they travel inside the contract as JSON, where the columns of content stand under the name of their kind:
``{"text": ["message"], "label": ["category"]}``, and under each of them where they are of several.
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from pydantic import ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from graft.core.errors import InputError
from graft.rows.content import joined_name, kinds

# In place of names: every column that fits.
EVERY = "*"


@dataclass(frozen=True)
class Roles:
    """The columns of a table by what they are for.

    content, numeric, categorical: what the model reads. label: what it predicts (several columns: multilabel). kind:
    which kind the content is of, such as ``text``; of the kind ``row`` it is what the numeric and categorical columns
    hold, and ``content`` is empty. kinds: of each column of content, where they are of several; the columns are put in
    the order of the kinds then, and ``kind`` names all of them: ``text+image``. ``*`` among numeric or categorical
    stands for every column that fits (``every``). id names a row; rows of one group never lie on both sides of a split;
    time orders the rows.
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
    kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse roles that exclude each other."""
        self._put_in_order()
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
                        needed="one role per column: what is read, the label, a number or a category",
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

    def _put_in_order(self) -> None:
        """Columns of several kinds in the order of their kinds, whoever named them."""
        given = tuple(self.kinds)
        if not given:
            return
        if len(given) != len(self.content):
            raise InputError(
                f"{len(given)} kinds for {len(self.content)} columns", needed="a kind for each column of content"
            )
        order = [kind.name for kind in kinds.JOINABLE]
        if strange := [name for name in given if name not in order]:
            raise InputError(f"content of the kind {strange[0]!r}", needed=f"one of {', '.join(order)}")
        places = sorted(range(len(given)), key=lambda place: order.index(given[place]))
        several = tuple(given[place] for place in places)
        object.__setattr__(self, "content", tuple(self.content[place] for place in places))
        object.__setattr__(self, "kind", joined_name(several))
        object.__setattr__(self, "kinds", several if len(set(several)) > 1 else ())

    @property
    def parts(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Each kind of content and its columns, in the order of the kinds.

        >>> Roles(content=("photo", "title"), kinds=("image", "text"), label=("sells",)).parts
        (('text', ('title',)), ('image', ('photo',)))
        """
        if not self.kinds:
            return ((self.kind, self.content),)
        pairs = tuple(zip(self.kinds, self.content, strict=True))
        return tuple((kind, tuple(name for own, name in pairs if own == kind)) for kind in dict.fromkeys(self.kinds))

    def alone(self, kind: str) -> "Roles":
        """The same without the columns of other kinds of content."""
        return replace(self, content=dict(self.parts)[kind], kind=kind, kinds=())

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns a model reads, in order: content, numeric, categorical."""
        return self.content + self.numeric + self.categorical

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Every (column, role), in a fixed order; a column with two roles appears twice."""
        many = (
            *self.parts,
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


def several_kinds(
    *, text: tuple[str, ...] = (), image: tuple[str, ...] = (), audio: tuple[str, ...] = ()
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns of content, and the kind of each.

    >>> several_kinds(image=("photo",), text=("title",))
    (('title', 'photo'), ('text', 'image'))
    """
    named = [(name, kind) for kind, names in (("text", text), ("image", image), ("audio", audio)) for name in names]
    return tuple(name for name, _ in named), tuple(kind for _, kind in named)


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
            f"columns of {told}",
            needed="columns of one kind of content: here one source reads the rows",
            fix="name those of one kind, and go on with each in turn; graft study reads several side by side",
        )
    return named[0] if named else ("text", ())


def _by_kind(given: Any) -> Any:
    if not isinstance(given, dict) or "kinds" in given:
        return given
    names = [kind.name for kind in kinds.KINDS if kind.name in given]
    rest = {key: given[key] for key in given if key not in names}
    if len(names) == 1:
        return {"content": given[names[0]], "kind": names[0]} | rest
    if not names or not all(isinstance(given[name], list | tuple) for name in names):
        return given
    columns = [(column, name) for name in names for column in given[name]]
    return {"content": [column for column, _ in columns], "kinds": [name for _, name in columns]} | rest


def _under_kind(roles: Roles, serialise: core_schema.SerializerFunctionWrapHandler) -> dict[str, Any]:
    written: dict[str, Any] = serialise(roles)
    for name in ("kind", "content", "kinds"):
        written.pop(name)
    return {kind: type(written["label"])(columns) for kind, columns in roles.parts} | written
