"""Whose a folder is.

Decision: the folder says which study it belongs to, so the same command resumes it and another one is refused before
anything is lost. It imports no model library, so a place that cannot work is told at once.
"""

import secrets
from pathlib import Path
from typing import Any

from graft.core import foreign
from graft.core.errors import InputError, OutputError
from graft.core.files import sweep, write_json
from graft.core.places import require_unsealed

_MARK = "study.key"


def require_place(folder: Path) -> None:
    """Raise OutputError when ``folder`` cannot become the folder of any study, or stay one."""
    require_unsealed(folder)
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
    sweep(folder)
    mark = folder / _MARK
    if not mark.is_file():
        write_json(mark, {"key": identity, "seal": secrets.token_hex(16)})
    elif _stated(folder)["key"] != identity:
        raise OutputError(
            f"{folder} already holds another study (other rows, settings or version)",
            needed="an empty folder, or the one of this very study",
            fix=f"choose another --out, or remove that folder; to study more labels, add --after {folder}",
        )


def seal_of(folder: Path) -> str:
    """What the stored results of the study in ``folder`` are sealed with.

    It was drawn when the folder was claimed and stands in it alone, so results that were made or put together anywhere
    else, of the very same rows too, are not taken for this study's. Whoever may read the folder can read it.
    Raises InputError when nobody has claimed the folder, or its mark is damaged.
    """
    stated = _stated(folder)
    return f"{stated['key']}{stated.get('seal', '')}"


def _stated(folder: Path) -> dict[str, Any]:
    mark = folder / _MARK
    stated = foreign.read_json(mark, limit=foreign.SETTINGS_LIMIT)
    whole = isinstance(stated, dict) and "key" in stated
    if not whole or not all(isinstance(stated.get(name, ""), str) for name in ("key", "seal")):
        raise InputError(
            f"{mark} is damaged: it does not say whose study lies in {folder}",
            needed="the file as graft study wrote it",
            fix="choose another --out, or remove that folder",
        )
    return dict(stated)
