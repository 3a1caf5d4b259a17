"""Single columns of a table that moved, and false alarms where none did: ``python -m bench columns checks=300``.

Adult, a classical model of 2,000 rows. ``columns`` splits the others at random into a reference of 4,000 and a batch of
each size, and counts how often a whole check alarms, with the columns and without, and how often columns do by
themselves and name one. ``columns-planted`` changes one column of a batch and tells what was named first; with
``peer=PYTHON`` (an interpreter that has Evidently) also which columns its data drift preset calls drifted, in batches
with and without a change.
"""

import json
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from bench.draws import Found

ADULT = Path(__file__).resolve().parents[2] / "shared" / "data" / "adult"
LABEL, LEARNT, REFERENCE = "income", 2_000, 4_000
PLANTED = ("nothing", "age", "occupation", "native_country", "hours_per_week")


def columns(
    checks: int = 300, whole: int = 100, sizes: tuple[str, ...] | int = ("50", "500", "5000"), draws: int = 199
) -> Found:
    """How often columns alarm without drift, by themselves, and whole checks with them and without."""
    from graft.watch.comparison import compare_all, exchanged
    from graft.watch.detectors import COLUMNS, detector, detectors_for

    rows = _others()[2]
    found: Found = {}
    for size in (sizes,) if isinstance(sizes, int) else map(int, sizes):
        alone = together = without = 0
        for seed in range(int(checks)):
            rng = np.random.default_rng([seed, size])
            order = rng.permutation(len(rows))
            before, now = rows.take(order[:REFERENCE]), rows.take(order[REFERENCE : REFERENCE + size])
            drawn = exchanged(before, now, rng=rng, draws=int(draws), grouped=False)
            alone += detector(COLUMNS).shift(before, now, drawn, rng).p_value <= 0.05
            if seed >= int(whole):
                continue
            every = detectors_for(before)
            for some in (every, tuple(one for one in every if one.name != COLUMNS)):
                told = compare_all(
                    before, now, some, segments=(), rng=np.random.default_rng([seed, size, 1]), draws=int(draws),
                    level=0.05, grouped=False,
                )  # fmt: skip
                alarm = any(one.significant for one in told)
                together, without = together + (alarm and some is every), without + (alarm and some is not every)
        found[f"{size} rows"] = {
            "columns": round(alone / int(checks), 3), "whole check": round(together / max(1, int(whole)), 3),
            "without columns": round(without / max(1, int(whole)), 3),
        }  # fmt: skip
        print(size, found[f"{size} rows"], flush=True)
    return found | {"checks": int(checks), "whole checks": int(whole), "wanted": "each at most .05"}


def columns_planted(batches: int = 20, size: int = 500, peer: tuple[str, ...] = ()) -> Found:
    """What is named where one column changed, and what Evidently says of the same batches."""
    bundle, frame, _ = _others()
    found: Found = {}
    for what in PLANTED:
        named: dict[str, int] = {}
        said, asked = "", []
        for seed in range(int(batches)):
            rng = np.random.default_rng([seed, PLANTED.index(what)])
            order = rng.permutation(frame.height)
            before, now = frame[order[:REFERENCE].tolist()], frame[order[REFERENCE : REFERENCE + int(size)].tolist()]
            now = changed(now, what, rng)
            asked.append((before, now))
            facts = _checked(bundle, before, now, seed)
            for name in dict.fromkeys(one.column for one in facts):
                named[name] = named.get(name, 0) + 1
            said = said or next((f"{one.column}: {one.said}" for one in facts if one.column == what), "")
        found[what] = {"named in": named, "said": said, "of": int(batches)}
        if peer:
            found[what] |= _evidently(peer[0], asked)  # type: ignore[operator]
        print(what, found[what], flush=True)
    return found


def changed(now: pl.DataFrame, what: str, rng: np.random.Generator) -> pl.DataFrame:
    """A batch of which one column changed."""
    chosen = pl.Series(rng.random(now.height) < {"occupation": 0.12, "native_country": 0.03}.get(what, 0.3))
    if what == "age":
        return now.with_columns(age=pl.col("age") + 4)
    if what == "occupation":
        return now.with_columns(occupation=pl.when(chosen).then(None).otherwise(pl.col("occupation")))
    if what == "native_country":
        return now.with_columns(native_country=pl.when(chosen).then(pl.lit("XK")).otherwise(pl.col("native_country")))
    if what == "hours_per_week":
        return now.with_columns(
            hours_per_week=pl.when(chosen).then(None).otherwise(pl.col("hours_per_week")).cast(pl.Int64)
        )
    return now


@cache
def _others():  # type: ignore[no-untyped-def]
    """A model, rows that it has not learnt, and these as it sees them."""
    from graft.watch.batch import read_batch

    frame = pl.concat([pl.read_csv(ADULT / "train.csv"), pl.read_csv(ADULT / "test.csv")])
    frame = frame[np.random.default_rng(0).permutation(frame.height).tolist()]
    with tempfile.TemporaryDirectory(prefix="graft-columns-") as name:
        bundle = table_bundle(Path(name) / "bundle", frame[:LEARNT], LABEL)
        return bundle, frame[LEARNT:], read_batch(bundle, frame[LEARNT:])


