"""A parent known by name leads to the asset of that name, once it was added."""

from graft.governance.answers import answer
from graft.governance.lineage import lineage_of
from graft.governance.reading.parents import named_parent
from graft.governance.records import Asset, AssetKind, Edge, LicenceStatement, Permission, Relation, Use


def source(name: str, digest: str, *parents: str, reference: str = "", licence: str = "mit") -> Asset:
    return Asset(
        kind=AssetKind.SOURCE,
        name=name,
        digest=digest,
        reference=reference or f"hf:{name}@{digest}",
        licences=(LicenceStatement(stated=licence, where="README.md"),),
        edges=tuple(Edge(relation=Relation.FINE_TUNED, parent=named_parent(one), where="README.md") for one in parents),
    )


def test_adding_the_parent_settles_what_its_name_left_open():
    child = source("org/tuned", "c1", "org/base")
    alone = answer(lineage_of([child]), child.identity, uses=[Use.COMMERCIAL], decisions=())
    assert alone.outcome is Permission.UNSETTLED
    parent = source("org/base", "p1")
    lineage = lineage_of([child, parent])
    assert [edge.parent for edge in lineage.parents(child.identity)] == [parent.identity]
    assert lineage.unknown == ()
    assert answer(lineage, child.identity, uses=[Use.COMMERCIAL], decisions=()).outcome is Permission.ALLOWED


def test_a_blocked_parent_blocks_once_it_is_known():
    child, parent = source("org/tuned", "c1", "org/base"), source("org/base", "p1", licence="cc-by-nc-4.0")
    said = answer(lineage_of([parent, child]), child.identity, uses=[Use.COMMERCIAL], decisions=())
    assert said.outcome is Permission.BLOCKED


def test_the_embedded_source_answers_to_its_name_on_the_hub():
    minilm = source("minilm", "m1", reference="minilm")
    child = source("org/tuned", "c1", "sentence-transformers/all-MiniLM-L6-v2")
    assert lineage_of([child, minilm]).unknown == ()


def test_a_folder_that_was_given_the_name_of_a_parent_settles_nothing():
    child, fake = source("org/tuned", "c1", "org/base"), source("org/base", "p1", reference="path:fake")
    lineage = lineage_of([child, fake])
    assert lineage.unknown == (named_parent("org/base"),)
    said = answer(lineage, child.identity, uses=[Use.COMMERCIAL], decisions=())
    assert said.outcome is Permission.UNSETTLED
    assert lineage_of([source("t", "c1", "our words"), source("our words", "p1")]).unknown


def test_a_name_with_two_meanings_stays_a_name():
    child = source("org/tuned", "c1", "org/base")
    two = [source("org/base", "p1"), source("org/base", "p2")]
    assert lineage_of([child, *two]).unknown == (named_parent("org/base"),)
    pinned = source("org/tuned", "c1", "org/base@p2")
    assert [edge.parent for edge in lineage_of([pinned, *two]).parents(pinned.identity)] == [two[1].identity]


def test_a_card_that_names_itself_makes_no_circle():
    own = source("org/a", "a1", "org/a")
    assert lineage_of([own]).unknown == (named_parent("org/a"),)
    one, other = source("org/a", "a1", "org/b"), source("org/b", "b1", "org/a")
    lineage = lineage_of([one, other])
    assert len(lineage.unknown) == 1
    assert lineage_of([other, one]).edges == lineage.edges


def test_a_parent_known_by_name_is_called_by_it():
    child = source("org/tuned", "c1", "org/base")
    assert lineage_of([child]).label(named_parent("org/base")) == "hf:org/base"
