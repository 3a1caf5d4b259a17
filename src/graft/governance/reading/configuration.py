"""What a model's own configuration files say about its descent and architecture.

Decisions: ``_name_or_path`` is where the weights were loaded from before they were saved, so it names the parent,
unless it is the model itself or a folder on somebody's disk; ``adapter_config.json`` names the base an adapter needs.
"""

import re
from pathlib import Path
from typing import Any

from graft.core.files import read_json
from graft.governance.reading.parents import base_edges, is_hub_name
from graft.governance.records import Edge, Relation

CONFIG = "config.json"
ADAPTER = "adapter_config.json"
_FOLDERS = re.compile(
    r"(?i)\.+|~|checkpoints?|content|data|logs|models?|out|outputs?|results?|runs|saved?|tmp|weights|work(?:space)?"
)


def architectures(folder: Path) -> tuple[str, ...]:
    """The classes ``config.json`` names, for example ``BertModel``."""
    stated = _table(folder / CONFIG).get("architectures")
    return tuple(name for name in stated if isinstance(name, str)) if isinstance(stated, list) else ()


def configured_edges(folder: Path, *, own_names: frozenset[str]) -> tuple[Edge, ...]:
    """Parents the configuration names. own_names: what this model itself is called, in lower case."""
    edges: list[Edge] = []
    adapted = _text(_table(folder / ADAPTER), "base_model_name_or_path")
    if adapted:
        where = f"{ADAPTER} (base_model_name_or_path)"
        edges += base_edges((adapted,), "", usual=Relation.ADAPTER, where=where)
    config = _table(folder / CONFIG)
    loaded = _text(config, "_name_or_path")
    if is_hub_name(loaded) and not _FOLDERS.fullmatch(loaded.split("/")[0]) and not _is_own(loaded, own_names):
        usual = Relation.QUANTISED if config.get("quantization_config") else Relation.FINE_TUNED
        edges += base_edges((loaded,), "", usual=usual, where=f"{CONFIG} (_name_or_path)")
    return tuple(edges)


def usual_relation(folder: Path, *, parents: int, tags: tuple[str, ...]) -> Relation:
    """What ``base_model`` means when the card does not say: judged by what lies in the folder."""
    if (folder / ADAPTER).is_file():
        return Relation.ADAPTER
    if parents > 1 or {"merge", "mergekit"} & {tag.lower() for tag in tags}:
        return Relation.MERGED
    return Relation.QUANTISED if _table(folder / CONFIG).get("quantization_config") else Relation.FINE_TUNED


def _table(path: Path) -> dict[str, Any]:
    """The settings in a file; a list or a number states none."""
    found = read_json(path)
    return found if isinstance(found, dict) else {}


def _text(config: dict[str, Any], key: str) -> str:
    value = config.get(key)
    return value.strip() if isinstance(value, str) else ""


def _is_own(name: str, own_names: frozenset[str]) -> bool:
    return name.lower() in own_names or name.split("/")[-1].lower() in own_names
