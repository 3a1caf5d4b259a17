"""Every test run has its own cache and ledger, one thread (small models gain nothing from more), and repeats itself.

Properties are tried on the same examples every time; ``HYPOTHESIS_PROFILE=explore`` looks for new ones.
"""

import gc
import os
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["GRAFT_CACHE"] = tempfile.mkdtemp(prefix="graft-test-cache-")
os.environ["GRAFT_LEDGER"] = os.path.join(os.environ["GRAFT_CACHE"], "ledger.sqlite")  # noqa: PTH118

settings.register_profile("repeat", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeat"))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Millions of objects of libraries and tests live to the end: they are not searched for garbage again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_unconfigure() -> None:
    """At the end everything is let go of: libraries complain of what is left of theirs."""
    gc.unfreeze()
