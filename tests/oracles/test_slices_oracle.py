"""Per-class scores and slices: exact intervals, closed forms, and simulated coverage and false alarms."""

import numpy as np
import pytest
from scipy import stats

from graft.evidence.metrics import evaluate
from graft.evidence.predictions import Scored
from graft.evidence.slices import per_class, slice_differences


def decided(targets: np.ndarray, said: np.ndarray, classes: int) -> Scored:
    return Scored("multiclass" if classes > 2 else "binary", targets, np.eye(classes)[said])


def latent(rng: np.random.Generator, rows: int, group: np.ndarray | None, share: float) -> np.ndarray:
    """Uniform numbers, shape (rows,), those of a group correlated by ``share``."""
    if group is None:
        return rng.random(rows)
    common = rng.normal(size=int(group.max()) + 1)[group]
    return stats.norm.cdf(np.sqrt(share) * common + np.sqrt(1 - share) * rng.normal(size=rows))


class TestPerClass:
    def test_against_scipy_exact_intervals(self) -> None:
        rng = np.random.default_rng(0)
        targets = rng.integers(3, size=60)
        said = np.where(rng.random(60) < 0.7, targets, rng.integers(3, size=60))
        for k, one in enumerate(per_class(decided(targets, said, 3), ("a", "b", "c"), level=0.9)):
            hit = int(((targets == k) & (said == k)).sum())
            among = int(((targets == k) | (said == k)).sum())
            for found, rows in ((one.precision, (said == k).sum()), (one.recall, (targets == k).sum())):
                oracle = stats.binomtest(hit, int(rows)).proportion_ci(0.9, method="exact")
                assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high))
            overlap = stats.binomtest(hit, among).proportion_ci(0.9, method="exact")
            f1 = [2 * end / (1 + end) for end in overlap]  # F1 = 2 hits / (hits + union) = 2 J / (1 + J)
            assert (one.f1.low, one.f1.high) == pytest.approx(f1)
            assert one.f1.mean == pytest.approx(2 * hit / ((targets == k).sum() + (said == k).sum()))
            assert one.note == ""

    @pytest.mark.parametrize("rows", [3, 5, 10, 30, 100])
    @pytest.mark.parametrize("recall", [0.5, 0.9, 1.0])
    def test_covers(self, rows: int, recall: float) -> None:
        rng = np.random.default_rng(rows)
        targets, false = np.repeat([1, 0], [rows, 100]), 0.02
        truth = (rows * recall / (rows * recall + 100 * false), recall, 2 * rows * recall)
        truth = (*truth[:2], truth[2] / (rows + rows * recall + 100 * false))
        covered = []
        for _ in range(200):
            said = (rng.random(len(targets)) < np.where(targets == 1, recall, false)).astype(int)
            one = per_class(decided(targets, said, 2), ("no", "yes"))[1]
            found = (one.precision, one.recall, one.f1)
            covered.append(
                [
                    part is None or part.ends is None or part.low <= t <= part.high
                    for part, t in zip(found, truth, strict=True)
                ]
            )
        assert np.mean(covered, axis=0).min() >= 0.93

    @pytest.mark.parametrize(
        ("rows", "groups", "share"), [(30, 5, 0.5), (100, 10, 0.3), (300, 10, 0.9), (300, 30, 0.8)]
    )
    def test_covers_with_groups(self, rows: int, groups: int, share: float) -> None:
        rng = np.random.default_rng(1)
        targets = np.repeat([1, 0], [rows, 100])
        covered, widths, alone = [], [], []
        for _ in range(200):
            group = rng.integers(groups, size=len(targets))
            chance = np.where(targets == 1, 0.9, 0.02)
            said = (latent(rng, len(targets), group, share) < chance).astype(int)
            scored = decided(targets, said, 2)
            one = per_class(scored, ("no", "yes"), groups=group)[1]
            covered.append(one.recall.low <= 0.9 <= one.recall.high)
            widths.append(one.recall.high - one.recall.low)
            plain = per_class(scored, ("no", "yes"))[1].recall
            alone.append(plain.low <= 0.9 <= plain.high)
        assert np.mean(covered) >= 0.93
        assert np.mean(widths) < 0.9  # it says something
        assert np.mean(alone) < np.mean(covered)


def pair(
    rng: np.random.Generator, rows: int, classes: int, accuracy: float, groups: int = 0, second: float | None = None
) -> tuple[Scored, Scored, np.ndarray | None]:
    """Two candidates that share half of their decisions, with errors that go by group."""
    targets = rng.choice(classes, size=rows, p=[0.7, 0.3] if classes == 2 else None)
    group = rng.integers(groups, size=rows) if groups else None

    def said(accuracy: float) -> np.ndarray:
        other = (targets + rng.integers(1, classes, size=rows)) % classes
        return np.where(latent(rng, rows, group, 0.7) < accuracy, targets, other)

    common, mixed = said(accuracy), []
    for level in (accuracy, accuracy if second is None else second):
        shared = rng.random(rows) < 0.5 if group is None else (rng.random(groups) < 0.5)[group]
        mixed.append(decided(targets, np.where(shared, common, said(level)), classes))
    return mixed[0], mixed[1], group


