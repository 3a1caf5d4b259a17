"""What must hold for every lineage and every expression: ancestors never make things better, and order is nothing.

Obligations are compared where no licence is a choice: with one, another use may make another licence the better one.
"""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.core.errors import InputError
from graft.governance.answers import answer
from graft.governance.licences import Reach, effects, read_terms, table
from graft.governance.lineage import lineage_of
from graft.governance.pictures import draw_mermaid, draw_tree
from graft.governance.records import (
    Answer,
    Asset,
    AssetKind,
    Edge,
    LicenceStatement,
    Permission,
    Relation,
    TrainingData,
    Use,
)

RANK = {Permission.ALLOWED: 0, Permission.UNSETTLED: 1, Permission.BLOCKED: 2}
few = settings(max_examples=60, deadline=None)

plain = st.sampled_from(
    [one.id for one in table().licences if not one.decided_only] + ["openrail", "other", "no such words"]
)
uses = st.sets(st.sampled_from(Use), min_size=1).map(tuple)
sets = st.lists(st.sampled_from(["ms_marco", "snli", "reddit", "gooaq", "our crawl"]), max_size=2, unique=True)


@st.composite
def lineages(draw: st.DrawFn) -> list[Asset]:
    """A random lineage of up to nine assets; the first is the one to ask about, edges lead to later ones or nowhere."""
    size = draw(st.integers(1, 9))
    kinds = [draw(st.sampled_from(AssetKind)) for _ in range(size)]
    assets = []
    for n in range(size):
        later = [f"{kinds[m]}:{m}" for m in range(n + 1, size)] + ["source:nobody"]
        parents = draw(st.lists(st.tuples(st.sampled_from(Relation), st.sampled_from(later)), max_size=4))
        said = draw(st.lists(plain, max_size=2))
        assets.append(
            Asset(
                kind=kinds[n],
                name=f"n{n}",
                digest=f"{n}",
                licences=tuple(LicenceStatement(stated=words, where=f"place {i}") for i, words in enumerate(said)),
                training_data=tuple(TrainingData(name=name, where="card") for name in draw(sets)),
                edges=tuple(Edge(relation=relation, parent=parent) for relation, parent in parents),
            )
        )
    return assets


def asked(assets: list[Asset], wanted: tuple[Use, ...]) -> Answer:
    return answer(lineage_of(assets), assets[0].identity, uses=wanted)


def duties(found: Answer) -> set[tuple[str, str, str, str]]:
    """Obligations by what they are and which asset causes them."""
    return {(one.code, one.licence, one.clause, one.path[-1]) for one in found.obligations}


@few
@given(
    assets=lineages(),
    said=plain,
    kind=st.sampled_from(AssetKind),
    relation=st.sampled_from(Relation),
    wanted=uses,
    data=st.data(),
)
def test_another_ancestor_never_removes_an_obligation_nor_improves_the_answer(
    assets: list[Asset], said: str, kind: AssetKind, relation: Relation, wanted: tuple[Use, ...], data: st.DataObject
) -> None:
    before = asked(assets, wanted)
    new = Asset(kind=kind, name="new", digest="new", licences=(LicenceStatement(stated=said, where="LICENSE"),))
    n = data.draw(st.integers(0, len(assets) - 1))
    child = assets[n].model_copy(update={"edges": (*assets[n].edges, Edge(relation=relation, parent=new.identity))})
    after = asked([*assets[:n], child, *assets[n + 1 :], new], wanted)
    assert RANK[after.outcome] >= RANK[before.outcome]
    assert duties(after) >= duties(before)


