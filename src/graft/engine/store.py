"""Results that survive a kill: each stored whole under the digest of what it was asked.

Decisions: a result is a pure function of its key, so a stored one is as good as a computed one; it is written to a
temporary name and renamed, so a result that exists is complete; one that cannot be read is computed again.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from graft.core.digests import key
from graft.core.files import write_bytes

Result = tuple[dict[str, np.ndarray], dict[str, Any]]


class ResultStore:
    """A folder of results: arrays and the facts beside them.

    >>> import tempfile
    >>> store = ResultStore(Path(tempfile.mkdtemp()))
    >>> asked = {"trial": 1}
    >>> store.run(asked, lambda: ({"scores": np.ones(2)}, {"seconds": 1.0}))[1]
    {'seconds': 1.0}
    >>> store.run(asked, lambda: ({}, {}))[1]
    {'seconds': 1.0}
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, asked: Any) -> Path:
        """The file of a result."""
        return self.folder / f"{key(asked)}.safetensors"

    def get(self, asked: Any) -> Result | None:
        """The stored result, or None."""
        path = self.path(asked)
        try:
            with safe_open(path, "np") as opened:
                facts = json.loads(opened.metadata()["facts"])
                return {name: opened.get_tensor(name) for name in opened.keys()}, facts  # noqa: SIM118 - not a mapping
        except FileNotFoundError:
            return None
        except (SafetensorError, OSError, ValueError, KeyError, TypeError):
            path.unlink(missing_ok=True)
            return None

    def put(self, asked: Any, arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> None:
        """Store a result, whole or not at all."""
        whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
        write_bytes(self.path(asked), save(whole, metadata={"facts": json.dumps(facts)}))

    def run(self, asked: Any, compute: Callable[[], Result]) -> Result:
        """The stored result, or else the computed one, which is then stored."""
        found = self.get(asked)
        if found is None:
            found = compute()
            self.put(asked, *found)
        return found
