"""Quality without labels and with few: coverage and widths in simulated studies and on real rows.

``unlabelled`` simulates a model that is too sure and rows that moved (covariates): how often the interval holds what
the labels show, and how wide it is against that of one who knows the true probabilities (``studies=1000 only=4-1500-300
keep=FILE``: a run that was stopped goes on). ``labels`` simulates batches of 1,000 rows of which few are labelled,
where calibration holds, where it is too sure, and where labels changed what they mean. ``windows`` follows real rows in
time (``cisa_kev``, the demo's tickets), with a model of TF-IDF and logistic regression learnt from the first 70 %:
estimates, what labels showed, whether they contradict it, and NannyML's estimate of the same rows where ``peer=PYTHON``
names an interpreter that has it (``python3 -m venv DIR; DIR/bin/pip install nannyml statsmodels``).
``labels-real`` draws few labels of real test rows a thousand times.
"""

import json
import os
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from bench.draws import Found, kept
from bench.regret import ROOT, _in_time, _read, _rows

_PEER = Path(__file__).with_name("nannyml_peer.py")
COSTS = np.array([[0.0, 1.0, 0.3], [5.0, 0.0, 0.3]])  # missing a case of the second class costs 5, asking a person .3
# Classes, reference rows, rows of the batch.
CELLS = ((2, 1500, 300), (4, 1500, 300), (2, 500, 100), (4, 5000, 5000))
PORTION = 50
_METRICS, _TOLD = ("accuracy", "macro_f1", "log_loss", "brier", "cost"), ("covered", "width", "oracle covered")


