"""The demo data: synthetic security tickets, written for this project."""

from importlib.resources import as_file, files
from pathlib import Path


def tickets() -> Path:
    """The file of the demo tickets.

    >>> tickets().name
    'tickets.csv'
    """
    with as_file(files("graft.demo") / "tickets.csv") as path:
        return path
