"""Which pieces of a content carry a score, by leaving them out.

Decisions: what can be left out is what the kind of content says (``rows/content``): of a text its words; the change of
the calibrated probability is told, because that is what the user sees; many rows are scored together.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from graft.core.progress import SILENT, Progress
from graft.inputs.dataset import Dataset
from graft.rows.content import Piece

_TOLD = 5
_BESIDE = "the columns"
_CONTENTS_AT_ONCE, _SIZE_AT_ONCE = 4096, 20_000_000


def explain_pieces(
    rows: Dataset,
    base: np.ndarray,
    outputs: np.ndarray,
    *,
    probabilities: Callable[[Dataset], np.ndarray],
    digits: str = "+.2f",
    progress: Progress = SILENT,
) -> list[str]:
    """For each row the pieces that carry the score of one output, such as ``invoice +0.21; password +0.10``.

    base: what is said of the rows, (rows, outputs). outputs: which column of it to explain, (rows,). probabilities:
    says the same of other rows. digits: how a change is written; one that would be written as nothing is left out.
    """
    told: list[str] = []
    with progress.stage("explain", len(rows), "rows") as stage:
        for chunk in _chunks(rows):
            pieces = [_pieces(rows, row) for row in chunk]
            owners = np.repeat(chunk, [len(some) for some in pieces])
            rest = tuple(piece.rest for some in pieces for piece in some)
            columns = outputs[owners]
            varied = replace(rows.take(owners), contents=rest)
            bare = [
                place for place, piece in enumerate(piece for some in pieces for piece in some) if piece.name == _BESIDE
            ]
            varied.numeric[bare], varied.categorical[bare] = np.nan, ""
            after = probabilities(varied) if rest else np.zeros((0, 1))
            changes = base[owners, columns] - after[np.arange(len(owners)), columns]
            told += _told(pieces, changes, digits)
            stage.advance(len(chunk))
    return told


def _pieces(rows: Dataset, row: int) -> tuple[Piece, ...]:
    """What can be left out of a row; of one of several kinds the columns beside them are a part as well."""
    found = rows.kind.pieces(rows.contents[row])
    if not rows.kind.parts or not rows.numeric.shape[1] + rows.categorical.shape[1]:
        return found
    return (*found, Piece(_BESIDE, rows.contents[row], whole=True))


def _chunks(rows: Dataset) -> Iterator[list[int]]:
    """Row numbers in chunks whose variants fit into memory together."""
    chunk: list[int] = []
    variants = sizes = 0
    for row, content in enumerate(rows.contents):
        size = rows.kind.size(content)
        more = min(rows.kind.pieces_at_most, size)
        if chunk and (variants + more > _CONTENTS_AT_ONCE or sizes + more * size > _SIZE_AT_ONCE):
            yield chunk
            chunk, variants, sizes = [], 0, 0
        chunk.append(row)
        variants, sizes = variants + more, sizes + more * size
    if chunk:
        yield chunk


def _told(pieces: list[tuple[Piece, ...]], changes: np.ndarray, digits: str) -> list[str]:
    told: list[str] = []
    start = 0
    for some in pieces:
        own = changes[start : start + len(some)]
        start += len(some)
        largest = np.argsort(-np.abs(own), kind="stable").tolist()
        # What a whole part carries is told of every part, and then what carries most inside them.
        whole = [place for place, piece in enumerate(some) if piece.whole]
        order = whole + [place for place in largest if not some[place].whole][:_TOLD]
        said = [(some[place].name, f"{own[place]:{digits}}") for place in order]
        told.append("; ".join(f"{name} {change}" for name, change in said if float(change) != 0))
    return told
