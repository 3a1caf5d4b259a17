"""Entries of a document: what says nothing is left out."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from graft.governance.emit.facts import Package

_LONGEST_VERSION = 1024


def described(**entries: Any) -> dict[str, Any]:
    """The entries that say something.

    >>> described(name="x", version="", parts=[])
    {'name': 'x'}
    """
    return {name: value for name, value in entries.items() if value}


def version(text: str) -> str:
    """A version no longer than CycloneDX allows."""
    return text if len(text) <= _LONGEST_VERSION else f"{text[: _LONGEST_VERSION - 1]}\u2026"


def properties(told: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Names and values, without those that hold nothing."""
    return [{"name": name, "value": value} for name, value in told if value]


def purl(package: Package) -> str:
    """The package URL of a Python package.

    What follows ``+`` in a version tells how it was built and is no part of its address.

    >>> purl(Package(name="torch", version="2.13.0+cpu"))
    'pkg:pypi/torch@2.13.0'
    """
    public = package.version.partition("+")[0]
    name = quote(package.name.lower(), safe=".-_")
    return f"pkg:pypi/{name}" + (f"@{quote(public, safe='.-_')}" if public else "")
