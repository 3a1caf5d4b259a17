"""Assets and their descent: circles, unknown parents, order, drawings."""

import random

import pytest

from graft.core.errors import InputError
from graft.governance.lineage import lineage_of
from graft.governance.pictures import draw_mermaid, draw_tree
from graft.governance.records import Asset, AssetKind, Edge, Relation


def asset(name: str, *parents: tuple[Relation, str], kind: AssetKind = AssetKind.SOURCE) -> Asset:
    edges = tuple(Edge(relation=relation, parent=parent) for relation, parent in parents)
    return Asset(kind=kind, name=name, digest=name, edges=edges)


TUNED, DATA, MERGED = Relation.FINE_TUNED, Relation.TRAINED_ON_DATA, Relation.MERGED


def test_a_circle_is_refused_with_its_members_in_the_order_of_descent() -> None:
    circle = [asset("a", (TUNED, "source:b")), asset("b", (TUNED, "source:c")), asset("c", (TUNED, "source:a"))]
    with pytest.raises(InputError) as refused:
        lineage_of([asset("outside"), *circle])
    assert refused.value.given == "the lineage runs in a circle: a was made from b was made from c was made from a"


def test_nothing_descends_from_itself() -> None:
    with pytest.raises(InputError, match="a was made from a"):
        lineage_of([asset("a", (MERGED, "source:a"))])


def test_a_diamond_is_no_circle() -> None:
    lineage = lineage_of(
        [
            asset("top", (TUNED, "source:left"), (TUNED, "source:right")),
            asset("left", (TUNED, "source:base")),
            asset("right", (TUNED, "source:base")),
            asset("base"),
        ]
    )
    assert lineage.unknown == ()


def test_unknown_parents_are_named_once_and_sorted() -> None:
    lineage = lineage_of([asset("a", (TUNED, "source:z"), (DATA, "data:y")), asset("b", (TUNED, "source:z"))])
    assert lineage.unknown == ("data:y", "source:z")
    assert lineage.parents("source:z") == ()
    assert lineage.label("source:z") == "source:z"


def test_the_order_of_edges_means_nothing_and_a_repeated_edge_is_one() -> None:
    edges = [Edge(relation=relation, parent=f"source:{n}") for relation in (TUNED, MERGED) for n in range(5)]
    shuffled = [*edges, *edges]
    random.Random(0).shuffle(shuffled)
    one, other = (Asset(kind=AssetKind.SOURCE, name="m", digest="m", edges=tuple(some)) for some in (edges, shuffled))
    assert lineage_of([one]).parents("source:m") == lineage_of([other]).parents("source:m")
    assert len(lineage_of([other]).parents("source:m")) == 10


def test_two_records_of_one_identity_must_agree() -> None:
    one = asset("m")
    assert len(lineage_of([one, one.model_copy()]).assets) == 1
    with pytest.raises(InputError, match="two different records have the identity source:m: 'm' and 'other'"):
        lineage_of([one, one.model_copy(update={"name": "other"})])


def family() -> list[Asset]:
    """Two fine-tuned children of one base, merged; the base was trained on data nobody added."""
    return [
        Asset(
            kind=AssetKind.BUNDLE,
            name="tickets",
            version="3",
            digest="f" * 64,
            edges=(Edge(relation=MERGED, parent="source:l"), Edge(relation=MERGED, parent="source:r")),
        ),
        asset("l", (TUNED, "source:base")),
        asset("r", (TUNED, "source:base")),
        asset("base", (DATA, "data:web")),
    ]


def test_the_tree_draws_a_shared_parent_once() -> None:
    assert draw_tree(lineage_of(family()), f"bundle:{'f' * 64}").splitlines() == [
        "bundle tickets 3 (ffffffffffff)",
        "├─ merged: source l (l)",
        "│  └─ fine-tuned: source base (base)",
        "│     └─ trained-on-data: data:web (not in the ledger)",
        "└─ merged: source r (r)",
        "   └─ fine-tuned: source base (base) … as above",
    ]


def test_mermaid_has_one_node_per_asset_and_one_arrow_per_edge() -> None:
    lines = draw_mermaid(lineage_of(family()), f"bundle:{'f' * 64}").splitlines()
    assert lines[0] == "flowchart TD"
    assert sum("[" in line for line in lines) == 5
    assert sum("-->" in line for line in lines) == 5
    assert "  n1 -->|fine-tuned| n3" in lines


def test_names_cannot_break_a_drawing() -> None:
    hostile = Asset(kind=AssetKind.SOURCE, name='x"] --> y\n# <b>`z`', digest="1")
    lineage = lineage_of([hostile])
    assert len(draw_tree(lineage, "source:1").splitlines()) == 1
    _, node = draw_mermaid(lineage, "source:1").splitlines()
    label = node.removeprefix('  n0["').removesuffix('"]')
    assert not set('"<>`') & set(label)


def test_a_long_chain_is_drawn_short_and_does_not_recurse() -> None:
    chain = [asset(f"{n}", (TUNED, f"source:{n + 1}")) for n in range(5000)]
    lines = draw_tree(lineage_of(chain), "source:0", longest=10).splitlines()
    assert len(lines) == 11
    assert lines[-1] == "… cut after 10 lines"
