"""Data that is shifted on purpose: how long until a watch sees it, and what it cost until then.

``python -m bench poison days=15 batch=100 draws=5 keep=FILE``: text messages, *spam* or not, a classical model of 800
of them, a baseline of 1,200 others and a batch a day. What is planted, from the first day on:

- *slow*: each day one more of the batch's spams ends in what honest people say, so no day differs much from the last;
- *edits*: half of the spams have lookalike letters and characters nobody sees;
- *copies*: six known spams of the reference are sent again, each a little changed;
- *flood*: of four regions one sends 40 % of the rows instead of a quarter;
- *labels*: a fifth of the labels that come back are turned round.

The delay is the number of batches until anything is told (``look`` or ``act``), beside a plain test a day: two-sample
Kolmogorov-Smirnov of the scores, chi-square of decisions and, with labels, a test of accuracy, at 5 % by Bonferroni.
The cost is decisions that were wrong until then. *none* says how many batches are told without anything planted. A
draw is another model, another reference and other days; medians are told, and the least and the most.
"""

import statistics
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
from scipy import stats

from bench.draws import Found, kept
from graft.bundle.bundle import Bundle
from graft.bundle.loading import load_bundle
from graft.bundle.origin import Origin
from graft.bundle.parts import BundleParts, write_bundle
from graft.decisions.calibrators import Temperature
from graft.decisions.costs import CostTable
from graft.decisions.policy import fit_policy
from graft.governance.descent_file import Descent
from graft.governance.records import Asset, AssetKind, Edge, Relation
from graft.inputs import Roles, build_dataset, infer_contract
from graft.rows import read_frame
from graft.scores.fitting import Budget, Candidate, fit
from graft.scores.strategies import parse_strategy
from graft.scores.workbench import Workbench
from graft.watch.baseline import Baseline, make_baseline
from graft.watch.batch import Batch, read_batch
from graft.watch.check import as_compared, checked
from graft.watch.history import WatchState

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "sms_spam"
LEARNT, REFERENCE = 800, 1_200
PLANTED = ("none", "slow", "edits", "copies", "flood", "labels")
REGIONS = ("north", "east", "south", "west")
GOOD = " sorry i am late, see you at home later my love, ok? i will call you when i get there and tell mum"


def poison(
    days: int = 15, batch: int = 100, draws: int = 5, only: tuple[str, ...] = (), keep: tuple[str, ...] = ()
) -> Found:
    """Delay and cost of everything that is planted."""
    seen, names = kept(keep), only or PLANTED
    drawn: dict[str, list[Found]] = {name: [] for name in names}
    for seed in range(draws):
        with _world(seed, batch) as world:
            for name in names:
                cell = f"{name}, {days} days of {batch}"
                drawn[name].append(
                    seen.of("poison", cell, seed, lambda name=name: _followed(*world(), name, days, batch))
                )  # type: ignore[misc]
    return {"batch": batch, "draws": draws, **{name: _middle(name, drawn[name], days) for name in names}}


World = tuple[Bundle, Baseline, pl.DataFrame, pl.DataFrame]


@contextmanager
def _world(seed: int, batch: int) -> Iterator[Callable[[], World]]:
    """A model, its baseline, the messages of this and those that come later; made when it is asked for."""
    with tempfile.TemporaryDirectory() as folder:

        @cache
        def made() -> World:
            frame = pl.concat([pl.read_csv(DATA / f"{part}.csv") for part in ("train", "test")])
            rng = np.random.default_rng(seed)
            frame = frame[rng.permutation(frame.height)].with_columns(
                key=pl.int_range(pl.len()).cast(str), region=pl.Series(rng.choice(REGIONS, frame.height))
            )
            bundle, known = small_bundle(Path(folder) / "bundle", frame[:LEARNT]), frame[LEARNT : LEARNT + REFERENCE]
            baseline = make_baseline(bundle, known, segments=("region",), runs=5, draws=999, batch=batch)
            return bundle, baseline, known, frame[LEARNT + REFERENCE :]

        yield made


def _middle(name: str, drawn: list[Found], days: int) -> Found:
    """Of all draws; what was not seen in all days counts as one day more."""
    found: Found = {}
    for one in ("watch", "plain"):
        told = [int(str(draw[one])) for draw in drawn]
        if name == "none":
            found[f"{one}, batches told"] = f"{sum(told)} of {days * len(drawn)}"
        else:
            missed = sum(day > days for day in told)
            middle = statistics.median(told)
            found[f"{one}, batches"] = f"not in {days}" if middle > days else middle
            found[f"{one}, from to"] = [min(told), max(told)]
            found[f"{one}, missed"] = missed
            found[f"{one}, wrong until then"] = statistics.median(int(str(draw[f"{one}, wrong"])) for draw in drawn)
    if name == "none":
        return found | {"wrong a batch": round(statistics.mean(float(str(draw["wrong"])) for draw in drawn) / days, 2)}
    return found | {"seen by": dict(Counter(str(draw["by"]) for draw in drawn))}


