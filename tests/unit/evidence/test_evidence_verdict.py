"""Comparison, verdict, choice, advice, curves: the rules and the edges."""

import numpy as np
import pytest

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.evidence.choice import Entry, Prior, choose
from graft.evidence.comparison import Comparison, compare
from graft.evidence.learning_curve import crossing, fit_curve
from graft.evidence.more_labels import more_labels
from graft.evidence.pooled import Jackknife, Pooled, jackknife
from graft.evidence.predictions import Scored
from graft.evidence.selection import plausible
from graft.evidence.verdict import Outcome, Verdict, decide_verdict, doubts

MARGIN = 0.01


def right(wrong: int, rows: int, start: int = 0) -> list[tuple[float, Pooled]]:
    """A candidate that is wrong on ``wrong`` rows from ``start`` on."""
    said = (np.arange(rows) - start) % rows < wrong
    return [(1.0, Pooled(Scored("binary", np.zeros(rows, int), np.eye(2)[said.astype(int)]), np.arange(rows)))]


def found(rows: int = 1000, **wrong: int | tuple[int, int]) -> Jackknife:
    """Candidates by how many rows they get wrong, and from which row on."""
    terms = {
        name: right(one[0], rows, one[1]) if isinstance(one, tuple) else right(one, rows) for name, one in wrong.items()
    }
    return jackknife(terms, "accuracy")


def verdict(joint: Jackknife, margin: float = MARGIN, **more: object) -> Verdict:
    transfers = [name for name in joint.names if name.startswith("t")]
    controls = [name for name in joint.names if name.startswith("c")]
    best = max(transfers, key=joint.estimate)
    return decide_verdict(joint, best, transfers=transfers, controls=controls, margin=margin, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("candidate", "control", "holdout", "outcome", "says"),
    [
        (100, 160, None, Outcome.HELPS, "that it helps"),
        (100, 160, Interval(0.04, 0.01, 0.07), Outcome.HELPS, "the holdout alone says +0.040"),
        (100, 160, Interval(-0.04, -0.07, -0.01), Outcome.INCONCLUSIVE, "the holdout alone rules that out"),
        (100, 160, Interval(0.004, 0.001, 0.008), Outcome.INCONCLUSIVE, "the holdout alone rules that out"),
        (100, 160, Interval(0.02), Outcome.HELPS, "+0.020, no interval"),
        (160, 100, None, Outcome.HARMS, "that it harms"),
        (160, 100, Interval(0.01, 0.0, 0.02), Outcome.INCONCLUSIVE, "rules that out"),
        (100, 100, None, Outcome.TIED, "smaller than the margin of 0.01"),
        (100, 100, Interval(0.04, 0.02, 0.06), Outcome.INCONCLUSIVE, "rules that out"),
        (110, 104, None, Outcome.INCONCLUSIVE, "A gain beyond the margin of 0.01 is ruled out, harm is not shown"),
        (104, 110, None, Outcome.INCONCLUSIVE, "Harm beyond the margin of 0.01 is ruled out, a gain is not shown"),
        ((100, 0), (100, 500), None, Outcome.INCONCLUSIVE, "leave both a gain and harm open"),
    ],
)
def test_the_rules(candidate, control, holdout: Interval | None, outcome: Outcome, says: str) -> None:
    answer = verdict(found(t=candidate, c=control), holdout=holdout)
    assert answer.outcome is outcome
    assert says in answer.reason
    assert (answer.doubt is None) is (outcome is Outcome.INCONCLUSIVE)
    assert answer.control == "c"
    assert answer.doubt is None or answer.doubt <= 0.05


def test_under_trained_is_never_harm() -> None:
    harm = verdict(found(t=160, c=100), under_trained=True)
    assert harm.outcome is Outcome.INCONCLUSIVE
    assert "under-trained" in harm.reason
    helps = verdict(found(t=100, c=160), under_trained=True)
    assert helps.outcome is Outcome.HELPS
    assert "the gain may be larger" in helps.reason


def test_choosing_among_many_is_paid_for() -> None:
    """The same lead over the control, alone and as the best of five that are wrong elsewhere."""
    alone = verdict(found(t=(100, 0), c=(158, 500)))
    rivals = {f"t{k}": (102, 150 * k) for k in range(1, 5)}
    among = verdict(found(t=(100, 0), c=(158, 500), **rivals))
    assert alone.outcome is Outcome.HELPS
    assert among.doubt is None or among.doubt > alone.doubt
    clear = verdict(found(t=(50, 0), c=(200, 500), **rivals))
    assert clear.outcome is Outcome.HELPS
    assert "was chosen among 5 is paid for" in clear.reason


def test_harm_needs_one_control_that_beats_every_candidate() -> None:
    assert verdict(found(t=160, t2=155, c=100)).outcome is Outcome.HARMS
    assert verdict(found(t=160, t2=103, c=100)).outcome is not Outcome.HARMS


def test_who_is_clearly_behind_is_not_a_rival() -> None:
    joint = found(t=100, t2=105, t3=400, c=300)
    assert plausible(joint, ["t", "t2", "t3"]) == ("t", "t2")


