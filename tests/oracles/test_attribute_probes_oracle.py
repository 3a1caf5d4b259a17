"""Probes of attributes: areas against scikit-learn, erasure against its authors' numbers, and worlds of known truth."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from bench.leakage import age_and_region, curved, nothing, one_audit, people, region, shifted
from scipy import stats
from sklearn.metrics import roc_auc_score

from graft.core.errors import InputError
from graft.evidence.allowed_features import AllowedFeatures
from graft.evidence.areas import areas_drawn, areas_of
from graft.evidence.attribute_probes import (
    asked_rows,
    change,
    erased_columns,
    known_area,
    probe_columns,
    probed,
    unseen_area,
)
from graft.evidence.cluster_shares import cluster_shares
from graft.evidence.linear_erasure import fit_eraser, shrunk

ADULT = Path(__file__).resolve().parents[3] / "shared" / "data" / "adult" / "train.csv"
# Of concept-erasure 0.2.4, LeaceFitter(..., dtype=float64, svd_tol=1e-6), on ``given_rows`` of these seeds: first three
# numbers of the first row, last of the last row, and the sum of all.
LEACE = {
    (0, True): ((0.296919, -0.703310, 0.679885), 2.470963, 104.4476),
    (0, False): ((0.375782, -0.764979, 0.662525), 2.571781, 104.4476),
    (1, True): ((0.517252, 0.315051, 0.433598), -5.237501, 78.4549),
    (1, False): ((0.396728, 0.811129, 0.028358), -5.543160, 78.4549),
    (2, True): ((0.143863, 0.215647, -0.079847), -1.160577, 1289.5997),
    (2, False): ((0.197404, 0.225410, -0.082917), -1.190738, 1289.5997),
}


def given_rows(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rows, width, count = ((200, 5, 2), (60, 100, 3), (1000, 20, 4))[seed]
    rng = np.random.default_rng(seed)
    known = rng.integers(count, size=rows)
    vectors = rng.normal(size=(rows, width)) @ np.diag(np.linspace(0.2, 3, width)) + np.eye(count, width)[known]
    return vectors, np.eye(count)[known]


@pytest.mark.parametrize(("seed", "shrink"), list(LEACE))
def test_erasure_is_that_of_its_authors(seed, shrink):
    vectors, targets = given_rows(seed)
    erased = fit_eraser(vectors, targets, shrink=shrink)(vectors)
    first, last, total = LEACE[seed, shrink]
    assert erased[0, :3] == pytest.approx(first, abs=2e-6)
    assert erased[-1, -1] == pytest.approx(last, abs=2e-6)
    assert erased.sum() == pytest.approx(total, abs=1e-3)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_erasure_is_that_of_the_package(seed):
    package = pytest.importorskip("concept_erasure")
    torch = pytest.importorskip("torch")
    vectors, targets = given_rows(seed)
    x, z = torch.tensor(vectors), torch.tensor(targets)
    for shrink in (True, False):
        fitter = package.LeaceFitter(x.shape[1], z.shape[1], dtype=torch.float64, shrinkage=shrink, svd_tol=1e-6)
        wanted = fitter.update(x, z).eraser(x).numpy()
        np.testing.assert_allclose(fit_eraser(vectors, targets, shrink=shrink)(vectors), wanted, atol=1e-9)


def test_after_erasure_every_class_has_one_mean_and_it_changes_nothing_twice():
    vectors, targets = given_rows(2)
    eraser = fit_eraser(vectors, targets)
    erased = eraser(vectors)
    means = (targets / targets.sum(axis=0)).T @ erased
    assert np.abs(means - means[0]).max() < 1e-9
    np.testing.assert_allclose(eraser(erased), erased, atol=1e-9)
    np.testing.assert_allclose((vectors - eraser.mean) @ eraser.matrix + eraser.mean, erased, atol=1e-9)
    assert eraser.right.shape == (20, 3)


def test_erasure_of_nothing_and_of_what_cannot_be():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(30, 4))
    np.testing.assert_allclose(fit_eraser(vectors, np.ones((30, 1)))(vectors), vectors)
    constant = fit_eraser(np.ones((30, 4)), np.arange(30.0)[:, None] % 2)
    np.testing.assert_allclose(constant(np.ones((3, 4))), np.ones((3, 4)))
    assert shrunk(np.zeros((3, 3)), 5).tolist() == np.zeros((3, 3)).tolist()
    with pytest.raises(InputError, match="not finite"):
        fit_eraser(np.full((3, 2), np.nan), np.ones((3, 1)))
    with pytest.raises(InputError, match=r"shape \(3, 2\)"):
        fit_eraser(np.ones((3, 2)), np.ones((4, 1)))


def test_areas_within_strata_are_those_of_their_pairs():
    rng = np.random.default_rng(0)
    scores, classes = rng.normal(size=(200, 3)).round(1), rng.integers(3, size=200)
    strata = rng.integers(6, size=200)
    found = areas_of(scores, classes, strata)
    for one in range(3):
        areas, weights = [], []
        for part in range(6):
            inside = strata == part
            mine = classes[inside] == one
            areas.append(roc_auc_score(mine, scores[inside, one]))
            weights.append(mine.sum() * (~mine).sum() / len(mine))
        assert found.by_class[one] == pytest.approx(np.average(areas, weights=weights), abs=1e-12)
        drawn = areas_drawn(scores[:, [one]], (classes == one)[:, None], strata)
        assert drawn[0] == pytest.approx(found.by_class[one], abs=1e-12)
    whole = areas_drawn(scores[:, [0]], (classes == 0)[:, None])[0]
    assert whole == pytest.approx(roc_auc_score(classes == 0, scores[:, 0]), abs=1e-12)
    assert np.isnan(areas_of(scores, classes, np.arange(200)).by_class).all()


def test_what_is_allowed_is_taken_away_from_both_sides():
    rng = np.random.default_rng(0)
    age = rng.uniform(20, 60, 2000)
    values = np.stack([np.sin(age / 8), age**2, rng.normal(size=2000)], axis=1)
    allowed = AllowedFeatures.of([age], rng)
    assert allowed.cells is None
    rest = allowed.rest(values)
    assert rest.var(axis=0)[:2] / values.var(axis=0)[:2] == pytest.approx([0, 0], abs=0.02)
    assert rest[:, 2].var() / values[:, 2].var() > 0.97
    truth = 1 / (1 + np.exp(-3 * np.sin(age / 8)))
    classes = (rng.random(2000) < truth).astype(int)
    chances = allowed.chances(classes, np.arange(2000) % 5)
    assert np.abs(chances[:, 1] - truth).mean() < 0.05
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    cells = AllowedFeatures.of([np.arange(2000) % 4, np.round(age / 20)], rng)
    assert cells.cells is not None
    assert np.abs(cells.rest(np.eye(2000)[:, :1] + cells.cells[:, None])).max() < 1


def test_given_columns_that_name_rows_or_say_nothing_take_nothing_away():
    rng = np.random.default_rng(0)
    vectors, known, _, _ = shifted(rng, 200, 2.0)
    for column in (np.arange(200), np.zeros(200, int), np.full(200, np.nan)):
        asked = asked_rows(known, rng=rng, given=[column], draws=99)
        linear = {"linear": probe_columns(vectors, asked, rng)["linear"]}
        found = probed(linear, asked, rng=rng)["linear"]
        assert (found.p_value, found.area.mean > 0.8) == (0.01, True)


@pytest.mark.slow
def test_curved_leaks_are_seen_and_outlive_erasure():
    """Classes of one mean and another spread: Gonen & Goldberg's point, in a world where it is all there is."""
    rng = np.random.default_rng(5)
    vectors, known, _, _ = curved(rng, 1000)
    asked = asked_rows(known, rng=rng, draws=99)
    found = probed(probe_columns(vectors, asked, rng), asked, rng=rng)
    assert found["linear"].area.high < 0.65
    assert found["curved"].area.low > 0.55
    targets = np.eye(2)[known]
    left = probed(erased_columns(vectors, targets, asked, rng), asked, rng=rng)
    assert left["linear"].area.mean == pytest.approx(0.5, abs=1e-6)
    assert left["curved"].area.low > 0.52
    assert left["curved"].p_value == 0.01
    moved = change(found["curved"], left["curved"], asked)
    assert moved.low < 0.05
    assert moved.mean == pytest.approx(left["curved"].area.mean - found["curved"].area.mean)


