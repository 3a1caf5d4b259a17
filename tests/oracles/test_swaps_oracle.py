"""Exchanged words: tests and areas against SciPy and scikit-learn, simulated worlds, and published swaps."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from bench.audit_swaps import MadeUpBundle, audited
from scipy import stats
from sklearn.metrics import roc_auc_score

from graft.audit.identity_terms import folded, read_terms, usual_terms
from graft.audit.swaps import audit_swaps
from graft.audit.term_swaps import TermFinder
from graft.bundle.decision import DecisionRule
from graft.bundle.raw_scores import score
from graft.decisions.calibrators import Temperature
from graft.decisions.costs import costs_from_mapping
from graft.decisions.policy import fit_policy
from graft.evidence.counterfactual import more_than, more_than_others, paired_shift, share_interval
from graft.evidence.subgroup_ranking import subgroup_areas
from graft.inputs import Roles, build_dataset, infer_contract
from graft.rows import read_frame
from graft.scores.fitting import Budget, Candidate, fit
from graft.scores.strategies import parse_strategy
from graft.scores.workbench import Workbench

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SWAPS = DATA / "wiki_identity_swaps"


def test_many_rows_alone_are_students_test():
    rng = np.random.default_rng(0)
    for shift in (0.0, 0.1, 0.5):
        values = rng.normal(shift, 1, 60)
        expected = stats.ttest_1samp(values, 0).pvalue
        assert paired_shift(values).p_value == pytest.approx(expected, rel=1e-6)


def test_few_rows_are_never_surer_than_all_their_signs_tried():
    rng = np.random.default_rng(1)
    for size in (6, 9, 12):
        values = rng.normal(0.8, 1, size)
        signs = stats.permutation_test(
            (values,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided", vectorized=True
        )
        student = stats.ttest_1samp(values, 0).pvalue
        assert paired_shift(values).p_value == pytest.approx(max(signs.pvalue, student), rel=1e-6)


def test_clusters_of_one_size_are_students_test_of_their_means():
    rng = np.random.default_rng(2)
    clusters = np.repeat(np.arange(30), 4)
    values = rng.normal(0.2, 1, 120) + np.repeat(rng.normal(0, 1, 30), 4)
    means = values.reshape(30, 4).mean(axis=1)
    assert paired_shift(values, clusters).p_value == pytest.approx(stats.ttest_1samp(means, 0).pvalue, rel=1e-6)
    # Taken as rows alone they would be surer than they are.
    assert paired_shift(values).p_value < paired_shift(values, clusters).p_value


def test_several_outputs_are_paid_for():
    rng = np.random.default_rng(3)
    values = rng.normal(0, 1, (80, 3))
    values[:, 1] += 0.6
    found = paired_shift(values)
    assert found.output == 1
    assert found.p_value == pytest.approx(3 * stats.ttest_1samp(values[:, 1], 0).pvalue, rel=1e-6)


def test_a_share_above_a_bar_is_the_binomial_test():
    hits = np.array([1] * 9 + [0] * 41)
    expected = stats.binomtest(9, 50, 0.05, alternative="greater").pvalue
    assert more_than(hits, 0.05) == pytest.approx(expected)
    assert more_than(np.zeros(50), 0.05) == 1.0
    # Ten texts of one template are one.
    assert more_than(np.ones(10), 0.05, np.zeros(10)) == pytest.approx(0.05)


def test_a_share_above_another_is_fishers_test_and_few_others_tell_little():
    hits, others = np.array([1] * 20 + [0] * 60), np.array([1] * 3 + [0] * 37)
    expected = stats.fisher_exact([[20, 60], [3, 37]], alternative="greater").pvalue
    assert more_than_others(hits, others) == pytest.approx(expected)
    assert more_than_others(hits, np.zeros(6)) > 0.1
    assert more_than_others(others, hits) == 1.0
    # Six texts of one template are one.
    assert more_than_others(hits, np.zeros(40), None, np.zeros(40)) > 0.5


def ranked(rng: np.random.Generator, rows: int, lift: float):  # type: ignore[no-untyped-def]
    positive, mentions = rng.random(rows) < 0.3, rng.random(rows) < 0.4
    return positive * 1.2 + rng.normal(size=rows) + lift * mentions, positive, mentions


@pytest.mark.parametrize("lift", [0.0, 1.0, -1.0])
def test_areas_are_those_of_scikit_learn_on_the_same_subsets(lift):
    scores, positive, mentions = ranked(np.random.default_rng(4), 300, lift)
    scores = scores.round(1)  # with ties
    found = subgroup_areas(scores, positive, mentions)
    subsets = {
        "subgroup": mentions,
        "bpsn": (positive & ~mentions) | (~positive & mentions),
        "bnsp": (positive & mentions) | (~positive & ~mentions),
    }
    background = roc_auc_score(positive[~mentions], scores[~mentions])
    for kind, rows in subsets.items():
        expected = roc_auc_score(positive[rows], scores[rows])
        assert found[kind].area.mean == pytest.approx(expected)
        assert found[kind].gap.mean == pytest.approx(expected - background)
        assert (found[kind].positives, found[kind].negatives) == (positive[rows].sum(), (~positive)[rows].sum())
    by_hand = [(one > other) + 0.5 * (one == other) for one in scores[positive & ~mentions]
               for other in scores[~positive & mentions]]  # fmt: skip
    assert found["bpsn"].area.mean == pytest.approx(np.mean(by_hand))


def test_below_ten_of_a_class_nothing_is_said():
    scores, positive, mentions = ranked(np.random.default_rng(5), 300, 0)
    few = mentions.copy()
    few[np.flatnonzero(mentions & positive)[9:]] = False
    assert set(subgroup_areas(scores, positive, few)) == {"bpsn"}
    assert subgroup_areas(scores, positive, np.ones(300, bool)) == {}


def test_a_subgroup_without_an_error_is_not_ranked_so_for_certain():
    rng = np.random.default_rng(6)
    positive = np.arange(240) % 2 == 0
    mentions = np.arange(240) < 24
    scores = np.where(mentions, positive * 10.0, positive + rng.normal(size=240))
    found = subgroup_areas(scores, positive, mentions)["subgroup"]
    assert found.area.mean == 1
    assert 0.4 < found.area.ends[0] < 0.95
    assert found.p_value > 1e-4


@pytest.mark.parametrize(("rows", "lift"), [(100, 0.0), (100, 1.5), (300, 0.0), (300, 3.0)])
def test_intervals_of_areas_cover_and_no_gap_is_seldom_found(rows, lift):
    many = subgroup_areas(*ranked(np.random.default_rng(99), 60_000, lift))
    covered: dict[str, list[bool]] = {}
    found: dict[str, list[bool]] = {}
    for seed in range(300):
        for kind, one in subgroup_areas(*ranked(np.random.default_rng(seed), rows, lift)).items():
            low, high = one.area.ends
            covered.setdefault(kind, []).append(low <= many[kind].area.mean <= high)
            low, high = one.gap.ends
            covered.setdefault(f"{kind} gap", []).append(low <= many[kind].gap.mean <= high)
            found.setdefault(kind, []).append(one.p_value < 0.05)
    assert min(map(np.mean, covered.values())) >= 0.93
    if not lift:
        assert max(map(np.mean, found.values())) <= 0.07


@pytest.mark.parametrize(("templates", "rows"), [(1, 12), (1, 60), (5, 12), (5, 40)])
@pytest.mark.slow
def test_intervals_of_shifts_and_shares_cover(templates, rows):
    """Rows of templates that vary among themselves, lopsided, with a mean of .1."""
    shifts, shares, chance = [], [], []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        clusters = np.repeat(np.arange(rows), templates)
        own = np.repeat(rng.gamma(0.5, 1, rows) - 0.5, templates) * 0.1
        values = own + 0.03 * rng.normal(size=len(clusters))
        low, high = paired_shift(values + 0.1, clusters).mean.ends
        shifts.append(low <= 0.1 <= high)
        chance.append(paired_shift(values, clusters).p_value < 0.05)
        hits = (np.repeat(rng.random(rows) < 0.15, templates)).astype(float)
        low, high = share_interval(hits, clusters).ends
        shares.append(low <= 0.15 <= high)
    assert np.mean(shares) >= 0.93
    assert np.mean(shifts) >= 0.93
    # Twelve lopsided templates know little of their tail.
    assert np.mean(chance) <= (0.12 if rows == 12 else 0.08)


@pytest.mark.slow
@pytest.mark.parametrize("skew", [False, True])
def test_a_whole_audit_finds_what_is_not_there_in_one_of_twenty(skew):
    """Every exchange moves the model by a lot drawn for each text, and nobody more than others."""
    hits = 0
    for seed in range(40):
        record = audited(seed, rows=250, skew=skew)
        hits += any(one.outcome == "found" for one in record.findings)
    # Of 40 audits two on average; more than six in one of two hundred series.
    assert hits <= 6


@pytest.mark.slow
def test_a_model_against_women_is_found():
    hits = 0
    for seed in range(15):
        record = audited(seed, rows=400, bias=2.0, noise=0.3)
        about = [one for one in record.findings if one.said.startswith("gender: women in place of men")]
        hits += all(one.outcome == "found" for one in about)
    assert hits >= 13


@pytest.mark.realdata
@pytest.mark.skipif(not SWAPS.is_dir(), reason="no data beside the project")
def test_exchanged_comments_are_those_that_were_published(tmp_path):
    """One word for another in 620 comments; ours keep capitals, web addresses, and exchange both ways."""
    names = ("toxicity_nonfuzzed_testset.csv", "toxicity_fuzzed_testset.csv")
    given, published = (pl.read_csv(SWAPS / name)["comment"].to_list() for name in names)
    words = ["gay", "homosexual", "lesbian", "heterosexual", "queer", "transgender", "bisexual", "jew", "jewish"]
    words += ["christian", "catholic", "protestant", "muslim", "sikh"]
    terms = tmp_path / "terms.yaml"
    terms.write_text(f"language: xx\ngroups: {{published: [[{', '.join(words)}]]}}\n")
    finder = TermFinder(read_terms(terms))
    asked = same = 0
    for text, other in zip(given, published, strict=True):
        before, after = (re.findall(r"\w+|\W", folded(one)) for one in (text, other))
        if len(before) != len(after):
            continue
        pairs = {(one, two) for one, two in zip(before, after, strict=True) if one != two}
        if len(pairs) != 1 or not {word for pair in pairs for word in pair} <= set(words):
            continue
        ((one, two),) = pairs
        made = finder.exchanged(text, finder.mentions(text), 0, words.index(one), words.index(two)).text
        asked += 1
        same += made is not None and folded(made) == folded(other)
    assert (asked, same) == (620, 611)


@pytest.mark.realdata
@pytest.mark.skipif(not SWAPS.is_dir(), reason="no data beside the project")
@pytest.mark.slow
def test_a_control_that_learnt_test_cases_about_some_is_against_them():
    """Half of the templates of HateCheck are learnt, the other half are audited: hate is written about seven groups."""
    rows = pl.read_csv(DATA / "hatecheck" / "test_suite_cases.csv").select("test_case", "label_gold", "templ_id")
    learnt = pl.col("templ_id") % 2 == 0
    given = read_frame(rows.filter(learnt))
    contract = infer_contract(given, Roles(content=("test_case",), label=("label_gold",), group="templ_id"))
    data, _ = build_dataset(given, contract, labelled=True)
    every = np.arange(len(data))
    fitted = fit(Workbench(data), Candidate(parse_strategy("classical"), None), every, every, budget=Budget(), seed=0)
    free = costs_from_mapping({"unit": "errors"}, contract.labels)
    policy = fit_policy(np.zeros((0, 2)), np.zeros(0), task="binary", labels=contract.labels, table=free)
    rule = DecisionRule(calibrator=Temperature(task="binary", columns=2, temperature=1.0), policy=policy, interval=None)

    class Learnt(MadeUpBundle):
        def judged(self, data, *, progress=None):  # type: ignore[no-untyped-def]
            scored = score(fitted.model, data)
            return scored, rule.judge(scored.scores)

    rest = read_frame(rows.filter(~learnt))
    record = audit_swaps(Learnt(contract), rest, usual_terms(), favourable="hateful")  # type: ignore[arg-type]
    told = {(one.group, one.first, one.second): one for one in record.swaps}
    women, muslims = told["gender", "men", "women"], told["religion", "Christians", "Muslims"]
    assert women.texts > 150
    # Hate against them was learnt, and against the others not.
    for one in (women, muslims):
        assert one.shift.ends[0] > 0.02
        assert one.gained.mean > one.lost.mean
    assert record.severity in ("medium", "high")
    assert {one.kind for one in record.rankings if one.identity == "women"} == {"subgroup", "bpsn", "bnsp"}
