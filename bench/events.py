"""Events of any number read in pieces, and a whole fit of a recommender, each in a process of its own.

``python -m bench events rows=10000000 form=parquet``: so many events with times (``form``: parquet, csv, csv.gz or
jsonl) of a tenth as many users, at most a million, and 50,000 items, written in pieces, then read by a process of which
only that is asked: seconds, and the most memory it had beyond what importing took. ``fit=1`` fits on them too and says
the same of the fit (``tries=1``, 64 dimensions, no tables).
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from bench.draws import Found

PIECE = 1_000_000
ITEMS = 50_000


def written(rows: int, form: str, folder: Path, *, seed: int = 0) -> Path:
    """A file, or for Parquet a folder of files, of so many events."""
    rng = np.random.default_rng(seed)
    users = min(max(rows // 10, 1), 1_000_000)
    popular = 1 / np.arange(10, ITEMS + 10) ** 0.8
    share = np.cumsum(popular / popular.sum())
    place = folder / f"events.{form}"
    if form == "parquet":
        place.mkdir()
    for start in range(0, rows, PIECE):
        count = min(PIECE, rows - start)
        frame = pl.DataFrame(
            {
                "user_id": pl.Series(rng.integers(users, size=count)).cast(pl.String).str.pad_start(9, "u"),
                "item_id": np.minimum(np.searchsorted(share, rng.random(count)), ITEMS - 1),
                "weight": rng.integers(1, 5, count),
                "timestamp": rng.integers(1_600_000_000, 1_700_000_000, count),
            }
        )
        if form == "parquet":
            frame.write_parquet(place / f"part-{start // PIECE:03}.parquet")
        elif form == "jsonl":
            with place.open("ab") as file:
                frame.write_ndjson(file)
        elif form == "csv.gz":
            _packed(frame, place, header=not start)
        else:
            with place.open("ab") as file:
                frame.write_csv(file, include_header=not start)
    return place


def _packed(frame: pl.DataFrame, place: Path, *, header: bool) -> None:
    import gzip

    with gzip.open(place, "ab", compresslevel=1) as file:
        file.write(frame.write_csv(include_header=header).encode())


def events(rows: int = 10_000_000, form: tuple[str, ...] | str = "parquet", fit: int = 0) -> Found:
    """Seconds and megabytes."""
    kind = form if isinstance(form, str) else form[0]
    with tempfile.TemporaryDirectory(prefix="graft-bench-") as folder:
        place = written(rows, kind, Path(folder))
        size = sum(file.stat().st_size for file in ([place] if place.is_file() else place.iterdir()))
        words = [sys.executable, "-m", "bench.events", str(place), str(fit)]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return {"rows": rows, "form": kind, "file_mb": size >> 20, **json.loads(said[said.rindex('{"') :])}


def _megabytes() -> int:
    """The most memory this process had; what ``getrusage`` says begins with that of the process it came from."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return int(next(line for line in status.read_text().splitlines() if line.startswith("VmHWM")).split()[1]) >> 10


def _read(place: str, fit: bool) -> Found:
    from graft.recommend.recommender import Recommender
    from graft.rows.events import read_interactions

    before, started, own = _megabytes(), time.perf_counter(), time.process_time()
    found = read_interactions(place)
    said: Found = {
        "events": found.events, "pairs": len(found), "users": len(found.users), "imports_mb": before,
        "read_mb": _megabytes() - before, "read_seconds": round(time.perf_counter() - started, 1),
        "read_processor": round(time.process_time() - own, 1),
    }  # fmt: skip
    if fit:
        started, own = time.perf_counter(), time.process_time()
        made = Recommender(tries=1).fit(found)
        said |= {
            "fit_seconds": round(time.perf_counter() - started, 1),
            "fit_processor": round(time.process_time() - own, 1), "most_mb": _megabytes(),
        }  # fmt: skip
        started = time.perf_counter()
        made.recommend(list(found.users[:1000]), 10)
        said |= {"users_a_second": round(1000 / (time.perf_counter() - started))}
    return said


if __name__ == "__main__":
    print(json.dumps(_read(sys.argv[1], sys.argv[2] == "1")))
