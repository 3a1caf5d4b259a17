"""New items as a person would check them: where each was placed, and whether those who took it were shown it.

Decision: the items that most people went on to take are told, found or not, so that nobody picks the flattering ones.
"""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from graft.entities.shop import Shop
from graft.facts.recommend import PlacedItem

TOLD, NEIGHBOURS = 6, 3
_LONGEST = 300


def placed_items(
    shop: Shop, *, new: np.ndarray, wanted: sparse.csr_array, lists: np.ndarray, alike: sparse.csr_array
) -> tuple[PlacedItem, ...]:
    """The new items that most people wanted, most first.

    new: which items nobody met, bool, shape (items,). wanted: users by items. lists: of new items, codes, one list a
    user, shape (users, places). alike: likeness of each item to those that somebody met, shape (items, items).
    """
    users, items = wanted.shape
    took = np.bincount(wanted.indices, minlength=items) * new
    order = np.argsort(-took, kind="stable")[:TOLD]
    titles = _titles(shop)
    told = []
    rows = np.repeat(np.arange(users), np.diff(wanted.indptr))
    for item in order[took[order] > 0].tolist():
        theirs = rows[wanted.indices == item]
        near = alike[[item]]
        best = near.indices[np.argsort(-near.data, kind="stable")[:NEIGHBOURS]]
        told.append(
            PlacedItem(
                item=shop.items.names[item][:_LONGEST],
                title=titles[item],
                took=int(took[item]),
                listed=int((lists[theirs] == item).any(axis=1).sum()),
                alike=tuple(titles[one] or shop.items.names[one][:_LONGEST] for one in best.tolist()),
            )
        )
    return tuple(told)


def _titles(shop: Shop) -> Sequence[str]:
    """What each item is called: by its first column of text that was kept, else by a kept one that names items, in
    which most cells differ (a column of text may have been left out of the fit); "" where there is none."""
    text = () if shop.item_features is None else shop.item_features.settings.text
    others = [name for name in shop.columns if name not in (*text, shop.made.when, shop.made.by)]
    naming = [name for name in others if 2 * len(set(shop.columns[name])) > len(shop.columns[name])]
    chosen = next((name for name in (*text, *naming) if name in shop.columns), None)
    if chosen is None:
        return [""] * len(shop.items.names)
    return [(cell or "")[:_LONGEST] for cell in shop.columns[chosen]]
