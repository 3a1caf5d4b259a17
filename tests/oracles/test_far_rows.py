"""Rows far from the training rows: leaving out against starting over, and the stated rate against simulation."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.preprocessing import normalize

from graft.bundle.familiarity import of_centroids, of_rows
from graft.bundle.nearness import NEAREST, SHARE, ReferenceRows
from graft.decisions.far_rows import far_below, units_needed

RATE = 0.05


def cloud(rng: np.random.Generator, classes: np.ndarray, units: np.ndarray, spread: float) -> np.ndarray:
    """Unit vectors about twelve class centres; rows of one unit share most of their deviation when spread is small."""
    centres = np.random.default_rng(1).normal(size=(12, 16))
    shared = rng.normal(size=(units.max() + 1, 16))
    return normalize(centres[classes] + 0.8 * shared[units] + spread * rng.normal(size=(len(units), 16)))


def drawn(rng: np.random.Generator, count: int, *, clustered: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors, classes and units of about ``count`` rows; balanced single rows, or units of 1 to 40 near copies."""
    if not clustered:
        classes, units = np.arange(count) % 12, np.arange(count)
        return cloud(rng, classes, units, 0.0), classes, units
    sizes = np.where(rng.random(count) < 0.1, rng.integers(5, 41, count), 1)
    units = np.repeat(np.arange(count), sizes)
    classes = rng.integers(0, 12, count)[units]
    return cloud(rng, classes, units, 0.05), classes, units


def fresh(rng: np.random.Generator, count: int, *, clustered: bool) -> np.ndarray:
    """One row of each of ``count`` new units."""
    classes = rng.integers(0, 12, count) if clustered else np.arange(count) % 12
    return cloud(rng, classes, np.arange(count), 0.05 if clustered else 0.0)


