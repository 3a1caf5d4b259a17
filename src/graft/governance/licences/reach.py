"""How far a licence reaches along a lineage: what one asset is to another, step by step.

Decisions: the ways in which an asset can hang on another are told apart, because each carries different terms. A
derivative of a derivative is a derivative; whatever lies behind a model of which only the outputs were used reaches
no further than the question whether that model could be used commercially at all.
"""

from enum import StrEnum

from graft.governance.records import AssetKind, Relation


class Reach(StrEnum):
    """What the asset that was asked about is to the one whose licence is looked at."""

    SELF = "the thing itself"
    DERIVED = "made from it"
    DISTILLED = "distilled from it"
    TAUGHT = "trained on its outputs"
    LEARNED = "trained on it as data"
    STORED = "a table of its vectors"
    ENCODED = "vectors it computed"
    BEHIND = "behind a model whose outputs were used"


_S, _D, _I, _T = Reach.SELF, Reach.DERIVED, Reach.DISTILLED, Reach.TAUGHT
_L, _V, _E, _B = Reach.LEARNED, Reach.STORED, Reach.ENCODED, Reach.BEHIND

# One row per reach; columns: derived, distilled, taught, learned, vectors of data, vectors by a model.
_STEPS: dict[Reach, tuple[Reach, ...]] = {
    _S: (_D, _I, _T, _L, _V, _E),
    _D: (_D, _I, _T, _L, _V, _E),
    _I: (_I, _I, _T, _B, _B, _B),
    _T: (_T, _T, _T, _B, _B, _B),
    _L: (_L, _T, _T, _L, _L, _T),  # synthetic data: what was trained on it was trained on the outputs behind it
    _V: (_V, _E, _E, _V, _V, _E),
    _E: (_E, _E, _E, _B, _B, _B),
    _B: (_B, _B, _B, _B, _B, _B),
}
_COLUMNS = {
    Relation.FINE_TUNED: 0,
    Relation.ADAPTER: 0,
    Relation.MERGED: 0,
    Relation.QUANTISED: 0,
    Relation.DISTILLED: 1,
    Relation.TRAINED_ON_OUTPUTS: 2,
    Relation.TRAINED_ON_DATA: 3,
}
_MODELS = (AssetKind.SOURCE.value, AssetKind.BUNDLE.value)


def step(reach: Reach, relation: Relation, parent: str) -> Reach:
    """What the asked asset is to a parent. reach: to the child. parent: identity; its kind tells data from a model.

    >>> step(Reach.SELF, Relation.FINE_TUNED, "source:1").value
    'made from it'
    >>> [step(Reach.SELF, Relation.STORED_VECTORS, parent).value for parent in ("source:1", "data:1")]
    ['vectors it computed', 'a table of its vectors']
    """
    return row(reach)[column(relation, parent)]


def row(reach: Reach) -> tuple[Reach, ...]:
    """What comes after a reach, by ``column``."""
    return _STEPS[reach]


def column(relation: Relation, parent: str) -> int:
    """The kind of a step, as a place in a ``row``."""
    if relation is Relation.STORED_VECTORS:
        return 5 if parent.partition(":")[0] in _MODELS else 4
    return _COLUMNS[relation]