def test_an_eraser_of_few_rows_does_not_hold_for_others():
    rng = np.random.default_rng(0)
    known = np.arange(200) % 2
    vectors = rng.normal(size=(200, 60))
    vectors[:, 0] += 2 * known
    asked = asked_rows(known, rng=rng, draws=9)
    few = unseen_area(vectors, np.eye(2)[known], asked, rng=rng)
    assert few.low > 0.5
    many = np.repeat(known, 10)
    vectors = rng.normal(size=(2000, 6))
    vectors[:, 0] += 2 * many
    asked = asked_rows(many, rng=rng, draws=9)
    assert unseen_area(vectors, np.eye(2)[many], asked, rng=rng).mean < 0.56


def test_clusters_of_one_class_are_named_and_no_others():
    rng = np.random.default_rng(0)
    known = rng.integers(2, size=400)
    assignment = rng.integers(4, size=400)
    assignment[(known == 1) & (rng.random(400) < 0.15)] = 4
    found = cluster_shares(assignment, asked_rows(known, rng=rng, draws=199))
    assert (found[0].cluster, found[0].of_class, found[0].p_value) == (4, 1, 0.005)
    assert found[0].share.mean == 1
    assert found[0].expected == pytest.approx(known.mean(), abs=0.05)
    assert found[1].p_value > 0.05


