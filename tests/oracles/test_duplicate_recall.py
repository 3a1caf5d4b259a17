"""What duplicates find and what they link wrongly: against a textbook edit distance, by length, and on real texts."""

import itertools
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from graft.inputs import find_duplicates
from graft.rows.content.edits import is_slip, one_slip_pairs
from graft.rows.content.sameness import normalise

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
real = [pytest.mark.realdata, pytest.mark.skipif(not DATA.is_dir(), reason="no data beside the project")]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
KINDS = ("changed", "missing", "too many", "swapped")
LONGER = ((20, 30), (30, 48), (48, 80))


def distance(one: str, other: str) -> int:
    """Optimal string alignment: insertions, deletions, substitutions, swaps of neighbours; the textbook table."""
    table = [[i + j if i * j == 0 else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i, j in itertools.product(range(1, len(one) + 1), range(1, len(other) + 1)):
        changed = table[i - 1][j - 1] + (one[i - 1] != other[j - 1])
        table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, changed)
        if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
            table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


def slipped(text: str, kind: str, rng: np.random.Generator) -> str:
    """The text with one slip at a random letter; never the same text."""
    while True:
        at = int(rng.choice([place for place, letter in enumerate(text) if letter in LETTERS]))
        letter = LETTERS[rng.integers(26)]
        made = {
            "changed": text[:at] + letter + text[at + 1 :],
            "missing": text[:at] + text[at + 1 :],
            "too many": text[:at] + letter + text[at:],
            "swapped": text[:at] + text[at + 1 : at + 2] + text[at] + text[at + 2 :],
        }[kind]
        if normalise(made) != text:
            return normalise(made)


def words_of(rng: np.random.Generator, size: int) -> str:
    """Made-up words of 2 to 8 letters, size characters in all."""
    made = " ".join("".join(rng.choice(list("etaoinshrdlu"), size=rng.integers(2, 9))) for _ in range(size))[:size]
    return made[:-2] + "xy"


@pytest.mark.parametrize("size", [15, 24, 40])
def test_pairs_one_slip_apart_are_those_of_the_textbook_distance(size: int) -> None:
    rng = np.random.default_rng(size)
    texts: set[str] = set()
    for _ in range(6):
        base = words_of(rng, size)
        near = [slipped(base, kind, rng) for kind in KINDS]
        texts |= {base, *near, slipped(near[0], "changed", rng), slipped(near[1], "swapped", rng)}
    ordered = sorted(texts)
    pairs = one_slip_pairs(ordered, np.array([len(text) for text in ordered]), high=80)
    found = set(map(tuple, pairs.tolist()))
    expected = {
        (i, j)
        for i, j in itertools.combinations(range(len(ordered)), 2)
        if abs(len(ordered[i]) - len(ordered[j])) < 2
        and distance(ordered[i], ordered[j]) == 1
        and max(len(ordered[i]), len(ordered[j])) >= 15
    }
    assert found == expected
    assert len(expected) > 20


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "size", [15, 31, *(pytest.param(size, marks=pytest.mark.slow) for size in (19, 23, 46, 52, 77, 90, 150))]
)
def test_one_slip_is_found_at_every_length_from_fifteen(size: int, kind: str) -> None:
    rng = np.random.default_rng(size)
    texts = [words_of(rng, size) for _ in range(150)]
    groups = find_duplicates([*texts, *(slipped(text, kind, rng) for text in texts)]).groups
    assert (groups[:150] == groups[150:]).mean() >= 0.99
    assert np.bincount(groups).max() == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("transfer 100 to my account", "transfer 200 to my account"),
        ("transfer 100 to my account", "transfer 1000 to my account"),
        ("what is the square root of 8814", "what is the square root of 888"),
        ("please open the door of room 101", "please open the door of room 102"),
        ("open the door of room b12", "open the door of room c12"),
        ("call me at 10 15 please", "call me at 1015 please"),
        ("get me plan a", "get me plan b"),
        ("choose option a", "choose option b"),
        ("turn on all lights", "turn off all lights"),
        ("i can do this now", "i can't do this now"),
        ("it has arrived now", "it has not arrived now"),
        ("so 😀 now it works", "so 😡 now it works"),
        ("我明天早上八点要坐高铁去北京开会", "我明天早上八点要坐高铁去南京开会"),
        ("my card is lost", "my cart is last"),
    ],
)
def test_what_is_no_slip_of_the_keyboard_is_not_linked(one: str, other: str) -> None:
    assert find_duplicates([one, other]).groups.tolist() == [0, 1]
    assert not is_slip(normalise(one), normalise(other))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a card was lost", "a cart was lost", True),
        ("my card, lost!!", "my cart, lost!!", True),
        ("card was lost", "cart was lost", False),
    ],
)
def test_a_slip_needs_fifteen_characters_with_punctuation(one: str, other: str, same: bool) -> None:
    assert find_duplicates([one, other]).groups.tolist() == [0, 0 if same else 1]


