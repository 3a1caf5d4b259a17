"""How commands print lists, rows and sizes."""

from collections.abc import Sequence


def listed(lines: Sequence[str], most: int) -> list[str]:
    """The first lines, and how many more there are.

    >>> listed(["a", "b", "c"], 2)
    ['a', 'and 2 more']
    """
    if len(lines) <= most:
        return list(lines)
    return [*lines[: most - 1], f"and {len(lines) - most + 1:,} more"]


def named(ids: Sequence[str]) -> str:
    """The rows a command was given, in a sentence.

    >>> named(["27"]), named(["a", "b", "c", "d", "e"])
    ("the rows '27'", "the rows 'a', 'b', 'c' and 2 more")
    """
    shown = ", ".join(map(repr, ids[:3]))
    return f"the rows {shown} and {len(ids) - 3:,} more" if len(ids) > 3 else f"the rows {shown}"


def size(count: float) -> str:
    """Bytes for a person.

    >>> size(1_500_000)
    '1.5 MB'
    """
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"
