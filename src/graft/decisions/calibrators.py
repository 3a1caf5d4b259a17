"""Maps from scores to probabilities, as records that can be written down.

Decisions: a calibrator is data (pydantic, frozen, unknown keys rejected), so a bundle stores it as JSON and needs no
pickle. All of them work on log-probabilities, so a score of 0 or 1 is first moved inwards by 1e-12. One family covers
"Platt": slope * log p + a bias per class, then softmax. For two classes that is exactly Platt's sigmoid on the logit;
for more it is bias-corrected temperature scaling (Alexandari et al. 2020), which keeps one slope and so the order of
a class's rows, where a separate sigmoid per class would spend 2 parameters a class and break the sum. Labels are
independent, so each has its own sigmoid. Isotonic is one against the rest, renormalised.
"""

from abc import ABC, abstractmethod
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from scipy import special

from graft.core.errors import InputError
from graft.core.tasks import LabelTask

EPS = 1e-12


def logits(scores: np.ndarray, task: str) -> np.ndarray:
    """Log-probabilities of classes, log-odds of labels; shape as given."""
    inside = np.clip(scores, EPS, 1 - EPS)
    return np.asarray(special.logit(inside) if task == "multilabel" else np.log(inside))


def squash(values: np.ndarray, task: str) -> np.ndarray:
    """Back to probabilities: softmax over classes, sigmoid per label; shape as given."""
    return np.asarray(special.expit(values) if task == "multilabel" else special.softmax(values, axis=1))


def spread_evenly(probabilities: np.ndarray, share: float, task: str) -> np.ndarray:
    """Give a share away evenly over the classes (over yes and no for a label); the order stays, shape as given.

    >>> spread_evenly(np.array([[1.0, 0.0]]), 0.02, "binary").tolist()
    [[0.99, 0.01]]
    """
    ways = 2 if task == "multilabel" else probabilities.shape[1]
    return np.asarray((1 - share) * probabilities + share / ways)


def apart(values: np.ndarray, task: str) -> np.ndarray:
    """How far apart the two most probable classes lie, (rows, 1), or a label's yes and no, (rows, labels), in nats.

    values: as of ``logits``.
    """
    if task == "multilabel":
        return np.asarray(np.abs(values))
    if values.shape[1] < 2:
        return np.zeros((len(values), 1))
    two = np.sort(values, axis=1)[:, -2:]
    return np.asarray(two[:, 1:] - two[:, :1])


