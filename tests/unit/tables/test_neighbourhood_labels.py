import numpy as np
import pytest

from graft.tables.neighbourhood.labels import (
    _class_tf_idf,
    categories,
    cluster_traits,
    cluster_words,
    terms_of,
    words_of,
)

CARDS = ["my card is lost", "the lost card is blocked", "card lost please help", "is my lost card blocked"]
FEES = ["the exchange fee is high", "my exchange fee please", "is the exchange fee new", "exchange fee help"]
TRIPS = ["is the train to Köln late", "my train is late", "the late train please", "train late help"]
TEXTS = CARDS + FEES + TRIPS
ASSIGNMENT = np.repeat([0, 1, 2], 4)


def test_clusters_are_named_by_the_words_that_set_them_apart() -> None:
    cards, fees, trips = cluster_words(TEXTS, ASSIGNMENT, 3)
    assert {"lost", "card"} & set(" ".join(cards).split())
    assert fees[0] == "exchange fee"
    assert {"train", "late"} <= set(" ".join(trips).split())


def test_words_of_all_clusters_are_left_out_in_any_language() -> None:
    said = set(" ".join(" ".join(words) for words in cluster_words(TEXTS, ASSIGNMENT, 3)).split())
    assert not said & {"is", "my", "the", "please", "help"}
    german = ["die karte ist die gesperrte", "die karte ist weg", "die bahn ist spät", "ist die bahn spät"]
    for words in cluster_words(german, np.array([0, 0, 1, 1]), 2):
        assert words
        assert not set(" ".join(words).split()) & {"die", "ist"}


def test_scripts_without_spaces_are_read_by_pairs() -> None:
    texts = ["银行卡丢失了", "我的银行卡丢失", "汇率太高了", "这个汇率高"]
    cards, rates = cluster_words(texts, np.array([0, 0, 1, 1]), 2)
    assert {"银行", "行卡", "丢失"} & set(cards)
    assert "汇率" in rates


def test_words_keep_their_marks() -> None:
    assert words_of("हिन्दी में लिखा") == ["हिन्दी", "में", "लिखा"]
    assert words_of("L'été, don't — RE-SEND!") == ["l'été", "don't", "re", "send"]
    assert list(terms_of("new card now")) == ["new", "card", "now", "new card", "card now"]


def test_a_label_does_not_say_the_same_twice() -> None:
    texts = ["refund", "refunds please", "refunded", "the refund", "pin", "pins", "the pin", "pin please"]
    refunds, _ = cluster_words(texts, np.repeat([0, 1], 4), 2)
    assert sum(word.startswith("refund") for word in refunds) == 1


def test_the_score_is_that_of_the_paper() -> None:
    # W = tf * log(1 + A / f): Grootendorst (2022), equation 4, with frequencies within the class as shares
    having = np.array([[4.0, 1.0, 3.0], [0.0, 5.0, 1.0]])
    average = (8 + 6) / 2
    by_hand = [
        [4 / 8 * np.log(1 + average / 4), 1 / 8 * np.log(1 + average / 6), 3 / 8 * np.log(1 + average / 4)],
        [0, 5 / 6 * np.log(1 + average / 6), 1 / 6 * np.log(1 + average / 4)],
    ]
    assert np.allclose(_class_tf_idf(having), by_hand)


@pytest.mark.parametrize("texts", [["", "", "", ""], ["!!", "…", " ", "\x00"]])
def test_texts_without_words_have_no_label(texts: list[str]) -> None:
    assert cluster_words(texts, np.array([0, 0, 1, 1]), 2) == ((), ())


def test_values_that_are_over_represented_are_told() -> None:
    columns = {
        "kind": ["card"] * 8 + ["fee"] * 2 + ["fee"] * 10,
        "even": [0, 1] * 10,
        "amount": np.linspace(0, 1, 20).tolist(),
        "id": [f"r{row}" for row in range(20)],
    }
    first, second = cluster_traits(columns, np.repeat([0, 1], 10), 2)
    assert [(trait.column, trait.value) for trait in first] == [("kind", "card")]
    assert (first[0].inside, first[0].overall) == (0.8, 0.4)
    assert second == ()


@pytest.mark.parametrize(
    "values", [["a"] * 9, [0.5, 1.5, 2.5] * 3, [["list"], ["list"]] * 4, [f"v{row}" for row in range(9)], [None] * 9]
)
def test_columns_that_are_no_categories(values: list[object]) -> None:
    assert categories(values) is None


def test_values_of_several_kinds_are_told_apart_by_their_words() -> None:
    found = categories([True, False, True, None, "", True])
    assert found is not None
    assert found[0] == ("True", "False")
    assert found[1].tolist() == [0, 1, 0, -1, -1, 0]
