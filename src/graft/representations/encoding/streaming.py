"""Work prepared one step ahead of its use.

Decision: one thread and one item ahead. The tokenizer and torch both leave Python's lock while they work, so the next
rows are tokenised while the current ones run; more than one item ahead would hold memory and gain nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def ahead(work: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[tuple[Item, Made]]:
    """Each item with what ``work`` makes of it, in order; the next is worked on in a thread meanwhile.

    An error of ``work`` is raised at the item it belongs to.

    >>> list(ahead(len, ["a", "bb"]))
    [('a', 1), ('bb', 2)]
    """
    with ThreadPoolExecutor(1, thread_name_prefix="graft-ahead") as pool:
        waiting: tuple[Item, Future[Made]] | None = None
        for item in items:
            following = item, pool.submit(work, item)
            if waiting is not None:
                yield waiting[0], waiting[1].result()
            waiting = following
        if waiting is not None:
            yield waiting[0], waiting[1].result()
