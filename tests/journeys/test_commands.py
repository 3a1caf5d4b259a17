"""The command line as a stranger meets it: exit codes, messages, interruption."""

import json
import os
import signal
import subprocess
import time

import polars as pl
import pytest
from typer.testing import CliRunner

from graft.cli.app import app
from graft.core.errors import InputError
from journeys.small_study import GRAFT, arguments, rows, run, source


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("commands")
    rows(120).write_csv(folder / "tickets.csv")
    return folder, source(folder / "tiny")


@pytest.fixture(scope="module")
def quick(place):
    """A study where nothing is tuned: what is asked of it needs no more."""
    folder, reference = place
    command = arguments(folder / "tickets.csv", reference, folder / "quick")[len(GRAFT) :]
    done = CliRunner().invoke(app, command, env={"GRAFT_CACHE": str(folder / "cache-q")})
    assert done.exit_code == 0, done.output
    return folder, done


def test_study_prints_the_verdict_and_where_the_report_is(quick):
    folder, done = quick
    assert "report.html" in done.stdout
    assert "Plan (effort: quick)" in done.stdout
    assert "\x1b" not in done.stdout, "colour codes in a pipe"
    assert (folder / "quick" / "report.html").is_file()


@pytest.mark.slow
def test_ctrl_c_ends_with_a_sentence(place):
    folder, reference = place
    process = subprocess.Popen(
        arguments(folder / "tickets.csv", reference, folder / "stopped"),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    while not (folder / "stopped" / "study.key").exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "same command again" in told
    assert "Traceback" not in told


@pytest.mark.slow
def test_the_gate_exits_with_3(place, quick):
    folder, reference = place
    done = run(
        arguments(folder / "tickets.csv", reference, folder / "quick", "--require", "helps"),
        GRAFT_CACHE=str(folder / "cache-q"),
    )
    assert done.returncode == 3
    assert "needed: 'helps'" in done.stderr


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--metric", "vibes"], "vibes"),
        (["--strategy", "partial:x"], "partial:x"),
        (["--costs", "nowhere.csv"], "nowhere.csv"),
        (["--margin", "-1"], "margin"),
        (["--after", "nowhere"], "nowhere"),
        (["--test", "nowhere.csv"], "nowhere.csv"),
        (["--weights", "heavy"], "weights"),
    ],
)
def test_options_that_cannot_work_exit_with_2(place, tmp_path, more, told):
    folder, reference = place
    done = CliRunner().invoke(app, arguments(folder / "tickets.csv", reference, tmp_path / "out", *more)[len(GRAFT) :])
    assert isinstance(done.exception, InputError)
    assert done.exception.exit_code == 2
    assert told in str(done.exception)
    assert not (tmp_path / "out" / "study.json").exists()


def test_switches_reach_the_study(place, tmp_path, monkeypatch):
    folder, reference = place
    asked: dict[str, object] = {}

    def remember(data, **given):
        asked.update(given)
        raise InputError("stop here")

    monkeypatch.setattr("graft.api.study", remember)
    command = arguments(folder / "tickets.csv", reference, tmp_path / "out")[len(GRAFT) :]
    CliRunner().invoke(app, command)
    assert {name: asked[name] for name in ("refit", "cautious", "prior")} == {
        "refit": True,
        "cautious": False,
        "prior": True,
    }
    assert asked["test"] is None
    CliRunner().invoke(app, [*command, "--no-refit", "--cautious", "--no-prior", "--test", "mine.csv"])
    assert {name: asked[name] for name in ("refit", "cautious", "prior")} == {
        "refit": False,
        "cautious": True,
        "prior": False,
    }
    assert str(asked["test"]) == "mine.csv"


@pytest.mark.slow
def test_a_test_file_is_locked_counted_and_never_learnt_from(place, tmp_path):
    folder, reference = place
    mine = tmp_path / "mine.csv"
    rows().tail(40).write_csv(mine)
    command = arguments(folder / "tickets.csv", reference, tmp_path / "out", "--test", str(mine), "--id", "id")
    done = run(command, GRAFT_CACHE=str(folder / "cache-a"))
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "out" / "study.json").read_text())
    assert document["holdout"]["test_file"] == str(mine)
    assert document["holdout"]["openings"] == 1
    assert document["refit"]["done"] is False
    held = set(json.loads((tmp_path / "out" / "holdout.json").read_text()))
    learnt = set(json.loads((tmp_path / "out" / "learnt.json").read_text()))
    assert len(held) == document["holdout"]["rows"] == 40
    assert not held & learnt
    said = pl.read_parquet(tmp_path / "out" / "predictions.parquet")
    tested = said.filter((pl.col("part") == "holdout") & (pl.col("role") == "shipped"))
    assert sorted(tested["id"]) == sorted(rows().tail(40)["id"].cast(pl.String))
    assert set(tested["digest"]) == held
    assert "the test file alone" in " ".join(done.stdout.split())


def test_a_missing_column_is_named_with_the_near_ones(place, tmp_path):
    folder, reference = place
    command = arguments(folder / "tickets.csv", reference, tmp_path / "out")[len(GRAFT) :]
    command[command.index("category")] = "catgory"
    done = CliRunner().invoke(app, command)
    assert isinstance(done.exception, InputError)
    assert "catgory" in str(done.exception)
    assert "category" in str(done.exception)


@pytest.mark.slow
def test_json_lines_are_for_machines(place, quick):
    folder, reference = place
    done = run(
        arguments(folder / "tickets.csv", reference, folder / "quick", "--json"), GRAFT_CACHE=str(folder / "cache-q")
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[-1]["event"] == "result"
    assert lines[-1]["study"]["schema"] == "graft/study/2"


def test_predict_verify_and_report(quick, tmp_path):
    folder, _ = quick
    bundle = folder / "quick" / "bundle"
    asked = ["predict", str(bundle), str(folder / "tickets.csv"), "--out", str(tmp_path / "p.csv"), "--explain"]
    assert CliRunner().invoke(app, asked).exit_code == 0
    assert len((tmp_path / "p.csv").read_text().splitlines()) > 120
    assert CliRunner().invoke(app, ["verify", str(bundle)]).exit_code == 0
    again = CliRunner().invoke(app, ["report", str(folder / "quick"), "--out", str(tmp_path / "r.html")])
    assert again.exit_code == 0
    assert (tmp_path / "r.html").read_bytes() == (folder / "quick" / "report.html").read_bytes()


@pytest.mark.slow
def test_a_full_disk_is_told_and_nothing_is_half_written(place, tmp_path):
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]).returncode
    ):
        pytest.skip("needs the right to mount a small disk")
    try:
        folder, reference = place
        done = run(arguments(folder / "tickets.csv", reference, tmp_path / "out"))
        assert done.returncode == 2, done.stderr
        assert "disk is full" in done.stderr
        assert not (tmp_path / "out" / "study.json").exists()
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
