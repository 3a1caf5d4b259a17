"""A folder that is whole or absent, replaced only by a whole one; and whether it holds a bundle.

Decisions: the new folder is written beside the old one under a temporary name; then the old one steps aside and the
new one takes its name. A kill between these two renames leaves the old folder under a name that readers and the next
writer know.
"""

import errno
import glob
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError
from safetensors import SafetensorError

from graft.bundle.manifest import MANIFEST, read_manifest
from graft.bundle.predictions import in_words_of
from graft.core import foreign
from graft.core.errors import OutputError
from graft.core.files import STALE_SECONDS
from graft.core.places import require_unsealed
from graft.inputs.contract import require_columns
from graft.inputs.schema import Contract
from graft.rows.table import Table

_UNWRITABLE = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ENOENT),
    *(errno.ENAMETOOLONG, errno.ELOOP),
)


def settled(folder: Path) -> Path:
    """Where the folder is: at its place, or stepped aside by a writer that was killed."""
    return _aside(folder) if not folder.exists() and _aside(folder).is_dir() else folder


def require_bundle(folder: Path, table: Table | None = None) -> None:
    """Raise BundleError when ``folder`` is no bundle, and ContractError when a column it needs is not in ``table``.

    It loads no model, which takes seconds, and verifies nothing: that is for load_bundle, which says what is damaged.
    """
    place = settled(folder)
    read_manifest(place)
    if table is None:
        return
    try:
        contract = Contract.model_validate_json(foreign.read_text(place / "contract.json"))
    except (OSError, ValueError, RecursionError, ValidationError):
        return
    table = in_words_of(table, contract)
    require_columns(table, [*contract.roles.content, *contract.roles.numeric, *contract.roles.categorical])


def require_place(folder: Path) -> None:
    """Raise OutputError where ``whole_folder`` cannot make this folder: what it is to hold may take hours to make."""
    folder = folder.absolute()
    try:
        _require_free(folder)
        above = next(one for one in folder.parents if one.exists())
        if not above.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(above, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _explained(error, folder) from error


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder that becomes ``folder`` when the block ends well, and vanishes when it does not.

    Raises OutputError when the place holds something that is no bundle, or cannot be written.
    """
    folder = folder.absolute()
    _require_free(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _tidy(folder)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent))
    except OSError as error:
        raise _explained(error, folder) from error
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o777 & ~umask)
        _swap(temporary, folder)
    except SafetensorError as error:
        # safetensors reports a full disk this way.
        raise OutputError(f"cannot write {folder}: {error}", needed="free space", fix="free some space") from error
    except OSError as error:
        raise _explained(error, folder) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.previous")


def _swap(temporary: Path, folder: Path) -> None:
    aside = _aside(folder)
    if folder.exists():
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
    temporary.rename(folder)
    shutil.rmtree(aside, ignore_errors=True)


def put_back(folder: Path) -> None:
    """Undo what a writer did that was killed between its two renames: the old folder gets its place again."""
    if settled(folder) != folder:
        _aside(folder).rename(folder)


def _tidy(folder: Path) -> None:
    """Undo and remove what killed writers left behind."""
    put_back(folder)
    for left in folder.parent.glob(f".{glob.escape(folder.name)}.*.partial"):
        if time.time() - left.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(left, ignore_errors=True)


def _require_free(folder: Path) -> None:
    require_unsealed(folder)
    if not folder.exists() and not folder.is_symlink():
        return
    if folder.is_symlink() and (folder / MANIFEST).is_file():
        raise OutputError(
            f"{folder} is a link",
            needed="the folder itself: it is replaced whole, and a link to it would be left behind",
            fix=f"name {folder.resolve()}",
        )
    empty = folder.is_dir() and not any(folder.iterdir())
    if folder.is_symlink() or not (empty or (folder / MANIFEST).is_file()):
        raise OutputError(
            f"{folder} exists and is no bundle",
            needed="a new or empty folder, or a bundle to replace",
            fix="choose another",
        )


def _explained(error: OSError, folder: Path) -> OSError:
    if isinstance(error, OutputError):
        return error
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"the disk is full while writing {folder}", needed="free space", fix="free some space")
    if error.errno in _UNWRITABLE:
        return OutputError(
            f"cannot write {str(folder)[:200]}: {error.strerror}",
            needed="a folder this user may write",
            fix="choose another",
        )
    return error
