"""Texts, items, users and categories to vectors of one space, by one contract: ``fit``, ``transform``, ``space``.

    items = ItemsFromCooccurrence(dimension=64).fit(baskets)
    items.transform(["espresso-cups"]).basis

Names are imported when they are first used, so that asking for a suggestion loads no numerical library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graft.entities.both import ItemsFromBoth as ItemsFromBoth
    from graft.entities.categories import Categories as Categories
    from graft.entities.content import ItemsFromContent as ItemsFromContent
    from graft.entities.cooccurrence import ItemsFromCooccurrence as ItemsFromCooccurrence
    from graft.entities.embedded import Embedded as Embedded
    from graft.entities.embedders import load_embedder as load_embedder
    from graft.entities.fitted import FittedEmbedder as FittedEmbedder
    from graft.entities.suggestion import render as render
    from graft.entities.suggestion import suggest as suggest
    from graft.entities.text import TextEntities as TextEntities
    from graft.entities.users import UsersFromHistories as UsersFromHistories

_WHERE = {
    "Categories": "categories",
    "Embedded": "embedded",
    "FittedEmbedder": "fitted",
    "ItemsFromBoth": "both",
    "ItemsFromContent": "content",
    "ItemsFromCooccurrence": "cooccurrence",
    "TextEntities": "text",
    "UsersFromHistories": "users",
    "load_embedder": "embedders",
    "render": "suggestion",
    "suggest": "suggestion",
}

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'graft.entities' has no attribute {name!r}")
    value = getattr(import_module(f"graft.entities.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
