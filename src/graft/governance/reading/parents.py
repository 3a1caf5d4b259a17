"""Parents that are known by name alone.

A card says ``base_model: org/name``; no digest is known, so the parent cannot be an asset of a ledger yet. Its identity
is then ``source:ref:REFERENCE`` with the reference a person would use to add it:

    source:ref:hf:org/name              a repository of the Hub
    source:ref:hf:org/name@revision     the same, pinned
    source:ref:name:WORDS               anything else, as it was written

It can never be mistaken for the identity of an asset that was read, whose second part is a SHA-256.
"""

import re

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


def base_edges(names: tuple[str, ...], stated: str, *, usual: Relation, where: str) -> tuple[Edge, ...]:
    """Edges to base models. stated: the card's ``base_model_relation``. usual: what holds when it says nothing."""
    relation = _RELATIONS.get(stated.strip().lower(), usual)
    return tuple(Edge(relation=relation, parent=named_parent(name), where=where) for name in dict.fromkeys(names))
