"""A batch of any size in bounded memory: ``python -m bench watch-million rows=100000,1000000 form=parquet``.

Tickets of seven words, a classical model (TF-IDF), half of the rows labelled, 60,000 customers; each size is checked in
a process of its own, whose most memory is told, and what that is beyond a batch of a thousand rows.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

WORDS = (
    "invoice refund charged payment euro password account locked reset code parcel courier late address track please "
    "help my the is again today team hello thanks about since"
)
KINDS = ("billing", "login", "delivery")
LEARNT, REFERENCE = 600, 4_000


def tickets(rows: int, seed: int) -> pl.DataFrame:
    """Words at random, three of its kind; a label in fifteen is wrong, half are missing."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, rows)
    told = np.where(rng.random(rows) < 0.1, rng.integers(0, 3, rows), kind)
    own, any_word = rng.integers(0, 5, (rows, 3)) + 5 * kind[:, None], rng.integers(15, 27, (rows, 4))
    words = np.array(WORDS.split())[np.concatenate([own, any_word], axis=1)]
    text = pl.DataFrame({str(at): words[:, at] for at in range(7)}).select(pl.concat_str(pl.all(), separator=" "))
    return pl.DataFrame(
        {
            "key": [f"{seed}-{row}" for row in range(rows)], "text": text.to_series(),
            "label": pl.Series(np.array(KINDS)[told]).set(pl.Series(rng.random(rows) < 0.5), None),
            "customer": [f"c{one}" for one in rng.integers(0, 60_000, rows)],
            "region": np.array(["north", "east", "south", "west"])[rng.integers(0, 4, rows)],
        }
    )  # fmt: skip


def watch_million(
    rows: tuple[str, ...] | int = ("1000", "100000", "1000000"), form: tuple[str, ...] = ("parquet",), group: int = 0
) -> dict[str, object]:
    """Seconds and most memory of a check, by rows and by form. group: whether customers belong together."""
    from bench.poison import small_bundle
    from graft.watch.baseline import make_baseline, watch_folder, write_baseline

    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="graft-million-") as name:
        folder = Path(name)
        bundle = small_bundle(folder / "bundle", tickets(LEARNT, 1).drop_nulls("label"), task="multiclass")
        made = make_baseline(
            bundle, tickets(REFERENCE, 2), segments=("region",), runs=3, group="customer" if group else ""
        )  # fmt: skip
        write_baseline(watch_folder(folder / "bundle") / "baseline", made)
        sizes = sorted(map(int, (rows,) if isinstance(rows, int) else rows))
        for kind in form:
            least = 0.0
            for size in sizes:
                path = folder / f"{size}.{kind}"
                frame = tickets(size, 3 + size)
                frame.write_parquet(path) if kind == "parquet" else frame.write_csv(path)
                del frame
                told = json.loads(subprocess.run(
                    [sys.executable, "-c", _CHECK, str(folder / "bundle"), str(path)], check=True, capture_output=True,
                    text=True,
                ).stdout.splitlines()[-1])  # fmt: skip
                least = least or told["MB"]
                told["MB beyond the smallest"] = round(told["MB"] - least)
                found[f"{size:,} rows, {kind}"] = told
                print(size, kind, told, file=sys.stderr, flush=True)
                path.unlink()
    return found


_CHECK = """
import json, sys, time
from graft.bundle.loading import load_bundle
from graft.core.memory import peak_memory
from graft.watch.check import check_batch
bundle = load_bundle(sys.argv[1])
wall, started = time.perf_counter(), time.process_time()
with peak_memory() as peak:
    found = check_batch(bundle, sys.argv[2])
print(json.dumps({"compared": found.usable, "of": found.rows, "outcome": found.outcome,
    "seconds": round(time.perf_counter() - wall, 1), "processor": round(time.process_time() - started, 1),
    "MB": round(peak.megabytes),
    "qualities": [[one.quality, *(None if told is None else round(told.mean, 3)
        for told in (one.estimated, one.measured, one.usual)), one.trusted] for one in found.quality]}))
"""
