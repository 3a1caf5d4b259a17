"""Disguised texts, honest ones that look odd, and what both say."""

# ruff: noqa: RUF001 (letters that look alike are what is tested)

import time

import numpy as np
import pytest

from graft.rows.content.disguise import disguise_of, revealed
from graft.watch.copies import near_copies, sketches


@pytest.mark.parametrize(
    "text",
    [
        "", "plain", "line\nbreak\tand tab", "café", "Straße", "привет мир", "iPhoneを買う 東京タワーへ",
        "½ kg for 3 €™ … no. №5",
        "👩\u200d👩\u200d👧 family ❤\ufe0f",
        "می\u200cخواهم", "שלום \u200fעולם", "🏴\U000e0067\U000e0062\U000e007f", "\ufeffstart",
        "Windows\x92s quotes",
        "non\u00a0breaking", "Latin и русский",
    ],
)  # fmt: skip
def test_honest(text):
    assert disguise_of(text) == ""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("p\u0430ypal", "letters"), ("p\u200b\u0430ypal", "letters"),
        ("g\u03bfld", "letters"),
        ("free\u200bmoney", "hidden"),
        ("a\u200db", "hidden"), ("abc\u202etxt", "hidden"), ("null\x00", "hidden"), ("soft\u00adhyphen é", "hidden"),
        ("hi\U000e0041", "hidden"), ("𝐟𝐫𝐞𝐞 money", "forms"),
        ("ｆｒｅｅ", "forms"), ("z\u0334a\u0334l", "forms"), ("ⓕree", "forms"),
    ],
)  # fmt: skip
def test_disguised(text, kind):
    assert disguise_of(text) == kind


def test_disguise_is_taken_off():
    for text in ("FREE  money!", "fr\u0435e money", "fre\u200be m\u043en\u0435y", "𝐟𝐫𝐞𝐞 money", "f\u0334ree money"):
        assert revealed(text) == "free money"
    assert revealed("!!") == "!!"
    assert disguise_of("a\u0301" * 100_000) in ("", "forms")


def test_a_hostile_text_costs_no_more_than_a_long_one():
    started = time.process_time()
    for one in ("\u200b" * 1_000_000, "а" + "a" * 1_000_000, "\u0301" * 1_000_000, "\ud800" * 10):
        disguise_of(one)
        revealed(one)
    assert time.process_time() - started < 5


def test_sketches_lie_as_far_apart_as_texts():
    """The share of bits that differ is the angle of the sets of trigrams over pi."""
    rng = np.random.default_rng(0)
    words = [f"w{rng.integers(10**6)}" for _ in range(60)]
    texts = [" ".join(words[:40])] + [" ".join(words[start : start + 40]) for start in (1, 5, 10, 20)]
    made = np.unpackbits(sketches(texts), axis=1)
    for place in range(1, len(texts)):
        one, other = ({f"  {text} "[at : at + 3] for at in range(len(text) + 1)} for text in (texts[0], texts[place]))
        angle = np.arccos(len(one & other) / np.sqrt(len(one) * len(other)))
        assert (made[0] != made[place]).mean() == pytest.approx(angle / np.pi, abs=0.1)


def test_near_copies_over_blocks_and_nothing():
    made = sketches(
        [f"row {place} says {place * 7919 % 10007} and {place * 104729 % 10009} of it" for place in range(1500)]
    )
    one, other = near_copies(made[:1400], made[1400:])
    assert (len(one), len(other)) == (1400, 100)
    pooled = near_copies(made[np.r_[0, 1499, 5]], made[[0]])
    assert pooled[0][0]
    assert pooled[1][0]
    alone, nothing = near_copies(made[:1], made[:0])
    assert (alone.tolist(), nothing.tolist()) == ([False], [])
    assert sketches([]).shape == (0, 32)
    assert near_copies(np.repeat(made[:1], 3, axis=0))[0].all()
