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


# A module, the line it must not hold, the contract that says so, and the import it names.
BROKEN = [
    ("core/seeds.py", "import graft.inputs.schema", "Data travels up", "graft.core.seeds -> graft.inputs.schema"),
    ("decisions/new.py", "import graft.evidence", "Data travels up", "graft.decisions.new -> graft.evidence"),
    ("facts/new.py", "import graft.scores", "Data travels up", "graft.facts.new -> graft.scores"),
    ("evidence/new.py", "import torch", "What is pure", "graft.evidence.new -> torch"),
    ("inputs/new.py", "import graft.core.new", "What is pure", "graft.inputs.new -> graft.core.new"),
    ("evidence/new.py", "import graft.engine", "Evidence and decisions", "graft.evidence.new -> graft.engine"),
    (
        "representations/new.py",
        "import graft.inputs",
        "Representations and",
        "graft.representations.new -> graft.inputs",
    ),
    ("report/new.py", "import transformers", "What only tells", "graft.report.new -> transformers"),
    ("report/new.py", "import graft.tables", "Pages are made", "graft.report.new -> graft.tables"),
    ("core/seeds.py", "import graft.core.digests", "Modules beside one another", ".seeds -> .digests"),
    (
        "core/digests.py",
        "import graft.core.seeds",
        "Modules beside one another",
        "No cycles are allowed in graft.core.",
    ),
    ("core/new.py", "import peft", "What is pure", "graft.core.new -> peft"),
]


def copied(folder: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", folder)
    copy = folder / "src" / "graft"
    shutil.copytree(ROOT / "src" / "graft", copy, ignore=shutil.ignore_patterns("__pycache__", "*.csv"))
    return copy


@pytest.fixture(scope="module")
def noticed(tmp_path_factory):
    """What is said of a house in which every rule is broken, by contract."""
    folder = tmp_path_factory.mktemp("broken")
    copy = copied(folder)
    for module in {module for module, *_ in BROKEN}:
        (copy / module).write_text("".join(f"{line}\n" for where, line, *_ in BROKEN if where == module))
    result = lint(folder)
    assert result.returncode == 1
    headed = result.stdout.partition("Broken contracts")[2].splitlines()
    heads = [place for place, line in enumerate(headed[1:]) if line and set(line) == {"-"} and headed[place]]
    ends = [*heads[1:], len(headed)]
    return {headed[one]: "\n".join(headed[one + 2 : end]) for one, end in zip(heads, ends, strict=True)}


@pytest.mark.parametrize(("module", "line", "contract", "named"), BROKEN)
def test_a_broken_rule_is_noticed(noticed, module, line, contract, named):
    (said,) = [text for name, text in noticed.items() if name.startswith(contract)]
    assert named in said, noticed


def test_a_folder_nobody_placed_is_noticed(tmp_path):
    place = copied(tmp_path) / "unheard_of"
    place.mkdir()
    (place / "__init__.py").write_text("")
    result = lint(tmp_path)
    assert result.returncode == 1
    assert "unheard_of" in result.stdout


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
