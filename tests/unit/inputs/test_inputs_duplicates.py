"""Duplicates with known answers, and an exhaustive oracle for near ones."""

import itertools

import numpy as np
import pytest

from graft.core.errors import InputError
from graft.inputs import find_duplicates
from graft.rows.content.sameness import normalise, strict_form
from graft.rows.content.shingles import jaccard, near_pairs


def partition(groups):
    return {tuple(np.flatnonzero(groups == g).tolist()) for g in np.unique(groups)}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Hello, World!", "hello world", True),
        ("ﬁne  STRASSE", "fine straße", True),
        ("a\u00a0b\tc", "a b\nc", True),
        ("e-mail", "e mail", True),
        ("café", "cafe\u0301", True),
        ("great 😀", "great 😡", False),
        ("!!!", "???", False),
        ("error 404", "error 500", False),
        ("a b", "ab", False),
        ("in\u200bvoice", "invoice", True),
        ("soft\u00adware", "software", True),
        ("e\u200d\u0301t\ufeffe\u2060", "\u00e9te", True),
        ("C#", "c", True),
    ],
)
def test_normalised_forms(one, other, same):
    assert (normalise(one) == normalise(other)) is same


def test_exact_duplicates_are_counted_and_grouped_in_order():
    found = find_duplicates(["Bye now", "Hi!", "hi", "bye, NOW", "hi", "else where"])
    assert found.groups.tolist() == [0, 1, 1, 0, 1, 2]
    assert (found.exact, found.near, found.share) == (3, 0, 0.0)
    assert found.repeated == 0.5


def test_near_duplicates_are_grouped_by_meaningful_similarity():
    texts = [
        "I bought something online a couple of days ago and it has not arrived yet.",
        "The weather in the mountains was lovely the whole week long.",
        "I bought something online a couple days ago and it has not arrived yet!",
        "My card does not work at the petrol station near the airport.",
        "I bought something online a couple of days ago and it has not arrived yet.",
    ]
    found = find_duplicates(texts)
    assert found.groups.tolist() == [0, 1, 0, 2, 0]
    assert (found.exact, found.near) == (1, 2)
    assert found.share == pytest.approx(2 / 5)


def test_short_texts_use_three_grams():
    found = find_duplicates(["reset my password", "reset my passwords", "card lost", "card list", "ok", "no"])
    assert found.groups.tolist() == [0, 0, 1, 2, 3, 4]


def test_contradictions_name_rows_and_labels():
    texts = [
        "Has it gone through?",
        "has it  gone through?",
        "It has arrived.",
        "It has not arrived.",
        "HAS IT GONE THROUGH?",
        "has it gone through!",
    ]
    found = find_duplicates(texts, np.array([0, 1, 0, 1, 0, 1]), label_names=("no", "yes"))
    assert [(c.rows, c.labels, c.text) for c in found.contradictions] == [((0, 1, 4), ("no", "yes", "no"), texts[0])]
    assert len(set(found.groups[[0, 1, 4, 5]].tolist())) == 1
    assert find_duplicates(texts, np.zeros(6, dtype=np.int64)).contradictions == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("-5", "5"),
        ("\u22125", "5"),
        ("C#", "C"),
        ("C++", "C"),
        ("1.10", "1 10"),
        ("0.5", ".5"),
        ("done?", "done!"),
        ("done?", "done"),
        ("well...", "well"),
        ("it is 5-6", "it is 5 6"),
        ("blood group A-", "blood group A"),
        ("(good)", "good"),
        ("great 😀", "great 😡"),
        ("no, it is fine", "no it is fine"),
    ],
)
def test_texts_that_claim_different_things_never_contradict(one, other):
    assert strict_form(one) != strict_form(other)
    assert find_duplicates([one, other], np.array([0, 1])).contradictions == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hello", "hello."),
        ("It\u2019s \u201cfine\u201d", 'it\'s "fine"'),
        ("ﬁne  STRASSE", "fine straße"),
        ("\u22125 degrees", "-5 degrees"),
        ("a top-up", "a top up"),
        ("cafe\u0301", "café"),
        ("wait…", "wait..."),
        ("in\u200bvoice", "invoice"),
        ("in\u00advoice\ufeff", "invoice"),
        ("in\u2060vo\u200cic\u200de", "invoice"),
    ],
)
def test_texts_that_claim_the_same_contradict(one, other):
    assert strict_form(one) == strict_form(other)
    assert normalise(one) == normalise(other)
    assert [c.rows for c in find_duplicates([one, other], np.array([0, 1])).contradictions] == [(0, 1)]


def test_contradictions_of_label_sets_and_numbers():
    flags = np.array([[1, 0], [1, 1], [0, 0], [0, 0]], dtype=np.uint8)
    found = find_duplicates(["same", "same", "other", "other"], flags, label_names=("a", "b"))
    assert [c.labels for c in found.contradictions] == [("a", "a|b")]
    numbers = np.array([1.0, 9.0, 5.0, 5.5])
    found = find_duplicates(["same", "same", "other", "other"], numbers)
    assert [(c.rows, c.labels) for c in found.contradictions] == [((0, 1), ("1", "9"))]


