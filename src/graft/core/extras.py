"""Optional dependencies, named at the door."""

import importlib
from types import ModuleType

from graft.core.errors import MissingExtra


def require(module: str, *, extra: str, what: str) -> ModuleType:
    """Import ``module`` or raise MissingExtra that names the install command."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra.named(extra, what) from error
