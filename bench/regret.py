"""How far what ships lies behind the best plain alternative: ``python -m bench regret``.

A cell is a public set at 8, 32 or 128 labels a class (at most 20 classes; all 150 of clinc150 at 8). A draw takes
labels at random, studies them at quick effort, and scores the shipped bundle on the test file (or the latest 30 %, or
30 % of the documents, which are then named as groups). The reference of a cell is the alternative that is better on
average over its draws: scikit-learn's cross-validated logistic regression on TF-IDF, or on the vectors of MiniLM,
learnt from all the rows. Regret is the reference's macro-F1 less that of what shipped.
"""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import polars as pl

from bench.draws import Draws, kept

ROOT = Path(__file__).resolve().parents[2] / "shared" / "data"
TICKETS = Path(__file__).resolve().parents[1] / "src" / "graft" / "demo" / "tickets.csv"
PER_CLASS = (8, 32, 128)
SPAM = {8: 40, 32: 100, 64: 200, 128: 400}
SETS = ("banking77", "clinc150", "hwu64", "sms_spam", "tram", "cisa_kev", "tickets")
MOST_CLASSES, MOST_TEST = 20, 3000


@dataclass(frozen=True)
class Rows:
    """Texts with their labels. groups: the document each is of, where the truth is told on other documents."""

    texts: np.ndarray
    labels: np.ndarray
    groups: np.ndarray | None = None

    def take(self, places: np.ndarray) -> "Rows":
        return Rows(self.texts[places], self.labels[places], None if self.groups is None else self.groups[places])


@dataclass(frozen=True)
class Cell:
    """A set at a number of labels a class. classes: at most so many."""

    name: str
    per_class: int
    classes: int = MOST_CLASSES

    def __str__(self) -> str:
        return f"{self.name} x {self.per_class}" + (
            "" if self.classes == MOST_CLASSES else f" ({self.classes} classes)"
        )


def cells(names: tuple[str, ...] = SETS) -> list[Cell]:
    found = [Cell(name, size) for name in names for size in PER_CLASS]
    return [*found, Cell("clinc150", 8, 150)] if "clinc150" in names else found


def _read(path: Path, text: str, label: str, *more: str) -> pl.DataFrame:
    frame = pl.read_csv(path, columns=[text, label, *more], infer_schema=False).drop_nulls([text, label])
    return frame.rename({text: "text", label: "label"})


def _rows(frame: pl.DataFrame) -> Rows:
    groups = np.array(frame["document"].to_list()) if "document" in frame.columns else None
    return Rows(np.array(frame["text"].to_list(), dtype=object), np.array(frame["label"].to_list()), groups)


@cache
def _files(name: str) -> tuple[Rows, Rows]:
    label = "category" if name == "banking77" else "label"
    return tuple(_rows(_read(ROOT / name / f"{part}.csv", "text", label)) for part in ("train", "test"))


@cache
def _in_time(name: str) -> tuple[Rows, Rows]:
    if name == "tickets":
        frame = _read(TICKETS, "message", "category", "opened_at").sort("opened_at")
    else:
        file = ROOT / "cisa_kev" / "known_exploited_vulnerabilities.csv"
        frame = _read(file, "shortDescription", "knownRansomwareCampaignUse", "dateAdded").sort("dateAdded")
    cut = int(0.7 * len(frame))
    return _rows(frame[:cut]), _rows(frame[cut:])


def _by_document(seed: int) -> tuple[Rows, Rows]:
    frame = _read(ROOT / "tram" / "sentences.csv", "text", "technique", "document")
    documents = np.unique(frame["document"].to_numpy())
    late = np.random.default_rng([seed, 77]).permutation(documents)[: int(0.3 * len(documents))]
    inside = frame["document"].is_in(late.tolist())
    return _rows(frame.filter(~inside)), _rows(frame.filter(inside))


def draw(cell: Cell, seed: int) -> tuple[Rows, Rows]:
    """Labels to learn from, and the rows that tell the truth."""
    rng = np.random.default_rng([seed, cell.per_class, sum(map(ord, cell.name))])
    if cell.name in ("tickets", "cisa_kev"):
        rows, test = _in_time(cell.name)
    else:
        rows, test = _by_document(seed) if cell.name == "tram" else _files(cell.name)
    if cell.name == "sms_spam":
        size = SPAM[cell.per_class]
        spam = max(2, round(0.05 * size))
        wanted = {"spam": spam, "ham": size - spam}
    else:
        names, counts = np.unique(rows.labels, return_counts=True)
        known = set(test.labels)
        fit = [n for n, c in zip(names, counts, strict=True) if c >= min(8, cell.per_class) and n in known]
        chosen = rng.permutation(fit)[: cell.classes]
        wanted = dict.fromkeys(sorted(chosen), cell.per_class)
    places = np.concatenate([rng.permutation(np.flatnonzero(rows.labels == n))[:k] for n, k in wanted.items()])
    inside = np.flatnonzero(np.isin(test.labels, list(wanted)))
    if len(inside) > MOST_TEST:
        inside = np.sort(rng.permutation(inside)[:MOST_TEST])
    return rows.take(rng.permutation(places)), test.take(inside)


