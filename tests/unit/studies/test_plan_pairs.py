"""When a plan takes contrastive pairs."""

import numpy as np
import pytest

from graft.facts.study import CueFact
from graft.inputs import Roles, Task
from graft.studies.plan import plan_candidates
from graft.studies.settings import make_settings
from unit.scores.nets import encoder_of


def planned(targets: np.ndarray, task: Task):
    source = encoder_of("bert", 4)
    settings = make_settings({"roles": Roles(content=("text",), label=("label",)), "effort": "standard"})
    cue = CueFact(source=source.weights.reference, name="LogME", value=0.1, meaning="", warning=False)
    (found,) = (
        one
        for one in plan_candidates(settings, (source,), (cue,), targets, task)
        if str(one.candidate.strategy) == "contrastive:3"
    )
    return found.run, found.reason


@pytest.mark.parametrize(
    ("targets", "task", "run", "reason"),
    [
        (np.repeat(np.arange(8), 16), Task.MULTICLASS, True, "few labels make many pairs"),
        (np.repeat(np.arange(2), 65), Task.BINARY, False, "65 rows in a typical class"),
        (np.arange(90), Task.MULTICLASS, False, "a single row"),
        (np.eye(3, dtype=np.uint8).repeat(20, 0), Task.MULTILABEL, True, "few labels make many pairs"),
        (np.linspace(0, 1, 90), Task.REGRESSION, False, "a number has no label"),
    ],
)
def test_pairs_are_for_few_labels_of_classes(targets, task, run, reason):
    found, said = planned(targets, task)
    assert found is run
    assert reason in said
