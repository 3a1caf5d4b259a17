"""The folder of a study: whose it is, and what an earlier run left in it.

Decision: the folder says which study it belongs to, so the same command resumes it and another one is refused before
anything is lost.
"""

import json
from pathlib import Path

from graft.core.errors import InputError, OutputError
from graft.core.files import write_json
from graft.studies.record import SCHEMA, StudyRecord

_MARK = "study.key"


def claim(folder: Path, identity: str) -> None:
    """Make ``folder`` this study's, or confirm that it is.

    Raises OutputError when it holds another study or other files.
    """
    mark = folder / _MARK
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file", needed="a folder", fix="choose another --out")
    if mark.is_file():
        found = json.loads(mark.read_text(encoding="utf-8")).get("key")
        if found != identity:
            raise OutputError(
                f"{folder} already holds another study (other rows, settings or version)",
                needed="an empty folder, or the one of this very study",
                fix="choose another --out, or remove that folder; to study more labels, add --after " + str(folder),
            )
        return
    if folder.is_dir() and any(not item.name.startswith(".") for item in folder.iterdir()):
        raise OutputError(f"{folder} is not empty", needed="an empty folder", fix="choose another --out")
    write_json(mark, {"key": identity})


def read_study(path: Path) -> StudyRecord:
    """The record of a study, from its folder or its ``study.json``. Raises InputError when there is none."""
    file = path / "study.json" if path.is_dir() else path
    if not file.is_file():
        raise InputError(
            f"there is no study in {path}", needed="a folder that `graft study` has finished", fix="check the path"
        )
    document = json.loads(file.read_text(encoding="utf-8"))
    if document.get("schema") != SCHEMA:
        raise InputError(
            f"{file} has the schema {document.get('schema')!r}",
            needed=SCHEMA,
            fix="run the study again with this version",
        )
    return StudyRecord.model_validate(document)
