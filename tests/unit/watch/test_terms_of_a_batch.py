"""Words of a batch against kept counts: seldom named without drift, whatever was left out for privacy."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from graft.evidence.score_shift import average_shift
from graft.evidence.shuffles import shuffles
from graft.watch.terms import (
    count_terms,
    moved_terms,
    rare_words,
    rare_words_of_reference,
    read_terms,
    write_terms,
)


def worded(rng, count, *, groups=None, extra=""):
    """Rows of ten words of three thousand, a few of them often and most seldom; rows of a group have the same."""
    chance = 1 / np.arange(1, 3001)
    chance /= chance.sum()
    of = np.arange(count) if groups is None else np.arange(count) // groups
    drawn = rng.choice(3000, size=(of.max() + 1, 10), p=chance)
    said = ["\0".join([*{f"w{word}" for word in words}, *[extra] * bool(extra)]) for words in drawn.tolist()]
    terms = np.array(said, object)[of]
    names = None if groups is None else np.array([f"{drawn[one, 0]}-{drawn[one, -1]}-{one}" for one in of])
    return Held(terms=terms, groups=names)


class Held(SimpleNamespace):
    def __len__(self):
        return len(self.terms)


@pytest.mark.parametrize("groups", [None, 3])
def test_nothing_new_is_seldom_named(groups):
    runs, named = 40, 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        kept = count_terms(worded(rng, 600, groups=groups), rng, grouped=groups is not None)
        batch = worded(rng, 150, groups=groups)
        found = moved_terms(kept, batch, rng, draws=99, level=0.05, grouped=groups is not None)
        named += found[0].p_value <= 0.05
    assert stats.binom.sf(named - 1, runs, 0.05) > 0.001


def test_kept_and_read_again(tmp_path):
    rng = np.random.default_rng(0)
    kept = count_terms(worded(rng, 203), rng, grouped=False)
    assert kept.parts.shape == (40, len(kept.words))
    assert kept.parts.sum(axis=0).min() >= 5
    assert kept.parts.max() <= 5
    write_terms(tmp_path, kept)
    again = read_terms(tmp_path)
    assert again.words == kept.words
    assert (again.parts == kept.parts).all()
    assert read_terms(tmp_path / "nothing") is None
    (tmp_path / "terms.json").write_text('["one"]')
    with pytest.raises(ValueError, match="1 terms and counts"):
        read_terms(tmp_path)


def test_few_rows_and_rows_all_alike():
    rng = np.random.default_rng(0)
    assert count_terms(worded(rng, 19), rng, grouped=False) is None
    kept = count_terms(worded(rng, 300), rng, grouped=False)
    assert moved_terms(kept, worded(rng, 9), rng, draws=99, level=0.05, grouped=False) is None
    fact, told = moved_terms(kept, worded(rng, 40, extra="new"), rng, draws=999, level=0.05, grouped=False)
    assert (told[0].term, told[0].before, told[0].now, told[0].emerged) == ("new", 0, 40, True)
    assert fact.significant
    assert fact.large
    same = Held(terms=np.full(60, "alike", object), groups=None)
    kept = count_terms(same, rng, grouped=False)
    assert moved_terms(kept, same, rng, draws=99, level=0.05, grouped=False) is None


@pytest.mark.parametrize("groups", [None, 3])
def test_the_reference_does_not_know_its_own_words_best(groups):
    runs, alarms, naive = 40, 0, 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        reference, batch = worded(rng, 600, groups=groups), worded(rng, 150, groups=groups)
        kept = count_terms(reference, np.random.default_rng(1), grouped=groups is not None)
        before = rare_words_of_reference(kept, reference, np.random.default_rng(1), grouped=groups is not None)
        now = rare_words(kept, batch)
        both = None if groups is None else (reference.groups, np.char.add("now ", batch.groups))
        made = shuffles(600, 150, rng=rng, groups=both, draws=99)
        alarms += average_shift(before, now, made).p_value <= 0.05
        naive += average_shift(rare_words(kept, reference), now, made).p_value <= 0.05
        assert np.isnan(before).mean() == pytest.approx(0.5, abs=0.02)
    assert stats.binom.sf(alarms - 1, runs, 0.05) > 0.001
    assert naive > alarms


def test_words_of_another_language_are_rare_and_rows_without_words_are_not():
    rng = np.random.default_rng(0)
    kept = count_terms(worded(rng, 600), rng, grouped=False)
    other = Held(terms=np.array(["la\0tarjeta\0w1", "", "w1\0w2"], object), groups=None)
    assert rare_words(kept, other).tolist() == [pytest.approx(2 / 3), 0, 0]
