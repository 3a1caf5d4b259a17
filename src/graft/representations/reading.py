"""How a source reads content: of which kind it is, how much of it is read, and what is put before it.

Decisions: each kind of content has a reading of its own, and whoever only moves contents asks nothing but ``Reading``.
A text is read in a role, because many sources were trained with another prompt before a query than before
what is searched; the prompts are those the source states (as sentence-transformers documents them) or the caller's own.
Queries and documents that are read with different prompts are still one space, since they were trained to be compared;
so both prompts are part of what names it. Where all prompts are the same, every role reads alike and makes one space.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar, Protocol, Self

from graft.core.digests import key
from graft.core.errors import InputError
from graft.rows.content import kind_named


class Role(StrEnum):
    """What a text is read as: what is asked, what is searched, what is classified, what is grouped."""

    QUERY = "query"
    DOCUMENT = "document"
    CLASSIFICATION = "classification"
    CLUSTERING = "clustering"


def as_role(named: str) -> Role:
    """The role of this name. Raises InputError."""
    if named not in set(Role):
        raise InputError(
            f"the role {named!r}", needed=f"one of {', '.join(Role)}", fix="document is for texts that are searched"
        )
    return Role(named)


@dataclass(frozen=True)
class Prompts:
    """What is put before a text in each role; an empty text where nothing is."""

    query: str = ""
    document: str = ""
    classification: str = ""
    clustering: str = ""

    def of(self, role: Role) -> str:
        """The prompt of a role."""
        return str(getattr(self, role.value))

    def said(self) -> list[str]:
        """The prompts as a person reads them, those that are empty left out.

        >>> Prompts(query="query: ").said()
        ["query: 'query: '"]
        """
        return [f"{name}: {words!r}" for name, words in asdict(self).items() if words]


class Reading(Protocol):
    """How contents of one kind become model input, whichever kind that is.

    kind: its name. prompts: what is put before a content in each role; empty for kinds that know none.
    """

    @property
    def kind(self) -> str:
        """The name of the kind of content."""
        ...

    @property
    def prompts(self) -> Prompts:
        """What is put before a content in each role."""
        ...

    @property
    def prompt(self) -> str:
        """What is put before each content now."""
        ...

    @property
    def limit(self) -> int:
        """How much of a content is read, in ``unit``; 0 where nothing is ever cut."""
        ...

    @property
    def unit(self) -> str:
        """What ``limit`` counts, such as tokens."""
        ...

    @property
    def digest(self) -> str:
        """32 hexadecimal digits: of readings whose vectors may be compared."""
        ...

    def told(self) -> Mapping[str, str]:
        """The settings as a person reads them, by name."""
        ...

    def read_as(self, role: Role) -> Self:
        """The reading of contents in a role; the same one where no role reads differently."""
        ...

    def with_prompts(self, given: Mapping[Role, str | None]) -> Self:
        """With other prompts for these roles; None leaves the one there is. Raises InputError where none is read."""
        ...


class PlainReading:
    """What readings of contents have in common that are read the same in every role, with nothing before them."""

    kind: ClassVar[str]
    prompts: ClassVar[Prompts] = Prompts()
    prompt: ClassVar[str] = ""

    def read_as(self, role: Role) -> Self:
        """The same: no role reads differently."""
        return self

    def with_prompts(self, given: Mapping[Role, str | None]) -> Self:
        """The same. Raises InputError for a prompt, which is put before texts."""
        if any(given.values()):
            what = kind_named(self.kind).plural
            raise InputError(f"a prompt for a source that reads {what}", needed="no prompt", fix="leave it out")
        return self


def cut_in_words(cut: int, rows: int, reading: Reading) -> str:
    """How many contents were cut, and where; empty when none was.

    >>> cut_in_words(2, 300, TextReading((), 256, lowercase=False))
    '2 of 300 texts are longer than the 256 tokens the source reads: the rest of each was left out'
    """
    if not cut:
        return ""
    kind = kind_named(reading.kind)
    many = f"{cut:,} of {rows:,} {kind.plural}" if rows > 1 else f"the {kind.name}"
    are, rest = ("is", "it") if cut == 1 else ("are", "each")
    read = f"the {reading.limit:,} {reading.unit} the source reads"
    return f"{many} {are} longer than {read}: the rest of {rest} was left out"


@dataclass(frozen=True)
class TextReading:
    """How texts become token numbers.

    files: names and SHA-256 of the tokenizer's files. max_tokens: longer texts are cut there, the prompt included.
    lowercase: whether texts are put in lower case first. role: what texts are read as now.
    """

    kind: ClassVar[str] = "text"
    unit: ClassVar[str] = "tokens"
    files: tuple[tuple[str, str], ...]
    max_tokens: int
    lowercase: bool
    prompts: Prompts = Prompts()
    role: Role = Role.CLASSIFICATION

    @property
    def prompt(self) -> str:
        """What is put before each text now."""
        return self.prompts.of(self.role)

    @property
    def limit(self) -> int:
        """Tokens that are read of a text."""
        return self.max_tokens

    @property
    def tokenizer(self) -> str:
        """32 hexadecimal digits that name the tokenizer and its limit, whatever is put before a text."""
        return key({"files": dict(self.files), "max_tokens": self.max_tokens})

    @property
    def digest(self) -> str:
        """32 hexadecimal digits: of readings whose vectors may be compared.

        A query is read as what it is compared with, a document.
        """
        prompt: Any = self.prompt
        if self.role in (Role.QUERY, Role.DOCUMENT):
            both = {"query": self.prompts.query, "document": self.prompts.document}
            prompt = both if len(set(both.values())) > 1 else self.prompts.query
        settings = {"files": dict(self.files), "max_tokens": self.max_tokens, "lowercase": self.lowercase}
        return key({**settings, "prompt": prompt})

    def told(self) -> Mapping[str, str]:
        """Its limit, its letters and its prompts."""
        prompts = ", ".join(self.prompts.said()) or "none"
        return {"max tokens": f"{self.max_tokens:,}", "lowercase": str(self.lowercase), "prompts": prompts}

    def read_as(self, role: Role) -> "TextReading":
        """The reading of a text in a role."""
        return replace(self, role=role)

    def with_prompts(self, given: Mapping[Role, str | None]) -> "TextReading":
        """With other prompts for these roles; None leaves the one there is."""
        named = {role.value: words for role, words in given.items() if words is not None}
        return replace(self, prompts=replace(self.prompts, **named))
