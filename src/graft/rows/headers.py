"""What must hold of the names of columns, whatever they were read from."""

from collections import Counter
from collections.abc import Iterable

from graft.core.errors import InputError

_MOST_COLUMNS = 100_000
_MOST_CELLS = 1 << 28


def repeated(names: Iterable[str]) -> list[str]:
    """The names that stand more than once, sorted.

    >>> repeated(["b", "a", "b"])
    ['b']
    """
    return sorted(name for name, count in Counter(names).items() if count > 1)


def require_width(columns: int, rows: int, name: str) -> None:
    """Raise InputError for more columns or cells than any table has: rows whose keys are data make a column each."""
    if columns > _MOST_COLUMNS or columns * rows > _MOST_CELLS:
        raise InputError(
            f"{name} has {columns:,} columns for {rows:,} rows",
            needed=f"at most {_MOST_COLUMNS:,} columns and {_MOST_CELLS:,} cells",
            fix="keep the columns that are needed; a key that differs from row to row belongs into a value",
        )
