"""Rows as a person names them: columns by their kind, ``*`` for every one that fits, or a folder for each class.

Decision: every command that reads rows takes them in the same words, so what the words mean is said once, here.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from graft.core.errors import InputError
from graft.core.several import Names, several
from graft.inputs.contract import require_columns
from graft.inputs.every import with_every_column
from graft.inputs.roles import EVERY, Roles, one_kind, several_kinds
from graft.rows.folders import FOLDER_LABEL, class_folders, folder_kind, is_folder_of_classes
from graft.rows.table import Table, read_frame, require_rows_file


@dataclass(frozen=True, eq=False)
class NamedRows:
    """A table and what its columns are for: ``*`` is replaced by names, and the notes of the table say what of."""

    table: Table
    roles: Roles


def content_of(
    data: Any, *, text: Names = (), image: Names = (), audio: Names = (), beside: Names = ()
) -> tuple[str, tuple[str, ...]]:
    """The one kind of content that is read of rows, and its columns; a folder of files needs no names.

    beside: columns of rows alone that are named. Raises InputError for columns of two kinds.

    >>> content_of("rows.csv", image="photo")
    ('image', ('photo',))
    """
    named = {"text": several(text), "image": several(image), "audio": several(audio)}
    if is_folder_of_classes(data, (*named["text"], *named["image"], *named["audio"], *several(beside))):
        found = folder_kind(Path(data))
        named[found] = (found,)
    return one_kind(**named)


def roles_of(
    data: Any,
    *,
    text: Names = (),
    image: Names = (),
    audio: Names = (),
    numeric: Names = (),
    categorical: Names = (),
    label: Names = (),
    id: str | None = None,  # noqa: A002 - the field's own word
    group: str | None = None,
    time: str | None = None,
    together: bool = False,
) -> Roles:
    """The roles of the columns that are named; those of a folder with a folder for each class need no names, and their
    rows are called by their files.

    together: whether contents of several kinds may stand in one row. Nothing is read but the names of the files in a
    folder. Raises InputError where nothing is named to be read, or columns of two kinds are that may not be.

    >>> roles_of("rows.csv", image="photo", label="kind").kind
    'image'
    """
    if is_folder_of_classes(data, (*several(text), *several(image), *several(audio), *several(label))):
        found = class_folders(Path(data))
        image, audio = (found if found != "audio" else (), found if found == "audio" else ())
        label, id = FOLDER_LABEL, id or found  # noqa: A001 - the field's own word
    named = {"text": several(text), "image": several(image), "audio": several(audio)}
    content, kinds = several_kinds(**named)
    if not together:
        one_kind(**named)
    roles = Roles(
        kind="text" if content else "row",
        content=content,
        kinds=kinds,
        label=several(label),
        numeric=several(numeric),
        categorical=several(categorical),
        id=id,
        group=group,
        time=time,
    )
    if not roles.inputs and isinstance(data, str | Path) and Path(data).is_file():
        require_rows_file(Path(data))
    if not roles.inputs:
        raise InputError(
            "no column is named to learn from",
            needed="a column of text, of images or of audio, or columns of numbers and categories",
            fix="name it: --text message; or --numeric '*' --categorical '*' for every column that fits",
        )
    return roles


def named_rows(data: Any, roles: Roles, *, task: str = "auto", encoding: str | None = None) -> NamedRows:
    """The rows with their columns found. Raises InputError or ContractError for rows or columns that cannot be read."""
    return found_in(read_frame(data, encoding=encoding), roles, task=task)


def found_in(table: Table, roles: Roles, *, task: str = "auto") -> NamedRows:
    """The same for rows that were read. ``size,weight`` where no column is called so is those two."""
    roles = _named_apart(table, roles)
    require_columns(table, [name for name, _ in roles.columns if name != EVERY])
    roles, told = with_every_column(table, roles, task=task)
    return NamedRows(replace(table, notes=(*table.notes, *told)), roles)


def _named_apart(table: Table, roles: Roles) -> Roles:
    """Names with commas between them taken apart, where all of it are columns; a column may have commas of its own."""
    have = set(table.frame.columns) | set(table.unread)

    def parts(name: str) -> tuple[str, ...]:
        found = tuple(part.strip() for part in name.split(","))
        return found if name not in have and len(found) > 1 and have.issuperset(found) else (name,)

    def apart(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(part for name in names for part in parts(name))

    kinds = roles.kinds and tuple(
        kind for name, kind in zip(roles.content, roles.kinds, strict=True) for _ in parts(name)
    )
    return replace(
        roles,
        content=apart(roles.content),
        kinds=kinds,
        label=apart(roles.label),
        numeric=apart(roles.numeric),
        categorical=apart(roles.categorical),
    )
