"""Estimates of a policy from the log of another: a case worked by hand, textbook errors, and simulated logs."""

import numpy as np
import pytest
from scipy import stats

from graft.core.errors import InputError
from graft.evidence.off_policy import LoggedChoices, effective_rows, judge_policy

ESTIMATES = ("ips", "snips", "dr", "bounds")


def test_by_hand() -> None:
    """Three rows: w = 1 / .5 = 2, 0, .5 / .25 = 2, rewards 1, 1, 0; q and e are as good as a guess."""
    log = LoggedChoices(
        np.array([1.0, 1, 0]), np.array([0.5, 0.5, 0.25]), np.array([1.0, 0, 0.5]),
        predicted=np.array([0.5, 0.5, 0.25]), expected=np.array([0.4, 0.4, 0.4]),
    )  # fmt: skip
    found = judge_policy(log, clip=1.0)
    assert found.naive.mean == pytest.approx(2 / 3)
    assert found.ips.mean == pytest.approx(2 / 3)
    assert found.snips.mean == pytest.approx(2 / 4)
    # e + w (r - q): .4 + 2 · .5, .4 + 0, .4 - 2 · .25
    assert found.dr is not None
    assert found.dr.mean == pytest.approx((1.4 + 0.4 - 0.1) / 3)
    assert found.weight.mean == pytest.approx(4 / 3)
    assert found.effective == pytest.approx(16 / 8)
    assert found.largest == pytest.approx(2 / (4 / 3))
    assert found.heaviest == pytest.approx(0.5)
    # Two effective rows say nothing, and the bounds say so.
    assert found.ips.low is None
    assert (found.bounds.low, found.bounds.high) == (0.0, 1.0)
    assert any("2.0 effective users of 3" in one for one in found.doubts)


def test_mass_makes_values_of_lists_values_per_place() -> None:
    """Two lists of two places are judged for one of a single place: Σ w r over two places, not four."""
    weight = np.array([1.0, 0, 0, 1])
    log = LoggedChoices(np.array([1.0, 0, 1, 0]), np.ones(4), weight, mass=np.full(4, 0.5))
    found = judge_policy(log)
    assert (found.ips.mean, found.snips.mean, found.weight.mean) == (0.5, 0.5, 1.0)


def test_a_policy_judged_by_its_own_log_earns_what_it_earned() -> None:
    rng = np.random.default_rng(0)
    reward, chance = (rng.random(4000) < 0.3).astype(float), rng.uniform(0.1, 1, 4000)
    found = judge_policy(LoggedChoices(reward, chance, chance, predicted=reward * 0, expected=reward * 0))
    low, high = stats.t.interval(0.95, 3999, reward.mean(), stats.sem(reward))
    for one in (found.naive, found.ips, found.snips, found.dr, found.bounds):
        assert one is not None
        assert (one.low, one.high) == pytest.approx((low, high), abs=2e-3)
    assert (found.gain.mean, found.gain.low, found.gain.high) == pytest.approx((0, 0, 0), abs=2e-3)
    assert found.doubts == ()
    assert found.effective == pytest.approx(4000)


def test_many_rows_have_the_standard_errors_of_the_textbook() -> None:
    """IPS: that of a mean. SNIPS: the delta method of a ratio (Owen 2013, Monte Carlo theory, 9.2)."""
    rng = np.random.default_rng(1)
    rows = 200_000
    logged, judged = rng.uniform(0.2, 1, rows), rng.uniform(0, 1, rows)
    reward = rng.random(rows)
    found = judge_policy(LoggedChoices(reward, logged, judged))
    weight = judged / logged
    ips = stats.norm.interval(0.95, np.mean(weight * reward), stats.sem(weight * reward))
    snips = np.sum(weight * reward) / weight.sum()
    error = np.sqrt(np.sum(weight**2 * (reward - snips) ** 2)) / weight.sum()
    assert (found.ips.low, found.ips.high) == pytest.approx(ips, abs=1e-4)
    assert (found.snips.low, found.snips.high) == pytest.approx((snips - 1.96 * error, snips + 1.96 * error), abs=1e-4)
    influence = weight * (reward - snips) / weight.mean() - (reward - reward.mean())
    reach = 1.96 * influence.std() / np.sqrt(rows)
    gain = snips - reward.mean()
    assert (found.gain.mean, found.gain.low, found.gain.high) == pytest.approx(
        (gain, gain - reach, gain + reach), abs=1e-4
    )


