"""Descent has a direction: nothing is made from what was made from it."""

from collections.abc import Mapping

from graft.core.errors import InputError
from graft.governance.records import Asset


def refuse_circle(assets: Mapping[str, Asset], child: str, parent: str) -> None:
    """Raise InputError when ``child`` is ``parent`` or one of its ancestors. All by identity."""
    todo, seen = [parent], set[str]()
    while todo:
        identity = todo.pop()
        if identity == child:
            raise InputError(
                f"{child} would descend from itself, by way of {parent}",
                needed="parents that were made before their children",
                fix="check which of the two was made from the other",
            )
        if identity not in seen and identity in assets:
            todo += [edge.parent for edge in assets[identity].edges]
        seen.add(identity)
