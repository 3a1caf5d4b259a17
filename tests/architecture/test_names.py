"""A class name means one thing in the whole house."""

import ast
from collections import defaultdict
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[2] / "src" / "graft"


def places(house: Path) -> dict[str, list[str]]:
    """Every class name, and the modules that define it."""
    found = defaultdict(list)
    for file in sorted(house.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(str(file.relative_to(house)))
    return found


def test_a_class_name_means_one_thing():
    assert {name: where for name, where in places(HOUSE).items() if len(where) > 1} == {}


def test_a_name_that_is_used_twice_is_found(tmp_path):
    (tmp_path / "one.py").write_text("class Thing: ...\ndef f():\n    class _Own: ...\n")
    (tmp_path / "two.py").write_text("class Thing: ...\n")
    assert places(tmp_path) == {"Thing": ["one.py", "two.py"], "_Own": ["one.py"]}
