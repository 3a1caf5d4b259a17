"""An asset as the ledger has it against the files that lie in a directory now."""

import os
from pathlib import Path

from graft.core.digests import file_sha256
from graft.core.errors import InputError
from graft.governance.records import Asset, Record


class FileChanges(Record):
    """How a directory differs from an asset. Paths are relative, with forward slashes, sorted."""

    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    new: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether the directory holds the asset's files, unchanged, and no other."""
        return not (self.changed or self.missing or self.new)


def file_changes(asset: Asset, directory: Path) -> FileChanges:
    """Which files of ``asset`` changed or are missing in ``directory``, and which are there and not in the asset.

    Every file is read whole. Raises InputError when there is no such directory or a file cannot be read.
    """
    if not directory.is_dir():
        raise InputError(
            f"there is no directory {directory}",
            needed=f"the files of {asset.name!r}",
            fix="name the directory they lie in",
        )
    there = {path.relative_to(directory).as_posix(): path for path in _files(directory)}
    recorded = {file.path: file for file in asset.files}
    try:
        changed = [
            name
            for name, file in recorded.items()
            if name in there and (there[name].stat().st_size != file.size or file_sha256(there[name]) != file.sha256)
        ]
    except OSError as error:
        raise InputError(
            f"{error.filename} cannot be read: {error.strerror}", needed="a file this user may read", fix="check it"
        ) from error
    return FileChanges(
        changed=tuple(sorted(changed)),
        missing=tuple(sorted(recorded.keys() - there.keys())),
        new=tuple(sorted(there.keys() - recorded.keys())),
    )


def _files(directory: Path) -> list[Path]:
    """All files below, links to files among them; links to directories are not followed."""
    return [Path(folder) / name for folder, _, names in os.walk(directory) for name in names]
