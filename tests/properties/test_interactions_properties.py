"""Interactions are a sum: neither the order of events nor how they are divided matters."""

from dataclasses import replace

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.rows.events import read_interactions

EVENT = st.tuples(
    st.sampled_from(["a", "b", "c", "d é"]),
    st.sampled_from(["x", "y", "07", "7"]),
    st.sampled_from([0.1, 0.3, 1.0, 2.5]),
    st.integers(0, 6),
    st.sampled_from([1, 3, 5]),
)
EVENTS = st.lists(EVENT, min_size=1, max_size=25)
WHEN = {"at_least": 4, "dislike_below": 2, "half_life": 2.0, "now": "2024-01-03"}


def frame_of(events):
    columns = ("user", "item", "weight", "time", "rating")
    frame = pl.DataFrame(dict(zip(columns, zip(*events, strict=True), strict=True)))
    return frame.with_columns(pl.lit(19723).add(pl.col("time")).cast(pl.Int32).cast(pl.Date).alias("time"))


def read(events):
    return read_interactions(frame_of(events), **WHEN)


def same(one, other):
    assert (one.users, one.items, one.events) == (other.users, other.items, other.events)
    for part in ("pairs", "overruled"):
        mine, yours = getattr(one, part), getattr(other, part)
        assert mine.user.tolist() == yours.user.tolist()
        assert mine.item.tolist() == yours.item.tolist()
        assert mine.disliked.tolist() == yours.disliked.tolist()
        assert mine.day.tolist() == yours.day.tolist()
        np.testing.assert_allclose(mine.weight, yours.weight, rtol=1e-12)


def counted(events):
    return [event for event in events if event[4] != 3]


@given(EVENTS.filter(counted), st.randoms())
@settings(max_examples=60, deadline=None)
def test_the_order_of_rows_changes_no_bit(events, random):
    mixed = list(events)
    random.shuffle(mixed)
    one, other = read(events), read(mixed)
    same(one, other)
    assert one.weight.tolist() == other.weight.tolist()
    assert one.aside == other.aside


@given(EVENTS.map(lambda events: list(dict.fromkeys(events))).filter(counted), st.lists(st.integers(0, 2), min_size=25))
@settings(max_examples=60, deadline=None)
def test_batches_joined_are_the_whole(events, batch):
    groups = [[event for event, at in zip(events, batch, strict=False) if at == number] for number in range(3)]
    told = [read(group) for group in groups if counted(group)]
    joined = told[-1]
    for one in told[:-1]:
        joined = joined.joined(one)
    whole = read(events)
    same(joined, whole)


@given(EVENTS.filter(counted), st.lists(st.lists(st.integers(0, 24), min_size=1, max_size=25), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_batches_that_overlap_are_the_whole(events, batches):
    """Whatever is delivered how often, in whatever batches, counts once."""
    known = read(events)
    for batch in batches:
        some = [events[at % len(events)] for at in batch]
        if counted(some):
            known = known.joined(read_interactions(frame_of(some), **WHEN, known=known))
    same(known, read(events))


@given(EVENTS.filter(counted), st.sampled_from(["a", "b", "c"]))
@settings(max_examples=40, deadline=None)
def test_without_a_user_is_as_if_they_had_never_been_there(events, gone):
    left = [event for event in events if event[0] != gone]
    if counted(left):
        whole = read(events)
        same(whole.without(users=[gone]).met(), replace(read(left), events=whole.events))


@given(EVENTS.filter(counted))
@settings(max_examples=40, deadline=None)
def test_the_matrix_is_the_pairs(events):
    found = read(events)
    dense = np.zeros((len(found.users), len(found.items)))
    dense[found.user, found.item] = found.weight
    assert (found.matrix().toarray() == dense).all()
    assert (found.matrix().data == found.weight).all()
