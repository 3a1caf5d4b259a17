"""What searching and indexing need of a table: this much, and no more."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import pyarrow as pa

from graft.representations.spaces import Space
from graft.tables.pointer import Generation


class OpenTable(Protocol):
    """A table, as ``EmbeddingTable`` is one."""

    path: Path
    generation: Generation

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def space(self) -> Space:
        """The space of its vectors."""
        ...

    @property
    def version(self) -> int:
        """The version looked at."""
        ...

    @property
    def schema(self) -> pa.Schema:
        """The columns."""
        ...

    def as_of(self, when: int) -> Self:
        """The table as it was at a version."""
        ...

    def count(self) -> int:
        """Rows."""
        ...

    def read(self, columns: Sequence[str] | None = None, *, where: str | None = None) -> pa.Table:
        """Rows, in the order of ``vectors``."""
        ...

    def matching(self, where: str) -> np.ndarray:
        """At which rows a condition holds, in the order of ``vectors``."""
        ...

    def vectors(self) -> tuple[np.ndarray, np.ndarray]:
        """Ids and vectors."""
        ...
