"""The files of an asset as they were recorded, against what lies there now."""

from pathlib import Path

from graft.core.errors import InputError
from graft.governance.reading.digests import digest_files
from graft.governance.records import Asset, Record


class FileChanges(Record):
    """How a place differs from an asset. Paths are relative, with forward slashes, sorted."""

    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    new: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether the place holds the asset's files, unchanged, and no other."""
        return not (self.changed or self.missing or self.new)

    def __str__(self) -> str:
        """As a person reads it: ``changed: a, b; missing: c``."""
        return "; ".join(f"{what}: {', '.join(names)}" for what, names in self if names)


def file_changes(asset: Asset, place: Path) -> FileChanges:
    """Which files of ``asset`` changed or are missing at ``place``, and which are there and not in the asset.

    place: the folder, or the file when the asset is one. It is read as it was for the record (``digest_files``), so
    what does not count there does not count here. Raises InputError when it is not there or cannot be read.
    """
    if not place.exists():
        raise InputError(
            f"there is nothing at {place}", needed=f"the files of {asset.name!r}", fix="name the place they lie in"
        )
    there = {file.path: file.sha256 for file in digest_files(place)}
    recorded = {file.path: file.sha256 for file in asset.files}
    return FileChanges(
        changed=tuple(sorted(path for path in recorded.keys() & there.keys() if recorded[path] != there[path])),
        missing=tuple(sorted(recorded.keys() - there.keys())),
        new=tuple(sorted(there.keys() - recorded.keys())),
    )
