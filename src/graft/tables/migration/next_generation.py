"""The new generation, built beside the one that answers.

Decisions: the new generation is an embedding table of its own, filled through the same ``upsert``; what it holds with
the right digest is done, so a kill costs one chunk and the same call goes on. One process migrates a table at a time;
nobody who reads or writes the table waits for it.
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout

from graft.core.errors import InputError, TableError
from graft.core.files import locked
from graft.core.progress import SILENT, Progress
from graft.representations.spaces import Space
from graft.tables.adapters import Adapter, adapter_path
from graft.tables.columns import OURS
from graft.tables.delta.store import DeltaStore
from graft.tables.migration.built import CHUNK, Built, catch_up
from graft.tables.migration.contents import Encode, require_contents
from graft.tables.migration.order import Hot, require_order
from graft.tables.migration.retrieval import Retrieval
from graft.tables.pointer import Generation, Precision, add_generation, new_generation, read_pointer
from graft.tables.table import EmbeddingTable

_NAME = re.compile(r"g(\d+)")


def build(
    path: Path,
    space: Space,
    encode: Encode,
    *,
    source: str = "",
    precision: Precision = "native",
    prompt_query: str | None = None,
    prompt_document: str | None = None,
    content: Sequence[str] = (),
    hot: Hot = None,
    adapter: Adapter | None = None,
    retrieval: Retrieval | None = None,
    accept_loss: bool = False,
    chunk: int = CHUNK,
    progress: Progress = SILENT,
) -> Built:
    """Build, or go on building, a generation of ``space`` beside the one that answers in the table at ``path``.

    encode: the encoder of ``space``. prompt_query, prompt_document: what it puts before queries and texts. content: the
    columns to embed, those of the table when left out. hot: what comes first, see ``ordering``. adapter: from ``space``
    into the present one, kept until the swap for queries. retrieval: what the plan measured: with a loss beyond its
    margin nothing is built, unless accept_loss says so. chunk: texts written at a time. Raises TableError when
    another migration runs or waits, or the table does not keep its texts, and GateNotMet for such a loss.
    """
    if chunk < 1:
        raise InputError(f"chunks of {chunk} texts", needed="at least 1", fix=f"use {CHUNK}")
    if retrieval is not None:
        retrieval.require_kept(read_pointer(path).name, accept_loss=accept_loss)
    with migrating(path):
        old = EmbeddingTable.open(path)
        content = require_contents(old.schema, content or old.generation.content, old.space, space)
        require_order(old.schema, hot)
        begun = _begun(old, space)
        if begun is None:
            begun = new_generation(
                _next_name(path),
                space,
                source=source,
                precision=precision,
                content=content,
                id_column=old.generation.id,
                state="building",
                prompt_query=prompt_query,
                prompt_document=prompt_document,
            )
            DeltaStore.create(path / begun.name, OURS)
            add_generation(path, begun)
        if adapter is not None:
            adapter.save(adapter_path(path, begun.name))
        new = EmbeddingTable.open(path, generation=begun.name)
        return catch_up(old, new, encode, hot=hot, chunk=chunk, progress=progress)


@contextmanager
def migrating(path: Path) -> Iterator[None]:
    """Held while a process builds, swaps or drops generations. Raises TableError when another one does."""
    read_pointer(path)
    try:
        with locked(path / ".migrating.lock", wait=False):
            _sweep(path)
            yield
    except Timeout as error:
        raise TableError(
            f"another process is migrating {path}", needed="one at a time", fix="wait for it, or end it and try again"
        ) from error


def _begun(old: EmbeddingTable, space: Space) -> Generation | None:
    """The generation that is being built. Raises TableError when one of another space is, or one of this is there."""
    for one in old.pointer.generations:
        if one.space.fingerprint == space.fingerprint and one.state != "building":
            raise TableError(
                f"table {old.name!r} has a generation of this space already: {one.name} ({one.state})",
                needed="a space it does not have",
                fix="swap to it" if one.state == "kept" else "nothing has to be migrated",
            )
        if one.state == "building" and one.space.fingerprint != space.fingerprint:
            raise TableError(
                f"table {old.name!r} is being migrated to another space: {one.name}, {one.source or one.space.weights}",
                needed="one migration at a time",
                fix=f"finish that one, or drop {one.name}",
            )
    return next((one for one in old.pointer.generations if one.state == "building"), None)


def _next_name(path: Path) -> str:
    numbers = [int(match[1]) for match in map(_NAME.fullmatch, _generations(path)) if match]
    return f"g{max(numbers, default=0) + 1}"


def _generations(path: Path) -> list[str]:
    return [one.name for one in read_pointer(path).generations]


def _sweep(path: Path) -> None:
    """Remove what a kill left of a generation nobody knows (any more)."""
    known = _generations(path)
    for place in path.iterdir():
        if _NAME.fullmatch(place.name.split(".")[0]) and place.name.split(".")[0] not in known:
            shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
