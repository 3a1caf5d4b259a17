"""Terms that emerge: told when they do, seldom when they do not, and with intervals that hold."""

import numpy as np
import pytest
from scipy import sparse, stats

from graft.core.errors import InputError
from graft.evidence.shuffles import shuffles
from graft.evidence.terms import difference_of_shares, term_shifts


def drawn(rng, rows, shares):
    return sparse.csr_array((rng.random((rows, len(shares))) < shares).astype(np.float32))


def test_no_term_is_named_without_drift_more_often_than_the_level():
    shares = 0.5 / np.arange(1, 61)
    named = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        made = shuffles(120, 60, rng=rng, draws=99)
        found = term_shifts(drawn(rng, 120, shares), drawn(rng, 60, shares), made)
        named += any(one.adjusted <= 0.05 for one in found)
    assert stats.binom.sf(named - 1, 100, 0.05) > 0.001


def test_no_term_is_named_where_rows_of_a_group_share_their_terms():
    named = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        one, other = (np.repeat(drawn(rng, groups, np.full(20, 0.2)).toarray(), 10, axis=0) for groups in (40, 20))
        groups = np.repeat(np.arange(40), 10), np.repeat(np.arange(40, 60), 10)
        made = shuffles(400, 200, rng=rng, draws=99, groups=groups)
        found = term_shifts(sparse.csr_array(one), sparse.csr_array(other), made)
        named += found[0].adjusted <= 0.05
        # Ten rows of a group are worth one.
        assert found[-1].difference.high - found[-1].difference.low > 0.2
    assert stats.binom.sf(named - 1, 60, 0.05) > 0.001


def test_what_emerges_and_what_vanishes_is_named_alone():
    rng = np.random.default_rng(0)
    shares = np.r_[0.0, 0.3, np.full(200, 0.05)]
    now = np.r_[0.1, 0.02, np.full(200, 0.05)]
    found = term_shifts(drawn(rng, 500, shares), drawn(rng, 200, now), shuffles(500, 200, rng=rng))
    named = [one for one in found if one.adjusted <= 0.05]
    assert {one.place for one in named} == {0, 1}
    for one in named:
        assert one.difference.low < now[one.place] - shares[one.place] < one.difference.high
        assert one.difference.low * one.difference.high > 0


def test_alone_a_term_has_the_p_value_of_fisher():
    rng = np.random.default_rng(1)
    one, other = (np.arange(60) < 12)[:, None], (np.arange(40) < 15)[:, None]
    made = shuffles(60, 40, rng=rng, draws=9999)
    found = term_shifts(sparse.csr_array(one.astype(float)), sparse.csr_array(other.astype(float)), made)
    assert found[0].adjusted == pytest.approx(stats.fisher_exact([[12, 48], [15, 25]]).pvalue, abs=0.012)


def test_intervals_cover_also_where_the_reference_has_none():
    rng = np.random.default_rng(2)
    for shares, rows in (((0.002, 0.3), (1000, 50)), ((0.5, 0.5), (40, 40))):
        seen = rng.binomial(rows, shares, size=(2000, 2)) / rows
        ends = np.array([difference_of_shares(tuple(one), rows) for one in seen])
        truth = shares[1] - shares[0]
        assert ((ends[:, 0] <= truth) & (truth <= ends[:, 1])).mean() == pytest.approx(0.95, abs=0.02)


def test_parts_say_what_their_rows_say():
    rng = np.random.default_rng(3)
    one, other = drawn(rng, 500, [0.05, 0.2]).toarray(), drawn(rng, 200, [0.2, 0.2]).toarray()
    parts = [sparse.csr_array(held.reshape(-1, 5, 2).sum(axis=1)) for held in (one, other)]
    found = term_shifts(*parts, shuffles(100, 40, rng=rng), rows=5)
    alone = term_shifts(sparse.csr_array(one), sparse.csr_array(other), shuffles(500, 200, rng=rng))
    for part, row in zip(found, alone, strict=True):
        assert (part.place, part.before, part.now) == (row.place, row.before, row.now)
        assert part.adjusted == pytest.approx(row.adjusted, abs=0.08)


def test_odd_and_refused():
    rng = np.random.default_rng(4)
    ones = sparse.csr_array(np.ones((8, 2)))
    assert term_shifts(ones, ones, shuffles(8, 8, rng=rng, draws=19)) == ()
    nothing = sparse.csr_array((8, 0))
    assert term_shifts(nothing, nothing, shuffles(8, 8, rng=rng, draws=19)) == ()
    few = sparse.csr_array(np.eye(8, 2))
    assert term_shifts(few, few, shuffles(8, 8, rng=rng, draws=19)) == ()
    with pytest.raises(InputError, match="counts of shapes"):
        term_shifts(ones, ones, shuffles(8, 7, rng=rng, draws=19))