def oracle_pairs(texts, threshold):
    def grams(text, size):
        return {text[i : i + size] for i in range(len(text) - size + 1)}

    found = {}
    for i, j in itertools.combinations(range(len(texts)), 2):
        shorter, longer = sorted((len(texts[i]), len(texts[j])))
        size = 3 if shorter < 20 else 5
        one, other = grams(texts[i], size), grams(texts[j], size)
        if shorter >= threshold * longer - 8 and one | other:
            similarity = len(one & other) / len(one | other)
            if similarity >= threshold:
                found[i, j] = similarity
    return found


@pytest.mark.parametrize(
    ("threshold", "length"),
    [
        *((0.8, 12), (0.8, 24), (0.6, 40), (1.0, 30)),
        *(pytest.param(*cell, marks=pytest.mark.slow) for cell in [(0.8, 120), (0.9, 200)]),
    ],
)
def test_near_pairs_are_those_of_the_exhaustive_search(threshold, length):
    rng = np.random.default_rng(length)
    letters = np.array(list("etaoin shrdlu"))
    texts = set()
    for _ in range(40):
        base = rng.choice(letters, size=length + int(rng.integers(-3, 4)))
        for changes in (0, 1, 2, length // 40, length // 20):
            copy = base.copy()
            copy[rng.integers(len(copy), size=changes)] = rng.choice(letters, size=changes)
            texts.add(normalise("".join(copy)))
    texts = sorted(texts)
    expected = oracle_pairs(texts, threshold)
    pairs, similarity = near_pairs(texts, threshold=threshold, seed=0)
    found = dict(zip(map(tuple, pairs.tolist()), similarity.tolist(), strict=True))
    assert set(found) <= set(expected)
    assert len(found) >= 0.99 * len(expected)
    assert all(found[pair] == pytest.approx(expected[pair]) for pair in found)
    assert expected or threshold == 1.0


def test_a_near_pair_on_the_border_of_two_regimes_is_found():
    text = "why is my card late" + "x"
    assert len(text) == 20
    assert find_duplicates([text, text[:-1]]).groups.tolist() == [0, 0]
    rng = np.random.default_rng(0)
    long = "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz "), size=4050))
    assert find_duplicates([long[:4030], long[:3990], long[::-1]]).groups.tolist() == [0, 0, 1]


def test_very_long_texts_are_compared():
    rng = np.random.default_rng(1)
    texts = ["".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz "), size=30_000)) for _ in range(4)]
    assert find_duplicates([*texts, texts[2][:-50] + "q" * 50]).groups.tolist() == [0, 1, 2, 3, 2]


@pytest.mark.parametrize("step", [1, 5, 10])
def test_a_chain_never_becomes_one_group(step):
    letters = "".join(np.random.default_rng(0).choice(list("abcdefghijklmnopqrstuvwxyz"), size=4000))
    texts = [letters[i * step : i * step + 100] for i in range(300)]
    found = find_duplicates(texts)
    assert np.bincount(found.groups).max() <= 30
    assert found.relinked == 300 if step < 10 else found.relinked in (0, 300)


def test_a_template_filled_many_times_is_not_one_group_but_its_copies_are():
    texts = [
        f"Your parcel {i:05d} was handed to the carrier and should arrive within two working days." for i in range(200)
    ]
    found = find_duplicates(texts * 2)
    assert np.bincount(found.groups).max() <= 40
    assert found.exact == 200
    assert (found.groups[:200] == found.groups[200:]).all()


def test_texts_of_one_template_cost_a_bounded_number_of_pairs():
    texts = [
        normalise(f"the printer on floor {i % 7} of building {i % 90} is out of paper again {i}") for i in range(1500)
    ]
    pairs, _ = near_pairs(texts, threshold=0.8, seed=0)
    assert 1500 < len(pairs) < 1500 * 40
    assert len(set(pairs.ravel().tolist())) == 1500


def test_empty_and_tiny_inputs():
    assert find_duplicates([]).groups.tolist() == []
    assert find_duplicates([]).share == 0.0
    assert find_duplicates(["", "", "a"]).groups.tolist() == [0, 0, 1]


def test_the_whole_data_set_may_be_one_text():
    assert find_duplicates(["same"] * 50).groups.tolist() == [0] * 50


@pytest.mark.parametrize("threshold", [0, -1, 1.5])
def test_threshold_outside_its_range(threshold):
    with pytest.raises(InputError, match="threshold=") as caught:
        find_duplicates(["a"], threshold=threshold)
    assert "0.8" in caught.value.fix


def test_targets_of_other_rows():
    with pytest.raises(InputError, match="2 texts and 1 targets") as caught:
        find_duplicates(["a", "b"], np.array([1]))
    assert "same rows" in caught.value.fix


def test_jaccard_of_known_sets():
    pairs = np.array([[0, 1], [0, 2], [1, 2]])
    # abcd: abc bcd; bcde: bcd cde; abcde: abc bcd cde
    assert jaccard(["abcd", "bcde", "abcde"], pairs, 3).tolist() == pytest.approx([1 / 3, 2 / 3, 2 / 3])
