"""A study whose candidates learn in workers: the same document whoever is killed, and nothing is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import psutil
import pytest
from safetensors.numpy import load_file

from journeys.small_study import TUNING, arguments, facts, rows, run, source

pytestmark = pytest.mark.slow
MORE = (*TUNING, "--strategy", "lora")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workers")
    rows(120).write_csv(folder / "tickets.csv")
    return folder, source(folder / "tiny")


def command(place, name: str, *more: str) -> tuple[list[str], dict[str, str]]:
    folder, reference = place
    environment = {"GRAFT_CACHE": str(folder / f"cache-{name}"), "GRAFT_LEDGER": str(folder / f"{name}.sqlite")}
    return arguments(folder / "tickets.csv", reference, folder / name, *MORE, *more), environment


@pytest.fixture(scope="module")
def whole(place) -> Path:
    asked, environment = command(place, "whole")
    done = run(asked, **environment)
    assert done.returncode == 0, done.stderr
    return place[0] / "whole"


def started(place, name: str, *more: str) -> subprocess.Popen:
    asked, environment = command(place, name, *more)
    return subprocess.Popen(
        asked, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for_trials(folder: Path, process: subprocess.Popen, count: int) -> None:
    """Until so many results are stored; none of the moments asked for may come after the end."""
    until = time.monotonic() + 120
    while len(list((folder / "trials").glob("*.safetensors"))) < count and time.monotonic() < until:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def same(found: Path, whole: Path) -> None:
    """The same document, trials and predictions, bit for bit, but for what is measured and who opened the holdout."""
    documents = [facts(folder) for folder in (found, whole)]
    for document in documents:
        document["plan"]["candidates"] = document["holdout"]["openings"] = None
    assert documents[0] == documents[1]
    trials = [
        {path.name: load_file(path)["scores"] for path in (folder / "trials").iterdir()} for folder in (found, whole)
    ]
    assert trials[0].keys() == trials[1].keys()
    for name, scores in trials[0].items():
        assert scores.tobytes() == trials[1][name].tobytes()
    predictions = [pl.read_parquet(folder / "predictions.parquet") for folder in (found, whole)]
    assert predictions[0].equals(predictions[1])
    models = [(folder / "bundle" / "model" / "model.safetensors").read_bytes() for folder in (found, whole)]
    assert models[0] == models[1]
    assert not (found / "models").exists(), "no rows are left beside the bundle"


def test_one_worker_changes_nothing(place, whole):
    asked, environment = command(place, "with-1", "--workers", "1")
    done = run(asked, **environment)
    assert done.returncode == 0, done.stderr
    same(place[0] / "with-1", whole)


@pytest.mark.parametrize("then", [("--workers", "3"), ()], ids=["with another number of workers", "without"])
def test_a_killed_study_continues_to_the_same_document(place, whole, then):
    name = f"killed-{len(then)}"
    process = started(place, name, "--workers", "2")
    wait_for_trials(place[0] / name, process, 5)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    assert workers
    assert not psutil.wait_procs(workers, timeout=20)[1], "workers end with their study"
    kept = {path.name: path.stat().st_mtime_ns for path in (place[0] / name / "trials").iterdir()}
    asked, environment = command(place, name, *then)
    done = run(asked, **environment)
    assert done.returncode == 0, done.stderr
    same(place[0] / name, whole)
    after = {path.name: path.stat().st_mtime_ns for path in (place[0] / name / "trials").iterdir()}
    assert kept.items() <= after.items(), "what was stored is not run again"


def test_workers_killed_on_the_way_are_told_and_change_nothing(place, whole):
    process = started(place, "wounded", "--workers", "2")
    rng, killed = np.random.default_rng(0), 0
    for count in (2, 6, 12):
        wait_for_trials(place[0] / "wounded", process, count)
        workers = psutil.Process(process.pid).children()
        workers[rng.integers(len(workers))].kill()
        killed += 1
    said, complaint = process.communicate(timeout=300)
    assert process.returncode == 0, complaint
    assert killed == 3
    assert "a worker was killed (SIGKILL) while it ran" in " ".join(said.split())
    same(place[0] / "wounded", whole)


def test_ctrl_c_ends_the_study_and_its_workers(place):
    process = started(place, "stopped", "--workers", "2")
    wait_for_trials(place[0] / "stopped", process, 3)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "same command again" in told
    assert "Traceback" not in told
    assert not psutil.wait_procs(workers, timeout=20)[1]
    assert not (place[0] / "stopped" / "models" / "rows.arrow").exists(), "the rows are not left lying about"


def test_a_script_without_a_guard_may_ask_for_workers(place, whole, tmp_path):
    folder, reference = place
    script = tmp_path / "script.py"
    options = {"text": "message", "label": "category", "effort": "quick", "folds": 3, "source": reference, "workers": 2}
    options |= {"strategy": ["frozen", "partial:1", "lora"], "out": str(folder / "script"), "progress": False}
    script.write_text(
        f"import graft\nfound = graft.study({str(folder / 'tickets.csv')!r}, **{options!r})\nprint(found.verdict)\n"
    )
    environment = {"GRAFT_CACHE": str(folder / "cache-script"), "GRAFT_LEDGER": str(folder / "script.sqlite")}
    done = run([sys.executable, str(script)], **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == json.loads((whole / "study.json").read_text())["verdict"]["outcome"]
    same(folder / "script", whole)


def test_a_number_that_cannot_be_is_refused_before_anything_is_read(place):
    asked, environment = command(place, "none", "--workers", "-1")
    done = run(asked, **environment)
    assert done.returncode == 2
    assert "workers" in done.stderr
    assert not (place[0] / "none").exists()