class _Calibrator(BaseModel, ABC):
    """What every calibrator shares."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    task: LabelTask
    columns: int = Field(ge=1)

    def apply(self, scores: np.ndarray) -> np.ndarray:
        """Probabilities for scores of shape (rows, classes) or (rows, labels); class rows sum to one."""
        given = np.asarray(scores, dtype=np.float64)
        if given.ndim != 2 or given.shape[1] != self.columns:
            raise InputError(f"scores of shape {given.shape}", needed=f"(rows, {self.columns}), as when calibrated")
        return self._map(given)

    @abstractmethod
    def _map(self, scores: np.ndarray) -> np.ndarray: ...

    def to_json(self) -> str:
        """The record as JSON; ``calibrator_from_json`` reads it back."""
        return self.model_dump_json()


class Identity(_Calibrator):
    """Leaves the probabilities as they are (class rows are made to sum to one), but for certainty.

    spread: as for Temperature.

    >>> Identity(task="binary", columns=2).apply(np.array([[0.25, 0.75]])).tolist()
    [[0.25, 0.75]]
    >>> Identity(task="binary", columns=2, spread=0.02).apply(np.array([[0.0, 1.0]])).tolist()
    [[0.01, 0.99]]
    """

    method: Literal["identity"] = "identity"
    spread: float = Field(default=0.0, ge=0, lt=1)

    def _map(self, scores: np.ndarray) -> np.ndarray:
        plain = scores if self.task == "multilabel" else _normalised(scores, scores)
        return spread_evenly(plain, self.spread, self.task)


class Temperature(_Calibrator):
    """Divides log-probabilities (log-odds of labels) by one temperature; above 1 softens.

    spread: the share then given away evenly, because no number of rows supports certainty. least: how far apart the two
    most probable classes (yes and no, for a label) lay at least in the rows it was fitted on, in nats. A temperature
    below 1 sharpens rows that lie closer the less the closer they lie, since nothing was seen of such rows.

    >>> Temperature(task="binary", columns=2, temperature=2.0).apply(np.array([[0.2, 0.8]])).round(3).tolist()
    [[0.333, 0.667]]

    Guo, Pleiss, Sun & Weinberger (2017), On Calibration of Modern Neural Networks.
    """

    method: Literal["temperature"] = "temperature"
    temperature: float = Field(gt=0)
    spread: float = Field(default=0.0, ge=0, lt=1)
    least: float = Field(default=0.0, ge=0)

    def _map(self, scores: np.ndarray) -> np.ndarray:
        values = logits(scores, self.task)
        factor = np.full(values.shape if self.task == "multilabel" else (len(values), 1), 1 / self.temperature)
        if self.temperature < 1 and self.least > 0:
            known = np.minimum(1.0, apart(values, self.task) / self.least)
            factor = 1 + (factor - 1) * known
        return spread_evenly(squash(values * factor, self.task), self.spread, self.task)


class Platt(_Calibrator):
    """slope * log p + bias; one slope and a bias per class, or a slope and a bias per label.

    slopes: 1 for classes, else one per label. biases: one per class or label. spread: as for Temperature.

    >>> platt = Platt(task="binary", columns=2, slopes=(1.0,), biases=(0.0, 1.0))
    >>> platt.apply(np.array([[0.5, 0.5]])).round(3).tolist()
    [[0.269, 0.731]]

    Platt (1999); Alexandari, Kundaje & Shrikumar (2020) for more than two classes.
    """

    method: Literal["platt"] = "platt"
    slopes: tuple[float, ...]
    biases: tuple[float, ...]
    spread: float = Field(default=0.0, ge=0, lt=1)

    def _map(self, scores: np.ndarray) -> np.ndarray:
        mapped = squash(logits(scores, self.task) * np.array(self.slopes) + np.array(self.biases), self.task)
        return spread_evenly(mapped, self.spread, self.task)


class Isotonic(_Calibrator):
    """A rising step-and-line map per class or label, class rows renormalised.

    knots: per column the scores and the probabilities they are mapped to, both ascending.

    >>> knots = (((0.0, 1.0), (0.1, 0.9)),) * 2
    >>> Isotonic(task="binary", columns=2, knots=knots).apply(np.array([[0.0, 1.0]])).tolist()
    [[0.1, 0.9]]

    Zadrozny & Elkan (2002).
    """

    method: Literal["isotonic"] = "isotonic"
    knots: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]

    def _map(self, scores: np.ndarray) -> np.ndarray:
        mapped = np.column_stack([np.interp(scores[:, k], *self.knots[k]) for k in range(self.columns)])
        return mapped if self.task == "multilabel" else _normalised(mapped, scores)


Calibrator = Annotated[Identity | Temperature | Platt | Isotonic, Field(discriminator="method")]
_ADAPTER: TypeAdapter[Identity | Temperature | Platt | Isotonic] = TypeAdapter(Calibrator)


def calibrator_from_json(text: str) -> Identity | Temperature | Platt | Isotonic:
    """Read what ``to_json`` wrote.

    >>> calibrator_from_json(Temperature(task="binary", columns=2, temperature=2.0).to_json()).method
    'temperature'
    """
    return _ADAPTER.validate_json(text)


def _normalised(values: np.ndarray, fallback: np.ndarray) -> np.ndarray:
    """Rows that sum to one; where everything is zero the fallback's, and where that is zero too, equal shares."""
    total = values.sum(axis=1, keepdims=True)
    plain = np.where(total > 0, values, fallback)
    plain = np.where(plain.sum(axis=1, keepdims=True) > 0, plain, 1.0)
    return np.asarray(plain / plain.sum(axis=1, keepdims=True))
