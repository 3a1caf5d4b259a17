"""Parents that are known by name alone: from a card, or from what a model's own configuration files say.

A card says ``base_model: org/name``; no digest is known, so the parent cannot be an asset of a ledger yet. Its identity
is then ``source:ref:REFERENCE`` with the reference a person would use to add it:

    source:ref:hf:org/name              a repository of the Hub
    source:ref:hf:org/name@revision     the same, pinned
    source:ref:name:WORDS               anything else, as it was written

It can never be mistaken for the identity of an asset that was read, whose second part is a SHA-256.

Decisions: ``_name_or_path`` is where the weights were loaded from before they were saved, so it names the parent,
unless it is the model itself or a folder on somebody's disk; ``adapter_config.json`` names the base an adapter needs.
"""

import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from graft.core.errors import SourceError
from graft.core.files import read_json
from graft.governance.records import AssetKind, Edge, Relation

_HUB = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]{0,95}(?:/[\w.-]{1,96})?)(?:@(?P<revision>[\w./-]{1,100}))?")
_ADDRESS = re.compile(r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)/(?P<name>[^/\s]+/[^/\s?#]+)/?$")
_PREFIX = f"{AssetKind.SOURCE}:ref:"
_RELATIONS = {
    "finetune": Relation.FINE_TUNED,
    "adapter": Relation.ADAPTER,
    "merge": Relation.MERGED,
    "quantized": Relation.QUANTISED,
}


def named_parent(name: str) -> str:
    """The identity of a parent that is known by name.

    >>> named_parent("BAAI/bge-small-en"), named_parent("https://huggingface.co/bert-base/x"), named_parent("./out 3")
    ('source:ref:hf:BAAI/bge-small-en', 'source:ref:hf:bert-base/x', 'source:ref:name:./out 3')
    """
    name = " ".join(name.split())
    address = _ADDRESS.fullmatch(name)
    name = address["name"] if address else name
    return f"{_PREFIX}hf:{name}" if _HUB.fullmatch(name) else f"{_PREFIX}name:{name}"


def parent_reference(identity: str) -> str:
    """The reference of a parent that is known by name; empty for an asset that was read.

    >>> parent_reference("source:ref:hf:org/name"), parent_reference("source:" + "0" * 64)
    ('hf:org/name', '')
    """
    return identity.removeprefix(_PREFIX) if identity.startswith(_PREFIX) else ""


def is_hub_name(name: str) -> bool:
    """Whether a name is that of a repository with its owner."""
    return "/" in name and _HUB.fullmatch(name) is not None


def is_repository(name: str) -> bool:
    """Whether a name is that of a repository, and none of the folders people save their own models in.

    The first models of the Hub have no owner in their names, and are still found by these.

    >>> is_repository("BAAI/bge-small-en"), is_repository("outputs/best"), is_repository("my-model")
    (True, False, False)
    >>> is_repository("bert-base-uncased")
    True
    """
    return _FIRST.fullmatch(name) is not None or (is_hub_name(name) and not _FOLDERS.fullmatch(name.split("/")[0]))


def base_edges(names: tuple[str, ...], stated: str, *, usual: Relation, where: str) -> tuple[Edge, ...]:
    """Edges to base models. stated: the card's ``base_model_relation``. usual: what holds when it says nothing."""
    relation = _RELATIONS.get(stated.strip().lower(), usual)
    return tuple(Edge(relation=relation, parent=named_parent(name), where=where) for name in dict.fromkeys(names))


CONFIG = "config.json"
LINEAGE = "graft_lineage.json"
ADAPTER = "adapter_config.json"
_FIRST = re.compile(
    r"(?:albert|bert|camembert|distilbert|distilroberta|roberta|xlm-roberta|xlnet)-(?:base|large|xlarge|xxlarge)"
    r"(?:-(?:cased|uncased|multilingual-cased|multilingual-uncased|v1|v2|german-cased|finetuned-sst-2-english))?"
    r"|distilgpt2|gpt2(?:-medium|-large|-xl)?|openai-gpt|t5-(?:small|base|large|3b|11b)"
)
_FOLDERS = re.compile(
    r"(?i)\.+|~|checkpoints?|content|data|logs|models?|out|outputs?|results?|runs|saved?|tmp|weights|work(?:space)?"
)


def architectures(folder: Path) -> tuple[str, ...]:
    """The classes ``config.json`` names, for example ``BertModel``."""
    stated = _table(folder / CONFIG).get("architectures")
    return tuple(name for name in stated if isinstance(name, str)) if isinstance(stated, list) else ()


def recorded_edges(folder: Path) -> tuple[Edge, ...]:
    """Parents that Graft wrote down when it made this model. Raises SourceError for a damaged file."""
    stated = _table(folder / LINEAGE).get("edges", [])
    try:
        return tuple(Edge.model_validate(one) for one in stated) if isinstance(stated, list) else ()
    except ValidationError as error:
        raise SourceError(
            f"{folder / LINEAGE} is damaged", needed="the file as Graft wrote it", fix="copy the folder again"
        ) from error


def configured_edges(folder: Path, *, own_names: frozenset[str]) -> tuple[Edge, ...]:
    """Parents the configuration names. own_names: what this model itself is called, in lower case."""
    edges: list[Edge] = []
    adapted = _text(_table(folder / ADAPTER), "base_model_name_or_path")
    if adapted:
        where = f"{ADAPTER} (base_model_name_or_path)"
        edges += base_edges((adapted,), "", usual=Relation.ADAPTER, where=where)
    config = _table(folder / CONFIG)
    loaded = _text(config, "_name_or_path")
    if is_hub_name(loaded) and is_repository(loaded) and not _is_own(loaded, own_names):
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
