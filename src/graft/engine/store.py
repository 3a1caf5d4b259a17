"""Results that survive a kill: each stored whole under the digest of what it was asked.

Decisions: a result is a pure function of its key, so a stored one is as good as a computed one; it is written to a
temporary name and renamed, so a result that exists is complete. A digest beside it, of whose it is, what was asked and
all that was found, is compared whenever it is read: what is damaged, or was copied from another place, is told and
computed again. The owner is part of the digest: whoever does not know its key can neither forge a result nor put in one
of another owner, and whoever may read the key can.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from graft.core.digests import array_digest, content_digest, key
from graft.core.files import sweep, write_bytes
from graft.engine.engines import unheard

Result = tuple[dict[str, np.ndarray], dict[str, Any]]


class ResultStore:
    """A folder of results: arrays and the facts beside them.

    owner: the secret of whose results these are, such as the seal of a study; a result of another owner is not taken
    for one of its own. tell: told in words when a stored result cannot be used.

    >>> import tempfile
    >>> store = ResultStore(Path(tempfile.mkdtemp()))
    >>> asked = {"trial": 1}
    >>> store.run(asked, lambda: ({"scores": np.ones(2)}, {"seconds": 1.0}))[1]
    {'seconds': 1.0}
    >>> store.run(asked, lambda: ({}, {}))[1]
    {'seconds': 1.0}
    """

    def __init__(self, folder: Path, *, owner: str = "", tell: Callable[[str], None] = unheard) -> None:
        self.folder, self.owner, self.tell = folder, owner, tell
        sweep(folder)

    def path(self, asked: Any) -> Path:
        """The file of a result."""
        return self.folder / f"{key(asked)}.safetensors"

    def get(self, asked: Any) -> Result | None:
        """The stored result; None where there is none, or where it is not what was stored, which is told."""
        path = self.path(asked)
        try:
            with safe_open(path, "np") as opened:
                stated = opened.metadata()
                arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - not a mapping
            if stated["digest"] == self._digest(asked, arrays, stated["facts"]):
                return arrays, json.loads(stated["facts"])
        except FileNotFoundError:
            return None
        except (SafetensorError, OSError, ValueError, KeyError, TypeError):
            pass
        self.tell(f"the stored result {path} is damaged, or was made for something else: it is computed again")
        path.unlink(missing_ok=True)
        return None

    def put(self, asked: Any, arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> None:
        """Store a result, whole or not at all."""
        whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
        said = json.dumps(facts)
        metadata = {"facts": said, "digest": self._digest(asked, whole, said)}
        write_bytes(self.path(asked), save(whole, metadata=metadata))

    def _digest(self, asked: Any, arrays: dict[str, np.ndarray], facts: str) -> str:
        names = sorted(arrays)
        found = array_digest(arrays[name] for name in names)
        return content_digest(self.owner, key(asked), facts, found, *names).hex()

    def run(self, asked: Any, compute: Callable[[], Result]) -> Result:
        """The stored result, or else the computed one, which is then stored."""
        found = self.get(asked)
        if found is None:
            found = compute()
            self.put(asked, *found)
        return found
