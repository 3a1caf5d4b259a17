"""What a probe finds: against scikit-learn's areas, against truth, and against nothing at all."""

import numpy as np
import pytest
from scipy import sparse, stats
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from graft.core.errors import InputError
from graft.evidence import leakage
from graft.evidence.areas import areas_of
from graft.evidence.leakage import probe_leakage
from graft.rows.attributes import in_quarters


def made(rows: int, lean: float, seed: int, *, classes: int = 2, width: int = 8) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    known = rng.integers(classes, size=rows)
    return rng.normal(size=(rows, width)) + lean * np.eye(classes, width)[known], known


def test_area_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    scores, classes = rng.normal(size=(200, 3)).round(1), rng.integers(3, size=200)
    found = areas_of(scores, classes)
    wanted = np.mean([roc_auc_score(classes == one, scores[:, one]) for one in range(3)])
    assert found.mean == pytest.approx(wanted, abs=1e-12)
    assert found.part.mean() == pytest.approx(0, abs=1e-12)


def test_variance_is_delongs():
    rng = np.random.default_rng(1)
    ahead, behind = rng.normal(0.5, 1, 40), rng.normal(0, 1, 70)
    classes, one = np.repeat([1, 0], [40, 70]), np.concatenate([ahead, behind])
    wins = ahead[:, None] > behind[None]
    delong = wins.mean(axis=1).var(ddof=1) / 40 + wins.mean(axis=0).var(ddof=1) / 70
    # Two classes scored by one number and its opposite are one area.
    assert areas_of(np.stack([-one, one], axis=1), classes).part.var() / 110 == pytest.approx(delong, rel=0.03)


@pytest.mark.parametrize("width", [4, 300])
def test_the_ridge_is_that_of_scikit_learn(width):
    rng = np.random.default_rng(2)
    rows, targets = rng.normal(size=(60, width)), rng.normal(size=(60, 2))
    held = np.arange(60) < 20
    inside = rows[~held]
    gram = inside.T @ inside if width < 40 else inside @ inside.T
    penalty = 0.3 * np.trace(gram) / len(gram)
    peer = Ridge(alpha=penalty, fit_intercept=False).fit(inside, targets[~held] - targets[~held].mean(axis=0))
    found = leakage.SolvedRidge.of(rows, held).predict(targets)
    np.testing.assert_allclose(found, peer.predict(rows[held]), atol=1e-8)
    np.testing.assert_allclose(leakage.SolvedRidge.of(sparse.csr_array(rows), held).predict(targets), found, atol=1e-8)


def test_what_leaks_is_found_and_how_far():
    vectors, known = made(2000, 1.0, 3)
    found = probe_leakage(vectors, known, rng=np.random.default_rng(0), permutations=99)
    # Two normals whose means are √2 apart.
    assert found.area.low < stats.norm.cdf(1.0) < found.area.high
    assert found.leaks
    assert found.p_value == 0.01
    assert found.chance == pytest.approx(0.5, abs=0.02)
    assert found.chance < found.chance_high < 0.56


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "classes", "width"), [(24, 2, 8), (60, 3, 64), (300, 2, 8), (300, 10, 32)])
def test_false_alarms(rows, classes, width):
    alarms = []
    for seed in range(300):
        vectors, known = made(rows, 0.0, seed, classes=classes, width=width)
        known[: 5 * classes] = np.tile(np.arange(classes), 5)
        alarms.append(probe_leakage(vectors, known, rng=np.random.default_rng(seed), permutations=19).leaks)
    assert stats.binomtest(sum(alarms), 300, 0.05, alternative="greater").pvalue > 0.001


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "lean"), [(60, 1.0), (400, 0.5), (400, 2.5)])
def test_intervals_cover(rows, lean):
    """The truth is the area that such probes have on many further rows: near the mean of these seeds."""
    found = []
    for seed in range(400):
        vectors, known = made(rows, lean, seed)
        found.append(probe_leakage(vectors, known, rng=np.random.default_rng(seed), permutations=1).area)
    truth = np.mean([one.mean for one in found])
    covered = sum(one.low <= truth <= one.high for one in found)
    assert stats.binomtest(covered, 400, 0.93, alternative="less").pvalue > 0.001


def test_borders():
    rng = np.random.default_rng(0)
    vectors, known = made(100, 0.0, 0)
    with pytest.raises(InputError, match="19 rows of 2 classes"):
        probe_leakage(vectors[:19], np.arange(19) % 2, rng=rng)
    with pytest.raises(InputError, match="100 rows of 1 classes"):
        probe_leakage(vectors, np.zeros(100, int), rng=rng)
    with pytest.raises(InputError, match="not finite"):
        probe_leakage(np.where(vectors > 2, np.nan, vectors), known, rng=rng)
    with pytest.raises(InputError, match="classes of shape"):
        probe_leakage(vectors, known.astype(float), rng=rng)
    alike = probe_leakage(np.ones((100, 4)), known, rng=rng)
    assert alike.area.mean == 0.5
    assert not alike.leaks
    rare = known.copy()
    rare[:3], rare[3:10] = 7, -1
    assert probe_leakage(vectors, rare, rng=rng, permutations=9).left_out == 10


def test_a_class_that_a_draw_leaves_too_few_of_is_left_out(monkeypatch):
    """Of 400 rows that are drawn, hardly one is of the rare class: no probe can learn it."""
    monkeypatch.setattr(leakage, "MOST_ROWS", 400)
    rng = np.random.default_rng(0)
    classes = np.concatenate([np.repeat([0, 1], 1_500), np.full(6, 2)])
    found = probe_leakage(classes[:, None] + rng.normal(0, 0.3, (len(classes), 3)), classes, rng=rng, permutations=19)
    assert found.classes == 2
    assert found.area.mean > 0.95
    with pytest.raises(InputError, match="rows of 1 classes"):
        probe_leakage(np.ones((2_000, 1)), np.repeat([0, 1], [1_994, 6]), rng=rng)


def test_few_distinct_numbers_are_classes():
    assert in_quarters(np.array([0.0, 1.0, 1.0, 0.0, np.inf])).tolist() == [0, 1, 1, 0, -1]
    assert in_quarters(np.array([])).tolist() == []