def usual_by_hand(vectors: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Half the mean of the five largest similarities to other units."""
    found = []
    for row in range(len(vectors)):
        near = [max(vectors[units == one] @ vectors[row]) for one in set(units.tolist()) - {units[row]}]
        found.append(SHARE * np.mean(sorted(near)[-NEAREST:]))
    return np.array(found)


def test_leaving_a_unit_out_is_the_same_as_never_having_had_it():
    rng = np.random.default_rng(0)
    units = np.array([0, 1, 2, 2, 3, 4, 5, 5, 5, 6, 7, 8, 9, 9, 10, 11])
    vectors = normalize(rng.normal(size=(len(units), 4)))
    usual, scores = of_rows(vectors, units)
    np.testing.assert_allclose(usual, usual_by_hand(vectors, units))
    for row in range(len(units)):
        rest = units != units[row]
        others = ReferenceRows(vectors[rest], None, (), usual_by_hand(vectors[rest], units[rest]), units[rest])
        np.testing.assert_allclose(scores[row], others.familiarity(vectors[[row]])[0])


def test_leaving_a_unit_out_of_its_classes_is_the_same_as_never_having_had_it():
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(10), [1, 1, 2, 3, 1, 1, 4, 1, 1, 3])
    vectors = normalize(rng.normal(size=(len(units), 4)) + 1)
    members = rng.random((len(units), 3)) < 0.5
    members[:, 2] = units == 6
    usual, scores = of_centroids(vectors, members, units)

    def centroids(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Centroids and what is usual by hand; every row is compared with what the others of its class make."""
        made, common = [], []
        for mask in members.T:
            inside = np.flatnonzero(mask & rows)
            if not len(inside):
                continue
            made.append(normalize(vectors[inside].sum(axis=0, keepdims=True))[0])
            near = [
                float(vectors[row] @ normalize(vectors[rest].sum(axis=0, keepdims=True))[0])
                for row in inside
                if len(rest := inside[units[inside] != units[row]])
            ]
            common.append(SHARE * np.mean(near) if near else 0.0)
        return np.array(made), np.array(common)

    np.testing.assert_allclose(usual, centroids(np.ones(len(units), bool))[1])
    for row in range(len(units)):
        # What is usual is a mean over single rows' agreement with the class as it was, less the rows that left.
        made, _ = centroids(units != units[row])
        assert scores[row] <= (made @ vectors[row]).max() + 1e-9
    single = of_centroids(vectors, np.ones((len(units), 1), bool), np.arange(len(units)))[1]
    whole = vectors.sum(axis=0)
    near = np.array([one @ (whole - one) / np.linalg.norm(whole - one) for one in vectors])
    np.testing.assert_allclose(single, near - SHARE * (near.sum() - near) / (len(near) - 1))


def test_a_term_of_one_unit_alone_is_unknown_to_its_rows():
    rng = np.random.default_rng(0)
    counts = (rng.random((30, 12)) < 0.5).astype(np.float32)
    private = sparse.csr_matrix(normalize(np.hstack([counts, np.eye(30, dtype=np.float32)])))
    usual, scores = of_rows(private, np.arange(30), widths=(42,))
    row, rest = 7, np.arange(30) != 7
    query = sparse.csr_matrix(np.hstack([counts[[row]], np.zeros((1, 30), np.float32)]))
    others = ReferenceRows(
        private[rest], None, (), usual_by_hand(private.toarray()[rest], np.arange(29)), np.arange(29)
    )
    assert scores[row] == pytest.approx(others.familiarity(query)[0], abs=1e-6)
    assert usual.shape == (30,)


@pytest.mark.parametrize(
    ("count", "studies", "clustered"),
    [
        (200, 10, True),
        *(
            pytest.param(*each, clustered, marks=pytest.mark.slow)
            for each in [(40, 300), (200, 100), (1000, 20)]
            for clustered in (False, True)
        ),
    ],
)
def test_the_rate_of_false_flags_is_the_stated_one(count, studies, clustered):
    rng = np.random.default_rng(count + clustered)
    rates = {"rows": [], "centroids": []}
    for _ in range(studies):
        vectors, classes, units = drawn(rng, count, clustered=clustered)
        new = fresh(rng, 300, clustered=clustered)
        usual, scores = of_rows(vectors, units)
        reference = ReferenceRows(vectors, far_below(scores, units, rate=RATE), (), usual, units)
        rates["rows"].append(np.mean(reference.familiarity(new) < reference.threshold))
        members = classes[:, None] == np.unique(classes)
        usual, scores = of_centroids(vectors, members, units)
        centroids = normalize(members.T.astype(float) @ vectors)
        reference = ReferenceRows(
            centroids, far_below(scores, units, rate=RATE), (), usual, np.arange(len(centroids)), 1
        )
        rates["centroids"].append(np.mean(reference.familiarity(new) < reference.threshold))
    for kind, found in rates.items():
        print(count, clustered, kind, np.mean(found), np.std(found) / np.sqrt(studies))
        error = np.std(found) / np.sqrt(studies)
        assert np.mean(found) <= RATE + 3 * error, kind
        # A rank among few units cannot come nearer to the rate than one unit; leaving one out makes the rest sparser.
        assert np.mean(found) >= RATE - 1.5 / (count + 1) - 3 * error - 0.005, kind


def test_counting_near_copies_as_rows_of_their_own_breaks_the_rate():
    rng = np.random.default_rng(5)
    alone, together = [], []
    for _ in range(20):
        vectors, _, units = drawn(rng, 100, clustered=True)
        new = fresh(rng, 300, clustered=True)
        for own, found in ((np.arange(len(units)), alone), (units, together)):
            usual, scores = of_rows(vectors, own)
            reference = ReferenceRows(vectors, far_below(scores, own, rate=RATE), (), usual, own)
            found.append(np.mean(reference.familiarity(new) < reference.threshold))
    assert np.mean(alone) > 2 * RATE
    assert np.mean(together) <= RATE + 3 * np.std(together) / np.sqrt(20)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_the_threshold_is_the_rank_of_a_conformal_p_value(rate):
    rng = np.random.default_rng(2)
    for _ in range(50):
        units = rng.integers(0, rng.integers(2, 150), 160)
        scores = rng.normal(size=160).round(1)
        sizes = np.bincount(units)
        kinds = len(np.unique(units))
        below = far_below(scores, units, rate=rate)
        assert (below is None) == (kinds < units_needed(rate))
        for score in np.r_[np.unique(scores), -9.0, 9.0]:
            p = (1 + np.sum((scores <= score) / sizes[units])) / (kinds + 1)
            assert (below is not None and score < below) == (p <= rate + 1e-9)