class TestSlices:
    def test_against_bonett_and_price(self) -> None:
        """One row more on either side, the closed form, at t with n - 1 degrees of freedom."""
        first, second = np.ones(80, int), np.ones(80, int)
        first[:4], second[4:19] = 0, 0
        targets, column = np.ones(80, int), np.array(["all"] * 80)
        found = slice_differences(
            decided(targets, first, 2),
            decided(targets, second, 2),
            {"k": column},
            "accuracy",
        )[0]
        up, down = 16 / 82, 5 / 82
        centre, error = up - down, np.sqrt((up + down - (up - down) ** 2) / 82)
        reach = stats.t.ppf(0.975, 79) * error
        assert found.difference.mean == pytest.approx(11 / 80)
        assert (found.difference.low, found.difference.high) == pytest.approx(
            (centre - reach, centre + reach), abs=4e-3
        )

    @pytest.mark.parametrize("against", [3, 6, 10])
    def test_p_values_near_the_exact_sign_test(self, against: int) -> None:
        targets, first = np.ones(60, int), np.ones(60, int)
        first[:against] = 0
        found = slice_differences(
            decided(targets, first, 2),
            decided(targets, targets, 2),
            {"k": np.array(["all"] * 60)},
            "accuracy",
        )[0]
        assert 0.5 < found.p_harm / 0.5 ** (against + 1) < 2  # the mid-p value

    @pytest.mark.parametrize("name", ["accuracy", "macro_f1", "balanced_accuracy", "micro_f1"])
    def test_agreement_on_all_rows_is_not_certainty(self, name: str) -> None:
        """A truth of 1 / rows can hide behind it, and lies inside."""
        targets = np.random.default_rng(0).integers(3, size=50)
        one = decided(targets, targets, 3)
        found = slice_differences(one, one, {"k": np.array(["x"] * 50)}, name)[0]
        assert found.difference.low < -1 / 50
        assert found.difference.high > 1 / 50
        by_group = slice_differences(one, one, {"k": np.array(["x"] * 50)}, name, groups=np.arange(50) % 5)[0]
        assert by_group.difference.high > 5 * found.difference.high  # five customers say far less

    @pytest.mark.parametrize(
        ("rows", "classes", "accuracy", "groups", "slices"),
        [
            (60, 2, 0.9, 0, 2),
            (200, 2, 0.8, 10, 4),
            *(
                pytest.param(*cell, marks=pytest.mark.slow)
                for cell in [(200, 10, 0.8, 0, 4), (1000, 2, 0.98, 0, 8), (600, 4, 0.7, 150, 6)]
            ),
        ],
    )
    @pytest.mark.parametrize("name", ["accuracy", pytest.param("macro_f1", marks=pytest.mark.slow)])
    def test_false_harm_is_rare(
        self, rows: int, classes: int, accuracy: float, groups: int, slices: int, name: str
    ) -> None:
        """Equal candidates: harm in some slice in at most 5 % of studies; intervals hold nought."""
        rng, flagged, covered = np.random.default_rng(0), [], []
        for _ in range(60):
            one, other, group = pair(rng, rows, classes, accuracy, groups)
            columns = {"a": rng.integers(slices, size=rows).astype(str), "b": rng.integers(2, size=rows).astype(str)}
            found = slice_differences(one, other, columns, name, groups=group)
            flagged.append(any(part.hidden_harm for part in found))
            covered += [part.difference.low <= 0 <= part.difference.high for part in found if not part.note]
        assert stats.binomtest(sum(flagged), 60, 0.05, alternative="greater").pvalue > 0.05
        assert np.mean(covered) >= 0.93

    @pytest.mark.slow
    def test_ignoring_groups_would_raise_false_alarms(self) -> None:
        rng, flagged = np.random.default_rng(0), np.zeros(2)
        for _ in range(80):
            one, other, group = pair(rng, 600, 2, 0.8, 15)
            columns = {"a": rng.integers(4, size=15)[group].astype(str)}
            for place, groups in enumerate((None, group)):
                found = slice_differences(one, other, columns, "accuracy", groups=groups)
                flagged[place] += any(part.hidden_harm for part in found)
        assert flagged[0] / 80 > 0.12
        assert flagged[1] / 80 <= 0.05

    @pytest.mark.slow
    def test_true_differences_are_covered(self) -> None:
        rng, covered = np.random.default_rng(2), []
        truth = [evaluate(part, "macro_f1") for part in pair(rng, 400_000, 3, 0.9, second=0.7)[:2]]
        for _ in range(120):
            one, other, _ = pair(rng, 300, 3, 0.9, second=0.7)
            columns = {"a": rng.integers(3, size=300).astype(str)}
            found = slice_differences(one, other, columns, "macro_f1")
            covered += [part.difference.low <= truth[0] - truth[1] <= part.difference.high for part in found]
        assert 0.93 <= np.mean(covered) <= 0.99

    @pytest.mark.parametrize("groups", [0, 60])
    def test_planted_harm_is_found(self, groups: int) -> None:
        rng, hits, others = np.random.default_rng(1), 0, 0
        for _ in range(20):
            targets, column = rng.integers(2, size=1000), np.repeat(["a", "b", "c", "d"], 250)
            group = rng.integers(groups, size=1000) if groups else None
            chances = np.where(column == "d", 0.55, 0.95), np.full(1000, 0.85)
            said = [np.where(latent(rng, 1000, group, 0.2) < chance, targets, 1 - targets) for chance in chances]
            one, other = (decided(targets, part, 2) for part in said)
            found = slice_differences(one, other, {"k": column}, "accuracy", groups=group)
            hits += any(part.hidden_harm for part in found if part.value == "d")
            others += any(part.hidden_harm for part in found if part.value != "d")
        assert hits >= 18
        assert others == 0
