"""The page about entity embedders says what happens."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[3] / "docs" / "entities.md"


def test_the_examples_run_and_print_what_they_say(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(block, {})
    printed = capsys.readouterr().out
    said = re.findall(r"#\s+(\(.*)", blocks[0])
    assert len(said) == 3
    assert printed.splitlines()[:3] == [line.strip() for line in said]
    assert "product: from text, baskets" in printed
    assert (tmp_path / "items-2026-03").is_dir()
