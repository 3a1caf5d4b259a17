"""Whose a folder is.

Decision: the folder says which study it belongs to, so the same command resumes it and another one is refused before
anything is lost. It imports no model library, so a place that cannot work is told at once.
"""

from pathlib import Path

from graft.core import foreign
from graft.core.errors import InputError, OutputError
from graft.core.files import write_json

_MARK = "study.key"


def require_place(folder: Path) -> None:
    """Raise OutputError when ``folder`` cannot become the folder of any study, or stay one."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file", needed="a folder", fix="choose another --out")
    if (folder / _MARK).is_file() or not folder.is_dir():
        return
    if any(not item.name.startswith(".") for item in folder.iterdir()):
        raise OutputError(
            f"{folder} is not empty",
            needed="a new or empty folder, or that of a study which is to continue",
            fix="choose another --out",
        )


def claim(folder: Path, identity: str) -> None:
    """Make ``folder`` this study's, or confirm that it is.

    Raises OutputError when it holds another study or other files.
    """
    require_place(folder)
    mark = folder / _MARK
    if not mark.is_file():
        write_json(mark, {"key": identity})
    elif _key(folder) != identity:
        raise OutputError(
            f"{folder} already holds another study (other rows, settings or version)",
            needed="an empty folder, or the one of this very study",
            fix=f"choose another --out, or remove that folder; to study more labels, add --after {folder}",
        )


def _key(folder: Path) -> str:
    mark = folder / _MARK
    stated = foreign.read_json(mark, limit=foreign.SETTINGS_LIMIT)
    if not isinstance(stated, dict) or not isinstance(stated.get("key"), str):
        raise InputError(
            f"{mark} is damaged: it does not say whose study lies in {folder}",
            needed="the file as graft study wrote it",
            fix="choose another --out, or remove that folder",
        )
    return str(stated["key"])