def test_what_the_given_tell_alone():
    rng = np.random.default_rng(0)
    _, known, given, _ = region(rng, 800)
    asked = asked_rows(known, rng=rng, given=given, draws=9)
    shares = np.array([known[given[0] == one].mean() for one in range(8)])[given[0]]
    np.testing.assert_allclose(asked.chance[:, 1], shares)
    assert known_area(asked).mean == pytest.approx(roc_auc_score(known, np.linspace(0.1, 0.9, 8)[given[0]]), abs=0.02)
    nothing_told = asked_rows(known, rng=rng, given=[rng.integers(60, size=800)], draws=9)
    assert known_area(nothing_told).mean == pytest.approx(0.5, abs=0.06)


def test_what_cannot_be_asked():
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="19 rows of 2 classes"):
        asked_rows(np.arange(19) % 2, rng=rng)
    with pytest.raises(InputError, match="the rarest of 4"):
        asked_rows(np.repeat([0, 1], [40, 4]), rng=rng)
    with pytest.raises(InputError, match="the class varies within a group"):
        asked_rows(np.arange(100) % 2, rng=rng, groups=np.arange(100) // 4)
    with pytest.raises(InputError, match="what is given varies"):
        asked_rows(np.repeat([0, 1], 50), rng=rng, given=[np.arange(100.0)], groups=np.arange(100) // 2)
    told = asked_rows(np.repeat([0, 1], 40), rng=rng, given=[np.repeat([0, 1], 40)], draws=9)
    assert told.comparable == []


NOTHING = {
    "nothing": (nothing, 60, False),
    "a region": (region, 240, False),
    "age and region": (age_and_region, 240, False),
    "people": (people, 300, False),
    "erased": (shifted, 200, True),
}


@pytest.mark.slow
@pytest.mark.parametrize("world", list(NOTHING))
def test_nothing_is_found_where_there_is_nothing(world):
    make, rows, erased = NOTHING[world]
    hits = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        hits += one_audit(make(rng, rows), rng, erased=erased, draws=99)[0]
    assert stats.binomtest(hits, 100, 0.05, alternative="greater").pvalue > 0.001


@pytest.mark.slow
@pytest.mark.parametrize("rows", [40, 200, 2000])
def test_intervals_of_probes_cover(rows):
    """The truth is what such probes find on average."""
    found = []
    for seed in range(200):
        rng = np.random.default_rng([seed, rows])
        vectors, known, _, _ = shifted(rng, rows)
        asked = asked_rows(known, rng=rng, draws=1)
        linear = {"linear": probe_columns(vectors, asked, rng)["linear"]}
        found.append(probed(linear, asked, rng=rng)["linear"].area)
    truth = np.mean([one.mean for one in found])
    covered = sum(one.low <= truth <= one.high for one in found)
    assert stats.binomtest(covered, 200, 0.93, alternative="less").pvalue > 0.001


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.skipif(not ADULT.is_file(), reason="no data beside the project")
def test_debiased_rows_of_a_census_still_tell_sex():
    """Gonen & Goldberg's point on real rows: what no linear model can tell, a curved one does."""
    frame = pl.read_csv(ADULT)[:1500]
    numbers = frame.select("age", "education_num", "hours_per_week").to_numpy().astype(float)
    words = frame.select("marital_status", "occupation", "workclass").to_dummies().to_numpy()
    vectors = np.concatenate([numbers / numbers.std(axis=0), words], axis=1)
    known = (frame["sex"] == "Male").to_numpy().astype(np.int64)
    rng = np.random.default_rng(0)
    asked = asked_rows(known, rng=rng, draws=99)
    found = probed(probe_columns(vectors, asked, rng), asked, rng=rng)
    assert min(found["linear"].area.low, found["curved"].area.low) > 0.7
    left = probed(erased_columns(vectors, np.eye(2)[known], asked, rng), asked, rng=rng)
    assert left["linear"].area.mean == pytest.approx(0.5, abs=1e-6)
    assert left["curved"].area.low > 0.6
    given = [frame["age"].to_numpy().astype(float), frame["occupation"].cast(pl.Categorical).to_physical().to_numpy()]
    beyond = asked_rows(known, rng=rng, given=[given[0], given[1].astype(np.int64)], draws=99)
    told = probed(probe_columns(vectors, beyond, rng), beyond, rng=rng)
    assert told["linear"].area.mean < found["linear"].area.mean - 0.02
