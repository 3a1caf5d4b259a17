"""A linear head on what no neural network computes of each part of a row of several kinds."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from scipy import sparse

from graft.core.progress import SILENT, Progress
from graft.inputs.dataset import Dataset
from graft.representations.cache import ActivationCache
from graft.rows.content import Content, kind_named
from graft.rows.content.joined import having
from graft.scores.classical.features import feature_recipe
from graft.scores.classical.ngrams import NgramEncoder, beside, ngrams_of
from graft.scores.columns import ColumnEncoder, columns_of
from graft.scores.output import Matrix, Output

TEXT = "text"


@dataclass(frozen=True, eq=False)
class PartRecipe:
    """What is computed of the contents of one kind. encoders: vocabularies, of texts. recipe: of numbers, by name.

    width: columns.
    """

    kind: str
    width: int
    encoders: tuple[NgramEncoder, ...] = ()
    recipe: str = ""

    def block(self, contents: Sequence[Content]) -> Matrix:
        """Columns of contents, (contents, width); what occurs several times is computed once."""
        digest, index = kind_named(self.kind).digest, dict[bytes, int]()
        places = np.array([index.setdefault(digest(one), len(index)) for one in contents], np.int64)
        first = dict(zip(places.tolist(), contents, strict=True))
        distinct = tuple(first[place] for place in range(len(first)))
        if self.kind == TEXT:
            return beside([one.encode(distinct) for one in self.encoders], np.zeros((len(distinct), 0)))[places]
        return feature_recipe(self.recipe).compute(distinct)[places] if distinct else np.zeros((0, self.width))

    @property
    def said(self) -> str:
        """What is computed, in a word or two."""
        return self.recipe or "n-grams"


def laid_out(parts: Sequence[tuple[np.ndarray, Matrix]], widths: Sequence[int], rows: int) -> sparse.csr_matrix:
    """Blocks of columns side by side, and behind them where a row lacks each part, float32 (rows, widths + parts).

    parts: positions of the rows that have each, and its columns of them.
    """
    blocks = []
    lacking = np.ones((rows, len(parts)), np.float32)
    for place, ((have, block), width) in enumerate(zip(parts, widths, strict=True)):
        lacking[have, place] = 0
        whole = sparse.lil_matrix((rows, width), dtype=np.float32).tocsr()
        if len(have):
            ones = np.ones(len(have), np.float32)
            whole = sparse.csr_matrix((ones, (have, np.arange(len(have)))), (rows, len(have))) @ sparse.csr_matrix(
                block
            )
        blocks.append(whole)
    return beside(blocks, lacking)


@dataclass(frozen=True, eq=False)
class JoinedFeatureModel:
    """A linear head on what is computed of each part of a row and on the columns beside them."""

    output: Output
    parts: tuple[PartRecipe, ...]
    columns: ColumnEncoder
    weight: np.ndarray
    bias: np.ndarray
    kind: ClassVar[str] = "features side by side"
    explains: ClassVar[bool] = True
    source: ClassVar[None] = None

    @property
    def encoders(self) -> tuple[NgramEncoder, ...]:
        """The vocabularies of the texts."""
        return tuple(encoder for part in self.parts for encoder in part.encoders)

    def seen(
        self, rows: Dataset, *, cache: ActivationCache | None = None, progress: Progress = SILENT
    ) -> sparse.csr_matrix:
        """What is computed of the parts, side by side, and which are lacking."""
        found = []
        for part in self.parts:
            have, some = having(rows.contents, part.kind)
            found.append((have, part.block(some)))
        return laid_out(found, [part.width for part in self.parts], len(rows))

    def scores(self, rows: Dataset, *, progress: Progress = SILENT) -> np.ndarray:
        """Finished scores."""
        return self.scores_of(self.seen(rows, progress=progress), rows)

    def scores_of(self, seen: Matrix | None, rows: Dataset) -> np.ndarray:
        """Finished scores of rows of which the parts were computed."""
        assert seen is not None
        return self.finished(beside([sparse.csr_matrix(seen)], self.columns.encode(rows)))

    def finished(self, matrix: sparse.csr_matrix) -> np.ndarray:
        """Finished scores of everything side by side."""
        return self.output.finish(matrix @ self.weight.T + self.bias)

    def facts(self) -> dict[str, Any]:
        """What is computed of each part."""
        parts = [
            {
                "kind": part.kind,
                "width": part.width,
                "recipe": part.recipe,
                "encoders": [
                    {"analyzer": one.analyzer, "ngrams": list(one.ngrams), "terms": list(one.terms)}
                    for one in part.encoders
                ],
            }
            for part in self.parts
        ]
        return {"parts": parts, "columns": asdict(self.columns)}

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights."""
        idf = {f"idf.{number}": one.idf for number, one in enumerate(self.encoders)}
        return {"weight": self.weight, "bias": self.bias, **idf}

    @classmethod
    def load(cls, folder: Path, output: Output, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """Back from the recipes and the weights. Raises ValueError for what does not fit together."""
        parts: list[PartRecipe] = []
        for stated in facts["parts"]:
            start = sum(len(part.encoders) for part in parts)
            encoders = tuple(
                ngrams_of(one, arrays[f"idf.{start + number}"]) for number, one in enumerate(stated["encoders"])
            )
            part = PartRecipe(stated["kind"], stated["width"], encoders, stated["recipe"])
            known = part.kind == TEXT or feature_recipe(part.recipe).kind == part.kind
            if type(part.width) is not int or part.width < 0 or not known:
                raise ValueError("parts of a row that do not fit together")
            if part.kind == TEXT and part.width != sum(len(one.terms) for one in encoders):
                raise ValueError("vocabularies of another width")
            parts.append(part)
        columns = columns_of(facts["columns"])
        width = sum(part.width + 1 for part in parts) + columns.width
        if not parts or arrays["weight"].shape != (len(arrays["bias"]), width):
            raise ValueError("weights that do not fit the parts")
        return cls(output, tuple(parts), columns, arrays["weight"], arrays["bias"])
