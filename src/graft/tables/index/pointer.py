"""``index.json``: which files an index consists of, and what they were made from.

Decisions: the files of one index lie in a folder of their own that is never written again, and one small file, replaced
whole, names the folder: a build that is killed leaves the index before it, and a reader that has opened one keeps it.
Every file is named with its SHA-256, the small one states its own digest, and none is handed to a reader before it
verifies.
"""

import json
import shutil
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from graft.core import foreign
from graft.core.digests import FileFact, file_sha256, sealed, unsealed
from graft.core.errors import InputError, TableError
from graft.core.files import write_text
from graft.tables.index.graph import GraphSettings
from graft.tables.index.recall import Recall
from graft.tables.inside import require_plain

POINTER = "index.json"
GRAPH = "graph.usearch"
ROWS = "rows.parquet"
REBUILD = "build the index again with graft tables index"


class IndexRecord(BaseModel):
    """What an index was made from. generation, version: of the table; version counts Delta commits.

    space: fingerprint. rows: those that can be found. gone: labels in the graph whose row was replaced or removed.
    recall: measured when the graph was built. folder: where the files lie. created: ISO 8601, UTC.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    schema_: Literal[1] = Field(default=1, alias="schema")
    generation: str
    version: int
    space: str
    dimension: int = Field(ge=1, le=1 << 16)
    rows: int = Field(ge=0)
    gone: int = Field(ge=0)
    settings: GraphSettings
    recall: Recall
    folder: str = Field(pattern=r"^v\d+-[0-9a-f]+$")
    files: dict[str, FileFact]
    created: str


def read_record(folder: Path) -> IndexRecord:
    """What ``index.json`` says. Raises TableError when there is none, or it is damaged or of another version."""
    path = folder / POINTER
    try:
        require_plain(folder, path)
        stated = foreign.read_json(path, limit=foreign.SETTINGS_LIMIT)
    except (FileNotFoundError, NotADirectoryError):
        raise TableError(
            f"there is no index in {folder}", needed=POINTER, fix="build one with graft tables index"
        ) from None
    except InputError as error:
        if isinstance(error, TableError):
            raise
        raise TableError(error.given, needed="the file that was written", fix=REBUILD) from error
    schema = stated.get("schema") if isinstance(stated, dict) else None
    if schema != 1:
        raise TableError(f"{path} has schema {schema!r}", needed="schema 1", fix=f"update Graft, or {REBUILD}")
    try:
        return IndexRecord.model_validate(unsealed(stated))
    except ValidationError as error:
        first = error.errors()[0]
        raise TableError(
            f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}", needed="what a build wrote", fix=REBUILD
        ) from error
    except ValueError as error:
        raise TableError(f"{path}: {error}", needed="what a build wrote", fix=REBUILD) from error


def write_record(folder: Path, record: IndexRecord) -> None:
    """Make ``record`` the index, whole or not at all."""
    write_text(folder / POINTER, json.dumps(sealed(record.model_dump(mode="json")), indent=2) + "\n")


def facts_of(folder: Path) -> dict[str, FileFact]:
    """The files of a new index, with their digests."""
    return {
        name: FileFact(sha256=file_sha256(folder / name), size=(folder / name).stat().st_size) for name in (GRAPH, ROWS)
    }


def verify_files(folder: Path, record: IndexRecord) -> None:
    """Raise TableError unless every file is there and has its digest; FileNotFoundError when one is missing."""
    for name in (GRAPH, ROWS):
        path, fact = folder / record.folder / name, record.files.get(name)
        size = require_plain(folder, path).st_size
        if fact is None or size != fact.size or file_sha256(path) != fact.sha256:
            raise TableError(f"{path} was changed after it was written", needed="the file as built", fix=REBUILD)


def remove_others(folder: Path, kept: str) -> None:
    """Remove the files of earlier indexes, and what a killed build left. Whoever has them open keeps them."""
    for path in folder.iterdir():
        if path.is_dir() and path.name != kept:
            shutil.rmtree(path, ignore_errors=True)
