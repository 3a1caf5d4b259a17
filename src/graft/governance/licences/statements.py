"""The terms of one asset: which of the statements about it count.

Decisions: statements are compared by what they mean, not by their words. Words that state nothing count only when
nothing else does; "other" in a file is overruled by a name in the same file, and by nothing else; a family is
overruled by a member of it. What is left applies together: where places disagree, the strictest answer counts until
a person decides. A bundle or table that states no licence is taken as your own work; a source or data set is not.
"""

from dataclasses import dataclass
from functools import lru_cache

from graft.governance.licences.expressions import AllOf, Leaf, Terms, Unknown, canonical, leaves, read_terms
from graft.governance.licences.table import table
from graft.governance.records import Asset, AssetKind, LicenceStatement

OWN_KINDS = (AssetKind.BUNDLE, AssetKind.TABLE)


@dataclass(frozen=True)
class Stated:
    """One licence with every place that states it. words: as the first place writes it."""

    terms: Terms
    words: str
    where: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.terms} ({'; '.join(self.where)})"


def asset_terms(asset: Asset) -> Terms:
    """The terms of an asset, as it states them itself.

    >>> places = {"MIT": "METADATA", "apache-2.0": "README.md"}
    >>> said = tuple(LicenceStatement(stated=stated, where=where) for stated, where in places.items())
    >>> str(asset_terms(Asset(kind=AssetKind.SOURCE, name="m", digest="1", licences=said)))
    'MIT AND Apache-2.0'
    """
    stated = what_counts(asset.licences)
    beside = [isinstance(one.terms, Leaf) and one.terms.unknown is Unknown.BESIDES for one in stated]
    if stated and not all(beside):
        return AllOf(tuple(one.terms for one in stated)) if len(stated) > 1 else stated[0].terms
    own = asset.kind in OWN_KINDS and not stated
    return AllOf(()) if own else Leaf("", unknown=Unknown.MISSING)


def stated_licences(asset: Asset) -> str:
    """The licences that count for an asset, each as the first place states it; all of them apply. Empty for none.

    >>> places = {"MIT": "METADATA", "apache-2.0": "README.md", "Apache License 2.0": "LICENSE"}
    >>> said = tuple(LicenceStatement(stated=stated, where=where) for stated, where in places.items())
    >>> stated_licences(Asset(kind=AssetKind.SOURCE, name="m", digest="1", licences=said))
    'MIT; apache-2.0'
    """
    return "; ".join(one.words for one in what_counts(asset.licences))


@lru_cache(maxsize=4096)
def what_counts(statements: tuple[LicenceStatement, ...]) -> tuple[Stated, ...]:
    """The licences stated, each once, without the statements that another one overrules."""
    found: dict[str, Stated] = {}
    for one in statements:
        terms = read_terms(one.stated)
        key = canonical(terms)
        places = (*found[key].where, one.where) if key in found else (one.where,)
        words = found[key].words if key in found else one.stated
        found[key] = Stated(terms, words, tuple(dict.fromkeys(places)))
    every = tuple(found.values())
    return tuple(one for one in every if not any(_overrules(other, one) for other in every if other is not one))


def _overrules(other: Stated, one: Stated) -> bool:
    """Whether a statement says the same as another one, only more exactly."""
    if not isinstance(one.terms, Leaf):
        return False
    named = {leaf.licence for leaf in leaves(other.terms) if leaf.licence}
    speaks = bool(named) or any(leaf.family for leaf in leaves(other.terms))
    if one.terms.unknown is Unknown.SILENT:
        silent = isinstance(other.terms, Leaf) and other.terms.unknown is Unknown.SILENT
        return not silent
    if one.terms.unknown is Unknown.ELSEWHERE:
        # In one and the same place, such as a list of licences, it is one more.
        apart = not set(one.where) & set(other.where)
        return speaks and apart and {_file(where) for where in one.where} <= {_file(where) for where in other.where}
    members = {name for family in table().families if family.name == one.terms.family for name in family.members}
    return bool(named & members)


def _file(where: str) -> str:
    """The file of a place such as ``README.md (front matter: license)``."""
    return where.partition(" (")[0]
