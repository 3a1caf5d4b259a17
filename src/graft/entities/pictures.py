"""Pictures of items as vectors of a pretrained source, for features.

Decisions: pictures are read and encoded as a study reads and encodes them; vectors are centred on the mean of the items
that are learnt from and made one long, because vectors of a picture source lie in a narrow cone, in which everything is
alike. A picture that cannot be read says nothing about its item, and is no error: the item may have other columns.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl

from graft.core.errors import InputError, WeightsMismatch
from graft.core.vectors import unit_rows
from graft.representations.source import Source
from graft.representations.sources import require_may_read, require_reads, resolve_source
from graft.rows.content.image import IMAGE
from graft.rows.content.kind import Content

if TYPE_CHECKING:
    from graft.representations.encoding.encoder import Encoder


def folder_of(rows: object) -> Path | None:
    """What names of files in a table are relative to: the folder of its file; None for rows in memory."""
    return Path(rows).absolute().parent if isinstance(rows, str | Path) else None


@dataclass(frozen=True, eq=False)
class FittedPictures:
    """Pictures through one verified source. reference: as it was named. centre: float64, shape (dimension,)."""

    reference: str
    source: Source
    centre: np.ndarray

    @classmethod
    def fit(cls, column: pl.Series, reference: str, *, folder: Path | None) -> Self:
        """Find and verify the source, and learn the mean of the pictures that can be read.

        Raises InputError when none can be; SourceError for a source that reads no pictures.
        """
        require_may_read(reference, IMAGE)
        source = resolve_source(reference)
        require_reads(source, IMAGE)
        plain = cls(reference, source, np.zeros(source.dimension))
        pictures, why = _readable(column, folder)
        if not pictures:
            raise InputError(
                f"none of {len(column):,} pictures in {column.name!r} can be read: {why or 'the cells are empty'}",
                needed="names of files, relative to the file of the table, or encoded bytes",
                fix="check the column and the folder, or leave it out",
            )
        return cls(reference, source, plain.raw(list(pictures.values())).mean(axis=0))

    @cached_property
    def encoder(self) -> "Encoder":
        """The encoder, made when it is first needed; what it computes is kept, because fitting and using share it."""
        from graft.representations.cache import ActivationCache
        from graft.representations.encoding.encoder import Encoder

        return Encoder(self.source, cache=ActivationCache())

    def raw(self, pictures: list[Content]) -> np.ndarray:
        """Vectors as the source gives them, float64, shape (pictures, dimension)."""
        vectors, report = self.encoder.vectors(pictures)
        report.warn()
        return vectors.astype(np.float64)

    def encode(self, column: pl.Series, *, folder: Path | None) -> tuple[np.ndarray, np.ndarray]:
        """Vectors of length one, float64, shape (rows, dimension), zero without a picture; and where there is one."""
        pictures, _ = _readable(column, folder)
        vectors, there = np.zeros((len(column), len(self.centre))), np.zeros(len(column), bool)
        if pictures:
            rows = np.array(list(pictures))
            there[rows] = True
            vectors[rows] = unit_rows(self.raw(list(pictures.values())) - self.centre, tolerance=0)
        return vectors, there

    def facts(self) -> dict[str, str]:
        """Which weights the pictures go through."""
        return {"source": self.reference, "weights": self.source.weights.digest}

    @classmethod
    def restore(cls, facts: Mapping[str, Any], centre: np.ndarray) -> Self:
        """The same again. Raises WeightsMismatch when the source is another one now."""
        source = resolve_source(str(facts["source"]))
        if source.weights.digest != facts["weights"]:
            raise WeightsMismatch(
                f"{facts['source']} now has the weights {source.weights.digest[:12]}…",
                needed=f"the weights {str(facts['weights'])[:12]}…, which the features were made with",
                fix="name the source by a revision or a folder that does not change, or fit anew",
            )
        return cls(str(facts["source"]), source, centre)


def _readable(column: pl.Series, folder: Path | None) -> tuple[dict[int, Content], str]:
    """The pictures that can be read by their row, and what is wrong with the first that is there and cannot be."""
    found, why = {}, ""
    for row, one in enumerate(IMAGE.read([column], folder)):
        problem = IMAGE.problem(one)
        if one is not None and (problem is None or not problem.fatal):
            found[row] = one
        elif one is not None and problem is not None:
            why = why or problem.message
    return found, why