def test_rows_of_one_user_are_not_many() -> None:
    """Every row ten times, by the same user: the interval of one row each, and not one of ten times as many."""
    rng = np.random.default_rng(2)
    reward, logged, judged = (rng.random(500) < 0.4).astype(float), rng.uniform(0.3, 1, 500), rng.uniform(0, 1, 500)
    once = judge_policy(LoggedChoices(reward, logged, judged))
    ten = [np.repeat(one, 10) for one in (reward, logged, judged)]
    grouped = judge_policy(LoggedChoices(*ten, groups=np.repeat(np.arange(500), 10)))
    alone = judge_policy(LoggedChoices(*ten))
    assert grouped.snips.high - grouped.snips.low == pytest.approx(once.snips.high - once.snips.low, rel=0.06)
    assert alone.snips.high - alone.snips.low < 0.4 * (once.snips.high - once.snips.low)


def test_effective_rows_of_kish() -> None:
    assert effective_rows(np.array([1.0, 2, 3])) == pytest.approx(36 / 14)
    assert effective_rows(np.zeros(3)) == 0.0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"logged": [0.0, 0.5]}, "have the propensity 0, and were shown"),
        ({"logged": [1.2, 0.5]}, r"1 of 2 rows have a propensity that cannot be, the first \(row 0\) 1.2"),
        ({"logged": [0.5, float("nan")]}, r"row 1\) nan"),
        ({"logged": [0.5]}, "propensity of shape"),
        ({"judged": [-0.1, 0.5]}, "probability under the judged policy"),
        ({"judged": [0.0, 0.0]}, "would have shown none of the 2 things"),
        ({"reward": [2.0, 0.0]}, "rewards are possible"),
        ({"reward": [float("inf"), 0.0]}, "a reward that cannot be"),
        ({"reward": [], "logged": [], "judged": []}, "one reward a row"),
        ({"predicted": [0.0, 0.0]}, "only one of predicted and expected"),
        ({"possible": (1.0, 1.0)}, "rewards from 1.0 to 1.0"),
        ({"mass": [0.0, 0.0]}, "shows nothing"),
        ({"unreachable": [0.0, 2.0]}, "unreachable share"),
    ],
)
def test_what_cannot_be_is_refused_in_words(changed, said) -> None:
    given = {"reward": [1.0, 0.0], "logged": [0.5, 0.5], "judged": [0.5, 0.5]} | changed
    arrays = {name: one if isinstance(one, tuple) else np.array(one, float) for name, one in given.items()}
    with pytest.raises(InputError, match=said):
        judge_policy(LoggedChoices(**arrays))