@few
@given(assets=lineages(), wanted=uses, seed=st.integers(0, 2**32 - 1))
def test_the_order_of_assets_edges_and_uses_means_nothing(
    assets: list[Asset], wanted: tuple[Use, ...], seed: int
) -> None:
    rng = random.Random(seed)
    shuffled = []
    for one in assets:
        edges = list(one.edges)
        rng.shuffle(edges)
        shuffled.append(one.model_copy(update={"edges": tuple(edges)}))
    lineage = lineage_of(rng.sample(shuffled, len(shuffled)))
    backwards = tuple(reversed(wanted))
    assert answer(lineage, assets[0].identity, uses=backwards) == asked(assets, wanted)
    assert draw_tree(lineage, assets[0].identity) == draw_tree(lineage_of(assets), assets[0].identity)
    assert draw_mermaid(lineage, assets[0].identity) == draw_mermaid(lineage_of(assets), assets[0].identity)


@few
@given(assets=lineages(), wanted=uses)
def test_paths_follow_edges_from_the_asset_that_was_asked_about(assets: list[Asset], wanted: tuple[Use, ...]) -> None:
    found = asked(assets, wanted)
    parents = {one.identity: {edge.parent for edge in one.edges} for one in assets}
    for part in (*found.reasons, *found.obligations):
        assert part.path[0] == assets[0].identity
        assert all(parent in parents[child] for child, parent in zip(part.path, part.path[1:], strict=False))
    outcomes = {reason.outcome for reason in found.reasons}
    assert found.outcome is max(outcomes, key=RANK.__getitem__, default=Permission.ALLOWED)


@few
@given(assets=lineages(), wanted=st.sampled_from(Use))
def test_asking_for_more_uses_never_improves_the_answer(assets: list[Asset], wanted: Use) -> None:
    one, every = asked(assets, (wanted,)), asked(assets, tuple(Use))
    assert RANK[every.outcome] >= RANK[one.outcome]
    assert duties(every) >= duties(one)


@few
@given(assets=lineages(), data=st.data())
def test_a_circle_is_refused_wherever_it_is_closed(assets: list[Asset], data: st.DataObject) -> None:
    n = data.draw(st.integers(0, len(assets) - 1))
    m = data.draw(st.integers(n, len(assets) - 1))
    down = Edge(relation=Relation.MERGED, parent=assets[m].identity)
    back = Edge(relation=Relation.MERGED, parent=assets[n].identity)
    changed = {n: (down,), m: (back,)} if n != m else {n: (back,)}
    closed = [
        one.model_copy(update={"edges": one.edges + changed.get(i, ())}) if i in changed else one
        for i, one in enumerate(assets)
    ]
    with pytest.raises(InputError, match="runs in a circle"):
        lineage_of(closed)


expressions = st.recursive(
    plain.filter(lambda words: " " not in words and words not in ("other", "openrail")),
    lambda inner: st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda parts: f"({' '.join(parts)})"),
    max_leaves=5,
)


@few
@given(one=expressions, other=expressions, reach=st.sampled_from(Reach), wanted=uses)
def test_both_are_never_better_and_a_choice_is_never_worse_than_either(
    one: str, other: str, reach: Reach, wanted: tuple[Use, ...]
) -> None:
    alone = [effects(read_terms(words), reach, wanted).rank for words in (one, other)]
    assert effects(read_terms(f"{one} AND {other}"), reach, wanted).rank == max(alone)
    assert effects(read_terms(f"{one} OR {other}"), reach, wanted).rank == min(alone)
    assert effects(read_terms(f"{other} OR {one}"), reach, wanted).rank == min(alone)


@few
@given(words=st.text(max_size=40), wanted=uses)
def test_words_nobody_knows_never_allow_anything(words: str, wanted: tuple[Use, ...]) -> None:
    terms = read_terms(f"zzz {words} zzz")
    assert effects(terms, Reach.SELF, wanted).rank > 0


@few
@given(base=plain, added=st.sampled_from(["Commons-Clause", "non-commercial", "nonsense", "MIT"]), asked=uses)
def test_what_is_added_to_a_licence_never_makes_it_better(base: str, added: str, asked: tuple[Use, ...]) -> None:
    def worst(stated: str) -> int:
        return effects(read_terms(stated), Reach.SELF, asked).rank

    assert worst(f"{base} WITH {added}") >= max(worst(base), RANK[Permission.UNSETTLED])