def test_a_long_text_with_another_number_is_the_same_message_again() -> None:
    told = "you have won a prize of 2000 pounds, to claim it just call this number today: {} (150p a minute)"
    assert find_duplicates([told.format("09058094455"), told.format("09058094454")]).groups.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("where is my card?", "Where is my crad"),
        ("my top up isnt working", "my top up isn't working"),
        ("tell me a joke", "tell me jokes a"),
        ("do i need a pin", "do need a pin"),
        ("is there a limit", "is there limit"),
        ("wo ist meine karte", "wo ist meime karte"),
        ("где находится моя карта", "где находится моя карто"),
    ],
)
def test_slips_of_the_keyboard(one: str, other: str) -> None:
    same = find_duplicates([one, other]).groups.tolist() == [0, 0]
    assert same == (one != "tell me a joke")
    assert is_slip(normalise(one), normalise(other)) == is_slip(normalise(other), normalise(one)) == same


@pytest.mark.parametrize("size", [25, 300])
def test_a_crowd_one_slip_apart_is_one_chain(size: int) -> None:
    """More texts share a hash than are paired with one another: by their common text, or in one place, they connect."""
    base = "where is my lovely new card"
    around = [base[:at] + letter + base[at:] for at in range(1, 27) for letter in LETTERS]
    some = list(dict.fromkeys(around))[:size]
    pairs = one_slip_pairs([*some, base], np.full(size + 1, 28), high=80)
    assert {one for one, other in pairs.tolist() if other == size} == set(range(size))
    place = [base[:8] + letter + base[8:] for letter in map(chr, range(0x3B1, 0x3C9))]
    chain = one_slip_pairs(place, np.full(len(place), 28), high=80)
    assert {(one, one + 1) for one in range(len(place) - 1)} <= set(map(tuple, chain.tolist()))


def test_many_passes_find_what_one_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    texts = [words_of(rng, 30) for _ in range(200)]
    texts = list(dict.fromkeys([*texts, *(slipped(text, "changed", rng) for text in texts)]))
    sizes = np.full(len(texts), 30)
    once = one_slip_pairs(texts, sizes, high=80)
    monkeypatch.setattr("graft.rows.content.edits._PASS", 1000)
    monkeypatch.setattr("graft.rows.content.edits._CHUNK", 700)
    assert one_slip_pairs(texts, sizes, high=80).tolist() == once.tolist()
    assert len(once) == 200


@pytest.mark.parametrize("texts", [[], ["a"], ["", "b"], ["x" * 15, "x" * 16], ["x" * 13, "x" * 14]])
def test_few_and_odd_texts(texts: list[str]) -> None:
    pairs = one_slip_pairs(texts, np.array([len(text) for text in texts], dtype=int), high=80)
    assert pairs.tolist() == ([[0, 1]] if any(len(text) > 14 for text in texts) else [])


def labelled(name: str, label: str) -> dict[str, set[str]]:
    """Different texts of the training and test rows, with all labels each carries."""
    found: dict[str, set[str]] = {}
    for part in ("train", "test"):
        for text, given in pl.read_csv(DATA / name / f"{part}.csv").select("text", label).iter_rows():
            found.setdefault(normalise(text or ""), set()).add(str(given))
    return found


class TestRealTexts:
    pytestmark = real

    @pytest.mark.parametrize(
        ("name", "label", "least"), [("banking77", "category", 80), ("clinc150", "label", 260), ("hwu64", "label", 110)]
    )
    def test_few_links_join_texts_with_different_labels(self, name: str, label: str, least: int) -> None:
        found = labelled(name, label)
        texts = list(found)
        pairs = one_slip_pairs(texts, np.array([len(text) for text in texts]), high=80).tolist()
        differ = sum(not found[texts[one]] & found[texts[other]] for one, other in pairs)
        assert len(pairs) >= least
        assert differ <= 0.07 * len(pairs)
        assert differ <= 0.0005 * len(texts)

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize(
        ("low", "high"), [(15, 20), *(pytest.param(*each, marks=pytest.mark.slow) for each in LONGER)]
    )
    def test_one_slip_in_a_real_text_is_found(self, low: int, high: int, kind: str) -> None:
        rng = np.random.default_rng(low)
        texts = sorted(text for text in labelled("clinc150", "label") if low <= len(text) < high and text.isascii())
        some = [texts[place] for place in rng.choice(len(texts), min(200, len(texts)), replace=False)]
        rows = [row for text in some for row in (text, slipped(text, kind, rng))]
        groups = find_duplicates(rows).groups.reshape(-1, 2)
        assert (groups[:, 0] == groups[:, 1]).mean() >= 0.985
