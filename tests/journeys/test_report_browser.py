"""The report in a real browser: it fits a phone, a desk and paper."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from graft.report.study import render_page
from unit.report.records import ALL

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")]
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TELL = """<script>addEventListener("load", () => parent.postMessage({name: NAME, width: innerWidth,
needed: document.documentElement.scrollWidth, open: getComputedStyle(document.body).color,
wide: [...document.querySelectorAll("body *")].filter(e => !e.closest(".scroll") && !e.closest("svg svg")
&& e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 90)).slice(0, 5)}, "*"))</script>"""
HEAR = """<body><pre id="told"></pre><script>const told = []; addEventListener("message", event => {
told.push(event.data); document.getElementById("told").textContent = JSON.stringify(told)})</script>"""


def chromium(folder: Path, *arguments: str) -> str:
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={folder / 'profile'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=folder).stdout


@pytest.mark.slow
def test_no_page_is_wider_than_its_screen(tmp_path: Path) -> None:
    frames = []
    for name in ("multiclass_helps", "many_classes", "hostile"):
        # the policy of the page rightly forbids scripts: the copy that measures itself goes without
        page = re.sub(r"<meta http-equiv[^>]*>", "", render_page(ALL[name]()))
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


def test_it_prints(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(render_page(ALL["multiclass_helps"]()), encoding="utf-8")
    chromium(tmp_path, f"--print-to-pdf={tmp_path / 'report.pdf'}", (tmp_path / "report.html").as_uri())
    data = (tmp_path / "report.pdf").read_bytes()
    assert data.startswith(b"%PDF")
    assert 4 <= len(re.findall(rb"/Type\s*/Page\b", data)) <= 16
