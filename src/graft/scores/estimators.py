"""Transfer learning as scikit-learn estimators: one source, one strategy, no study around it.

They work in ``Pipeline``, ``clone``, ``GridSearchCV`` and ``cross_val_score``, in several processes too; for a verdict
with controls, use ``graft.study``. Parameters that ``graft study`` has too have its names.

Decision: a model whose body was tuned keeps its weights in files; a pickle of it carries their bytes, and writes them
to a folder of its own when it is read again.
"""

import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted

from graft.core.errors import InputError
from graft.core.several import Names, several
from graft.core.tasks import Task
from graft.inputs.assembly import read_inputs
from graft.inputs.contract import require_columns
from graft.inputs.dataset import Dataset
from graft.inputs.every import with_every_column
from graft.inputs.facts import category_facts, number_facts
from graft.inputs.roles import EVERY, Roles, one_kind
from graft.inputs.schema import ColumnFacts, Contract
from graft.representations.cache import ActivationCache
from graft.representations.embedder import as_contents
from graft.representations.reading import Role
from graft.representations.row_source import require_shared
from graft.representations.source import Source
from graft.representations.sources import require_reads, resolve_source
from graft.rows.content import ROW, TEXT, Content, ContentKind, kind_named, kind_of
from graft.rows.table import Table, read_frame
from graft.scores.fitting import Budget, Candidate, fit
from graft.scores.losses import Loss, loss_named
from graft.scores.models import Model, load_model, save_model
from graft.scores.strategies import parse_strategy
from graft.scores.strategy import Strategy
from graft.scores.workbench import Workbench


