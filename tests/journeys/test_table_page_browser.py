"""The page of a table in a real browser: its map works, nothing hostile runs, it fits a phone, a desk and paper."""

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from graft.report.table.page import render_table_page
from journeys.test_report_browser import CHROMIUM, HEAR, TELL, chromium
from unit.report.tables import friendly, hostile

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.slow,
]
PAGES = {
    "friendly": lambda: render_table_page(friendly()),
    "hostile": lambda: render_table_page(hostile()),
}


def opened(folder: Path, page: str) -> str:
    """What the browser made of the page, as HTML."""
    (folder / "page.html").write_text(page, encoding="utf-8")
    return chromium(folder, "--virtual-time-budget=3000", "--dump-dom", (folder / "page.html").as_uri())


def act(folder: Path, name: str, script: str) -> Any:
    """What ``script``, the body of a function, returns in the page of ``name``."""
    # the policy of the page rightly forbids other scripts: the copy that is acted upon goes without
    page = re.sub(r"<meta http-equiv[^>]*>", "", PAGES[name]())
    tell = f"""<script>addEventListener("load", () => setTimeout(() => {{
      let said; try {{ said = (() => {{ {script} }})(); }} catch (error) {{ said = String(error); }}
      const element = document.createElement("pre"); element.id = "said"; element.textContent = JSON.stringify(said);
      document.body.append(element); }}, 300));</script></body>"""
    dom = opened(folder, page.replace("</body>", tell))
    found = re.search(r'<pre id="said">(.*?)</pre>', dom, re.DOTALL)
    assert found is not None
    return json.loads(html.unescape(found[1]))


@pytest.mark.parametrize("name", PAGES)
def test_our_script_runs_under_the_policy_and_nothing_else_does(tmp_path: Path, name: str) -> None:
    dom = opened(tmp_path, PAGES[name]())
    assert 'data-map="drawn"' in dom
    assert "<title>owned" not in dom
    assert "<img" not in dom
    intruder = "<script>document.documentElement.dataset.intruder = 'ran'</script>"
    assert "data-intruder" not in opened(tmp_path, PAGES[name]().replace("</body>", intruder + "</body>"))


def test_rows_are_found_picked_and_walked(tmp_path: Path) -> None:
    said = act(
        tmp_path,
        "friendly",
        """
        const by = id => document.getElementById(id), about = by("map-about");
        by("map-find").value = "TRAIN TO"; by("map-find").dispatchEvent(new Event("input"));
        const found = by("map-found").textContent, hits = by("map-hits").querySelectorAll("button").length;
        by("map-hits").querySelector("button").click();
        const picked = about.textContent, near = about.querySelectorAll("ol button").length;
        about.querySelector("ol button").click();
        const walked = about.textContent;
        about.querySelector("button.show").click();
        return {found, hits, picked, near, walked, closed: about.hidden};""",
    )
    assert said["found"] == "60 of 220 rows on the map; the first 25:"
    assert said["hits"] == 25
    assert "train to town is late" in said["picked"]
    assert said["near"] == 5
    assert said["walked"] != said["picked"]
    assert said["closed"] is True


def test_a_tap_picks_the_point_under_the_finger_and_hovering_tells_it(tmp_path: Path) -> None:
    said = act(
        tmp_path,
        "friendly",
        """
        const canvas = document.getElementById("map-canvas"), box = canvas.getBoundingClientRect();
        canvas.setPointerCapture = () => {};
        const at = (kind, x, y, type) => canvas.dispatchEvent(new PointerEvent(kind,
          {pointerId: 1, pointerType: type, clientX: x, clientY: y, bubbles: true}));
        let x = 0, y = 0, tip = document.getElementById("map-tip");
        for (x = box.left + 4; x < box.right && tip.hidden; x += 6)
          for (y = box.top + 4; y < box.bottom && tip.hidden; y += 6) at("pointermove", x, y, "mouse");
        const told = tip.textContent; x -= 6; y -= 6;
        at("pointerdown", x, y, "touch"); at("pointerup", x, y, "touch");
        return {told, picked: document.getElementById("map-about").textContent};""",
    )
    identity = re.search(r"t\d+", said["told"])
    assert identity is not None
    assert "nearest (" in said["told"]
    assert said["picked"].startswith(f"Row {identity[0]}")


