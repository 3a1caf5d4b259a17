"""The digests of the files of a source that Graft made, in a file beside them, and whether they still hold.

Decisions: weights that nobody published have no digest anybody could look up, so the folder states its own; whatever
reads the source holds every file against it, settings and card too, since one changed letter of a setting changes every
vector. It is a file that ``sha256sum -c`` reads. Files that came later (a licence, for one) are not its business; a
file that a person means to change is taken out of it.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from graft.core.errors import SourceError, WeightsMismatch
from graft.core.files import write_text
from graft.representations.weights.unchanged import weights_digest

SUMS = "graft_files.sha256"
_LINE = re.compile(r"([0-9a-f]{64})  ([^\s/\\][^/\\\n]*(?:/[^\s/\\][^/\\\n]*)?)")
_LARGEST = 1 << 18
_NEEDED = "the folder as Graft wrote it"


def write_sums(folder: Path) -> None:
    """State the digests of all files in a folder that was just made."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{weights_digest([path])}  {path.relative_to(folder).as_posix()}\n" for path in files]
    write_text(folder / SUMS, "".join(lines))


def require_sums(folder: Path, reference: str) -> None:
    """Raise WeightsMismatch where a file is not what the folder states; one that states nothing may hold anything.

    The folder was checked: its files are plain ones and lie inside. Raises SourceError for a damaged statement.
    """
    for name, digest in _stated(folder, reference).items():
        path = folder / name
        if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
            raise WeightsMismatch(
                f"{reference}: {name} is gone, which {SUMS} names", needed=_NEEDED, fix="copy the folder again"
            )
        found = weights_digest([path])
        if found != digest:
            raise WeightsMismatch(
                f"{reference}: {name} was changed since it was made: its SHA-256 is {found}",
                needed=digest,
                fix=f"copy the folder again; if you changed it yourself, take its line out of {SUMS}",
            )


def _stated(folder: Path, reference: str) -> Mapping[str, str]:
    """The digests by the names of the files; none where the folder states none."""
    path = folder / SUMS
    if not path.is_file():
        return {}
    raw = path.read_bytes()[: _LARGEST + 1] if path.stat().st_size <= _LARGEST else b"\0"
    try:
        found = [_LINE.fullmatch(line) for line in raw.decode("utf-8").removesuffix("\n").split("\n")]
    except UnicodeDecodeError:
        found = [None]
    stated = {one[2]: one[1] for one in found if one is not None}
    if len(stated) != len(found) or any(".." in Path(name).parts for name in stated):
        raise SourceError(f"{reference}: {SUMS} is damaged", needed=_NEEDED, fix="copy the folder again")
    return stated
