"""Words of a batch that stand in other company: named with it, and kept without a text."""

from types import SimpleNamespace

import numpy as np
import pytest

from graft.watch.contexts import (
    count_contexts,
    moved_contexts,
    planted_power_of_contexts,
    read_contexts,
    write_contexts,
)
from graft.watch.terms import count_terms

TOPICS = (("fee", "card", "bank"), ("phone", "battery", "cable"), ("train", "ticket", "seat"))


class Told(SimpleNamespace):
    def __len__(self):
        return len(self.terms)

    def take(self, rows):
        return Told(**{name: None if held is None else held[rows] for name, held in vars(self).items()})

    def with_terms(self, terms):
        return Told(**(vars(self) | {"terms": terms}))


def told(rng, count, *, of=0, groups=None, first="r"):
    """Rows of three topics that lie apart; a fifth of those of one topic say "charge"."""
    topic = rng.integers(3, size=count)
    vectors = (4 * np.eye(3, 20)[topic] + rng.normal(size=(count, 20))).astype(np.float32)
    said = []
    for one in topic.tolist():
        words = {*rng.choice(TOPICS[one], 2, replace=False).tolist(), *rng.choice(["my", "the", "please"], 1).tolist()}
        said.append("\0".join(sorted(words | ({"charge"} if one == of and rng.random() < 0.4 else set()))))
    named = None if groups is None else np.array([f"{first}g{row // groups}" for row in range(count)])
    ids = np.array([f"{first}{row}" for row in range(count)])
    return Told(terms=np.array(said, object), vectors=vectors, groups=named, ids=ids)


def kept_of(reference, rng, grouped=False):
    terms = count_terms(reference, rng, grouped=grouped)
    return terms, count_contexts(reference, terms, rng, grouped=grouped)


@pytest.mark.parametrize("groups", [None, 2])
def test_a_charge_that_was_a_fee_and_is_of_a_battery_is_told(groups, tmp_path):
    rng = np.random.default_rng(0)
    terms, contexts = kept_of(told(rng, 900, groups=groups), rng, groups is not None)
    how = {"draws": 999, "level": 0.05, "grouped": groups is not None}
    batch = told(rng, 300, of=1, groups=groups, first="n")
    fact, found = moved_contexts(contexts, terms, batch, np.random.default_rng(1), **how)
    assert (fact.significant, fact.large, fact.rows[0]) == (True, True, contexts.whole.rows)
    assert [one.term for one in found] == ["charge"]
    assert set(found[0].gone) <= set(TOPICS[0])
    assert set(found[0].come) <= set(TOPICS[1])
    assert found[0].gone
    assert found[0].come
    rows = {name: row for row, name in enumerate(batch.ids.tolist())}
    assert all("charge" in batch.terms[rows[one]] for one in found[0].examples)
    assert found[0].company.startswith("with '")
    write_contexts(tmp_path, contexts)
    again = moved_contexts(read_contexts(tmp_path, terms), terms, batch, np.random.default_rng(1), **how)
    assert again == (fact, found)
    calm, named = moved_contexts(contexts, terms, told(rng, 300, groups=groups, first="c"), rng, **how)
    assert not calm.significant
    assert named == ()


def test_no_row_of_fewer_than_five_is_kept(tmp_path):
    rng = np.random.default_rng(0)
    terms, contexts = kept_of(told(rng, 300), rng)
    assert contexts.beside.data.min() >= 5
    assert all(one.texts.rows >= 25 for one in contexts.texts)
    assert all(len(one.parts) == one.texts.rows // 5 for one in contexts.texts)
    assert read_contexts(tmp_path, terms) is None
    write_contexts(tmp_path, contexts)
    assert read_contexts(tmp_path, None) is None
    with pytest.raises(ValueError, match="contexts of"):
        read_contexts(tmp_path, SimpleNamespace(words=terms.words[:2]))


def test_without_vectors_in_few_rows_and_all_alike_nothing_is_told():
    rng = np.random.default_rng(0)
    reference = told(rng, 300)
    terms, contexts = kept_of(reference, rng)
    how = {"draws": 99, "level": 0.05, "grouped": False}
    assert moved_contexts(contexts, terms, told(rng, 9), rng, **how) is None
    assert moved_contexts(contexts, terms, told(rng, 12), rng, **how) is None
    for vectors in (np.zeros((300, 0)), np.ones((300, 4)), np.full((300, 4), np.nan)):
        reference.vectors = vectors.astype(np.float32)
        assert count_contexts(reference, terms, rng, grouped=False) is None
    assert count_contexts(told(rng, 20), terms, rng, grouped=False) is None
    found = planted_power_of_contexts(contexts, terms, told(rng, 8), rng, **how)
    assert set(found.values()) == {False}


def test_the_more_rows_of_a_word_are_others_the_likelier_it_is_named():
    rng = np.random.default_rng(0)
    terms, contexts = kept_of(told(rng, 900), rng)
    seen = [
        list(
            planted_power_of_contexts(
                contexts, terms, told(rng, 300), rng, draws=399, level=0.05, grouped=False
            ).values()
        )
        for _ in range(8)
    ]
    assert np.mean(seen, axis=0)[-1] > np.mean(seen, axis=0)[0]
