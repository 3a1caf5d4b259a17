"""One word or many, as a person gives them."""

from collections.abc import Iterable, Sequence

# One name or several.
Names = str | Sequence[str]


def several(given: str | Iterable[str]) -> tuple[str, ...]:
    """Words as a tuple; a bare string is one word, never its letters.

    >>> several("27"), several(["2", "7"])
    (('27',), ('2', '7'))
    """
    return (given,) if isinstance(given, str) else tuple(given)
