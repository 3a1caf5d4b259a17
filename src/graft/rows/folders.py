"""A folder with a folder of files for each class, as rows.

Decisions: the name of a folder is the class of what lies in it, at whatever depth; hidden files and what is plainly no
picture (texts, licences) are passed over and counted. Files are named relative to the folder, in the order of their
names, so the same folder gives the same rows everywhere.
"""

from pathlib import Path
from typing import Any

import polars as pl

from graft.core.errors import InputError

FOLDER_IMAGE, FOLDER_LABEL = "image", "label"
_IMAGES = frozenset(
    (
        ".jpg",
        ".jpeg",
        ".jpe",
        ".png",
        ".gif",
        ".bmp",
        ".tif",
        ".tiff",
        ".webp",
        ".avif",
        ".heic",
        ".ppm",
        ".pgm",
        ".jp2",
    )
)


def is_folder_of_classes(data: Any, named: tuple[str, ...]) -> bool:
    """Whether rows are given as a folder, and no column is named."""
    return isinstance(data, str | Path) and not named and Path(data).is_dir()


def holds_pictures(folder: Path) -> bool:
    """Whether a folder in it holds a picture."""
    return any(path.suffix.lower() in _IMAGES for path in folder.glob("*/*"))


def read_folder(folder: Path) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The columns ``image`` and ``label`` of the pictures in the folders of a folder, and notes.

    Raises InputError where there are none.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not _hidden(path.relative_to(folder)))
    pictures = [path.relative_to(folder) for path in files if path.suffix.lower() in _IMAGES]
    inside = [path for path in pictures if len(path.parts) > 1]
    if not inside:
        raise InputError(
            f"{folder} holds {len(pictures):,} pictures, and none in a folder of its own",
            needed="a folder of pictures for each class",
            fix="sort the pictures into folders named as the classes, or list them in a file with a column of labels",
        )
    notes = []
    if len(pictures) > len(inside):
        notes.append(f"{len(pictures) - len(inside):,} pictures beside the folders have no class and were left out")
    if len(files) > len(pictures):
        notes.append(f"{len(files) - len(pictures):,} other files were passed over")
    columns = {
        FOLDER_IMAGE: [path.as_posix() for path in inside],
        FOLDER_LABEL: [path.parts[0] for path in inside],
    }
    return pl.DataFrame(columns), tuple(notes)


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in path.parts)
