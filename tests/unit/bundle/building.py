"""Small fitted models of every kind and task, and the parts of bundles, built in a moment."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from graft.bundle.origin import Origin
from graft.bundle.parts import BundleParts
from graft.core.intervals import Interval
from graft.decisions.calibrators import Calibrator, Temperature
from graft.decisions.conformal import ConformalInterval
from graft.decisions.costs import CostTable, costs_from_mapping
from graft.decisions.policy import Policy, fit_policy
from graft.facts.study import ErrorFact, StudyRecord
from graft.governance.descent_file import Descent
from graft.governance.records import Asset, AssetKind, Edge, LicenceStatement, Relation
from graft.inputs import Dataset, Roles, Task, build_dataset, infer_contract
from graft.representations.source import Source
from graft.representations.sources import read_directory
from graft.rows import read_frame
from graft.scores.fitting import Budget, Candidate, fit
from graft.scores.models import Model
from graft.scores.strategies import parse_strategy
from graft.scores.workbench import Workbench
from tiny import write_encoder
from unit.report.records import bare, changed

KINDS = ("majority", "classical", "frozen")
TASKS = ("binary", "multiclass", "multilabel", "regression")
TOPICS = {
    "billing": ("invoice", "refund", "charged", "payment", "euro"),
    "login": ("password", "account", "locked", "reset", "code"),
    "delivery": ("parcel", "courier", "late", "address", "track"),
}
FILLER = ("please", "help", "my", "the", "is", "again", "today", "team", "hello", "thanks", "about", "since")
MAX_TOKENS = 16
ROWS = 72


def tiny_source(folder: Path, *, seed: int = 0) -> Source:
    """A random BERT of two layers whose vocabulary is the words above."""
    words = [*FILLER, *(word for topic in TOPICS.values() for word in topic)]
    write_encoder(folder, "bert", words=words, max_tokens=MAX_TOKENS, seed=seed)
    return read_directory(folder, reference="path:tiny")


@cache
def source() -> Source:
    return tiny_source(Path(mkdtemp(prefix="graft-tiny-")))


@cache
def table() -> dict[str, list[object]]:
    """Rows of three topics, with an id, a number and a category beside the text."""
    rng = np.random.default_rng(0)
    rows: dict[str, list[object]] = {name: [] for name in ("key", "text", "size", "channel", *TASKS)}
    for row in range(ROWS):
        topic = list(TOPICS)[row % 3]
        own = rng.choice(TOPICS[topic], 3, replace=False)
        text = " ".join([*rng.permutation([*own, *rng.choice(FILLER, 4, replace=False)]), f"n{row}"])
        also = ["urgent"] if row % 2 else []
        values = (f"T-{row:03}", text, float(row), "mail" if row % 2 else "phone")
        labels = ("yes" if topic == "billing" else "no", topic, "|".join([topic, *also]), len(text) / 7 + row % 3)
        for name, value in zip(rows, (*values, *labels), strict=True):
            rows[name].append(value)
    return rows


@cache
def rows_for(task: str) -> Dataset:
    roles = Roles(content=("text",), label=(task,), numeric=("size",), categorical=("channel",), id="key")
    given = read_frame(table())
    return build_dataset(given, infer_contract(given, roles, task=task), labelled=True)[0]


@cache
def fitted(kind: str, task: str) -> Model:
    bench = Workbench(rows_for(task))
    candidate = Candidate(parse_strategy(kind), source() if kind == "frozen" else None)
    every = np.arange(len(bench.rows))
    model = fit(bench, candidate, every, every, budget=Budget(), seed=0).model
    assert model is not None
    return model


def decisions(task: str, labels: tuple[str, ...]) -> tuple[Calibrator | None, Policy | None, ConformalInterval | None]:
    if task == "regression":
        return None, None, ConformalInterval(level=0.9, half_width=1.5, rows=50)
    calibrator = Temperature(task=task, columns=len(labels), temperature=1.5)
    if task == "multilabel":
        table = CostTable.default(labels, task=task)
        return calibrator, Policy(task=task, table=table, thresholds=(0.5,) * len(labels)), None
    table = costs_from_mapping({"unit": "EUR", "abstain": 0.4}, labels)
    return calibrator, fit_policy(np.zeros((0, len(labels))), np.zeros(0), task=task, labels=labels, table=table), None


def study_record(texts: tuple[str, ...] = ()) -> StudyRecord:
    """The record of a study that shows some texts of rows."""
    record = bare()
    return changed(
        record,
        verdict=record.verdict.model_copy(update={"sentence": "The source helps."}),
        holdout=record.holdout.model_copy(update={"rows": 20, "score": Interval(0.875, 0.8, 0.9)}),
        errors=tuple(
            ErrorFact(row=place, id="", text=text, given="a", decided="b", probability=0.9, cost=1.0)
            for place, text in enumerate(texts)
        ),
        next_steps=texts[:2],
        classes=(),
    )


def parts_for(kind: str, task: str, *, model: Model | None = None) -> BundleParts:
    rows = rows_for(task)
    calibrator, policy, interval = decisions(task, rows.contract.labels)
    of_source = {"source": "path:tiny", "source_digest": source().weights.digest, "licence": "apache-2.0"}
    return BundleParts(
        model=model or fitted(kind, task),
        contract=rows.contract,
        calibrator=calibrator,
        policy=policy,
        interval=interval,
        training=rows,
        sample=rows.take(np.arange(8)),
        record=study_record(rows.contents),
        origin=Origin(
            study="0" * 32,
            strategy=kind,
            done="solved a linear head on frozen vectors",
            data=rows.fingerprint,
            **(of_source if kind == "frozen" else {}),
        ),
        descent=descent(kind, rows),
    )


def descent(kind: str, rows: Dataset, *, reference: str = "path:tiny") -> Descent:
    """What a model was made from: the rows, and the source when there is one."""
    data = Asset(kind=AssetKind.DATA, name="tickets.csv", digest=rows.fingerprint)
    edges, assets = [Edge(relation=Relation.TRAINED_ON_DATA, parent=data.identity)], [data]
    if kind == "frozen":
        licence = LicenceStatement(stated="apache-2.0", where="README.md (front matter: license)")
        base = Asset(
            kind=AssetKind.SOURCE, name="tiny", digest=source().weights.digest, reference=reference, licences=(licence,)
        )
        edges.append(Edge(relation=Relation.ADAPTER, parent=base.identity))
        assets.append(base)
    return Descent(name=f"tickets {kind}", edges=tuple(edges), assets=tuple(assets))


def inputs(rows: list[int] | None = None) -> dict[str, list[object]]:
    """The input columns of some rows of the table, without any label."""
    chosen = range(ROWS) if rows is None else rows
    return {name: [table()[name][row] for row in chosen] for name in ("key", "text", "size", "channel")}


assert {str(task) for task in Task} == set(TASKS)
