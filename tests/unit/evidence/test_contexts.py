"""Terms in other company: told when they are, seldom when they are not, and not for what all texts did."""

import numpy as np
import pytest
from scipy import stats

from graft.core.errors import InputError
from graft.evidence.contexts import TermTexts, Texts, context_shifts

WIDE = 4


def texts(places, rng):
    order = rng.permutation(len(places))[: len(places) // 5 * 5]
    return TermTexts(places[order].reshape(-1, 5, places.shape[1]).mean(axis=1), Texts.of(places))


def sample(rng, rows, tilt=0.0):
    """Texts of three topics that lie apart, the first of them more often the higher the tilt; who has which of thirty
    terms hangs on the topic: ten of all topics, twenty of one."""
    share = np.array([np.exp(tilt), 1, 1])
    topic = rng.choice(3, size=rows, p=share / share.sum())
    places = rng.normal(size=(rows, WIDE)) + 2.0 * np.eye(3, WIDE)[topic]
    chance = np.full((rows, 30), 0.08)
    for term in range(10, 30):
        chance[:, term] = np.where(topic == term % 3, 0.2, 0.005)
    return places, rng.random((rows, 30)) < chance


def compared(before, now, rng, draws=99):
    (old, had), (new, has) = before, now
    pairs = [(texts(old[had[:, term]], rng), texts(new[has[:, term]], rng)) for term in range(had.shape[1])]
    return context_shifts(pairs, (Texts.of(old), Texts.of(new)), rows=5, rng=rng, draws=draws)


def test_no_term_is_named_without_drift_more_often_than_the_level():
    named = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        named += compared(sample(rng, 900), sample(rng, 300), rng)[0].adjusted <= 0.05
    assert stats.binom.sf(named - 1, 40, 0.05) > 0.001


def test_more_of_one_topic_is_no_news_of_every_term():
    runs, named = 8, 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        found = compared(sample(rng, 3000), sample(rng, 1500, tilt=1.0), rng)
        named += sum(one.adjusted <= 0.05 for one in found)
    # Of thirty terms .6; held against where they lay 4.9, and against that and what all texts moved by 9.9.
    assert named / runs < 2


def test_a_term_that_changed_its_company_is_named_alone_with_how_far():
    rng = np.random.default_rng(3)
    before, (places, has) = sample(rng, 2000), sample(rng, 800)
    # Term 12 belongs to the first topic; now as many texts of the second have it.
    own = np.flatnonzero(has[:, 12])
    other = np.flatnonzero((places[:, 1] > 1.5) & ~has[:, 12])[: len(own)]
    has[own, 12], has[other, 12] = False, True
    found = compared(before, (places, has), rng, draws=999)
    assert [one.place for one in found if one.adjusted <= 0.05] == [12]
    first = found[0]
    assert first.adjusted == 0.001
    # It moved by two in two of the numbers, and its texts spread over all four.
    truth = np.linalg.norm(places[other].mean(axis=0) - before[0][before[1][:, 12]].mean(axis=0))
    spread = np.sqrt(np.trace(Texts.of(before[0][before[1][:, 12]]).covariance))
    assert first.distance.mean == pytest.approx(truth / spread, rel=0.3)
    assert 0 < first.distance.low < first.distance.mean < first.distance.high
    assert first.way[1] > 0 > first.way[0]
    assert (first.before, first.now) == tuple(len(one) // 5 * 5 for one in (before[0][before[1][:, 12]], other))


def test_one_term_alone_has_the_p_value_of_exchanging_its_parts():
    rng = np.random.default_rng(4)
    old, new = rng.normal(size=(60, 2)), rng.normal(0.35, 1, size=(40, 2))
    whole = Texts(10**9, np.zeros(2), np.eye(2))
    pair = texts(old, rng), texts(new, rng)
    found = context_shifts([pair], (whole, whole), rows=5, rng=rng, draws=9_999)
    parts = np.concatenate([pair[0].parts, pair[1].parts])

    def apart(x, y, axis=-1):
        x, y = parts[x.astype(int)], parts[y.astype(int)]
        return np.square(x.mean(axis=-2) - y.mean(axis=-2)).sum(axis=-1)

    truth = stats.permutation_test(
        (np.arange(12), np.arange(12, 20)), apart, vectorized=True, n_resamples=9_999, alternative="greater", rng=0
    )
    assert found[0].adjusted == pytest.approx(truth.pvalue, abs=0.02)


def test_few_texts_texts_all_alike_and_what_does_not_fit():
    rng = np.random.default_rng(5)
    whole = Texts.of(rng.normal(size=(100, 2)))
    some, few = texts(rng.normal(size=(50, 2)), rng), texts(rng.normal(size=(9, 2)), rng)
    alike = texts(np.ones((50, 2)), rng)
    none = texts(np.zeros((0, 2)), rng)
    assert context_shifts([], (whole, whole), rows=5, rng=rng) == ()
    assert context_shifts([(some, few), (alike, alike), (none, some)], (whole, whole), rows=5, rng=rng, draws=19) == ()
    everywhere = TermTexts(some.parts, whole)
    assert context_shifts([(everywhere, everywhere)], (whole, whole), rows=5, rng=rng, draws=19) == ()
    with pytest.raises(InputError, match="lie in other numbers"):
        context_shifts([(some, texts(np.zeros((20, 3)), rng))], (whole, whole), rows=5, rng=rng)
