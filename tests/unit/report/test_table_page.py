import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graft.core.errors import OutputError
from graft.facts.table import TableFacts
from graft.report.table.page import TITLES, render_table_page, write_table_page
from graft.report.table.words import map_words, outliers_found, outliers_meaning, separation_words, table_cautions
from graft.tables.neighbourhood.overview import overview
from unit.report.tables import friendly, hostile
from unit.report.test_report_page import Page

SCRIPTS = re.compile(r"<script[^>]*>(.*?)</script>", re.DOTALL)


def small(rows: int) -> str:
    vectors = np.eye(12, dtype=np.float32)[:rows]
    seen = overview([str(row) for row in range(rows)], vectors, rng=np.random.default_rng(0), umap=False)
    return render_table_page(TableFacts(name="few", space="ab" * 16, overview=seen))


PAGES = {
    "friendly": lambda: render_table_page(friendly()),
    "hostile": lambda: render_table_page(hostile()),
    "one row": lambda: small(1),
    "twelve rows": lambda: small(12),
}


@pytest.fixture(params=PAGES)
def html(request: pytest.FixtureRequest) -> str:
    return PAGES[request.param]()


def test_the_page_is_well_formed_and_loads_nothing(html: str) -> None:
    page = Page(html)
    assert page.stack == []
    assert len(page.ids()) == len(set(page.ids()))
    tags = [tag for tag, _ in page.elements]
    assert not set(tags) & {"link", "img", "iframe", "object", "embed", "form", "base", "foreignobject"}
    for _, attrs in page.elements:
        assert not any(name.startswith("on") for name in attrs)
        assert (attrs.get("href") or "#").startswith("#")
        assert "src" not in attrs
    assert "url(" not in html
    assert "@import" not in html


def test_only_our_script_runs(html: str) -> None:
    page = Page(html)
    kinds = [attrs.get("type") for tag, attrs in page.elements if tag == "script"]
    assert kinds == ["application/json", None]
    data, script = SCRIPTS.findall(html)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(attrs["content"] for _, attrs in page.elements if "content" in attrs and "http-equiv" in attrs)
    assert policy is not None
    assert f"script-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'")
    assert data.isascii()
    assert not set(data) & set("<>&")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|fetch\(|XMLHttp|import\(", script)


def test_the_script_is_the_same_for_every_table() -> None:
    assert SCRIPTS.findall(PAGES["friendly"]())[1] == SCRIPTS.findall(PAGES["hostile"]())[1]


def test_hostile_texts_are_only_text() -> None:
    html = PAGES["hostile"]()
    page = Page(html)
    assert not any(tag == "img" for tag, _ in page.elements)
    assert "<script>document" not in html
    assert not re.search("[\x00\x1b\u2028\u2029\u202e\ud800]", html)
    assert "{{ 7 * 7 }}" in page.text
    data = json.loads(SCRIPTS.findall(html)[0])
    assert any("</script>" in text for text in data["texts"])
    html.encode("utf-8")


def test_nothing_missing_is_printed_as_a_word_of_the_machine(html: str) -> None:
    page = Page(SCRIPTS.sub("<script></script>", html))
    assert not re.search(r"\b(None|nan|NaN|inf|Undefined|undefined|Facts\()\b", page.text)


def test_links_lead_somewhere_and_every_section_is_there(html: str) -> None:
    page = Page(html)
    targets = {(attrs["href"] or "")[1:] for tag, attrs in page.elements if tag == "a"}
    assert targets == set(TITLES)
    assert targets <= set(page.ids())


def test_controls_have_names(html: str) -> None:
    page = Page(html)
    for tag, attrs in page.elements:
        if tag == "canvas":
            assert attrs["aria-label"]
            assert attrs["role"] == "img"
    assert html.count("<label") == 3


@pytest.mark.parametrize(
    "fact",
    [
        "vectors/tickets",
        "220 rows in 3 groups",
        "minilm",
        "0f0f0f",
        "99.5%",
        "500 queries",
        "upsert",
        "message",
        "kind card : 100% here, 41% overall",
        "nearly repeat one another",
        "a twentieth of the usual distance",
        "of the variance is on this map",
        "trustworthiness",
    ],
)
def test_it_tells(fact: str) -> None:
    assert fact in re.sub(r" +", " ", Page(PAGES["friendly"]()).text)


def test_the_data_of_the_map_fits_together() -> None:
    data = json.loads(SCRIPTS.findall(PAGES["friendly"]())[0])
    size = len(data["ids"])
    assert size == len(data["texts"]) == len(data["near"]) == len(data["distances"]) == 220
    for one in data["maps"]:
        assert len(one["x"]) == len(one["y"]) == size
    for one in data["colours"]:
        assert len(one["codes"]) == size
        assert len(one["values"]) == len(one["marks"])
        assert max(one["codes"]) < len(one["values"])
    assert data["ids"][data["near"][10][0]] == "t11"


def test_buttons_lead_to_the_row_they_stand_beside() -> None:
    html = PAGES["friendly"]()
    data = json.loads(SCRIPTS.findall(html)[0])
    shown = re.findall(r"<li dir=\"auto\"><bdi>[^<]*</bdi> <code><bdi>(t\d+)</bdi></code>.*?data-point=\"(\d+)\"", html)
    assert shown
    for name, place in shown:
        assert data["ids"][int(place)] == name


def test_words_say_how_much_to_believe() -> None:
    seen = friendly().overview
    assert "so the groups are real" in separation_words(seen)
    soft = replace(seen, clustering=replace(seen.clustering, distinct=False))
    assert "no evidence" in separation_words(soft)
    assert any("not clearly apart" in one for one in table_cautions(soft))
    few = replace(seen.outliers, found=1, expected=2.2, line=0.5)
    assert outliers_found(few) == "1 row stands far from all others (about 2 would in a table without outliers)"
    assert "no more than chance" in outliers_meaning(few)
    assert "clearly more" in outliers_meaning(replace(few, found=60))
    assert "no line" in outliers_found(replace(few, line=None, absent="fewer than 30 rows"))
    assert map_words(replace(seen.maps[0], explained=None, trust=None, kept=None)) == ""
    sampled = table_cautions(replace(seen, rows=900_000, analysed=50_000))
    assert any("50,000 of 900,000 rows" in one for one in sampled)
    assert any("220 of 50,000 rows" in one for one in sampled)


def test_it_is_written_whole(tmp_path: Path) -> None:
    write_table_page(friendly(), tmp_path / "new" / "table.html")
    assert (tmp_path / "new" / "table.html").read_text(encoding="utf-8") == PAGES["friendly"]()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_table_page(friendly(), tmp_path / "file" / "table.html")
