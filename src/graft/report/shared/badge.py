"""The outcome of a page at a glance."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Badge:
    """The outcome: its word, the class of its colour and a sign that needs no colour."""

    word: str
    style: str
    sign: str
