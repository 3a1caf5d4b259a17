"""What usually wins: how strategies scored on public sets at this size, as the prior of a choice.

Decisions: the figures in ``prior.json`` were measured by ``python -m bench prior`` on public text sets; a strategy's
entry is its mean score less that of the frozen head at about as many labels a class, in macro-F1. It informs what an
undecided study ships, and nothing else: the verdict never sees it. Judged leave-one-set-out in the same command.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import numpy as np
from pydantic import BaseModel, ConfigDict

from graft.core.tasks import CLASSES
from graft.evidence.choice import SPREAD, Prior
from graft.evidence.metrics import TARGET, metric
from graft.scores.fitting import Candidate
from graft.scores.workbench import Workbench
from graft.studies.prepared import Prepared
from graft.studies.settings import StudySettings


class Usual(BaseModel):
    """Mean scores less that of ``frozen``, by labels a class. spread: of a set's true difference around it.

    kind: of the contents of the sets; of other kinds they say nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: tuple[int, ...]
    means: dict[str, tuple[float, ...]]
    spread: float
    kind: str
    sets: tuple[str, ...]


@cache
def measured() -> Usual:
    """The figures that come with Graft."""
    return Usual.model_validate_json(files("graft.studies").joinpath("prior.json").read_text(encoding="utf-8"))


def usual(candidates: Sequence[Candidate], bench: Workbench, prepared: Prepared, settings: StudySettings) -> Prior:
    """The prior for these candidates; without means for tasks and metrics the public sets say nothing of."""
    record = metric(prepared.metric)
    if not record.steps or bench.task not in CLASSES:
        scale = float(np.std(bench.targets)) if record.unit == TARGET else 1.0
        return Prior({}, SPREAD * scale)
    known = measured()
    if not settings.prior or bench.rows.kind.name != known.kind:
        return Prior()
    rows = np.bincount(bench.targets[prepared.splits.development])
    a_class = float(np.log(np.median(rows[rows > 0])))
    means = {
        one.name: float(np.interp(a_class, np.log(known.labels), known.means[one.strategy.name]))
        for one in candidates
        if one.strategy.name in known.means
        # What says the same of every row may well be accurate where one class is common.
        and (record.steps == "classes" or not one.strategy.constant)
    }
    return Prior(means, known.spread)
