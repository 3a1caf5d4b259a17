"""The page of an evaluated recommender in a real browser: it fits a phone, a desk and paper."""

import html
import json
import re
from pathlib import Path

import pytest

from graft.report.recommend import render_recommend_page
from journeys.test_report_browser import CHROMIUM, HEAR, TELL, chromium
from unit.report.evaluations import ALL

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")]


@pytest.mark.slow
def test_no_page_is_wider_than_its_screen(tmp_path: Path) -> None:
    frames = []
    for name in ("ahead", "behind", "hostile"):
        # the policy of the page rightly forbids scripts: the copy that measures itself goes without
        page = re.sub(r"<meta http-equiv[^>]*>", "", render_recommend_page(ALL[name]()))
        for width in (375, 1280):
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


@pytest.mark.slow
def test_it_prints(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(render_recommend_page(ALL["ahead"]()), encoding="utf-8")
    chromium(tmp_path, f"--print-to-pdf={tmp_path / 'report.pdf'}", (tmp_path / "report.html").as_uri())
    data = (tmp_path / "report.pdf").read_bytes()
    assert data.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", data)) <= 12
