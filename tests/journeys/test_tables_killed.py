"""Tables whose commands are killed by the operating system: what was done is kept, what was begun is finished."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import graft
import tiny
from graft.tables.erasure.receipt import read_receipts
from journeys.small_study import GRAFT, run

pytestmark = pytest.mark.slow
ROWS = 14_000
KILLS = 5


def killed(command: list[str], environment: dict[str, str], when: Callable[[float], bool]) -> bool:
    """Run a command and kill it when ``when``, which is told the seconds gone, says so; whether it still ran."""
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    started = time.monotonic()
    while process.poll() is None and not when(time.monotonic() - started):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def embedding(folder: Path, name: str) -> tuple[list[str], dict[str, str]]:
    """The command that embeds the rows into a table, and its own cache and ledger."""
    command = [
        *GRAFT, "embed", str(folder / "rows.csv"), "--id", "key", "--text", "message",
        "--source", f"path:{folder / 'tiny'}", "--table", str(folder / name),
    ]  # fmt: skip
    return command, {"GRAFT_CACHE": str(folder / f"cache-{name}"), "GRAFT_LEDGER": str(folder / f"{name}.sqlite")}


def contents(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    ids, vectors = graft.EmbeddingTable.open(folder).vectors()
    order = np.argsort(ids.astype(str))
    return ids[order], vectors[order]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    tiny.write_encoder(folder / "tiny", layers=6)
    rng = np.random.default_rng(0)
    messages = [" ".join(words) for words in rng.choice(tiny.WORDS, (ROWS, 30))]
    pl.DataFrame({"key": [f"r{number:06}" for number in range(ROWS)], "message": messages}).write_csv(
        folder / "rows.csv"
    )
    command, environment = embedding(folder, "whole")
    done = run(command, **environment)
    assert done.returncode == 0, done.stderr
    return folder


def test_a_killed_encoding_goes_on_where_it_was(undisturbed):
    folder = undisturbed
    command, environment = embedding(folder, "cut")
    shards = folder / "cache-cut" / "activations"
    assert killed(command, environment, lambda _: len(list(shards.rglob("*.safetensors"))) >= 2)
    done = run(command, **environment)
    assert done.returncode == 0, done.stderr
    encoded = int(re.search(r"([\d,]+) encoded", done.stdout + done.stderr)[1].replace(",", ""))
    assert 0 < encoded <= ROWS - 2 * 4096
    for found, expected in zip(contents(folder / "cut"), contents(folder / "whole"), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_killed_erasure_is_finished_by_the_same_call(undisturbed):
    folder = undisturbed
    environment = embedding(folder, "whole")[1]
    ids, vectors = contents(folder / "whole")
    before = folder / "before"
    shutil.copytree(folder / "whole", before / "table")
    shutil.copytree(folder / "cache-whole", before / "cache")
    rng = np.random.default_rng(2)
    started = time.monotonic()
    still_running = 0
    whole = 0.0
    for number in range(KILLS):
        place = folder / f"erased-{number}"
        shutil.copytree(before, place)
        environment |= {"GRAFT_CACHE": str(place / "cache"), "GRAFT_LEDGER": str(place / "ledger.sqlite")}
        row = int(rng.integers(ROWS))
        command = [*GRAFT, "tables", "erase", str(place / "table"), "--id", ids[row], "--by", "me", "--yes"]
        if number:
            moment = float(rng.uniform(0.3, 1)) * whole
            still_running += killed(command, environment, lambda gone, moment=moment: gone > moment)
        started = time.monotonic()
        done = run(command, **environment)
        whole = whole or time.monotonic() - started
        assert done.returncode == 0, done.stderr
        receipts = read_receipts(place / "table")
        # Two where the kill came when everything was done and only the process had not ended.
        assert 1 <= len(receipts) <= 2
        assert all(receipt.complete and receipt.concerns(ids[row]) for receipt in receipts)
        left = contents(place / "table")
        np.testing.assert_array_equal(left[0], np.delete(ids, row))
        np.testing.assert_array_equal(left[1], np.delete(vectors, row, axis=0))
        sought = (vectors[row].astype("<f4").tobytes(), str(ids[row]).encode())
        files = [path for path in place.rglob("*") if path.is_file() and path.name != "ledger.sqlite"]
        assert not [path for path in files if any(one in path.read_bytes() for one in sought)]
        shutil.rmtree(place)
    assert still_running
