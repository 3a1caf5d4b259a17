"""Where Graft keeps what it may throw away, and how large that may grow."""

import os
import re
from pathlib import Path

from graft.core.errors import InputError

DEFAULT_CACHE_LIMIT = 4 << 30
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def cache_directory() -> Path:
    """The folder of the activation cache: ``$GRAFT_CACHE``, else ``$XDG_CACHE_HOME/graft``, else ``~/.cache/graft``."""
    named = os.environ.get("GRAFT_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "graft"


def parse_size(text: str) -> int:
    """Bytes from a size as a person writes it.

    >>> parse_size("1.5 GB"), parse_size("200M"), parse_size("0")
    (1610612736, 209715200, 0)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?\s*", text, re.IGNORECASE)
    if match is None:
        raise InputError(f"{text!r} is not a size", needed="a number with K, M, G or T", fix="for example 4G")
    return int(float(match[1]) * _UNITS[match[2].upper()])
