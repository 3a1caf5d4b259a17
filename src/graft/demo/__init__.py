"""The demo data: synthetic tickets and questions, written for this project, and digits that scikit-learn ships."""

from importlib.resources import as_file, files
from pathlib import Path
from typing import Any


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


def digits(rows: int = 120) -> dict[str, list[Any]]:
    """Scanned handwritten digits as pictures of 8 by 8 pixels, 8-bit, and which digit each is.

    >>> digits(3)["digit"]
    ['0', '1', '2']
    """
    from sklearn.datasets import load_digits

    found = load_digits()
    return {
        "picture": [(page * 15).astype("uint8") for page in found.images[:rows]],
        "digit": [str(digit) for digit in found.target[:rows]],
    }


def _file(name: str) -> Path:
    with as_file(files("graft.demo") / name) as path:
        return path