class _Transfer(BaseEstimator):  # type: ignore[misc]
    """What classifier and regressor share.

    source: a reference. strategy: ``frozen``, ``partial:k``, ``lora``, ``full``, ``contrastive``, or a control. steps:
    optimiser steps (None: five passes). configurations: learning rates tried. weights: how class imbalance is handled.
    seed: of everything random. cache: keep activations on disk. loss: what networks are trained by, ``auto`` or a name
    such as ``focal``; not for strategies whose head is solved. text, image or audio, and numeric, categorical: names of
    columns, one or several; with them X is a table (a pandas or Polars frame, a mapping of columns), without them it is
    contents alone, of the kind the source reads. ``*`` as numeric or categorical is every column that fits; without a
    text, image or audio these columns are all there is, and the source must be one of rows. prompt_classification: put
    before each text, instead of what the source states.
    """

    def __init__(
        self,
        source: str = "minilm",
        strategy: str = "frozen",
        steps: int | None = None,
        configurations: int = 1,
        weights: str = "auto",
        seed: int = 0,
        cache: bool = True,
        loss: str = "auto",
        text: Names = (),
        numeric: Names = (),
        categorical: Names = (),
        prompt_classification: str | None = None,
        image: Names = (),
        audio: Names = (),
    ) -> None:
        self.source = source
        self.strategy = strategy
        self.steps = steps
        self.configurations = configurations
        self.weights = weights
        self.seed = seed
        self.cache = cache
        self.loss = loss
        self.text = text
        self.numeric = numeric
        self.categorical = categorical
        self.prompt_classification = prompt_classification
        self.image = image
        self.audio = audio

    def _asked(self) -> Roles | None:
        """The columns as they are named; None where X is contents alone."""
        numeric, categorical = several(self.numeric), several(self.categorical)
        kind, content = one_kind(text=several(self.text), image=several(self.image), audio=several(self.audio))
        taken = {*content, *numeric, *categorical}
        if not taken:
            return None
        label = next(name for name in ("label", "label_", "label__", "_label") if name not in taken)
        return Roles(
            content=content,
            label=(label,),
            numeric=numeric,
            categorical=categorical,
            kind=kind if content else ROW.name,
        )

    def _given(self, X: Any, y: Sequence[Any]) -> "_ToLearn":
        """The rows to learn from, and what their columns are for. y: numbers, or labels as words, which ``*`` must not
        hold in other words."""
        roles = self._asked()
        if roles is None:
            kind = self._kind(X)
            return _ToLearn(_contents(X, kind), Roles(content=(kind.name,), label=("label",), kind=kind.name))
        table = _table(X, roles)
        if EVERY in roles.inputs:
            _check_length(table, np.asarray(y))
            labelled = replace(table, frame=table.frame.with_columns(pl.Series(roles.label[0], y)))
            roles, _ = with_every_column(labelled, roles)
        return _ToLearn(table, roles)

    def _again(self, X: Any) -> "Table | list[Content]":
        """Rows to answer for, read as those that were learnt from."""
        roles = self.contract_.roles
        return _contents(X, kind_named(roles.kind)) if self._asked() is None else _table(X, roles)

    def _kind(self, X: Any) -> ContentKind:
        """What contents alone are: what the source reads, or what a strategy without one is given."""
        if parse_strategy(self.strategy).reads_source:
            kind = kind_named(resolve_source(self.source).reading.kind)
        else:
            first = next(iter(X), None) if isinstance(X, Sequence | np.ndarray) and len(X) else None
            kind = TEXT if isinstance(first, str) else kind_of([first]) or TEXT
        if kind.cells:
            raise InputError(
                "rows without names of their columns",
                needed="which columns hold numbers, and which names",
                fix="numeric='*', categorical='*' for every column that fits",
            )
        return kind

    def _source(self) -> Source:
        return resolve_source(self.source).with_prompts({Role.CLASSIFICATION: self.prompt_classification})

    def _fit(self, given: "_ToLearn", targets: np.ndarray, task: Task, labels: tuple[str, ...]) -> Self:
        if self.configurations < 1 or (self.steps is not None and self.steps < 1):
            raise InputError(
                f"steps={self.steps} and configurations={self.configurations}",
                needed="at least one of each",
                fix="leave them out for the defaults",
            )
        strategy = parse_strategy(self.strategy)
        strategy.require_task(task)
        loss = _loss(self.loss, strategy, task)
        contract = _contract(given, task, labels)
        dataset = _dataset(given.rows, contract, targets)
        source = self._source() if strategy.reads_source else None
        if source is not None:
            require_reads(source, dataset.kind)
            if dataset.kind.cells:
                require_shared(source, contract.roles.numeric, contract.roles.categorical)
        candidate = Candidate(strategy, source)
        everything = np.arange(len(dataset))
        steps = self.steps or max(30, 5 * -(-len(dataset) // 16))
        folder = Path(tempfile.mkdtemp(prefix="graft-")) if strategy.trains_backbone else None
        try:
            fitted = fit(
                Workbench(dataset, ActivationCache() if self.cache else None),
                candidate,
                everything,
                everything[:1],
                budget=Budget(self.configurations, steps),
                seed=self.seed,
                weights=self.weights,
                loss=loss,
                keep=folder,
            )
        except BaseException:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        assert fitted.model is not None
        self.model_: Model = fitted.model if folder is None else _owning(fitted.model, folder)
        self.contract_ = contract
        self.curve_ = fitted.curve
        self.remarks_ = fitted.remarks
        return self

    def _scores(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "model_")
        return self.model_.scores(_dataset(self._again(X), self.contract_, None))

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        if "model_" in state and parse_strategy(self.strategy).trains_backbone:
            state = {**state, "model_": _packed(state["model_"])}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if isinstance(state.get("model_"), dict):
            state = {**state, "model_": _unpacked(state["model_"])}
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array, tags.input_tags.one_d_array = True, False, True
        return tags


class TransferClassifier(ClassifierMixin, _Transfer):  # type: ignore[misc]
    """A classifier of texts, pictures, recordings or rows of a table, for classes and for several labels a row.

    Parameters are those of every transfer estimator: source, strategy, steps, configurations, weights, seed, cache,
    loss, text, image, audio, numeric, categorical, prompt_classification.

    >>> texts = ["win a prize now", "lunch at noon?", "a free prize, win", "see you at lunch"] * 5
    >>> model = TransferClassifier(strategy="classical").fit(texts, ["spam", "ham"] * 10)
    >>> model.predict(["a prize for you"]).tolist()
    ['spam']
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from contents, or a table where columns are named, and their labels.

        y: a class for each row, shape (rows,); or several labels: 0 and 1, shape (rows, labels), as an array or a
        frame, or a list of names for each row. Raises InputError for what cannot be learnt from.
        """
        given = self._given(X, [str(one) for one in _rows_of(y)])
        flagged = _several(y)
        self.lists_ = flagged is not None and flagged.named
        if flagged is None:
            labels = np.asarray(y)
            _check_length(given.rows, labels)
            if any(label is None or label != label for label in labels.tolist()):
                raise InputError("labels that are missing", needed="a class in every row", fix="drop those rows")
            self.classes_, targets = np.unique(labels, return_inverse=True)
            if len(self.classes_) < 2:
                raise InputError(
                    f"only the class {self.classes_.tolist()[0]!r}",
                    needed="two classes",
                    fix="add rows of another class",
                )
            task = Task.BINARY if len(self.classes_) == 2 else Task.MULTICLASS
            return self._fit(given, targets.astype(np.int64), task, tuple(str(name) for name in self.classes_))
        _check_length(given.rows, flagged.flags[:, 0])
        self.classes_ = flagged.classes
        return self._fit(given, flagged.flags, Task.MULTILABEL, tuple(str(name) for name in self.classes_))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities, shape (rows, classes), in the order of ``classes_``; of several labels, each by itself."""
        return self._scores(X)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row, shape (rows,).

        Of several labels those with a probability of at least a half: 0 and 1, shape (rows, labels), or, where lists
        were learnt from, tuples of names, shape (rows,).
        """
        scores = self._scores(X)
        if self.contract_.task is not Task.MULTILABEL:
            return np.asarray(self.classes_[scores.argmax(1)])
        given = (scores >= 0.5).astype(np.int64)
        if not self.lists_:
            return given
        named = np.empty(len(given), object)
        named[:] = [tuple(self.classes_[np.flatnonzero(row)].tolist()) for row in given]
        return named

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of rows that are predicted rightly; with several labels, those with every label right."""
        predicted = self.predict(X)
        if self.lists_:
            same = [set(said) == set(true) for said, true in zip(predicted, y, strict=True)]
            return float(np.average(same, weights=sample_weight))
        return float(accuracy_score(y, predicted, sample_weight=sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class TransferRegressor(RegressorMixin, _Transfer):  # type: ignore[misc]
    """A regressor of the same; parameters as in TransferClassifier."""

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from contents, or a table where columns are named, and numbers, shape (rows,)."""
        targets = np.asarray(y, np.float64)
        given = self._given(X, targets.tolist())
        _check_length(given.rows, targets)
        if not np.isfinite(targets).all():
            raise InputError("targets that are not finite", needed="numbers", fix="drop those rows")
        return self._fit(given, targets, Task.REGRESSION, ())

    def predict(self, X: Any) -> np.ndarray:
        """Values, float64, shape (rows,)."""
        return self._scores(X)


@dataclass(frozen=True, eq=False)
class _SeveralLabels:
    """Several labels a row. flags: uint8 (rows, labels). classes: their names. named: they were given as lists."""

    flags: np.ndarray
    classes: np.ndarray
    named: bool


def _rows_of(y: Any) -> Any:
    """Labels row by row, however they are given: a frame counts its columns, and a sparse matrix is not counted."""
    if hasattr(y, "toarray"):
        return y.toarray()
    return y.to_numpy() if hasattr(y, "to_numpy") else y


def _several(y: Any) -> _SeveralLabels | None:
    """Labels as flags, where several may apply to a row; None where there is one class a row."""
    names = list(y.columns) if hasattr(y, "columns") and len(y.columns) > 1 else None
    if hasattr(y, "toarray"):
        y = y.toarray()  # a sparse matrix
    if isinstance(y, np.ndarray) or hasattr(y, "columns"):
        array = np.asarray(y)
        if array.ndim == 2 and array.shape[1] > 1:
            return _indicated(array, names)
        if array.dtype != object or array.ndim != 1:
            return None
    cells = list(y)
    if not cells or not all(isinstance(one, list | tuple | set | frozenset | np.ndarray) for one in cells):
        return None
    lengths = {len(one) for one in cells}
    if lengths == {1}:
        return None  # a column of single labels: refused for its shape
    if len(lengths) == 1 and {flag for one in cells for flag in one} <= {0, 1}:
        return _indicated(np.asarray([list(one) for one in cells]), None)
    try:
        known = sorted({name for one in cells for name in one})
    except TypeError as error:
        raise InputError(
            "lists of labels of several types", needed="names of one type", fix="write all as text"
        ) from error
    if any(name is None or name != name for name in known):
        raise InputError("labels that are missing", needed="a name for every label", fix="take them out of the lists")
    if len(known) < 2:
        raise InputError(f"lists of {len(known)} labels", needed="two labels or more", fix="give one class a row")
    classes = np.asarray(known)
    return _SeveralLabels(_flags(cells, classes.tolist()), classes, named=True)


def _indicated(array: np.ndarray, names: list[str] | None) -> _SeveralLabels:
    if not np.isin(array.astype(object), (0, 1)).all():
        raise InputError(
            f"labels of shape {array.shape} that are not all 0 or 1",
            needed="0 or 1 for each row and label, or a list of names for each row",
            fix="use sklearn.preprocessing.MultiLabelBinarizer",
        )
    return _SeveralLabels(array.astype(np.uint8), np.asarray(names or range(array.shape[1])), named=False)


def _flags(cells: Sequence[Any], classes: list[Any]) -> np.ndarray:
    """0 and 1, uint8 (rows, labels)."""
    places = {name: place for place, name in enumerate(classes)}
    flags = np.zeros((len(cells), len(classes)), np.uint8)
    for row, cell in enumerate(cells):
        flags[row, [places[name] for name in cell]] = 1
    return flags


def _loss(name: str, strategy: Strategy, task: Task) -> Loss | None:
    if name == "auto":
        return None
    loss = loss_named(name, task)
    if loss.by_costs is not None:
        raise InputError(
            f"the loss {name} without a cost table",
            needed="what each kind of error costs, which a study knows",
            fix="use graft.study(..., costs=...), or another loss",
        )
    if untouched := loss.untouched(strategy):
        raise InputError(
            f"the loss {name} and the strategy {strategy}",
            needed="a strategy that learns step by step, such as partial:1, lora or full",
            fix=f"leave out the loss ({untouched})",
        )
    return loss


def _owning(model: Model, folder: Path) -> Model:
    """The model, with whose life the folder of its weights ends."""
    weakref.finalize(model, shutil.rmtree, folder, ignore_errors=True)
    return model


def _packed(model: Model) -> dict[str, bytes]:
    """The files of a model, by their names."""
    with tempfile.TemporaryDirectory(prefix="graft-") as place:
        folder = Path(place)
        save_model(model, folder)
        return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def _unpacked(files: Mapping[str, bytes]) -> Model:
    folder = Path(tempfile.mkdtemp(prefix="graft-"))
    try:
        for name, content in files.items():
            place = folder / name
            if not place.resolve().is_relative_to(folder.resolve()):
                raise InputError(f"a file called {name!r} in a saved estimator", needed="files inside its own folder")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        return _owning(load_model(folder), folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


@dataclass(frozen=True, eq=False)
class _ToLearn:
    """What was given to learn from. rows: a table, or contents alone. roles: of its columns."""

    rows: "Table | list[Content]"
    roles: Roles


def _table(X: Any, roles: Roles) -> Table:
    named = [name for name in roles.inputs if name != EVERY]
    if isinstance(X, np.ndarray):
        raise InputError(
            f"an array of shape {X.shape}, whose columns have no names",
            needed=f"a table with the columns {', '.join(named)}" if named else "a table whose columns have names",
            fix="give a pandas or Polars frame, or a mapping of columns",
        )
    table = read_frame(X, empty=True)
    require_columns(table, named)
    return table


def _contents(X: Any, kind: ContentKind) -> list[Content]:
    return [kind.taken(one) for one in as_contents(X, kind)]


def _contract(given: _ToLearn, task: Task, labels: tuple[str, ...]) -> Contract:
    columns: list[ColumnFacts] = []
    if isinstance(given.rows, Table):
        columns = [number_facts(given.rows, name) for name in given.roles.numeric]
        columns += [category_facts(given.rows, name) for name in given.roles.categorical]
    return Contract(task=task, roles=given.roles, columns=tuple(columns), labels=labels, rows=len(given.rows))


def _check_length(rows: "Table | list[Content]", labels: np.ndarray) -> None:
    if not len(rows):
        raise InputError("no texts", needed="at least one row", fix="check what was selected")
    if labels.ndim != 1 or len(labels) != len(rows):
        raise InputError(
            f"{len(rows)} texts and labels of shape {labels.shape}",
            needed="one label per text, or 0 and 1 for each of several labels",
            fix="align them",
        )


def _dataset(rows: "Table | list[Content]", contract: Contract, targets: np.ndarray | None) -> Dataset:
    count = len(rows)
    if isinstance(rows, list):
        contents: tuple[Content, ...] = tuple(rows)
        kind = kind_named(contract.roles.kind)
        for place, one in enumerate(contents if kind is not TEXT else ()):
            wrong = kind.problem(one)
            if wrong is not None and wrong.fatal:
                raise InputError(
                    f"row {place}: {wrong.message}", needed=f"{kind.plural} that can be read", fix="drop that row"
                )
        numeric, categorical = np.zeros((count, 0), np.float32), np.zeros((count, 0), object)
    else:
        read = read_inputs(rows, contract)
        for problem in read.problems:
            if problem.fatal:
                raise InputError(
                    f"row {problem.row}, column {problem.column!r}: {problem.message}",
                    needed="rows that can all be used: an estimator answers for every row",
                    fix="correct the cell, or drop that row",
                )
        contents, numeric, categorical = read.contents, read.numeric, read.categorical
    return Dataset(
        contract=contract,
        ids=tuple(map(str, range(count))),
        contents=contents,
        rows=np.arange(count),
        numeric=numeric,
        categorical=categorical,
        targets=targets,
    )
