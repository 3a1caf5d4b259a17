"""The list of a bundle's files, with a digest of each.

Decisions: the manifest lists every file but itself and seals itself with a digest of its own content, so damage
anywhere is found and named. It proves that nothing changed by accident; against someone who rewrites the manifest
too, keep its SHA-256 elsewhere. Links and names that leave the folder are refused before anything is opened.
"""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from graft.core import foreign
from graft.core.digests import FileFact, file_sha256, key
from graft.core.errors import BundleError, InputError
from graft.core.files import write_text
from graft.core.places import BUNDLE, SHOP, next_step
from graft.core.version import __version__

MANIFEST = "manifest.json"
SCHEMA = "graft/bundle/1"
_SHOWN = 6


class Manifest(BaseModel):
    """Every file of a bundle. created: UTC. seal: digest of everything else in the manifest."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    schema_: Literal["graft/bundle/1"] = Field(default="graft/bundle/1", alias="schema")
    created_by: str
    created: str
    files: dict[str, FileFact]
    seal: str = ""

    def text(self) -> str:
        """The manifest as it stands on disk."""
        return json.dumps(self.model_dump(), indent=2, ensure_ascii=False) + "\n"

    def sealed(self) -> "Manifest":
        """The manifest with the digest of its content."""
        return self.model_copy(update={"seal": key(self.model_dump(exclude={"seal"}))})


def write_manifest(folder: Path, *, beside: str = "") -> None:
    """List the files of a folder in its manifest. The time is $SOURCE_DATE_EPOCH, where it is set.

    beside: a folder in it whose files come and go, and are not listed.
    """
    stated = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(stated), UTC) if stated else datetime.now(UTC)
    files = {
        name: FileFact(sha256=file_sha256(folder / name), size=(folder / name).stat().st_size)
        for name in files_of(folder, beside=beside)
    }
    manifest = Manifest(created_by=f"graft {__version__}", created=moment.isoformat(timespec="seconds"), files=files)
    write_text(folder / MANIFEST, manifest.sealed().text())


@dataclass(frozen=True)
class WantedFolder:
    """What a folder with a manifest was to be, in words. made_by, used_by: commands."""

    named: str
    made_by: str
    used_by: str


_WANTED = {
    BUNDLE: WantedFolder("bundle", "graft study", "graft predict study/bundle FILE"),
    SHOP: WantedFolder("shop", "graft recommend fit", "graft recommend for SHOP --user USER"),
}


def read_manifest(folder: Path, wanted: str = BUNDLE) -> Manifest:
    """Read the manifest of a bundle. Raises BundleError when there is none, or it is damaged or of another version.

    wanted: BUNDLE or SHOP, for what is said where there is none.
    """
    path = folder / MANIFEST
    if not folder.is_dir() or not path.is_file() or path.is_symlink():
        given = f"{folder} is a file" if folder.is_file() else f"there is no folder {folder}"
        words = _WANTED[wanted]
        raise BundleError(
            f"{folder} is no {words.named}: it has no {MANIFEST}" if folder.is_dir() else given,
            needed=f"the folder of a {words.named}, as {words.made_by} wrote it",
            fix=next_step(folder, wanted) or f"check the path: {words.used_by}",
        )
    try:
        raw = foreign.read_bytes(path, limit=foreign.SETTINGS_LIMIT)
    except InputError as error:
        raise BundleError(error.given, needed=error.needed, fix=_FIX) from error
    try:
        stated = json.loads(raw)
        if isinstance(stated, dict) and str(stated.get("schema", SCHEMA)) != SCHEMA and _well_sealed(stated):
            raise BundleError(
                f"{path} has the schema {stated['schema']!r}", needed=SCHEMA, fix="use the Graft that wrote this bundle"
            )
        manifest = Manifest.model_validate(stated)
    except (ValidationError, ValueError, RecursionError) as error:
        if isinstance(error, BundleError):
            raise
        raise _damaged(path) from error
    if manifest.sealed().text().encode("utf-8", "surrogatepass") != raw:
        raise _damaged(path)
    for name in manifest.files:
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts or "\\" in name or str(PurePosixPath(name)) != name:
            raise BundleError(
                f"{path} lists {name!r}, which is no plain name inside the bundle", needed="relative names", fix=_FIX
            )
    return manifest


_FIX = "do not use this copy: copy the bundle again from where it was written"


def _well_sealed(stated: dict[str, object]) -> bool:
    return stated.get("seal") == key({name: value for name, value in stated.items() if name != "seal"})


def _damaged(path: Path) -> BundleError:
    return BundleError(f"{path} ({MANIFEST}) has changed since it was written", needed="the file as written", fix=_FIX)


def files_of(folder: Path, *, beside: str = "") -> list[str]:
    """Names of all files in a folder but the manifest and those ``beside``, sorted.

    Raises BundleError for links and special files.
    """
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise BundleError(f"{name} in {folder} is a link or no plain file", needed="plain files", fix=_FIX)
        if path.is_file() and name != MANIFEST and not (beside and name.startswith(f"{beside}/")):
            found.append(name)
    return found


def check_files(folder: Path, manifest: Manifest, *, beside: str = "") -> None:
    """Raise BundleError that names every file that is missing, extra or changed; see ``write_manifest``."""
    have = files_of(folder, beside=beside)
    problems = [f"{name} is missing" for name in sorted(set(manifest.files) - set(have))]
    problems += [f"{name} is extra" for name in have if name not in manifest.files]
    for name in have:
        fact, path = manifest.files.get(name), folder / name
        if fact is not None and (path.stat().st_size != fact.size or file_sha256(path) != fact.sha256):
            problems.append(f"{name} has changed")
    if problems:
        more = f" and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise BundleError(
            f"the bundle {folder} is not as it was written: {', '.join(problems[:_SHOWN])}{more}",
            needed=f"the {len(manifest.files)} files of its manifest, byte for byte",
            fix=_FIX,
        )
