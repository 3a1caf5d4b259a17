"""A source that was adapted without labels, as a record: ``graft_adaptation.json`` beside its weights.

Decision: no times and no places are in it, so that the same rows, source, method and seed give the same folder.
"""

from typing import Literal

from pydantic import Field

from graft.facts.schema import Document, Fact
from graft.facts.study import LossPoint

FILE = "graft_adaptation.json"


class ForgettingFact(Fact):
    """One measure of what is left of the original. where: the contents it was measured on. after: its value, higher is
    more. before: what the original says of itself; None where that is 1 in any case."""

    name: str
    where: str
    contents: int
    after: float
    before: float | None = None
    meaning: str


class AdaptationRecord(Document):
    """How a source was adapted, what it learnt and what it forgot.

    name: of the new source. source, source_digest: what it was made from. digest: of its weights. rows: usable
    contents. learnt, held: of these, those learnt from and those kept apart. repeated: that repeat another, kept on its
    side. set_aside: unusable ones. cut: of which the source left out the rest beyond ``limit`` (in ``unit``). data,
    data_digest, data_licences: the rows as an asset. alone: steps in which only the head learnt. steps: all. best_step:
    after which the body was kept, counted without ``alone``. curve: losses a token, from where the body began.
    """

    schema_: Literal["graft/adaptation/1"] = Field(default="graft/adaptation/1", alias="schema")
    name: str
    kind: str
    method: str
    title: str
    source: str
    source_digest: str
    digest: str
    rows: int
    learnt: int
    held: int
    repeated: int
    set_aside: int
    cut: int
    limit: int
    unit: str
    data: str
    data_digest: str
    data_licences: str
    source_licences: str
    planned: int
    minutes: float
    batch: int
    rate: float
    seed: int
    alone: int
    steps: int
    best_step: int
    stopped: str
    curve: tuple[LossPoint, ...]
    forgetting: tuple[ForgettingFact, ...]
    notes: tuple[str, ...] = ()
