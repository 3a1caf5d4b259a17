"""The demo data: synthetic security tickets and synthetic questions, written for this project."""

from importlib.resources import as_file, files
from pathlib import Path


def tickets() -> Path:
    """The file of the demo tickets.

    >>> tickets().name
    'tickets.csv'
    """
    return _file("tickets.csv")


def questions() -> Path:
    """The file of the demo questions.

    >>> questions().name
    'questions.csv'
    """
    return _file("questions.csv")


def _file(name: str) -> Path:
    with as_file(files("graft.demo") / name) as path:
        return path
