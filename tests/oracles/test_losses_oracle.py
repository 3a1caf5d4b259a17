"""Every loss against its formula, torch and scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from torch.nn import functional

from graft.core.errors import InputError
from graft.core.tasks import Task
from graft.decisions.costs import CostTable, costs_from_mapping
from graft.scores.losses import DELTA, GAMMA, LOSSES, loss_named
from graft.scores.training import judged_loss

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(40, 3)) * 2
TRUE = RNG.integers(3, size=40)
CELLS = (RNG.random((40, 3)) < 0.4).astype(float)
WEIGHTS = np.array([0.5, 1.0, 2.5])
VALUES = RNG.normal(size=40) * 2


def probabilities() -> np.ndarray:
    powers = np.exp(LOGITS - LOGITS.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def sigmoid() -> np.ndarray:
    return 1 / (1 + np.exp(-LOGITS))


def own() -> np.ndarray:
    return probabilities()[np.arange(40), TRUE]


ORACLES = {
    ("cross-entropy", Task.MULTICLASS): lambda: (-np.log(own()) * WEIGHTS[TRUE]).mean(),
    ("cross-entropy", Task.MULTILABEL): lambda: (
        -(CELLS * WEIGHTS * np.log(sigmoid()) + (1 - CELLS) * np.log(1 - sigmoid())).mean()
    ),
    ("focal", Task.MULTICLASS): lambda: (-((1 - own()) ** 2) * np.log(own()) * WEIGHTS[TRUE]).mean(),
    ("focal", Task.MULTILABEL): lambda: (
        -(
            CELLS * WEIGHTS * (1 - sigmoid()) ** 2 * np.log(sigmoid())
            + (1 - CELLS) * sigmoid() ** 2 * np.log(1 - sigmoid())
        ).mean()
    ),
    ("cost-weighted", Task.MULTICLASS): lambda: (
        log_loss(TRUE, probabilities(), sample_weight=WEIGHTS[TRUE]) * WEIGHTS[TRUE].mean()
    ),
    ("cost-weighted", Task.MULTILABEL): lambda: float(
        functional.binary_cross_entropy_with_logits(
            torch.from_numpy(LOGITS), torch.from_numpy(CELLS), pos_weight=torch.from_numpy(WEIGHTS)
        )
    ),
    ("squared-error", Task.REGRESSION): lambda: 0.5 * ((LOGITS[:, 0] - VALUES) ** 2).mean(),
    ("huber", Task.REGRESSION): lambda: np.where(
        np.abs(LOGITS[:, 0] - VALUES) <= DELTA,
        0.5 * (LOGITS[:, 0] - VALUES) ** 2,
        DELTA * (np.abs(LOGITS[:, 0] - VALUES) - DELTA / 2),
    ).mean(),
}
TARGETS = {Task.MULTICLASS: TRUE, Task.MULTILABEL: CELLS, Task.REGRESSION: VALUES}
CASES = [(one.name, task) for one in LOSSES for task in one.tasks if task is not Task.BINARY]


def test_every_loss_has_an_oracle() -> None:
    assert set(CASES) == set(ORACLES)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_value(name: str, task: Task) -> None:
    given = (torch.from_numpy(LOGITS), torch.from_numpy(TARGETS[task]), task, torch.from_numpy(WEIGHTS))
    assert float(loss_named(name).mean(*given)) == pytest.approx(float(ORACLES[name, task]()), rel=1e-9)


def test_two_classes_are_classes() -> None:
    for one in LOSSES:
        assert (Task.BINARY in one.tasks) is (Task.MULTICLASS in one.tasks)


def test_focal_weighs_a_row_as_its_authors_say() -> None:
    """Lin et al., section 3.2: with gamma 2 an example of .9 costs 100 times less, and one of .968 a thousand."""
    for sure, less in ((0.9, 100), (0.968, 1000)):
        logits = torch.tensor([[np.log(sure / (1 - sure)), 0.0]])
        given = (logits, torch.tensor([0]), Task.BINARY, torch.ones(2))
        plain, focal = (float(loss_named(name).mean(*given)) for name in ("cross-entropy", "focal"))
        assert plain / focal == pytest.approx(less, rel=0.03)
    assert GAMMA == 2


def test_losses_can_be_followed_downhill_from_anywhere() -> None:
    for one in LOSSES:
        for task in one.tasks:
            for scale in (0.0, 1.0, 100.0):
                logits = torch.tensor(LOGITS * scale, requires_grad=True)
                targets = TRUE % 2 if task is Task.BINARY else TARGETS[task]
                one.mean(logits, torch.from_numpy(targets), task, torch.from_numpy(WEIGHTS)).backward()
                assert bool(torch.isfinite(logits.grad).all()), (one.name, task, scale)


def test_costs_weigh_a_class_by_the_sum_of_what_its_errors_cost() -> None:
    table = CostTable(unit="EUR", labels=("a", "b", "c"), cost=((0, 1, 2), (3, 0, 3), (5, 10, 0)))
    weigh = loss_named("cost-weighted").by_costs
    assert weigh(table, Task.MULTICLASS) == pytest.approx((3 / 8, 6 / 8, 15 / 8))
    labels = costs_from_mapping({"costs": {"a": {"none": 4}, "none": {"b": 2}}}, ("a", "b"), task="multilabel")
    assert weigh(labels, Task.MULTILABEL) == pytest.approx((4.0, 0.5))


def test_the_cut_by_weights_is_the_cut_by_costs() -> None:
    """Elkan (2001): of two classes, rows weighed by costs are cut at one half where plain ones are cut at the costs."""
    table = CostTable(unit="EUR", labels=("ham", "phishing"), cost=((0, 1), (9, 0)))
    ham, phishing = loss_named("cost-weighted").by_costs(table, Task.BINARY)
    assert ham / (ham + phishing) == pytest.approx(0.1)


def test_costs_that_say_nothing_of_a_class_are_refused() -> None:
    weigh = loss_named("cost-weighted").by_costs
    with pytest.raises(InputError, match="errors of 'b' cost nothing"):
        weigh(CostTable(unit="EUR", labels=("a", "b"), cost=((0, 1), (0, 0))), Task.BINARY)
    free = costs_from_mapping({"costs": {"none": {"a": 0}}}, ("a", "b"), task="multilabel")
    with pytest.raises(InputError, match="labels whose errors cost nothing"):
        weigh(free, Task.MULTILABEL)


def test_a_far_row_decides_less_where_the_loss_is_hubers() -> None:
    """Held-in rows are judged by it too, or one far row would stop the training."""
    targets = np.zeros(10, np.float32)
    targets[0] = 50
    near = np.zeros((10, 1), np.float32)
    chasing = np.full((10, 1), 5, np.float32)
    ones = np.ones(1, np.float32)
    judged = {
        name: [judged_loss(one, targets, Task.REGRESSION, ones, loss_named(name)) for one in (near, chasing)]
        for name in ("squared-error", "huber")
    }
    assert judged["squared-error"][1] < judged["squared-error"][0]
    assert judged["huber"][0] < judged["huber"][1]


def test_a_loss_of_another_task_is_refused() -> None:
    with pytest.raises(InputError, match=r"'huber' for multiclass targets[\s\S]*cross-entropy, focal, cost-weighted"):
        loss_named("huber", Task.MULTICLASS)
    with pytest.raises(InputError, match=r"'hinge'[\s\S]*one of cross-entropy"):
        loss_named("hinge")
    assert loss_named("auto", Task.MULTILABEL).name == "cross-entropy"
