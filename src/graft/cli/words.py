"""How commands print lists and sizes."""

from collections.abc import Sequence


def listed(lines: Sequence[str], most: int) -> list[str]:
    """The first lines, and how many more there are.

    >>> listed(["a", "b", "c"], 2)
    ['a', 'and 2 more']
    """
    if len(lines) <= most:
        return list(lines)
    return [*lines[: most - 1], f"and {len(lines) - most + 1:,} more"]


def size(count: float) -> str:
    """Bytes for a person.

    >>> size(1_500_000)
    '1.5 MB'
    """
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"
