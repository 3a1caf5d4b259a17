"""Many events in little memory, asked of a process that does nothing else."""

import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

READER = """
import json, sys, time
from graft.rows.events import read_interactions

def most():
    line = next(one for one in open("/proc/self/status") if one.startswith("VmHWM"))
    return int(line.split()[1]) / 1024

before = most()
found = read_interactions(sys.argv[1])
print(json.dumps([most() - before, found.events, len(found), len(found.users), len(found.items)]))
"""


FITTER = """
import json, sys
import graft, graft.recommend.recommender

def most():
    line = next(one for one in open("/proc/self/status") if one.startswith("VmHWM"))
    return int(line.split()[1]) / 1024

before = most()
made = graft.Recommender(dimension=16, tries=2).fit(sys.argv[1])
made.recommend(list(made.shop.events.users), 10)
print(json.dumps([most() - before, len(made.shop.events)]))
"""


def read(path) -> tuple[float, int, int, int, int]:
    said = subprocess.run([sys.executable, "-c", READER, str(path)], capture_output=True, text=True, check=True)
    return tuple(json.loads(said.stdout))


def events(rows: int, users: int, items: int, *, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "user": rng.integers(users, size=rows),
            "item": rng.integers(items, size=rows),
            "time": rng.integers(1_600_000_000, 1_700_000_000, rows),
        }
    )


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux for the most memory a process had")
@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_memory_grows_by_little_with_every_event(tmp_path, form):
    """Beyond what a piece takes, about 150 bytes an event while they are sorted; the text of a row is as long."""
    megabytes = []
    sizes = (300_000, 700_000) if form == "jsonl" else (500_000, 1_500_000)
    for rows in sizes:
        frame = events(rows, 50_000, 20_000)
        path = tmp_path / f"{rows}.{form}"
        {"parquet": frame.write_parquet, "csv": frame.write_csv, "jsonl": frame.write_ndjson}[form](path)
        told = read(path)
        assert told[1] == rows
        megabytes.append(told[0])
    an_event = (megabytes[1] - megabytes[0]) * 2**20 / (sizes[1] - sizes[0])
    assert an_event < 250
    assert megabytes[1] < 700


@pytest.mark.slow
def test_a_user_with_a_hundred_thousand_events(tmp_path):
    """Beside others who have a few; the fit solves them as it solves all."""
    import graft

    rng = np.random.default_rng(0)
    few = events(4_000, 200, 300, seed=1)
    busy = pl.DataFrame(
        {
            "user": np.full(100_000, 999),
            "item": rng.integers(3_000, size=100_000),
            "time": np.arange(100_000) + 1_600_000_000,
        }
    )
    made = graft.Recommender(dimension=16, tries=1).fit(pl.concat([few, busy]))
    place = made.shop.people.places["999"]
    assert made.shop.events.events == 104_000 - sum(one.events for one in made.shop.events.aside)
    assert made.shop.model.pairs.counts[place] > 2_900
    found = made.recommend(["999", "1"], 5, filter_viewed=False)
    assert found.height == 10
    assert np.isfinite(found["score"].to_numpy()).all()
    assert made.explained("999", found["item"][0]).count("(") == 3
    more = {"user": [999] * 1_000, "item": list(range(3_000, 4_000)), "time": [1_700_000_000] * 1_000}
    assert made.add_events(more).shop.model.pairs.counts[place] > 3_900
    assert "999" not in made.forget("999").shop.people.names


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux for the most memory a process had")
def test_a_fit_is_bounded_by_what_it_ranks(tmp_path):
    """A hundred thousand events of one user among 60,000 of others: measured .75 GB, of which the scores of
    1,500 lists and what is taken together (4,000 by 4,000) are the most."""
    rng = np.random.default_rng(0)
    busy = pl.DataFrame(
        {
            "user": np.full(100_000, 9_999),
            "item": rng.integers(4_000, size=100_000),
            "time": np.arange(100_000) + 1_600_000_000,
        }
    )
    pl.concat([events(60_000, 3_000, 4_000), busy]).write_parquet(tmp_path / "e.parquet")
    said = subprocess.run(
        [sys.executable, "-c", FITTER, str(tmp_path / "e.parquet")], capture_output=True, text=True, check=True
    ).stdout
    megabytes, pairs = json.loads(said[said.rindex("[") :])
    assert pairs > 60_000
    assert megabytes < 1_500
