"""Transfer learning as scikit-learn estimators: one source, one strategy, no study around it.

They work in ``Pipeline``, ``clone`` and ``cross_val_score``; for a verdict with controls, use ``graft.study``.
"""

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from graft.core.errors import InputError
from graft.core.tasks import Task
from graft.inputs.dataset import Dataset
from graft.inputs.roles import Roles
from graft.inputs.schema import Contract
from graft.representations.cache import ActivationCache
from graft.representations.embedder import as_texts
from graft.representations.sources import resolve_source
from graft.scores.fitting import Budget, Candidate, fit
from graft.scores.models import Model
from graft.scores.strategies import parse_strategy
from graft.scores.workbench import Workbench


class _Transfer(BaseEstimator):  # type: ignore[misc]
    """What classifier and regressor share.

    source: a reference. strategy: ``frozen``, ``partial:k``, ``lora``, ``full``, ``contrastive``, or a control. steps:
    optimiser steps (None: five passes). configurations: learning rates tried. weights: how class imbalance is handled.
    seed: of everything random. cache: keep activations on disk.
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
    ) -> None:
        self.source = source
        self.strategy = strategy
        self.steps = steps
        self.configurations = configurations
        self.weights = weights
        self.seed = seed
        self.cache = cache

    def _fit(self, texts: list[str], targets: np.ndarray, contract: Contract) -> Self:
        if self.configurations < 1 or (self.steps is not None and self.steps < 1):
            raise InputError(
                f"steps={self.steps} and configurations={self.configurations}",
                needed="at least one of each",
                fix="leave them out for the defaults",
            )
        rows = _dataset(texts, contract, targets)
        strategy = parse_strategy(self.strategy)
        candidate = Candidate(strategy, resolve_source(self.source) if strategy.reads_source else None)
        everything = np.arange(len(rows))
        steps = self.steps or max(30, 5 * -(-len(rows) // 16))
        folder = Path(tempfile.mkdtemp(prefix="graft-")) if strategy.trains_backbone else None
        try:
            fitted = fit(
                Workbench(rows, ActivationCache() if self.cache else None),
                candidate,
                everything,
                everything[:1],
                budget=Budget(self.configurations, steps),
                seed=self.seed,
                weights=self.weights,
                keep=folder,
            )
        except BaseException:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        assert fitted.model is not None
        if folder is not None:
            # The weights on disk live as long as the model that reads them.
            weakref.finalize(fitted.model, shutil.rmtree, folder, ignore_errors=True)
        self.model_: Model = fitted.model
        self.contract_ = contract
        self.curve_ = fitted.curve
        self.remarks_ = fitted.remarks
        return self

    def _scores(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "model_")
        return self.model_.scores(_dataset(as_texts(X), self.contract_, None))

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        if "model_" in state and parse_strategy(self.strategy).trains_backbone:
            raise TypeError(
                f"an estimator tuned with {self.strategy!r} keeps its weights in files and cannot be pickled\n"
                "  fix:    run graft.study and use its bundle, which can be copied and verified"
            )
        return state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array, tags.input_tags.one_d_array = True, False, True
        return tags


class TransferClassifier(ClassifierMixin, _Transfer):  # type: ignore[misc]
    """A classifier of texts.

    Parameters are those of every transfer estimator: source, strategy, steps, configurations, weights, seed, cache.
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from texts, shape (rows,), and labels, shape (rows,)."""
        texts, labels = as_texts(X), np.asarray(y)
        _check_length(texts, labels)
        if any(label is None or label != label for label in labels.tolist()):
            raise InputError("labels that are missing", needed="a class in every row", fix="drop those rows")
        self.classes_, targets = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(
                f"only the class {self.classes_.tolist()[0]!r}", needed="two classes", fix="add rows of another class"
            )
        task = Task.BINARY if len(self.classes_) == 2 else Task.MULTICLASS
        names = tuple(str(name) for name in self.classes_)
        return self._fit(texts, targets.astype(np.int64), _contract(task, names, len(texts)))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities, shape (rows, classes), in the order of ``classes_``."""
        return self._scores(X)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each text, shape (rows,)."""
        best = self._scores(X).argmax(1)
        return np.asarray(self.classes_[best])


class TransferRegressor(RegressorMixin, _Transfer):  # type: ignore[misc]
    """A regressor of texts; parameters as in TransferClassifier."""

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from texts, shape (rows,), and numbers, shape (rows,)."""
        texts, targets = as_texts(X), np.asarray(y, np.float64)
        _check_length(texts, targets)
        if not np.isfinite(targets).all():
            raise InputError("targets that are not finite", needed="numbers", fix="drop those rows")
        return self._fit(texts, targets, _contract(Task.REGRESSION, (), len(texts)))

    def predict(self, X: Any) -> np.ndarray:
        """Values, float64, shape (rows,)."""
        return self._scores(X)


def _check_length(texts: list[str], labels: np.ndarray) -> None:
    if not texts:
        raise InputError("no texts", needed="at least one row", fix="check what was selected")
    if labels.ndim != 1 or len(labels) != len(texts):
        raise InputError(
            f"{len(texts)} texts and labels of shape {labels.shape}", needed="one label per text", fix="align them"
        )


def _contract(task: Task, labels: tuple[str, ...], rows: int) -> Contract:
    return Contract(task=task, roles=Roles(content=("text",), label=("label",)), columns=(), labels=labels, rows=rows)


def _dataset(texts: list[str], contract: Contract, targets: np.ndarray | None) -> Dataset:
    count = len(texts)
    return Dataset(
        contract=contract,
        ids=tuple(map(str, range(count))),
        contents=tuple(texts),
        rows=np.arange(count),
        numeric=np.zeros((count, 0), np.float32),
        categorical=np.zeros((count, 0), object),
        targets=targets,
    )