def _checked(bundle, before: pl.DataFrame, now: pl.DataFrame, seed: int):  # type: ignore[no-untyped-def]
    from graft.facts.watch import WatchBaseline
    from graft.watch.baseline import Baseline
    from graft.watch.batch import read_batch
    from graft.watch.check import _with_columns
    from graft.watch.comparison import compare_all
    from graft.watch.detectors import detectors_for

    first, second = read_batch(bundle, before), read_batch(bundle, now)
    told = compare_all(
        first, second, detectors_for(first), segments=(), rng=np.random.default_rng(seed), draws=999, level=0.05,
        grouped=False,
    )  # fmt: skip
    facts = WatchBaseline.model_construct(seed=0, draws=999, level=0.05, group="", allowed=())
    return _with_columns(Baseline(facts, first), told, first, second)[1]


def _evidently(python: str, pairs: list[tuple[pl.DataFrame, pl.DataFrame]]) -> Found:
    """Columns that the data drift preset calls drifted, by name."""
    with tempfile.TemporaryDirectory() as name:
        for place, (before, now) in enumerate(pairs):
            before.drop(LABEL).write_csv(f"{name}/{place}-before.csv")
            now.drop(LABEL).write_csv(f"{name}/{place}-now.csv")
        done = subprocess.run(
            [python, "-W", "ignore", "-c", _PRESET, name, str(len(pairs))], check=True, capture_output=True, text=True
        )
    told = json.loads(done.stdout.splitlines()[-1])
    counts: dict[str, int] = {}
    for one in told:
        for column in one:
            counts[column] = counts.get(column, 0) + 1
    return {"evidently": counts}


_PRESET = """
import json, sys
import pandas as pd
from evidently.legacy.calculations.stattests import get_stattest
from evidently.legacy.core import ColumnType
told = []
for place in range(int(sys.argv[2])):
    before, now = (pd.read_csv(f"{sys.argv[1]}/{place}-{which}.csv") for which in ("before", "now"))
    found = []
    for name in before:
        kind = "num" if before[name].dtype.kind in "if" and before[name].nunique() > 5 else "cat"
        test = get_stattest(before[name].dropna(), now[name].dropna(), kind, None)
        typed = ColumnType.Numerical if kind == "num" else ColumnType.Categorical
        if test(before[name].dropna(), now[name].dropna(), typed, None).drifted:
            found.append(name)
    told.append(found)
print(json.dumps(told))
"""


def table_bundle(folder: Path, frame: pl.DataFrame, label: str):  # type: ignore[no-untyped-def]
    """A classical model of all columns of a table but one, as a bundle."""
    from graft.bundle.loading import load_bundle
    from graft.bundle.origin import Origin
    from graft.bundle.parts import BundleParts, write_bundle
    from graft.decisions.calibrators import Temperature
    from graft.decisions.costs import CostTable
    from graft.decisions.policy import fit_policy
    from graft.governance.descent_file import Descent
    from graft.governance.records import Asset, AssetKind, Edge, Relation
    from graft.inputs import build_dataset, infer_contract
    from graft.inputs.named_rows import named_rows, roles_of
    from graft.rows import read_frame
    from graft.scores.fitting import Budget, Candidate, fit
    from graft.scores.strategies import parse_strategy
    from graft.scores.workbench import Workbench

    roles = named_rows(frame, roles_of(frame, numeric="*", categorical="*", label=label)).roles
    given = read_frame(frame)
    contract = infer_contract(given, roles)
    rows = build_dataset(given, contract, labelled=True)[0]
    every = np.arange(len(rows))
    fitted = fit(Workbench(rows), Candidate(parse_strategy("classical"), None), every, every, budget=Budget(), seed=0)
    assert fitted.model is not None
    labels, task = rows.contract.labels, str(contract.task)
    table = CostTable.default(labels, task=task)
    policy = fit_policy(np.zeros((0, len(labels))), np.zeros(0), task=task, labels=labels, table=table)
    data = Asset(kind=AssetKind.DATA, name="rows", digest=rows.fingerprint)
    parts = BundleParts(
        model=fitted.model, contract=rows.contract, policy=policy,
        calibrator=Temperature(task=task, columns=len(labels), temperature=1.0),
        interval=None, training=rows, sample=rows.take(every[:8]), record=None,
        origin=Origin(study="0" * 32, strategy="classical", done="fitted", data=rows.fingerprint),
        descent=Descent(
            name="rows", edges=(Edge(relation=Relation.TRAINED_ON_DATA, parent=data.identity),), assets=(data,)
        ),
    )  # fmt: skip
    write_bundle(folder, parts)
    return load_bundle(folder)
