"""The encoder of a table: its source, found again and checked against the space of the rows.

Decision: a source may change under the same name (a folder that was trained on, a branch that moved); then it makes
vectors of another space, and saying so here is better than a table that quietly holds two.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from graft.core.errors import SpaceMismatch, TableError
from graft.representations.reading import Role, cut_in_words
from graft.representations.spaces import content_kind
from graft.rows.content import Content
from graft.tables.pointer import POINTER, Generation, read_pointer

if TYPE_CHECKING:
    from graft.representations.encoding.encoder import Encoder


def encoder_for(
    reference: str,
    precision: str = "native",
    *,
    prompt_query: str | None = None,
    prompt_document: str | None = None,
    cached: bool = True,
    force: bool = False,
) -> "Encoder":
    """The encoder of a source, which reads contents as documents.

    prompt_query, prompt_document: put before queries and before the contents of rows, instead of what the source
    states. cached: keep what it computes on disk. force: int8 even where it does not suit.
    """
    from graft.representations.sources import resolve_source

    own = {Role.QUERY: prompt_query, Role.DOCUMENT: prompt_document}
    source = resolve_source(pinned(reference)).with_prompts(own).read_as(Role.DOCUMENT)
    # Not before the source was found: these import a model library.
    from graft.representations.cache import ActivationCache
    from graft.representations.encoding.encoder import Encoder

    return Encoder(source, cache=ActivationCache() if cached else None, precision=precision, force=force)


def prompts_of(path: Path) -> tuple[str | None, str | None]:
    """The prompts for queries and for rows of the table at ``path``; None where there is no table, or it says none."""
    if not (path / POINTER).is_file():
        return None, None
    kept = read_pointer(path).live
    return kept.prompt_query, kept.prompt_document


class Telling:
    """An encoder as a migration calls it, which counts what it cut. rows, cut: so far."""

    def __init__(self, encoder: "Encoder") -> None:
        self.encoder, self.rows, self.cut = encoder, 0, 0

    def __call__(self, contents: Sequence[Content]) -> np.ndarray:
        """Vectors, shape (contents, dimension)."""
        vectors, report = self.encoder.vectors(contents)
        self.rows, self.cut = self.rows + report.rows, self.cut + report.cut
        return vectors

    def words(self) -> str:
        """What was cut, as a person reads it; empty when nothing was."""
        return cut_in_words(self.cut, self.rows, self.encoder.source.reading)


def pinned(reference: str) -> str:
    """The reference with a folder's whole path, so that it means the same from another working directory.

    >>> pinned("minilm"), pinned("path:/models/ours")
    ('minilm', 'path:/models/ours')
    """
    kind, colon, place = reference.partition(":")
    return f"path:{Path(place).expanduser().absolute()}" if colon and kind == "path" else reference


def encoder_of(generation: Generation, *, cached: bool = True) -> "Encoder":
    """The encoder of the rows of a generation, which reads contents as documents.

    cached: keep what it computes on disk. Raises TableError for vectors that were made elsewhere, SpaceMismatch when
    the source has changed since.
    """
    if not generation.source:
        raise TableError(
            f"the vectors of this table were made elsewhere, so {content_kind(generation.space).plural} cannot "
            "be embedded into its space here",
            needed="queries as vectors of its space",
            fix="give vectors, or make a table with graft embed",
        )
    encoder = encoder_for(
        generation.source,
        generation.precision,
        prompt_query=generation.prompt_query,
        prompt_document=generation.prompt_document,
        cached=cached,
    )
    if encoder.space.fingerprint != generation.space.fingerprint:
        raise SpaceMismatch(
            f"{generation.source} is not what it was when the table was made: it makes vectors of another space",
            needed=f"the source whose weights have the digest {generation.space.weights[:16]}…",
            fix="restore it, or move the rows with graft tables migrate",
        )
    return encoder