def small_bundle(folder: Path, frame: pl.DataFrame, task: str = "binary") -> Bundle:
    """A classical model of the columns key, text and label, as a bundle."""
    given = read_frame(frame.select("key", "text", "label"))
    contract = infer_contract(given, Roles(content=("text",), label=("label",), id="key"), task=task)
    rows = build_dataset(given, contract, labelled=True)[0]
    every = np.arange(len(rows))
    fitted = fit(Workbench(rows), Candidate(parse_strategy("classical"), None), every, every, budget=Budget(), seed=0)
    assert fitted.model is not None
    labels = rows.contract.labels
    table = CostTable.default(labels, task=task)
    policy = fit_policy(np.zeros((0, len(labels))), np.zeros(0), task=task, labels=labels, table=table)
    data = Asset(kind=AssetKind.DATA, name="messages", digest=rows.fingerprint)
    parts = BundleParts(
        model=fitted.model, contract=rows.contract, policy=policy,
        calibrator=Temperature(task=task, columns=len(labels), temperature=1.0),
        interval=None, training=rows, sample=rows.take(every[:8]), record=None,
        origin=Origin(study="0" * 32, strategy="classical", done="fitted", data=rows.fingerprint),
        descent=Descent(
            name="messages", edges=(Edge(relation=Relation.TRAINED_ON_DATA, parent=data.identity),), assets=(data,)
        ),
    )  # fmt: skip
    write_bundle(folder, parts)
    return load_bundle(folder)


def _followed(
    bundle: Bundle, baseline: Baseline, known: pl.DataFrame, later: pl.DataFrame, name: str, days: int, batch: int
) -> Found:
    """Day by day until both have told (the day of each), or all days without anything planted (how many were told)."""
    if days * batch > later.height:
        raise ValueError(f"{days} batches of {batch}: there are {later.height} messages, and none comes twice")
    rng = np.random.default_rng([1, PLANTED.index(name)])
    state, wrong = WatchState(), 0
    told: dict[str, list[int]] = {"watch": [], "plain": []}
    costs: dict[str, int] = {}
    why = ""
    for day in range(1, days + 1):
        drawn = later[(day - 1) * batch : day * batch].with_columns(
            key=pl.lit(f"{name}{day}-") + pl.int_range(pl.len()).cast(str)
        )
        planted = _planted(name, drawn, known, day, rng)
        # Labels come much later, if they come.
        given = planted.drop("truth") if name == "labels" else planted.drop("truth", "label")
        seen = read_batch(bundle, given, segments=("region",), labels=True)
        truth = np.array(planted["truth"].to_list())[seen.rows_given]
        wrong += int((seen.decided != truth).sum())
        if name == "none" or not told["watch"]:
            check, state = checked(bundle, baseline, seen, state)
            state = state.with_rows(as_compared(baseline, seen))
            if check.outcome != "quiet":
                told["watch"].append(day)
                why = ", ".join(dict.fromkeys(one.detector for one in check.significant)) or check.advice[0].why
                costs.setdefault("watch", wrong)
        if _plain(baseline.rows, seen):
            told["plain"].append(day)
            costs.setdefault("plain", wrong)
        if name != "none" and all(told.values()):
            break
    by: dict[str, object] = {"by": why, "wrong": wrong}
    if name == "none":
        return {**by, **{one: len(held) for one, held in told.items()}}
    first = {one: held[0] if held else days + 1 for one, held in told.items()}
    return {**by, **first, **{f"{one}, wrong": costs.get(one, wrong) for one in told}}


def _planted(name: str, drawn: pl.DataFrame, known: pl.DataFrame, day: int, rng: np.random.Generator) -> pl.DataFrame:
    texts, labels = drawn["text"].to_list(), drawn["label"].to_list()
    truth, regions = list(labels), drawn["region"].to_list()
    spams = [row for row, label in enumerate(labels) if label == "spam"]
    if name == "slow":
        for row in spams[:day]:
            texts[row] += GOOD
    if name == "edits":
        for row in spams[::2]:
            texts[row] = texts[row].replace("e", "\u0435").replace("o", "\u043e").replace("a", "a\u200b")
    if name == "copies":
        before = known.filter(pl.col("label") == "spam")["text"].to_list()
        for row in rng.choice(len(texts), 6, replace=False).tolist():
            words = before[int(rng.integers(len(before)))].split(" ")
            at = int(rng.integers(max(1, len(words) - 1)))
            words[at : at + 2] = words[at : at + 2][::-1]
            texts[row], labels[row], truth[row] = " ".join(words), "spam", "spam"
    if name == "flood":
        for row in range(len(texts)):
            if regions[row] != "north" and rng.random() < 0.2:
                regions[row] = "north"
    if name == "labels":
        for row in rng.choice(len(texts), len(texts) // 5, replace=False).tolist():
            labels[row] = "ham" if labels[row] == "spam" else "spam"
    return drawn.with_columns(
        text=pl.Series(texts), label=pl.Series(labels), region=pl.Series(regions), truth=pl.Series(truth)
    )


def _plain(reference: Batch, current: Batch) -> bool:
    """A test a day at 5 %, as it is usually made."""
    ps = [float(stats.ks_2samp(reference.scores[:, 1], current.scores[:, 1]).pvalue)]
    names = np.unique(np.concatenate([reference.decided, current.decided]))
    table = np.array([[(one.decided == name).sum() for name in names] for one in (reference, current)])
    ps.append(float(stats.chi2_contingency(table).pvalue) if len(names) > 1 else 1.0)
    if current.truth is not None and reference.truth is not None:
        right = [(one.scores.argmax(axis=1) == one.truth).sum() for one in (reference, current)]
        counts = [[int(k), len(one) - int(k)] for k, one in zip(right, (reference, current), strict=True)]
        ps.append(float(stats.fisher_exact(counts).pvalue))
    return min(ps) <= 0.05 / len(ps)