def alternatives(rows: Rows, test: Rows) -> dict[str, float]:
    """Macro-F1 of the two plain ways."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.metrics import f1_score

    import graft

    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2))
    inputs = {
        "tf-idf": (words.fit_transform(rows.texts), words.transform(test.texts)),
        "minilm": (graft.embed(list(rows.texts)), graft.embed(list(test.texts))),
    }
    least = int(np.unique(rows.labels, return_counts=True)[1].min())
    scores = {}
    for name, (learn, judge) in inputs.items():
        model = LogisticRegressionCV(
            Cs=10, cv=min(5, least), max_iter=1000, scoring="neg_log_loss", use_legacy_attributes=False, l1_ratios=(0,)
        ).fit(learn, rows.labels)
        scores[name] = float(f1_score(test.labels, model.predict(judge), average="macro"))
    return scores


def shipped(
    rows: Rows, test: Rows, effort: str = "quick", strategies: tuple[str, ...] = ("auto",)
) -> dict[str, object]:
    """Macro-F1 of what a study ships, and what it said."""
    from sklearn.metrics import f1_score

    import graft

    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        columns = {"text": list(rows.texts), "label": list(rows.labels)}
        if rows.groups is not None:
            columns["document"] = list(rows.groups)
        result = graft.study(
            pl.DataFrame(columns),
            text="text",
            label="label",
            group=None if rows.groups is None else "document",
            out=Path(folder) / "study",
            effort=effort,
            strategy=strategies,
        )
        said = result.bundle.predict(pl.DataFrame({"text": list(test.texts)})).frame["prediction"].to_list()
        verdict = result.record.verdict
    return {
        "macro_f1": float(f1_score(test.labels, np.array(said, dtype=str), average="macro")),
        "verdict": verdict.outcome,
        "ships": f"{verdict.shipped.source} {verdict.shipped.strategy}".strip(),
        "seconds": time.perf_counter() - started,
    }


def regret(
    draws: int = 10,
    names: tuple[str, ...] = SETS,
    strategies: tuple[str, ...] = ("auto",),
    sizes: tuple[int, ...] = PER_CLASS,
    keep: tuple[str, ...] = (),
) -> dict[str, object]:
    """sizes: of these labels a class. keep: a file of draws found before, see ``bench.draws``."""
    wanted = [cell for cell in cells(names) if str(cell.per_class) in map(str, sizes)]
    table = list(_cells(draws, wanted, strategies, kept(keep)))
    means = [row["regret"] for row in table]
    return {
        "cells": table,
        "mean_regret": float(np.mean(means)),
        "wanted": "mean at most 0.005, each cell at most 0.01 or within two standard errors of it",
    }


def _cells(draws: int, wanted: list[Cell], strategies: tuple[str, ...], before: Draws) -> Iterator[dict[str, object]]:
    bench = f"regret {' '.join(strategies)}"
    for cell in wanted:

        def find(cell: Cell = cell, seed: int = 0) -> dict[str, object]:
            rows, test = draw(cell, seed)
            return {"plain": alternatives(rows, test), **shipped(rows, test, strategies=strategies)}

        found = [before.of(bench, str(cell), seed, partial(find, seed=seed)) for seed in range(draws)]
        plain = [one["plain"] for one in found]
        best = max(plain[0], key=lambda way: np.mean([one[way] for one in plain]))
        behind = np.array([one["plain"][best] - one["macro_f1"] for one in found])
        verdicts, ships = ([one[what] for one in found] for what in ("verdict", "ships"))
        row = {
            "cell": str(cell),
            "reference": best,
            "reference_macro_f1": float(np.mean([one[best] for one in plain])),
            "regret": float(behind.mean()),
            "standard_error": float(behind.std(ddof=1) / np.sqrt(draws)) if draws > 1 else None,
            "worst": float(behind.max()),
            "verdicts": {name: verdicts.count(name) for name in sorted(set(verdicts))},
            "ships": {name: ships.count(name) for name in sorted(set(ships))},
            "seconds": float(np.mean([one["seconds"] for one in found])),
            "draws": draws,
            "commits": sorted({one["commit"] for one in found}),
        }
        print(row, flush=True)
        yield row
