"""A folder with a folder of files for each class, as rows.

Decisions: the name of a folder is the class of what lies in it, at whatever depth; what there is more of, pictures or
recordings, is what the rows are of; hidden files and what is plainly neither (texts, licences) are passed over and
counted. Files are named relative to the folder, in the order of their names, so the same folder gives the same rows
everywhere.
"""

from pathlib import Path
from typing import Any

import polars as pl

from graft.core.errors import InputError
from graft.rows.content import AUDIO, IMAGE, kind_named

FOLDER_LABEL = "label"
_ENDINGS = {
    IMAGE.name: "jpg jpeg jpe png gif bmp tif tiff webp avif heic ppm pgm jp2",
    AUDIO.name: "wav wave flac ogg oga opus mp3 aif aiff aifc au snd caf w64 rf64 m4a",
}
_KIND_OF = {f".{ending}": kind for kind, endings in _ENDINGS.items() for ending in endings.split()}


def is_folder_of_classes(data: Any, named: tuple[str, ...]) -> bool:
    """Whether rows are given as a folder, and no column is named."""
    return isinstance(data, str | Path) and not named and Path(data).is_dir()


def folder_kind(folder: Path) -> str:
    """The kind of most files in the folders of a folder, which is also the column of their names; "" where none is."""
    found = [_KIND_OF.get(path.suffix.lower(), "") for path in folder.glob("*/*")]
    counts = {kind: found.count(kind) for kind in _ENDINGS}
    most = max(counts, key=lambda kind: counts[kind])
    return most if counts[most] else ""


def read_folder(folder: Path) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The columns ``image`` or ``audio``, and ``label``, of the files in the folders of a folder, and notes.

    Raises InputError where there are none.
    """
    kind = folder_kind(folder) or IMAGE.name
    plural = "pictures" if kind == IMAGE.name else kind_named(kind).plural
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not _hidden(path.relative_to(folder)))
    wanted = [path.relative_to(folder) for path in files if _KIND_OF.get(path.suffix.lower()) == kind]
    inside = [path for path in wanted if len(path.parts) > 1]
    if not inside:
        raise InputError(
            f"{folder} holds {len(wanted):,} {plural}, and none in a folder of its own",
            needed=f"a folder of {plural} for each class",
            fix=f"sort the {plural} into folders named as the classes, or list them in a file with a column of labels",
        )
    notes = []
    if len(wanted) > len(inside):
        notes.append(f"{len(wanted) - len(inside):,} {plural} beside the folders have no class and were left out")
    if len(files) > len(wanted):
        notes.append(f"{len(files) - len(wanted):,} other files were passed over")
    columns = {kind: [path.as_posix() for path in inside], FOLDER_LABEL: [path.parts[0] for path in inside]}
    return pl.DataFrame(columns), tuple(notes)


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in path.parts)
