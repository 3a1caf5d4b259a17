"""How a source wants its texts read: the prompt before each, the tokenizer, where it cuts.

Decisions: a text is read in a role, because many sources were trained with another prompt before a query than before
what is searched; the prompts are those the source states (as sentence-transformers documents them) or the caller's own.
Queries and documents that are read with different prompts are still one space, since they were trained to be compared;
so both prompts are part of what names it. Where all prompts are the same, every role reads alike and makes one space.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from graft.core.digests import key
from graft.core.errors import InputError


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


@dataclass(frozen=True)
class Reading:
    """How texts become token numbers.

    files: names and SHA-256 of the tokenizer's files. max_tokens: longer texts are cut there, the prompt included.
    lowercase: whether texts are put in lower case first. vocabulary: how many token numbers the model has vectors for.
    role: what texts are read as now.
    """

    files: tuple[tuple[str, str], ...]
    max_tokens: int
    lowercase: bool
    vocabulary: int
    prompts: Prompts = Prompts()
    role: Role = Role.CLASSIFICATION

    @property
    def prompt(self) -> str:
        """What is put before each text now."""
        return self.prompts.of(self.role)

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

    def read_as(self, role: Role) -> "Reading":
        """The reading of a text in a role."""
        return replace(self, role=role)

    def with_prompts(self, given: Mapping[Role, str | None]) -> "Reading":
        """With other prompts for these roles; None leaves the one there is."""
        named = {role.value: words for role, words in given.items() if words is not None}
        return replace(self, prompts=replace(self.prompts, **named))
