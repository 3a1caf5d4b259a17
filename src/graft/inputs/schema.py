"""What the rows are, written down: columns, types, lengths, label set and missing values.

Decisions: the contract is inferred once, travels with the model as JSON and rejects unknown keys; it is a fact about
the given rows, so it holds counts and no cleverness. Rows without a label or without content are set aside, not fatal,
unless that is all of them; counts of classes are over the rows that remain.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from graft.core.tasks import Task
from graft.inputs.roles import Roles

CATEGORY_CAP = 1000


class _Frozen(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )


class LengthFacts(_Frozen):
    """How long the contents of a column are, in the unit of their kind: characters of texts."""

    min: int
    median: float
    p95: float
    max: int


class NumberFacts(_Frozen):
    """The numbers of a column, missing ones left out; std is the sample standard deviation."""

    min: float
    max: float
    mean: float
    std: float


class CategoryCount(_Frozen):
    """A known value of a category and the rows that have it."""

    value: str
    rows: int


class ColumnFacts(_Frozen):
    """One column: what it is for and what it holds.

    kind: that of its content, such as text, or number, category, time, label, id or group. missing: rows without a
    value. distinct: number of different values. length is given for content, number for numbers,
    categories (most frequent first, at most 1000) for categories.
    """

    name: str
    role: str
    kind: str
    missing: int
    distinct: int
    length: LengthFacts | None = None
    number: NumberFacts | None = None
    categories: tuple[CategoryCount, ...] = ()


class Contract(_Frozen):
    """The contract of a data set.

    labels: class names, sorted; () for regression. label_counts: usable rows with each of labels, same order.
    rows: rows of the table it was inferred from. separator: what separates labels in one column of text, or "".
    positions: length of the indicator vectors (lists of 0 and 1) that state the labels, which are named by their
    positions from 0; 0 where labels are given by name.
    """

    schema_: Literal["graft/contract/1"] = Field(default="graft/contract/1", alias="schema")
    task: Task
    roles: Roles
    columns: tuple[ColumnFacts, ...]
    labels: tuple[str, ...] = ()
    label_counts: tuple[int, ...] = ()
    rows: int
    separator: str = ""
    positions: int = 0

    def column(self, name: str, role: str) -> ColumnFacts | None:
        """The facts of a column in a role; None when the contract has none."""
        return next((facts for facts in self.columns if (facts.name, facts.role) == (name, role)), None)
