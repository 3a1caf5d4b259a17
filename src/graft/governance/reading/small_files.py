"""Small text files beside weights and rows: cards and licences.

Decision: what is said in a file that is too large to be one of these is not read; such a file is called by its name,
never guessed at.
"""

import re
from pathlib import Path

from graft.core import foreign
from graft.core.errors import InputError
from graft.rows.encoding import decode

LARGEST = 1 << 19
_ANY = 1 << 62
_CARD = re.compile(r"(?i)readme(?:\.(?:md|markdown|txt|rst))?$")
_LICENCE = re.compile(
    r"(?i)(?:un)?licen[cs]e(?:s)?(?:[._-].*)?$|copying(?:[._-].*)?$|notice(?:\.(?:md|txt))?$|terms(?:[._-].*)?$|eula.*$"
)
_NOT_TEXT = re.compile(r"(?i)\.(?:py|pyc|json|ya?ml|so|html?|pdf|png|svg|zip|gz|safetensors|bin)")


def read_text(path: Path) -> str | None:
    """The text of a small file; None when it is larger than half a megabyte, or no text.

    Raises InputError when it cannot be read, is no plain file, or stands for a file that lies elsewhere.
    """
    with foreign.opened(path, limit=_ANY) as stream:
        raw = stream.read(LARGEST + 1)
    if len(raw) > LARGEST:
        return None
    try:
        return decode(raw, name=path.name)[0]
    except InputError:
        # Bytes of two encodings are still mostly readable; a NUL means that this is no text.
        return None if b"\0" in raw else raw.decode("utf-8", errors="replace")


def cards(folder: Path) -> tuple[Path, ...]:
    """The cards in a folder (README.md, README.txt), not in folders below it."""
    return _named(folder, _CARD)


def licence_files(folder: Path) -> tuple[Path, ...]:
    """The licence files in a folder (LICENSE, COPYING, NOTICE and the like) and in a ``LICENSES`` folder in it."""
    below = [place for name in ("LICENSES", "licenses") if (place := folder / name).is_dir()]
    inside = (path for place in below for path in sorted(place.iterdir()) if path.is_file())
    return (*_named(folder, _LICENCE), *(path for path in inside if not _NOT_TEXT.fullmatch(path.suffix)))


def _named(folder: Path, names: re.Pattern[str]) -> tuple[Path, ...]:
    found = (path for path in sorted(folder.iterdir()) if names.match(path.name) and path.is_file())
    return tuple(path for path in found if not _NOT_TEXT.fullmatch(path.suffix))
