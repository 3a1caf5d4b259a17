"""The layering holds, and it bites: each rule is broken once in a copy, which must be noticed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.api import read_configuration

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "transformers", "peft", "sklearn", "scipy", "polars", "pandas", "matplotlib")
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_logo=True, no_cache=True))"

# Written in pieces, so that this file does not match itself.
REGISTRY = re.compile(
    r"(?:https?|file)://\S*(?:py"
    r"pi|python"
    r"hosted|anaconda\.|npm"
    r"js|crates\.|/whl\b|/simple\b)|(?:extra-)?index-"
    r"url"
)


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of the project whose pyproject.toml and src lie in folder."""
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "COLUMNS": "200"}
    return subprocess.run([sys.executable, "-c", LINT], cwd=folder, env=environment, capture_output=True, text=True)


def test_every_contract_is_kept():
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_contracts_are_there():
    options = read_configuration(str(ROOT / "pyproject.toml"))
    contracts = {contract["id"]: contract for contract in options["contracts_options"]}
    assert set(contracts) >= {"layers", "pure", "blind", "no-training-below", "no-training-above", "pages", "no-cycles"}
    assert contracts["layers"]["exhaustive"] == "True"


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("core/seeds.py", "import graft.inputs.schema", "Data travels up"),
        ("decisions/new.py", "import graft.evidence", "Data travels up"),
        ("evidence/new.py", "import torch", "What is pure"),
        ("inputs/new.py", "import graft.core.new", "What is pure"),
        ("evidence/new.py", "import graft.engine", "Evidence and decisions"),
        ("representations/new.py", "import graft.inputs", "Representations and entities never see"),
        ("report/new.py", "import transformers", "What only tells"),
        ("report/new.py", "import graft.tables", "Pages are made"),
        ("facts/new.py", "import graft.scores", "Data travels up"),
        ("core/seeds.py", "import graft.core.digests", "in a circle"),
        ("unheard_of/__init__.py", "", "Data travels up"),
    ],
)
def test_a_broken_rule_is_noticed(tmp_path, module, line, broken):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    copy = tmp_path / "src" / "graft"
    shutil.copytree(ROOT / "src" / "graft", copy, ignore=shutil.ignore_patterns("__pycache__", "*.csv"))
    (copy / "core" / "new.py").write_text("import peft\n" if "core.new" in line else "", encoding="utf-8")
    (copy / "core" / "digests.py").write_text("import graft.core.seeds\n", encoding="utf-8")
    changed = copy / module
    changed.parent.mkdir(exist_ok=True)
    changed.write_text(f"{line}\n", encoding="utf-8")
    result = lint(tmp_path)
    assert result.returncode == 1
    verdicts = [text for text in result.stdout.splitlines() if text.endswith("BROKEN")]
    assert any(broken in text for text in verdicts) or "unheard_of" in result.stdout, result.stdout


def test_importing_graft_is_light():
    code = f"import graft, sys; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.split() == []


def test_no_file_names_a_package_registry():
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    result = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        pytest.skip("not a git checkout")
    named = {}
    for name in filter(None, result.stdout.split("\0")):
        path = ROOT / name
        if path.is_file() and b"\0" not in (content := path.read_bytes()):
            found = REGISTRY.search(content.decode("utf-8", "replace"))
            if found:
                named[name] = found[0]
    assert named == {}
