"""``table.json``: which generations a table has, and which one answers.

Decisions: one small file, replaced whole, is the only thing that says which generation is current, so swapping to
another space and rolling back are one rename. Changes to it are made under a file lock; reading needs none. It
states its own digest, and one that was damaged is refused. Copying rows and erasing them exclude one another by a
second lock: a migration or a new index reads rows and writes them elsewhere; if they were erased in between, it would
bring them back from its memory. It holds the lock for a chunk at a time, so that an erasure waits for seconds.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from graft.core import foreign
from graft.core.digests import sealed, unsealed
from graft.core.errors import InputError, SpaceMismatch, TableError
from graft.core.files import locked, write_json
from graft.core.places import TABLE, next_step
from graft.representations.spaces import Space, read_space
from graft.tables.inside import require_own

POINTER = "table.json"
_GENERATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
SCHEMA = 2
State = Literal["live", "building", "kept"]
Precision = Literal["native", "int8"]


@dataclass(frozen=True)
class Generation:
    """Vectors of one space. name: its folder. content: the columns that were embedded. id: the user's column of ids.

    source: reference of the pretrained source, empty for vectors made elsewhere. created: ISO 8601, UTC. state:
    ``live`` answers, ``building`` is being filled, ``kept`` answered before and can be returned to. prompt_query,
    prompt_document: what is put before queries and before the texts of rows; None: what the source states.
    """

    name: str
    space: Space
    source: str
    precision: Precision
    content: tuple[str, ...]
    id: str
    created: str
    state: State
    prompt_query: str | None = None
    prompt_document: str | None = None


@dataclass(frozen=True)
class Pointer:
    """What ``table.json`` says."""

    name: str
    current: str
    generations: tuple[Generation, ...]

    @property
    def live(self) -> Generation:
        """The generation that answers."""
        return self.generation(self.current)

    def generation(self, name: str) -> Generation:
        """The generation of this name. Raises TableError when there is none."""
        for one in self.generations:
            if one.name == name:
                return one
        raise TableError(
            f"table {self.name!r} has no generation {name!r}",
            needed=f"one of {', '.join(one.name for one in self.generations)}",
            fix="look at them with graft tables show",
        )


def new_generation(
    name: str,
    space: Space,
    *,
    source: str,
    precision: Precision,
    content: tuple[str, ...],
    id_column: str,
    state: State,
    prompt_query: str | None = None,
    prompt_document: str | None = None,
) -> Generation:
    """A generation made now."""
    created = datetime.now(UTC).isoformat(timespec="seconds")
    prompts = (prompt_query, prompt_document)
    return Generation(name, space, source, precision, content, id_column, created, state, *prompts)


def local_folder(place: str | Path) -> Path:
    """The folder a table lies in, on this machine. Raises TableError for an address such as ``s3://bucket/table``.

    >>> local_folder("tables/tickets").name
    'tickets'
    """
    # A path written from an address has lost one of its slashes.
    if _ADDRESS.match(str(place)):
        raise TableError(
            f"a table at {place}",
            needed="a folder on a disk of this machine: tables in object stores do not work yet",
            fix="name a local folder; copy it to the store afterwards if it must be there",
        )
    return Path(place)


def read_pointer(path: Path) -> Pointer:
    """What the table in folder ``path`` says. Raises TableError when it is none, damaged or of a newer Graft."""
    place = path / POINTER
    try:
        place.stat()
        require_own(path)
        said = foreign.read_json(place, limit=foreign.SETTINGS_LIMIT)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _no_table(path) from error
    except InputError as error:
        raise _damaged(place, error.given) from error
    except OSError as error:
        raise _damaged(place, str(error)) from error
    schema = said.get("schema") if isinstance(said, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise TableError(
            f"{place} is of schema {schema}, written by a newer Graft",
            needed=f"schema {SCHEMA}",
            fix="install the version of Graft that wrote it",
        )
    try:
        said = unsealed(said)
        # Half a character can be read from JSON and written nowhere.
        json.dumps(said, ensure_ascii=False).encode()
        pointer = Pointer(said["name"], said["current"], tuple(_generation(one) for one in said["generations"]))
        pointer.generation(pointer.current)
    except (TypeError, ValueError, KeyError, AttributeError, SpaceMismatch, TableError) as error:
        raise _damaged(place, f"it says nothing usable about {error}".splitlines()[0]) from error
    return pointer


def write_pointer(path: Path, pointer: Pointer) -> None:
    """Replace ``table.json``, whole or not at all."""
    said = asdict(pointer)
    said["generations"] = [{**asdict(one), "space": one.space.stated()} for one in pointer.generations]
    write_json(path / POINTER, sealed({"schema": SCHEMA, **json.loads(json.dumps(said))}))


def change_pointer(path: Path, change: Callable[[Pointer], Pointer]) -> Pointer:
    """Replace ``table.json`` by what ``change`` makes of it, one process at a time."""
    with locked(path / ".lock"):
        pointer = change(read_pointer(path))
        write_pointer(path, pointer)
        return pointer


@contextmanager
def none_erased(path: Path) -> Iterator[None]:
    """Held while rows of the table at ``path`` are copied, or erased."""
    with locked(path / ".erasing.lock"):
        yield


def add_generation(path: Path, generation: Generation) -> Pointer:
    """Note a generation beside the others. Raises TableError when its name is taken."""

    def change(pointer: Pointer) -> Pointer:
        if any(one.name == generation.name for one in pointer.generations):
            raise TableError(
                f"table {pointer.name!r} has a generation {generation.name!r} already", needed="a new name", fix=""
            )
        return replace(pointer, generations=(*pointer.generations, generation))

    return change_pointer(path, change)


def remove_generation(path: Path, name: str) -> Pointer:
    """Forget a generation (its folder is left to the caller). Raises TableError for the one that answers."""

    def change(pointer: Pointer) -> Pointer:
        pointer.generation(name)
        if name == pointer.current:
            raise TableError(
                f"generation {name!r} of table {pointer.name!r} is the one that answers",
                needed="a generation that does not",
                fix="swap to another one first",
            )
        return replace(pointer, generations=tuple(one for one in pointer.generations if one.name != name))

    return change_pointer(path, change)


def swap(path: Path, to: str) -> Pointer:
    """Let generation ``to`` answer from now on; the one before is kept."""

    def change(pointer: Pointer) -> Pointer:
        pointer.generation(to)
        if to == pointer.current:
            return pointer
        states: dict[str, State] = {pointer.current: "kept", to: "live"}
        changed = (replace(one, state=states.get(one.name, one.state)) for one in pointer.generations)
        return Pointer(pointer.name, to, tuple(changed))

    return change_pointer(path, change)


def _generation(said: Mapping[str, Any]) -> Generation:
    if said["state"] not in ("live", "building", "kept") or said["precision"] not in ("native", "int8"):
        raise KeyError("state")
    prompts = [said.get(name) for name in ("prompt_query", "prompt_document")]
    if not all(isinstance(one, str | None) for one in prompts):
        raise TypeError("its prompts")
    if not isinstance(said["name"], str) or not _GENERATION.fullmatch(said["name"]):
        raise KeyError(f"a generation called {ascii(said['name'])[:100]}")
    content = said["content"] if "content" in said else said["text"]  # as schema 1 called it
    if not isinstance(content, list) or not all(isinstance(one, str) for one in content):
        raise TypeError("the columns that are embedded")
    texts = {name: str(said[name]) for name in ("name", "source", "id", "created")}
    return Generation(
        **texts,
        space=read_space(said["space"]),
        precision=said["precision"],
        content=tuple(content),
        state=said["state"],
        prompt_query=prompts[0],
        prompt_document=prompts[1],
    )


def _no_table(path: Path) -> TableError:
    step = next_step(path, TABLE)
    if path.is_file():
        return TableError(f"{path} is a file", needed="the folder of a table", fix=step or "graft tables show FOLDER")
    if not path.is_dir() or not any(path.iterdir()):
        fix = step or f"check the path, or create it: graft embed FILE --id ID --text TEXT --table {path}"
        return TableError(f"there is no embedding table at {path}", needed="the folder of a table", fix=fix)
    return TableError(
        f"{path} is not a whole embedding table: it has no {POINTER}",
        needed="a folder that Graft wrote to its end",
        fix=step or "check the path; if the table was cut off while it was made, make it again in another folder",
    )


def _damaged(place: Path, why: str) -> TableError:
    return TableError(
        f"{place} is damaged: {why}", needed="the file as Graft wrote it", fix="restore it from a copy of the table"
    )