class World:
    """Contexts and actions with known chances of a reward, a policy that logs, and one to be judged."""

    def __init__(self, *, sharp: float, floor: float, rate: float, contexts: int = 20, actions: int = 10) -> None:
        rng = np.random.default_rng(3)
        liking = rng.normal(size=(contexts, actions))
        self.chance = np.clip(rate * np.exp(0.8 * liking), 0, 0.5)
        logged = np.exp(sharp * rng.normal(size=liking.shape))
        self.logged = (1 - floor) * logged / logged.sum(axis=1, keepdims=True) + floor / actions
        judged = np.exp(2 * liking)
        self.judged = judged / judged.sum(axis=1, keepdims=True)
        # A user likes everything twice as much as usual, or nothing: on average the same.
        self.truth = float((self.judged * self.chance).sum() / contexts)
        self.gain = self.truth - float((self.logged * self.chance).sum() / contexts)

    def log(self, rng, rows, users, *, model=None, logged=None):
        """Rows of so many users (0: each its own), who mostly meet one context of their own."""
        contexts, actions = self.chance.shape
        user = np.repeat(np.arange(users or rows), rows // (users or rows))
        usual = rng.integers(contexts, size=users or rows)
        context = np.where(rng.random(rows) < 0.7, usual[user], rng.integers(contexts, size=rows))
        mood = 2.0 * rng.integers(2, size=users or rows)[user]
        shown = (self.logged[context].cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1).clip(0, actions - 1)
        reward = (rng.random(rows) < self.chance[context, shown] * mood).astype(float)
        guess = self.chance if model is None else model
        return LoggedChoices(
            reward, (self.logged if logged is None else logged)[context, shown], self.judged[context, shown],
            groups=user, predicted=guess[context, shown], expected=(self.judged * guess).sum(axis=1)[context],
        )  # fmt: skip


def simulated(world, rows, users, logs, **options):
    rng = np.random.default_rng(4)
    return [judge_policy(world.log(rng, rows, users, **options)) for _ in range(logs)]


def covered(found, truth):
    """The share of the intervals with ends that hold the truth, of each estimate."""
    shares = {}
    for name in ESTIMATES:
        ends = [getattr(one, name).ends for one in found]
        shares[name] = float(np.mean([low <= truth <= high for low, high in filter(None, ends)]))
    return shares


def test_estimates_are_near_the_truth_where_the_naive_mean_is_not() -> None:
    world = World(sharp=1.0, floor=0.1, rate=0.15)
    found = simulated(world, 2000, 0, 60)
    error = {name: np.mean([getattr(one, name).mean for one in found]) - world.truth for name in ("naive", *ESTIMATES)}
    assert error["naive"] < -0.08
    for name in ("ips", "snips", "dr"):
        assert abs(error[name]) < 0.01
    assert min(covered(found, world.truth).values()) >= 0.9


def test_wrong_propensities_are_seen_without_a_reward() -> None:
    world = World(sharp=1.0, floor=0.1, rate=0.15)
    right = simulated(world, 3000, 0, 40)
    assert np.mean([any("mean weight" in said for said in one.doubts) for one in right]) <= 0.1
    half = simulated(world, 3000, 0, 10, logged=world.logged / 2)
    assert all(any("too small, or of another policy" in said for said in one.doubts) for one in half)
    large = simulated(world, 3000, 0, 10, logged=np.minimum(1, world.logged * 2))
    assert all(any("never shown by the log" in said for said in one.doubts) for one in large)


def test_what_the_log_never_shows_is_told_and_bounded() -> None:
    """The judged policy likes one action that is never shown: only the bounds can hold."""
    world = World(sharp=0.5, floor=0.2, rate=0.15)
    best = world.judged.argmax(axis=1)
    rows = np.arange(len(best))
    world.chance[rows, best] = 0.5
    world.truth = float((world.judged * world.chance).sum() / len(best))
    world.logged[rows, best] = 0
    world.logged /= world.logged.sum(axis=1, keepdims=True)
    found = simulated(world, 3000, 0, 30)
    assert covered(found, world.truth)["ips"] < 0.1
    assert covered(found, world.truth)["bounds"] == 1.0
    assert all(any("never shown by the log" in said for said in one.doubts) for one in found)
    log = world.log(np.random.default_rng(0), 3000, 0)
    known = judge_policy(LoggedChoices(log.reward, log.logged, log.judged, unreachable=np.full(3000, 0.4)))
    assert "the log could never show 40.0% of what the judged policy shows" in known.doubts


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.02, 0.15])
@pytest.mark.parametrize(("rows", "users"), [(100, 0), (1000, 0), (1000, 100), (5000, 25)])
@pytest.mark.parametrize(("sharp", "floor"), [(0.5, 0.1), (1.5, 0.1), (2.0, 0.02)])
def test_intervals_cover(rows, users, sharp, floor, rate) -> None:
    """95 % are asked; what is not covered here, and how wide the intervals are, stands in the module."""
    world = World(sharp=sharp, floor=floor, rate=rate)
    found = simulated(world, rows, users, 400, model=np.full_like(world.chance, world.chance.mean()))
    shares = covered(found, world.truth)
    named = [one for one in found if one.ips.ends]
    width = np.mean([one.ips.high - one.ips.low for one in named])
    print(
        f"rows {rows} users {users or rows} log {sharp} {floor} rate {rate}: effective"
        f" {np.median([one.effective for one in found]):.0f}, with ends {len(named) / len(found):.2f},"
        f" covered {', '.join(f'{name} {share:.3f}' for name, share in shares.items())},"
        f" ips {width / (3.92 * np.std([one.ips.mean for one in found])):.2f} times as wide as it must be"
    )
    gain = np.mean([one.gain.low <= world.gain <= one.gain.high for one in named])
    print(f"  gain {gain:.3f}")
    if len(named) >= 100:
        assert min(*shares.values(), gain) >= 0.93
    assert shares["bounds"] >= 0.93