def test_few_rows_of_a_class_claim_nothing() -> None:
    targets = np.repeat([0, 1], [199, 1])
    terms = {
        name: [(1.0, Pooled(Scored("binary", targets, np.eye(2)[said]), np.arange(200)))]
        for name, said in (("t", targets), ("c", 1 - targets))
    }
    answer = verdict(jackknife(terms, "macro_f1"))
    assert answer.outcome is Outcome.INCONCLUSIVE
    assert answer.reason == "Too few rows to say anything: the rarest class has 1 row (difference +1.000, no interval)."


def test_bad_levels_margins_and_names() -> None:
    joint = found(t=100, c=160)
    with pytest.raises(InputError, match="level"):
        verdict(joint, level=0.4)
    with pytest.raises(InputError, match="margin of -1"):
        verdict(joint, margin=-1)
    with pytest.raises(InputError, match="0 controls"):
        doubts(joint, "t", transfers=["t"], controls=[], margin=0.0)
    with pytest.raises(InputError, match="drift of -1"):
        compare(joint, "t", "c", drift=-1)


EVERYONE = {"full": 100, "lora": 101, "frozen": 103, "tiny": 190, "classical": 160, "majority": 600}
COSTS = {"full": 900.0, "lora": 300.0, "frozen": 20.0, "tiny": 1.0, "classical": 2.0, "majority": 0.0}


def entries(names) -> list[Entry]:
    return [Entry(name, COSTS[name], "control" if name in ("classical", "majority") else "transfer") for name in names]


def test_the_cheapest_of_equals_wins() -> None:
    joint = found(**EVERYONE)
    choice = choose(joint, entries(EVERYONE), margin=MARGIN)
    assert (choice.best, choice.chosen, choice.expected) == ("full", "frozen", "frozen")
    assert choice.tied == ("lora", "full")
    assert (choice.control, choice.transfers) == ("classical", ("full", "lora", "frozen", "tiny"))
    assert "costs 2% of it" in choice.reason
    again = choose(joint, entries(EVERYONE)[::-1], margin=MARGIN)
    assert (again.chosen, again.expected, again.lead) == (choice.chosen, choice.expected, choice.lead)


def test_without_a_margin_only_the_score_counts() -> None:
    assert choose(found(**EVERYONE), entries(EVERYONE), margin=0.0).chosen == "full"


def test_a_control_that_is_expected_to_score_best_is_named() -> None:
    wrong = {**EVERYONE, "classical": 50}
    choice = choose(found(**wrong), entries(wrong), margin=MARGIN)
    assert (choice.expected, choice.chosen) == ("classical", "frozen")
    assert choice.lead > 0
    assert "classical is expected to score best" in choice.expectation


def test_a_prior_speaks_where_rows_do_not() -> None:
    few = found(40, full=(8, 0), classical=(8, 20))
    plain = choose(few, entries(("full", "classical")), margin=MARGIN)
    told = choose(few, entries(("full", "classical")), margin=MARGIN, prior=Prior({"full": 0.1}))
    assert (plain.expected, told.expected) == ("classical", "full")
    assert "about as well as full (on these rows +0.000), and is the cheaper of the two" in plain.expectation
    assert "on public sets with as many labels +0.100; --no-prior leaves those out" in told.expectation


def test_choices_that_cannot_be_made() -> None:
    joint = found(t=1, c=2)
    with pytest.raises(InputError, match="one name each"):
        choose(joint, [Entry("t", 1), Entry("t", 1)], margin=MARGIN)
    with pytest.raises(InputError, match="0 candidates that transfer and 1 controls"):
        choose(joint, [Entry("c", 1, "control")], margin=MARGIN)
    with pytest.raises(InputError, match="1 candidates that transfer and 0 controls"):
        choose(joint, [Entry("t", 1)], margin=MARGIN)
    with pytest.raises(InputError, match="'magic'"):
        choose(joint, [Entry("t", 1, "magic")], margin=MARGIN)


def test_without_anything_that_transfers_nothing_is_claimed() -> None:
    joint = found(c=100, other=300, worst=500)
    choice = choose(joint, [Entry(name, 1, "control") for name in joint.names], margin=MARGIN)
    assert (choice.chosen, choice.control, choice.transfers) == ("c", "other", ())
    answer = decide_verdict(joint, "c", transfers=(), controls=choice.controls, margin=MARGIN)
    assert (answer.outcome, answer.doubt, answer.control) == (Outcome.NOT_ASKED, None, "other")
    assert answer.difference.mean == pytest.approx(0.2)
    assert plausible(joint, ()) == ()


