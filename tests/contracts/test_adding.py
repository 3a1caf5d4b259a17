"""What CONTRIBUTING.md says about adding something is true: done to the letter in a copy of the source tree."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

METRIC = """METRICS = (
    Metric(
        name="error_rate",
        title="error rate",
        meaning="the share of rows decided wrongly",
        tasks=LABELS,
        higher_is_better=False,
        unit="share",
        bounds=(0.0, 1.0),
        rows=lambda scored: 1 - weighted.right(scored),
        steps="rows",
    ),
"""

STRATEGY = '''"""``bitfit``: only the biases of the source learn (Ben Zaken et al. 2022)."""

from typing import Any

from graft.scores.strategy import Rates, Strategy, Trains


def only_biases(body: Any, seed: int) -> Any:
    """The body with nothing but its biases free."""
    for name, value in body.named_parameters():
        value.requires_grad_(name.endswith("bias"))
    return body


BITFIT = Strategy(
    name="bitfit",
    trains=Trains.NETWORK,
    meaning="only the biases of the pretrained model learn",
    done="the biases and a head were tuned",
    why="adapts what is cheapest to adapt",
    efforts=(("standard", (0,)),),
    rates=(Rates(1e-3, 1e-3),),
    adapt=only_biases,
    lineage="fine-tuned",
)
'''

LOSS = """LOSSES = (
    Loss(
        name="absolute-error",
        meaning="how far a number is off",
        tasks=VALUES,
        cells=lambda logits, targets, task, weights: (logits[:, 0] - targets).abs(),
    ),
"""

LICENCE = """licences:
  - id: LicenseRef-Shed
    name: Licence of the Shed
    text: https://example.org/shed
    names: [shed licence 1.0]
    grants: {internal: clause 1, commercial: clause 1, redistribute: clause 2, hosted: clause 1}
    asks:
      - code: attribution
        text: name the shed in every copy.
        clause: clause 3
        when: [redistribute]

"""

ASKED = """
import json
import numpy as np
from graft.core.tasks import Task
from graft.evidence.comparison import score_interval
from graft.evidence.pooled import Pooled, jackknife
from graft.evidence.predictions import Scored
from graft.facts.study import CueFact
from graft.governance.licences.table import by_name, normalise
from graft.inputs.roles import Roles
from graft.report.study.words import metric_words
from graft.scores.losses import loss_named
from graft.scores.strategies import parse_strategy
from graft.scores.tuning import tune
from graft.studies.plan import plan_candidates
from graft.studies.settings import make_settings
from unit.scores.nets import encoder_of, job_for

roles = Roles(content=("text",), label=("label",))
source = encoder_of("bert")
cue = CueFact(source=source.weights.reference, name="LogME", value=0.1, meaning="", warning=False)
targets = np.arange(90) % 3

def plan(**options):
    settings = make_settings({"roles": roles, **options})
    found = plan_candidates(settings, (source,), (cue,), targets, Task.MULTICLASS)
    return {str(one.candidate.strategy): [one.run, one.reason] for one in found}

scored = Scored("binary", np.array([0, 1, 1, 0] * 10), np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]] * 10))
found = jackknife({"a": [(1.0, Pooled(scored, np.arange(40)))]}, "error_rate")
interval = score_interval(found, "a")
words = metric_words("error_rate")
shed = by_name()[normalise("Shed Licence 1.0")]
job = job_for(strategy="bitfit", steps=3)
tuned = tune(job, configurations=1)
biases = sum(value.numel() for name, value in job.bench.body(source).named_parameters() if name.endswith("bias"))
print(json.dumps({
    "stored": [interval.low, interval.mean, interval.high],
    "shown": [words.natural(interval.mean), words.direction, words.title, words.meaning],
    "auto": plan(metric="error_rate").get("bitfit"),
    "asked": plan(strategies=("bitfit",))["bitfit"],
    "meaning": parse_strategy("bitfit").words(parse_strategy("bitfit").meaning),
    "trained": [tuned.freeze.trained, biases + 32 * 3 + 3, bool(tuned.freeze.digest)],
    "loss": loss_named("absolute-error", Task.REGRESSION).meaning,
    "licence": [shed.name, [one.text for one in shed.asks]],
}))
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of the source tree with one more metric, strategy, loss and licence."""
    source = tmp_path_factory.mktemp("tree") / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    graft = source / "graft"
    put(graft / "evidence/metrics.py", "METRICS = (\n", METRIC)
    put(graft / "scores/losses.py", "LOSSES = (\n", LOSS)
    put(graft / "governance/licences/terms.yaml", "licences:\n", LICENCE)
    (graft / "scores/strategies/bitfit.py").write_text(STRATEGY, encoding="utf-8")
    records = graft / "scores/strategies/__init__.py"
    put(records, "from graft.scores.strategies.contrastive", "from graft.scores.strategies.bitfit import BITFIT\n")
    put(records, "STRATEGIES = (", "STRATEGIES = (BITFIT, ")
    return source


def put(file: Path, place: str, text: str) -> None:
    """``text`` at the one place in a file; before it, where the text does not begin with the place itself."""
    was = file.read_text(encoding="utf-8")
    assert was.count(f"\n{place}") == 1, (file, place)
    kept = "" if text.startswith(place) else place
    file.write_text(was.replace(f"\n{place}", f"\n{text}{kept}"), encoding="utf-8")


def said(tree: Path, script: str) -> str:
    path = os.pathsep.join((str(tree), str(ROOT / "tests")))
    run = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(run, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200"})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_names_what_was_added(tree):
    shown = said(tree, "import sys\nsys.argv = ['graft', 'study', '--help']\nfrom graft.cli import main\nmain()")
    words = " ".join(shown.replace("│", " ").split())
    for name in ("error_rate", "bitfit", "absolute-error"):
        assert name in words


@pytest.mark.slow
def test_plan_training_words_and_direction_follow(tree):
    found = json.loads(said(tree, ASKED))
    low, mean, high = found["stored"]
    assert mean == pytest.approx(-0.25)
    assert low < mean < high <= 0
    assert found["shown"] == [
        pytest.approx(0.25),
        "lower is better",
        "error rate",
        "the share of rows decided wrongly",
    ]
    assert found["auto"] == [True, "adapts what is cheapest to adapt"]
    assert found["asked"] == [True, "asked for"]
    assert found["meaning"] == "only the biases of the pretrained model learn"
    trained, expected, proven = found["trained"]
    assert (trained, proven) == (expected, True)
    assert found["loss"] == "how far a number is off"
    assert found["licence"] == ["Licence of the Shed", ["name the shed in every copy."]]


def test_contributing_describes_each():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for name in ("A metric", "A strategy", "A source", "A licence"):
        assert f"**{name}.**" in text
    for path in ("evidence/metrics.py", "scores/strategies/", "scores/strategy.py", "scores/losses.py"):
        assert f"src/graft/{path}" in text
        assert (ROOT / "src/graft" / path).exists()