def test_the_key_filters_and_colours_change(tmp_path: Path) -> None:
    said = act(
        tmp_path,
        "friendly",
        """
        const by = id => document.getElementById(id), key = () => [...by("map-legend").querySelectorAll("button")];
        const clusters = key().length;
        key()[0].click();
        const pressed = key()[0].getAttribute("aria-pressed");
        by("map-find").value = "t"; by("map-find").dispatchEvent(new Event("input"));
        const found = by("map-found").textContent;
        by("map-everything").click();
        by("map-colour").value = "1"; by("map-colour").dispatchEvent(new Event("change"));
        return {clusters, pressed, found, kinds: key().map(one => one.textContent)};""",
    )
    assert said["clusters"] == 3
    assert said["pressed"] == "true"
    assert said["found"].startswith("90 of 220 rows on the map (among those picked in the key)")
    assert said["kinds"] == ["card90", "fee70", "train60"]


def test_keys_move_the_map_and_lists_lead_to_it(tmp_path: Path) -> None:
    said = act(
        tmp_path,
        "friendly",
        """
        const canvas = document.getElementById("map-canvas");
        const press = key => canvas.dispatchEvent(new KeyboardEvent("keydown", {key, cancelable: true}));
        const before = canvas.style.touchAction; press("+"); const zoomed = canvas.style.touchAction;
        press("ArrowLeft"); press("0"); const after = canvas.style.touchAction;
        const link = document.querySelector("[data-point]"); link.click();
        return {before, zoomed, after, hidden: link.hidden,
          picked: document.getElementById("map-about").textContent};""",
    )
    assert (said["before"], said["zoomed"], said["after"]) == ("", "none", "pan-y")
    assert said["hidden"] is False
    assert said["picked"].startswith("Row t")


def test_hostile_texts_stay_texts_when_picked(tmp_path: Path) -> None:
    said = act(
        tmp_path,
        "hostile",
        """
        const by = id => document.getElementById(id);
        by("map-find").value = "<" + "/script>"; by("map-find").dispatchEvent(new Event("input"));
        const hits = [...by("map-hits").querySelectorAll("button")]; hits.forEach(one => one.click());
        return {hits: hits.length, title: document.title, made: document.querySelectorAll("img, main script").length,
          about: by("map-about").textContent};""",
    )
    assert said["hits"] > 0
    assert said["made"] == 0
    assert said["title"] != "owned"
    assert "</script>" in said["about"]


def test_no_page_is_wider_than_its_screen(tmp_path: Path) -> None:
    frames = []
    for name, make in PAGES.items():
        page = re.sub(r"<meta http-equiv[^>]*>", "", make())
        for width in (390, 1280):
            told = page.replace("</body>", TELL.replace("NAME", json.dumps(f"{name} {width}")) + "</body>")
            (tmp_path / f"{name}-{width}.html").write_text(told, encoding="utf-8")
            frames.append(f'<iframe src="{name}-{width}.html" width="{width}" height="900" style="border:0"></iframe>')
    (tmp_path / "all.html").write_text(HEAR + "".join(frames), encoding="utf-8")
    dom = chromium(tmp_path, "--virtual-time-budget=4000", "--dump-dom", (tmp_path / "all.html").as_uri())
    found = re.search(r'<pre id="told">(.*?)</pre>', dom, re.DOTALL)
    assert found is not None
    measures = json.loads(html.unescape(found[1]))
    assert len(measures) == len(frames)
    for one in measures:
        assert one["needed"] <= one["width"], one
        assert one["wide"] == [], one


def test_it_prints_with_its_map(tmp_path: Path) -> None:
    def printed(name: str, page: str) -> bytes:
        (tmp_path / f"{name}.html").write_text(page, encoding="utf-8")
        chromium(tmp_path, f"--print-to-pdf={tmp_path / name}.pdf", (tmp_path / f"{name}.html").as_uri())
        return (tmp_path / f"{name}.pdf").read_bytes()

    whole = printed("whole", PAGES["friendly"]())
    assert whole.startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", whole)) <= 8
    undrawn = printed("undrawn", PAGES["friendly"]().replace("<script>", '<script type="text/plain">'))
    assert len(whole) > len(undrawn) + 10_000
