"""What usually wins, measured on public sets: ``python -m bench prior``.

Every strategy learns from the rows of a cell of ``bench.regret`` and is scored on its test rows; its entry is the mean
over sets of its macro-F1 less that of the frozen head. The result is what ``src/graft/studies/prior.json`` holds.
Judged with one set left out at a time: how much nearer the prior is to that set's true differences than no prior at
all.
"""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from bench.regret import MOST_CLASSES, PER_CLASS, SETS, cells, draw

CHEAP = ("majority", "classical", "frozen")
DEAR = ("scratch", "partial:1", "partial:2", "lora", "full", "contrastive")
STEPS_AN_EPOCH, EPOCHS = 16, 5


def scores(cell: object, seed: int, strategies: tuple[str, ...]) -> dict[str, float]:
    """Macro-F1 of each strategy on the test rows of a draw."""
    from sklearn.metrics import f1_score

    from graft.core.tasks import Task
    from graft.inputs.dataset import Dataset
    from graft.inputs.roles import Roles
    from graft.inputs.schema import Contract
    from graft.representations.cache import ActivationCache
    from graft.representations.sources import resolve_source
    from graft.scores.fitting import Budget, Candidate, fit
    from graft.scores.strategies import parse_strategy
    from graft.scores.workbench import Workbench

    rows, test = draw(cell, seed)
    names = tuple(np.unique(rows.labels).tolist())
    place = {name: number for number, name in enumerate(names)}
    texts = (*rows.texts, *test.texts)
    targets = np.array([place[name] for name in (*rows.labels, *test.labels)])
    task = Task.BINARY if len(names) == 2 else Task.MULTICLASS
    data = Dataset(
        contract=Contract(
            task=task, roles=Roles(content=("text",), label=("label",)), columns=(), labels=names, rows=len(texts)
        ),
        ids=tuple(map(str, range(len(texts)))),
        contents=texts,
        rows=np.arange(len(texts)),
        numeric=np.zeros((len(texts), 0), np.float32),
        categorical=np.zeros((len(texts), 0), object),
        targets=targets,
    )
    bench, source = Workbench(data, ActivationCache()), resolve_source("minilm")
    learn, judge = np.arange(len(rows.texts)), np.arange(len(rows.texts), len(texts))
    steps = int(np.clip(EPOCHS * -(-len(learn) // STEPS_AN_EPOCH), 60, 400))
    found = {}
    for name in strategies:
        strategy = parse_strategy(name)
        candidate = Candidate(strategy, source if strategy.reads_source else None)
        fitted = fit(bench, candidate, learn, judge, budget=Budget(1, steps), seed=seed)
        found[name] = float(f1_score(targets[judge], fitted.scores.argmax(axis=1), average="macro"))
    return found


def prior(draws: int = 3, strategies: tuple[str, ...] = CHEAP, sizes: tuple[int, ...] = PER_CLASS) -> dict[str, object]:
    gains: dict[tuple[str, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for cell in cells(SETS):
        if cell.classes != MOST_CLASSES or cell.per_class not in sizes:
            continue
        for seed in range(draws):
            found = scores(cell, seed, strategies)
            print(cell, seed, {name: round(value, 3) for name, value in found.items()}, flush=True)
            for name, value in found.items():
                kind = name.partition(":")[0]
                gains[kind, cell.per_class][cell.name].append(value - found["frozen"])
    by_set = {key: {name: float(np.mean(values)) for name, values in one.items()} for key, one in gains.items()}
    kinds = sorted({kind for kind, _ in by_set})
    means = {kind: tuple(_mean(by_set[kind, size]) for size in sizes) for kind in kinds}
    residuals, plain = [], []
    for (kind, _), one in by_set.items():
        if kind in ("frozen", "majority", "scratch"):
            continue
        for left, truth in one.items():
            rest = [value for name, value in one.items() if name != left]
            residuals.append(truth - np.mean(rest))
            plain.append(truth)
    record = {"labels": sizes, "means": means, "spread": float(np.std(residuals)), "kind": "text", "sets": SETS}
    (Path(__file__).resolve().parents[1] / "build").mkdir(exist_ok=True)
    (Path(__file__).resolve().parents[1] / "build" / "prior.json").write_text(json.dumps(record, indent=1) + "\n")
    return {
        **record,
        "written_to": "build/prior.json",
        "left_out_error": float(np.sqrt(np.mean(np.square(residuals)))),
        "error_without_prior": float(np.sqrt(np.mean(np.square(plain)))),
    }


def _mean(values: dict[str, float]) -> float:
    return round(float(np.mean(list(values.values()))), 4)
