"""A tree of names: ancestors, refusals, and vectors that borrow from the branch above."""

import numpy as np
import polars as pl
import pytest

from graft.core.errors import InputError
from graft.entities.tree import Tree, borrow


def grown(*edges: tuple[str, str | None], separator: str = ">") -> Tree:
    children, parents = zip(*edges, strict=True)
    return Tree({}, separator).grown(pl.Series(children), pl.Series(parents, dtype=pl.String))


def test_a_path_names_its_ancestors():
    tree = Tree({})
    assert tree.name(" Home>Kitchen  >Knives ") == "Home > Kitchen > Knives"
    assert list(tree.ancestors("Home > Kitchen>Knives")) == ["Home > Kitchen", "Home"]
    assert list(tree.ancestors("Home")) == []


def test_without_a_separator_names_are_whole():
    assert Tree({}, "").name("A > B") == "A > B"
    assert list(Tree({}, "").ancestors("A > B")) == []
    assert list(Tree({}, "/").ancestors("a/b/c")) == ["a / b", "a"]


def test_a_table_names_parents_and_wins_over_the_path():
    tree = grown(("knives", "kitchen"), ("kitchen", "home"), ("home", None), ("A > B", "home"))
    assert list(tree.ancestors("knives")) == ["kitchen", "home"]
    assert list(tree.ancestors("A > B > C")) == ["A > B", "home"]


@pytest.mark.parametrize(
    "edges",
    [
        [("a", "a")],
        [("a", "b"), ("b", "a")],
        [("a", "b"), ("b", "c"), ("c", "d"), ("d", "b")],
        [("A", "A > B")],
    ],
    ids=["itself", "two", "tail", "path"],
)
def test_a_cycle_is_refused_and_shown(edges):
    with pytest.raises(InputError, match=r"cycle: (\S.*) -> .*"):
        grown(*edges)


def test_two_parents_are_refused():
    with pytest.raises(InputError, match="'a' has two parents: 'b' and 'c'"):
        grown(("a", "b"), ("a", "c"))
    assert grown(("a", "b"), ("a", "b")).parents == {"a": "b"}


def test_a_long_chain_is_no_recursion():
    edges = [(str(number), str(number + 1)) for number in range(5000)]
    assert len(list(grown(*edges).ancestors("0"))) == 5000


def test_borrowing_by_hand():
    names = ["R > a", "R > b"]
    vectors, counts = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([3.0, 1.0])
    found = borrow(Tree({}), names, vectors, counts, strength=2.0)
    assert found.names == ("R", "R > a", "R > b")
    everything = np.array([0.75, 0.25])
    root = (4 * everything + 2 * everything) / 6
    np.testing.assert_allclose(found.vectors[0], root)
    np.testing.assert_allclose(found.vectors[1], (3 * vectors[0] + 2 * root) / 5)
    np.testing.assert_allclose(found.vectors[2], (1 * vectors[1] + 2 * root) / 3)
    assert found.own.tolist() == [0, 3, 1]
    assert found.below.tolist() == [4, 3, 1]


def test_the_rarer_the_nearer_to_the_parent():
    names = [f"R > {letter}" for letter in "abcd"]
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(4, 5))
    apart = []
    for count in (1.0, 10.0, 1000.0):
        counts = np.array([count, 50.0, 50.0, 50.0])
        found = borrow(Tree({}), names, vectors, counts, strength=5.0)
        apart.append(
            np.linalg.norm(found.vectors[1] - found.vectors[0]) / np.linalg.norm(vectors[0] - found.vectors[0])
        )
    np.testing.assert_allclose(apart, [1 / 6, 10 / 15, 1000 / 1005], rtol=1e-9)