def unlabelled(studies: int = 300, only: tuple[str, ...] = (), keep: tuple[str, ...] = ()) -> Found:
    """Coverage and width against an oracle, inputs moving by 0.7 deviations; ``only`` of cells like ``4-1500-300``."""
    seen, table, portions = kept(keep), [], -(-studies // PORTION)
    for cell in (one for one in CELLS if not only or "{}-{}-{}".format(*one) in only):
        name = "{} classes, {} reference, {} rows".format(*cell)
        parts = [
            seen.of("unlabelled", name, seed, lambda cell=cell, seed=seed: _portion(seed, *cell))  # type: ignore[misc]
            for seed in range(portions)
        ]
        found: Found = {"cell": name}
        for of in _METRICS:
            covered, width, known = (
                sum(float(str(part[f"{of}, {what}"])) for part in parts) / (portions * PORTION) for what in _TOLD
            )
            found[of] = {"covered": round(covered, 3), "width": round(width, 2), "oracle": round(known, 3)}
        table.append(found)
        print(found, flush=True)
    wish = "covered .93 or more, at most 1.3 times an oracle's width; oracle: how often its own interval covers"
    return {"cells": table, "studies": portions * PORTION, "wanted": wish}


def _portion(seed: int, classes: int, reference: int, rows: int) -> Found:
    """Sums over fifty studies."""
    found = [_study(PORTION * seed + one, classes, reference, rows) for one in range(PORTION)]
    return {
        f"{of}, {what}": round(float(sum(one[of][place] for one in found)), 4)
        for of in _METRICS
        for place, what in enumerate(_TOLD)
    }


def _study(seed: int, classes: int, reference: int, rows: int) -> dict[str, tuple[bool, float, bool]]:
    """Whether the interval covers, its width in those of an oracle, and whether the oracle's covers."""
    from scipy import special
    from sklearn.linear_model import LogisticRegression

    from graft.evidence.carried_over import places
    from graft.evidence.metrics import evaluate
    from graft.evidence.predictions import Scored
    from graft.evidence.unlabelled import Answers, expected_quality, expected_rows, recalibrate, row_cost
    from graft.evidence.weighted import macro_f1_of

    rng = np.random.default_rng([seed, classes])
    slopes = 0.8 * rng.normal(size=(5, classes))

    def drawn(many: int, centre: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        inputs = rng.normal(size=(many, 5)) + centre
        chance = special.softmax(inputs @ slopes, axis=1)
        return inputs, (rng.random((many, 1)) >= chance.cumsum(axis=1)[:, :-1]).sum(axis=1), chance

    learnt, labels, _ = drawn(400, np.zeros(5))
    model = LogisticRegression(C=1e4).fit(learnt, labels)
    past, known, _ = drawn(reference, np.zeros(5))
    way = rng.normal(size=5)
    now, later, chance = drawn(rows, 0.7 * way / np.linalg.norm(way))
    task = "binary" if classes == 2 else "multiclass"

    def scores(inputs: np.ndarray) -> np.ndarray:
        return np.asarray(special.softmax(1.7 * np.log(model.predict_proba(inputs)), axis=1))

    actions = np.ones((classes, classes)) - np.eye(classes)
    actions[1:, 0] = 5.0
    told, before = scores(now), scores(past)
    answers = Answers(task, told, (told @ actions).argmin(axis=1))
    scored = Scored(task, known, before, (before @ actions).argmin(axis=1))
    found = recalibrate(scored, _fitting("platt", task), rng=rng, draws=40)
    lies = places(past, now, rng=rng)
    found_values = {}
    for of in ("accuracy", "macro_f1", "log_loss", "brier", partial(row_cost, actions=actions)):
        told_now = expected_quality(answers, found, of, rng=rng, lies=lies, draws=400).estimate
        truth = answers.if_true(later)
        true = evaluate(truth, of) if isinstance(of, str) else float(of(truth).mean())
        if of == "macro_f1":
            others = ((rng.random((rows, 1)) >= chance.cumsum(axis=1)[:, :-1]).sum(axis=1) for _ in range(200))
            decided = truth.decided
            counts = np.array(
                [
                    [np.bincount(one, minlength=classes) for one in (other[other == decided], other, decided)]
                    for other in others
                ]
            )
            shown = macro_f1_of(counts[:, 0], counts[:, 1], counts[:, 2], labels=False)
            least, most = np.quantile(shown, [0.025, 0.975])
        else:
            expected = expected_rows(answers, chance, of)
            half = 1.96 * float(np.sqrt((expected.deviation**2).sum())) / rows
            least, most = expected.mean.mean() - half, expected.mean.mean() + half
        low, high = told_now.ends or (np.nan, np.nan)
        name = of if isinstance(of, str) else "cost"
        covers = [bool(ends[0] - 1e-9 <= true <= ends[1] + 1e-9) for ends in ((low, high), (least, most))]
        found_values[name] = (covers[0], float((high - low) / (most - least)), covers[1])
    return found_values


def _fitting(method: str, task: str):  # type: ignore[no-untyped-def]
    from graft.decisions.calibration import fit_method

    def fit(scores: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        return fit_method(method, scores, targets, task=task, weights=weights).apply

    return fit


def labels(studies: int = 1000) -> Found:
    """Coverage and width of an estimate from few labels of 1,000 rows, against labels drawn evenly and used alone."""
    table = []
    for shape, budget in (((3, 1), 50), ((3, 1), 200), ((8, 1), 50), ((8, 1), 200)):
        for kind in ("calibrated", "too sure", "useless", "labels changed", "labels changed, costs"):
            rng = np.random.default_rng([*shape, budget, len(kind)])
            found = np.mean([_few(kind, shape, budget, rng) for _ in range(studies)], axis=0)
            names = ("covered", "width", "alone_covered")
            cell: Found = {"right": f"Beta{shape}", "labels": budget, "kind": kind}
            cell |= {name: round(float(value), 3) for name, value in zip(names, found, strict=True)}
            table.append(cell)
            print(cell, flush=True)
    return {"cells": table, "studies": studies, "wanted": "covered .95 give or take .02, narrower than labels alone"}


def _few(kind: str, shape: tuple[int, int], budget: int, rng: np.random.Generator) -> list[float]:
    from scipy import special

    from graft.evidence.labels_on_budget import draw_rows
    from graft.evidence.unlabelled import RowExpectation

    rows = 1000
    chance = rng.beta(*shape, rows)
    told = special.expit(2 * special.logit(chance)) if kind == "too sure" else chance
    if kind == "useless":
        told = rng.beta(*shape, rows)
    if kind.startswith("labels changed"):
        chance = np.where(rng.random(rows) < 0.3, 0.3 * chance, chance)
    value, most = (rng.random(rows) < chance).astype(float), np.ones(rows)
    mean, deviation = told, np.sqrt(told * (1 - told))
    if kind.endswith("costs"):
        most = np.where(rng.random(rows) < 0.2, 10.0, 1.0)
        value, mean, deviation = most * (1 - value), most * (1 - told), most * deviation
    expected = RowExpectation(mean, deviation, np.zeros(rows), most)
    nothing = RowExpectation(np.zeros(rows), np.zeros(rows), np.zeros(rows), most)
    return _judged(
        value, expected, nothing, draw_rows(deviation, budget, rng=rng), draw_rows(np.zeros(rows), budget, rng=rng)
    )


def _judged(value, expected, nothing, drawn, evenly) -> list[float]:  # type: ignore[no-untyped-def]
    from graft.evidence.labels_on_budget import estimate_from_labels

    true = float(value.mean())
    low, high = estimate_from_labels(drawn, value[drawn.rows], expected).estimate.ends or (-np.inf, np.inf)
    least, most = estimate_from_labels(evenly, value[evenly.rows], nothing).estimate.ends or (-np.inf, np.inf)
    return [low - 1e-9 <= true <= high + 1e-9, (high - low) / (most - least), least <= true <= most]


def windows(names: tuple[str, ...] = ("cisa_kev", "tickets"), rows: int = 100, peer: tuple[str, ...] = ()) -> Found:
    """Real rows in time: estimates, labels, bets, and NannyML's estimates of accuracy."""
    from graft.evidence.label_arrival import LabelBets, bet_on_labels
    from graft.evidence.metrics import evaluate
    from graft.evidence.unlabelled import Answers, expected_quality, expected_rows

    tables: Found = {}
    for name in names:
        task, classes, reference, answers, truth, calibration = _in_time_answers(name)
        rng = np.random.default_rng(0)
        sizes = [len(part) for part in np.array_split(np.arange(len(truth)), len(truth) // rows)]
        theirs = _nannyml(peer[0], classes, reference, answers, sizes) if peer else [None] * len(sizes)
        past = Answers(task, reference.scores)
        deviation = expected_rows(past, calibration.fitted(past.scores), "accuracy").deviation
        scale = float(np.sqrt((deviation**2).mean()))
        bets = LabelBets.none(calibration)
        table, begin = [], 0
        for size, their in zip(sizes, theirs, strict=True):
            part = slice(begin, begin + size)
            begin += size
            some = Answers(task, answers.scores[part])
            bets = bet_on_labels(bets, some, truth[part], calibration=calibration, of="accuracy", scale=scale)
            row: Found = {
                "rows": size,
                "share_of_last_class": round(float((truth[part] == len(classes) - 1).mean()), 3),
            }
            for of in ("accuracy", "macro_f1", "log_loss"):
                told = expected_quality(some, calibration, of, rng=rng)
                shown = evaluate(some.if_true(truth[part]), of)
                ends = told.estimate.ends or (np.nan, np.nan)
                row[of] = [round(one, 3) for one in (told.estimate.mean, *ends, shown)]
            row["e_value"], row["trusted"] = round(bets.e_value, 2), not bets.contradicted()
            row["nannyml_accuracy"] = their
            table.append(row)
            print(name, row, flush=True)
        tables[name] = {"reference_accuracy": round(evaluate(reference, "accuracy"), 3), "windows": table}
    return tables


def _in_time_answers(name: str):  # type: ignore[no-untyped-def]
    """The first 70 % in time, scored out of fold, and the rest, scored by a model of the first."""
    learnt, later = _in_time(name)
    known = np.isin(later.labels, np.unique(learnt.labels))
    return _answers(learnt, later.take(np.flatnonzero(known)), draws=60)


def _answers(learnt, later, *, draws: int):  # type: ignore[no-untyped-def]
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline

    from graft.decisions.calibration import fit_calibrator
    from graft.evidence.predictions import Scored
    from graft.evidence.unlabelled import Answers, recalibrate

    rng = np.random.default_rng(0)
    classes, targets = np.unique(learnt.labels, return_inverse=True)
    model = make_pipeline(
        TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2)), LogisticRegression(C=10, max_iter=2000)
    )
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    scores = cross_val_predict(model, learnt.texts, targets, cv=folds, method="predict_proba")
    task = "binary" if len(classes) == 2 else "multiclass"
    method = fit_calibrator(scores, targets, task=task, rng=rng).method
    reference = Scored(task, targets, scores)
    calibration = recalibrate(reference, _fitting(method, task), rng=rng, draws=draws)
    told = model.fit(learnt.texts, targets).predict_proba(later.texts)
    truth = np.searchsorted(classes, later.labels)
    return task, [str(one) for one in classes], reference, Answers(task, told), truth, calibration


def _nannyml(python: str, classes, reference, answers, sizes) -> list[list[float]]:  # type: ignore[no-untyped-def]
    asked = {
        "classes": classes,
        "metric": "accuracy",
        "reference": {
            "probabilities": reference.scores.tolist(),
            "decided": reference.decided.tolist(),
            "truth": reference.targets.tolist(),
        },
        "batch": {
            "probabilities": answers.scores.tolist(),
            "decided": answers.scores.argmax(axis=1).tolist(),
            "sizes": sizes,
        },
    }
    done = subprocess.run(
        [python, _PEER],
        input=json.dumps(asked),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": "", "NML_DISABLE_USAGE_LOGGING": "1"},
    )
    return [[round(one, 3) for one in each] for each in json.loads(done.stdout.splitlines()[-1])]


def labels_real(
    names: tuple[str, ...] = ("cisa_kev", "tickets", "sms_spam", "tram", "banking77"),
    budgets: tuple[str, ...] = ("50", "100"),
    studies: int = 1000,
) -> Found:
    """Few labels of real test rows, drawn again and again: coverage, and width against labels alone."""
    from graft.evidence.labels_on_budget import draw_rows
    from graft.evidence.unlabelled import RowExpectation, expected_rows, row_cost

    table = []
    for name in names:
        task, classes, _, answers, truth, calibration = _test_answers(name)
        told = calibration.fitted(answers.scores)
        kinds: list[object] = ["accuracy"]
        if len(classes) == 2:
            kinds.append(partial(row_cost, actions=COSTS))
        for of in kinds:
            some = answers
            if not isinstance(of, str):
                decided = (told @ COSTS).argmin(axis=1)
                some = type(answers)(task, answers.scores, np.where(decided == 2, -1, decided))
            expected = expected_rows(some, told, of)  # type: ignore[arg-type]
            scored = some.if_true(truth)
            value = of(scored) if callable(of) else (scored.decided == truth).astype(float)
            zero = np.zeros(len(truth))
            nothing = RowExpectation(zero, zero, expected.least, expected.most)
            for budget in map(int, budgets):
                rng = np.random.default_rng(budget)
                found = np.mean(
                    [
                        _judged(
                            value,
                            expected,
                            nothing,
                            draw_rows(expected.deviation, budget, rng=rng),
                            draw_rows(zero, budget, rng=rng),
                        )
                        for _ in range(studies)
                    ],
                    axis=0,
                )
                cell: Found = {
                    "set": name,
                    "of": of if isinstance(of, str) else "cost",
                    "rows": len(truth),
                    "labels": budget,
                    "expected": round(float(expected.mean.mean()), 3),
                    "true": round(float(value.mean()), 3),
                    "covered": round(float(found[0]), 3),
                    "width": round(float(found[1]), 2),
                    "alone_covered": round(float(found[2]), 3),
                }
                table.append(cell)
                print(cell, flush=True)
    return {"cells": table, "wanted": "width at most .8 of labels alone"}


def _test_answers(name: str):  # type: ignore[no-untyped-def]
    if name in ("cisa_kev", "tickets"):
        learnt, later = _in_time(name)
    elif name == "tram":
        rows = _rows(_read(ROOT / "tram" / "sentences.csv", "text", "technique", "document"))
        names, counts = np.unique(rows.labels, return_counts=True)
        rows = rows.take(np.flatnonzero(np.isin(rows.labels, names[counts >= 20])))
        documents = np.unique(rows.groups)
        late = np.isin(rows.groups, np.random.default_rng(77).permutation(documents)[: len(documents) // 2])
        learnt, later = rows.take(np.flatnonzero(~late)), rows.take(np.flatnonzero(late))
    else:
        label = "category" if name == "banking77" else "label"
        learnt, later = (_rows(_read(ROOT / name / f"{part}.csv", "text", label)) for part in ("train", "test"))
        if name == "banking77":
            chosen = np.random.default_rng(0).permutation(np.unique(learnt.labels))[:20]
            learnt, later = (part.take(np.flatnonzero(np.isin(part.labels, chosen))) for part in (learnt, later))
            learnt = learnt.take(np.random.default_rng(0).permutation(len(learnt.texts))[:600])
    kept = np.unique(learnt.labels, return_counts=True)
    enough = kept[0][kept[1] >= 5]
    learnt = learnt.take(np.flatnonzero(np.isin(learnt.labels, enough)))
    later = later.take(np.flatnonzero(np.isin(later.labels, enough)))
    return _answers(learnt, later, draws=0)
