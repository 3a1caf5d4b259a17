"""The demo data: synthetic tickets and questions, written for this project, and what scikit-learn ships."""

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


def measurements() -> dict[str, list[Any]]:
    """Thirty measurements of the nuclei of cells in 569 breast masses, and their diagnosis, by column.

    Wolberg, Mangasarian, Street & Street (1995), Breast Cancer Wisconsin (Diagnostic), which comes with scikit-learn.
    """
    from sklearn.datasets import load_breast_cancer

    given = load_breast_cancer()
    names = [str(name).replace(" ", "_") for name in given.feature_names]
    columns: dict[str, list[Any]] = {name: given.data[:, place].tolist() for place, name in enumerate(names)}
    return columns | {"diagnosis": [str(given.target_names[target]) for target in given.target]}


def _file(name: str) -> Path:
    with as_file(files("graft.demo") / name) as path:
        return path
