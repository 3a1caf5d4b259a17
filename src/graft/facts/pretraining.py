"""A source that was pretrained on labelled rows, as a record: ``graft_pretraining.json`` beside its weights.

Decision: no times and no places are in it, so that the same rows and seed give the same folder.
"""

from typing import Literal

from pydantic import Field

from graft.core.intervals import Interval
from graft.facts.schema import Document, Fact
from graft.facts.study import LossPoint

FILE = "graft_pretraining.json"


class LearntScore(Fact):
    """What one model scored on the rows kept apart, in the unit of the metric, higher is better."""

    name: str
    score: Interval


class LearntClass(Fact):
    """How many of the rows kept apart are of a class, and how many of these the source told right."""

    label: str
    rows: int
    right: int


class TakenFor(Fact):
    """How many rows of a class the source took for another one."""

    label: str
    taken_for: str
    rows: int


class OwnSign(Fact):
    """A sign of strangeness, as the rows it learnt from show it. value: in the unit of the sign."""

    name: str
    value: float
    warning: bool


class PretrainingRecord(Document):
    """What a source was pretrained on, and what it learnt.

    name: of the new source. arch: its architecture. task, label, labels: what it was taught. columns: that it reads;
    reads: how, in words. group: the column whose rows stayed on one side. left_out: what a person was told about the
    columns and rows. rows: usable ones; learnt, held: of these, those learnt from and those kept apart. data,
    data_digest, data_licences: the rows as an asset. metric: of ``scores``: the source itself first, then the controls.
    ahead: the source less the best control. classes, confused: of the rows kept apart, where the label is a class.
    signs: what the rows it learnt from look like to it, by which other rows are then judged to be strange or not.
    curve: losses on rows kept apart from learning to say when to stop. steps, best_step, batch, rate: of learning.
    """

    schema_: Literal["graft/pretraining/1"] = Field(default="graft/pretraining/1", alias="schema")
    name: str
    kind: str
    arch: str
    digest: str
    parameters: int
    task: str
    label: tuple[str, ...]
    labels: tuple[str, ...]
    columns: tuple[str, ...]
    reads: tuple[str, ...] = ()
    group: str = ""
    left_out: tuple[str, ...]
    rows: int
    learnt: int
    held: int
    data: str
    data_digest: str
    data_licences: str
    metric: str
    scores: tuple[LearntScore, ...]
    ahead: Interval
    classes: tuple[LearntClass, ...] = ()
    confused: tuple[TakenFor, ...] = ()
    signs: tuple[OwnSign, ...] = ()
    curve: tuple[LossPoint, ...]
    steps: int
    best_step: int
    batch: int
    rate: float
    seed: int