def test_more_labels() -> None:
    gap = Comparison(0.06, 0.06, 0.025, 200, 500)
    asked = more_labels(gap, 500, margin=MARGIN)
    assert asked.rows is not None
    assert asked.low is not None
    assert 0 < asked.low < asked.rows
    assert more_labels(gap, 5000, margin=MARGIN).rows == pytest.approx(10 * asked.rows, rel=0.1)
    unpaid = Comparison(0.09, 0.09, 0.025, 200, 500)  # three errors, yet not settled: the choice cost too much
    assert (more_labels(unpaid, 500, margin=MARGIN).rows or 0) > 50
    assert more_labels(gap, 500, margin=MARGIN, settled=True).rows == 0
    nothing = more_labels(Comparison(0.0, 0.0, 0.03, 200, 500), 500, margin=MARGIN)
    assert (nothing.rows, nothing.high) == (None, None)
    assert "no number of labels up to 20 times" in nothing.statement
    tied = more_labels(Comparison(0.0, 0.0, 0.006, 200, 5000), 5000, margin=MARGIN)
    assert tied.rows is not None  # enough rows would show that there is no practical difference
    assert more_labels(Comparison(0.1, 0.1, 0.0, 5, 5), 500, margin=MARGIN).rows is None
    for bad in ({"rows": 0}, {"rows": 5, "margin": -1.0}, {"rows": 5, "level": 95.0}):
        with pytest.raises(InputError):
            more_labels(gap, **{"margin": MARGIN, **bad})


def test_more_labels_and_those_at_hand_add_up() -> None:
    """300 and 12 are 312, and not 310; 1,234 and about 2,100 are about 3,300."""
    for rows, gap in ((300, Comparison(-0.1, -0.1, 0.044, 200, 300)), (1234, Comparison(0.05, 0.05, 0.025, 200, 500))):
        asked = more_labels(gap, rows, margin=MARGIN)
        assert asked.rows
        said = int(asked.statement.split("(")[1].split(" in all")[0].replace(",", ""))
        assert abs(said - rows - asked.rows) <= asked.rows / 20
        assert (asked.rows >= 100) == (said % 10 == 0)


def test_a_class_that_is_short_of_two_rows_is_not_said_to_have_two() -> None:
    targets = np.repeat(np.arange(150), 2)[1:]
    scored = Scored("multiclass", targets, np.eye(150)[targets])
    found = jackknife({"a": [(1.0, Pooled(scored, np.arange(299)))]}, "macro_f1")
    assert found.withheld == "a typical class has 1.98 rows, and two are needed"


def test_curves_that_cannot_be_fitted() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="2 different sizes"):
        fit_curve(np.array([10, 20, 20]), np.ones(3), rng=rng)
    with pytest.raises(InputError, match="positive sizes"):
        fit_curve(np.array([0, 20, 40]), np.ones(3), rng=rng)


def test_a_flat_and_a_perfect_curve() -> None:
    rng, labels = np.random.default_rng(0), np.array([10, 20, 40, 80])
    assert fit_curve(labels, np.full(4, 0.7), rng=rng).at(np.array([1000.0]))[0] == pytest.approx(0.7, abs=1e-6)
    assert fit_curve(labels, np.ones(4), rng=rng).a == pytest.approx(1.0, abs=1e-6)
    falling = fit_curve(labels, np.array([0.8, 0.7, 0.6, 0.5]), rng=rng)  # labels never hurt: the mean remains
    assert falling.at(labels) == pytest.approx(np.full(4, 0.65), abs=1e-3)


def test_a_curve_ahead_from_the_start() -> None:
    rng, labels = np.random.default_rng(0), np.array([10, 20, 40, 80])
    low, high = fit_curve(labels, 0.6 - labels**-0.5, rng=rng), fit_curve(labels, 0.8 - labels**-0.5, rng=rng)
    assert crossing(high, low).statement == "is ahead from the smallest size measured, 10 labels"
    assert crossing(low, high).labels is None


def test_an_uncertain_crossing_says_so() -> None:
    rng, labels = np.random.default_rng(0), np.array([50, 100, 200, 400])
    frozen = fit_curve(labels, (0.8 - 0.8 * labels**-0.6)[:, None] + rng.normal(0, 0.006, (4, 8)), rng=rng)
    tuned = fit_curve(labels, (0.9 - 2.6 * labels**-0.45)[:, None] + rng.normal(0, 0.006, (4, 8)), rng=rng)
    found = crossing(tuned, frozen)
    assert found.labels is not None
    assert found.low is not None
    assert found.low <= found.labels
    assert "(from" in found.statement


def test_a_crossing_that_is_not_shown_is_not_claimed() -> None:
    rng, labels = np.random.default_rng(0), np.array([50, 100, 200, 400])
    frozen = fit_curve(labels, (0.8 - 0.8 * labels**-0.6)[:, None] + rng.normal(0, 0.03, (4, 3)), rng=rng)
    tuned = fit_curve(labels, (0.9 - 2.6 * labels**-0.45)[:, None] + rng.normal(0, 0.03, (4, 3)), rng=rng)
    found = crossing(tuned, frozen)
    assert (found.labels, found.low, found.high) == (None, None, None)
    assert found.statement == "whether and where it overtakes is not shown by these labels"
    with pytest.raises(InputError, match="level of 95"):
        crossing(tuned, frozen, level=95)
    with pytest.raises(InputError, match="test fraction of 5"):
        fit_curve(labels, np.ones((4, 3)), rng=rng, test_fraction=5)
