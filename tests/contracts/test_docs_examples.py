"""Examples in the documentation run as they stand."""

import re
from pathlib import Path

import pytest

from graft.decisions.costs import load_costs

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["estimators.md"])
def test_the_examples_of_a_page_run_one_after_another(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))
    examples = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(examples) > 2
    exec(compile("\n".join(examples), page, "exec"), {"__name__": "__main__"})


def test_the_cost_tables_of_their_page_are_cost_tables(tmp_path):
    page = (DOCS / "costs.md").read_text(encoding="utf-8")
    classes, several = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    listed = re.search(r"```\n(true,.*?)```", page, flags=re.DOTALL).group(1)
    (tmp_path / "classes.yaml").write_text(classes)
    (tmp_path / "several.yaml").write_text(several)
    (tmp_path / "listed.csv").write_text(listed)
    table = load_costs(tmp_path / "classes.yaml", ("ham", "malware", "phishing", "spam"))
    assert table.cost == ((0, 8, 5, 1), (1, 0, 1, 1), (50, 8, 0, 20), (1, 8, 1, 0))
    assert load_costs(tmp_path / "listed.csv", ("ham", "phishing", "spam")).abstain == (2, 2, 2)
    assert load_costs(tmp_path / "several.yaml", ("billing", "urgent"), task="multilabel").unit == "minutes"
    keys = set(re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE))
    assert keys == {"unit", "default", "abstain", "costs"}


def test_the_list_of_pages_is_true():
    pages = {one.name for one in DOCS.glob("*.md")}
    named = set(re.findall(r": (\S+\.md)$", (DOCS.parent / "mkdocs.yml").read_text(), flags=re.MULTILINE))
    linked = set(re.findall(r"\]\((\w[\w-]*\.md)", (DOCS / "index.md").read_text()))
    assert named == pages
    assert linked == pages - {"index.md"}


def test_links_between_pages_lead_somewhere():
    for page in [*DOCS.glob("*.md"), DOCS.parent / "README.md", DOCS.parent / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#:]+)[^):]*\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
