"""How many rows of no known class are flagged as far from the training rows, and how many rows of known classes."""

import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from bench.rows import DATA

_CLINC = DATA.parent / "clinc150"
_PER_CLASS = 30


def out_of_scope() -> dict[str, object]:
    """clinc150, 30 rows a class: shares flagged of its out-of-scope rows and of its test rows, with and without rows.

    vectors: the embedded source. classical: TF-IDF; without rows its check is the share of unknown n-grams.
    """
    from graft.core.tasks import Task
    from graft.representations.sources import resolve_source
    from graft.scores.classical.ngrams import RECIPES, fit_ngrams
    from graft.scores.columns import ColumnEncoder
    from graft.scores.models import ClassicalModel, Model, VectorModel
    from graft.scores.output import Output

    train = pl.read_csv(_CLINC / "train.csv")
    names = sorted(train["label"].unique())
    place = {name: number for number, name in enumerate(names)}
    targets = np.array([place[name] for name in train["label"]])
    rng = np.random.default_rng(0)
    few = np.concatenate([rng.permutation(np.flatnonzero(targets == one))[:_PER_CLASS] for one in range(len(names))])
    few.sort()
    training = _rows(tuple(train["text"].gather(few)), names, targets[few])
    parts = {
        name: _rows(tuple(pl.read_csv(_CLINC / f"{name}.csv")["text"]), names) for name in ("out_of_scope", "test")
    }
    output, columns, head = Output(Task.MULTICLASS), ColumnEncoder((), (), ()), np.zeros((len(names), 0), np.float32)
    models: dict[str, Model] = {
        "vectors": VectorModel(output, resolve_source("minilm"), columns, head, head),
        "classical": ClassicalModel(output, fit_ngrams(training.contents, RECIPES[0]), columns, head, head),
    }
    found: dict[str, object] = {"rows": len(training)}
    for kind, model in models.items():
        found |= _flagged(kind, model, training, parts)
    return {**found, "wanted": "at least 0.75 caught at 0.05 false flags (vectors, with rows)"}


def whole_study(per_class: int = _PER_CLASS) -> dict[str, object]:
    """The same through a study: what its bundle flags, in parts of the rows, and how well it sorts the test rows."""
    import graft

    train = pl.read_csv(_CLINC / "train.csv")
    few = train.sample(fraction=1, shuffle=True, seed=0).group_by("label", maintain_order=True).head(per_class)
    found: dict[str, object] = {"rows": len(few)}
    with tempfile.TemporaryDirectory() as folder:
        result = graft.study(few, text="text", label="label", out=Path(folder) / "study", effort="quick")
        found |= {"ships": result.record.verdict.shipped.strategy, "verdict": result.record.verdict.outcome}
        for name, said in (("out_of_scope", "caught"), ("test", "false_flags")):
            rows = pl.read_csv(_CLINC / f"{name}.csv")
            told = result.bundle.predict(rows.select("text"))
            found[said] = told.problems.get("far", 0) / len(rows)
            if name == "test":
                right = told.frame["prediction"] == rows["label"]
                found["accuracy"] = float(right.fill_null(False).mean())
    return {**found, "wanted": "at least 0.75 caught at 0.05 false flags"}


def _rows(texts: tuple[str, ...], names: list[str], targets: np.ndarray | None = None):  # type: ignore[no-untyped-def]
    from graft.core.tasks import Task
    from graft.inputs.dataset import Dataset
    from graft.inputs.roles import Roles
    from graft.inputs.schema import Contract

    roles = Roles(content=("text",), label=("label",))
    return Dataset(
        contract=Contract(task=Task.MULTICLASS, roles=roles, columns=(), labels=tuple(names), rows=len(texts)),
        ids=tuple(map(str, range(len(texts)))),
        contents=texts,
        rows=np.arange(len(texts)),
        numeric=np.zeros((len(texts), 0), np.float32),
        categorical=np.zeros((len(texts), 0), object),
        targets=targets,
    )


def _flagged(kind, model, training, parts) -> dict[str, float]:  # type: ignore[no-untyped-def]
    from graft.bundle.familiarity import UnknownTerms
    from graft.bundle.reference import read_reference, write_reference

    seen = {name: model.seen(rows) for name, rows in parts.items()}
    found = {}
    for keep_rows in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            write_reference(Path(folder), model, training, keep_rows=keep_rows)
            reference = read_reference(Path(folder), model, training.kind)
        for name, rows in parts.items():
            told = reference.far(rows.contents if isinstance(reference, UnknownTerms) else seen[name])
            said = {"out_of_scope": "caught", "test": "false_flags"}[name]
            found[f"{kind}_{'with' if keep_rows else 'without'}_rows_{said}"] = float(
                np.mean([one is not None for one in told])
            )
    return found
