"""The picture of a lineage: whole, safe, and refused when nobody could read it."""

from xml.etree import ElementTree

import pytest

from graft.core.errors import InputError
from graft.governance.lineage import lineage_of
from graft.governance.pictures import draw_picture
from graft.governance.records import Asset, AssetKind, Edge, Relation

SVG = "{http://www.w3.org/2000/svg}"


def asset(name: str, *parents: str, kind: str = "source") -> Asset:
    edges = tuple(Edge(relation=Relation.FINE_TUNED, parent=f"source:{one}") for one in parents)
    return Asset(kind=AssetKind(kind), name=name, digest=name, edges=edges)


def drawn(assets: list[Asset]) -> ElementTree.Element:
    return ElementTree.fromstring(draw_picture(lineage_of(assets), assets[0].identity))


def test_every_ancestor_is_one_box_and_every_step_one_arrow():
    picture = drawn([asset("bundle", "a", "b", kind="bundle"), asset("a", "base"), asset("b", "base"), asset("base")])
    assert len(picture.findall(f"{SVG}g")) == 4
    arrows = [path for path in picture.findall(f"{SVG}path") if path.get("marker-end")]
    assert len(arrows) == 4
    assert sum(text.text == "fine-tuned" for text in picture.findall(f"{SVG}text")) == 4


def test_a_parent_is_below_each_of_its_children():
    picture = drawn([asset("top", "mid", "base", kind="bundle"), asset("mid", "base"), asset("base")])
    tops = {
        box.find(f"{SVG}title").text.split("\n")[0]: float(box.find(f"{SVG}rect").get("y"))
        for box in picture.findall(f"{SVG}g")
    }
    assert tops["bundle top"] < tops["source mid"] < tops["source base"]


def test_an_unknown_parent_is_drawn_and_said_to_be_unknown():
    text = draw_picture(lineage_of([asset("a", "gone")]), "source:a")
    assert "not in the ledger" in text
    assert "stroke-dasharray" in text


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a&b", "]]>", '"quoted"', "very " * 40])
def test_names_of_others_are_text(name):
    picture = drawn([asset("top", name), asset(name)])
    assert not picture.findall(f".//{SVG}script")
    assert name in "".join(title.text for title in picture.iter(f"{SVG}title"))


def test_what_nobody_could_read_is_refused():
    many = [asset("top", *(f"p{number}" for number in range(401))), *(asset(f"p{number}") for number in range(401))]
    with pytest.raises(InputError, match="402 assets"):
        draw_picture(lineage_of(many), "source:top")
