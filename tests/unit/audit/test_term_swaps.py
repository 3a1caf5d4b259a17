"""Texts with identities exchanged: grammar, case, whole words, both ways at once, and what cannot be exchanged."""

import unicodedata

import pytest

from graft.audit.identity_terms import IdentityTerms, SwapSet, TermGroup, plural_of, read_terms, usual_terms
from graft.audit.term_swaps import Exchanged, TermFinder

USUAL = TermFinder(usual_terms())
NAMES = [group.name for group in USUAL.terms.groups]


def exchanged(text: str, group: str, one: int = 0, other: int = 1, finder: TermFinder = USUAL) -> Exchanged:
    names = [each.name for each in finder.terms.groups]
    return finder.exchanged(text, finder.mentions(text), names.index(group), one, other)


def finder_of(*sets: tuple[str, ...], language: str = "xx") -> TermFinder:
    made = tuple(SwapSet(tuple((word,) for word in one)) for one in sets)
    return TermFinder(IdentityTerms("here", language, (TermGroup("mine", tuple(sets[0]), made),)))


GENDER = [
    ("He said.", "She said."),
    ("HE said, He said, and he said", "SHE said, She said, and she said"),
    ("He lost himself", "She lost herself"),
    ("I saw him.", "I saw her."),
    ("I saw her yesterday.", "I saw him yesterday."),
    ("we went with her to the shop", "we went with him to the shop"),
    ("her mother", "his father"),
    ("her own car", "his own car"),
    ("his car", "her car"),
    ("The car is his.", "The car is hers."),
    ("is it his or not?", None),
    ("The car is hers.", "The car is his."),
    ("gave her money", None),
    ("let her go", None),
    ("told her to go", "told him to go"),
    ("her back hurts", None),
    ("her or his opinion", None),
    ("I called her and she came", "I called him and he came"),
    ("a woman", "a man"),
    ("An uncle met a niece", "An aunt met a nephew"),
    ("the women's rights, a man's car", "the men's rights, a woman's car"),
    ("an actor's wife", "an actress's husband"),
    ("the ladies' room", "the gentlemen's room"),
    ("waitresses and policemen", "waiters and policewomen"),
    ("Mr. Smith met Mrs. Jones", "Ms. Smith met Mr. Jones"),
    ("he's late and she'd know", "she's late and he'd know"),
    ("The sheriff, the shepherd and theirs; human, woman2, the_man", None),
    ("see www.she.com or mail he@her.org", None),
]


@pytest.mark.parametrize(("text", "expected"), GENDER, ids=[text for text, _ in GENDER])
def test_he_and_she_and_what_hangs_on_them(text, expected):
    found = exchanged(text, "gender")
    if expected is None and USUAL.mentions(text).of(0):
        assert found.text is None
        assert found.word
        assert found.reason == "the words around it do not tell what stands in its place"
    else:
        assert found.text == (expected or text)


@pytest.mark.parametrize(
    ("text", "other", "expected"),
    [
        ("A Christian man met a Christian.", 3, "A Jewish man met a Jew."),
        ("She is Christian", 3, "She is Jewish"),
        ("non-Christian ideas", 3, "non-Jewish ideas"),
        ("A CHRISTIAN", 6, "AN ATHEIST"),
        ("a christian, an atheist", 6, "an atheist, a Christian"),
        ("Christians' church", 2, "Muslims' mosque"),
        ("Christians and Muslims", 2, "Muslims and Christians"),
        ("a Jew, a Christian", 3, "a Christian, a Jew"),
        ("Yes. Atheists say no atheists", 6, "Yes. Christians say no Christians"),
    ],
)
def test_nouns_adjectives_articles_and_capitals(text, other, expected):
    assert exchanged(text, "religion", 0, other).text == expected


def test_what_has_no_counterpart_or_is_not_told_is_listed_and_not_bent():
    assert exchanged("the church", "religion", 0, 4).reason == "no word for Hindus stands in its set"
    assert exchanged("What the Christian said", "religion", 0, 3).text == "What the Jew said"
    assert exchanged("No sooner had Christian said it", "religion", 0, 3).text is None


def test_colours_ages_and_hearing_mean_people_before_people_alone():
    assert exchanged("white people like white wine", "origin").text == "black people like white wine"
    assert USUAL.mentions("white wine, a 30 year old man, a 30-year-old woman, straight away").left == (
        "white", "old", "old", "straight",
    )  # fmt: skip
    assert exchanged("old people and a young woman", "age").text == "young people and an old woman"
    assert exchanged("African American men", "origin").text == "White men"


def test_names_are_names_with_a_capital():
    assert exchanged("James met Mary's brother", "first names by gender").text == "Mary met James's brother"
    assert not USUAL.mentions("the wei and the omar").of(NAMES.index("first names by origin"))


def test_a_swap_twice_is_the_text_again_where_one_word_stands_for_each():
    finder = finder_of(("gato", "perro"), ("gata", "perra"))
    text = "El GATO y la perra; Gata."
    once = exchanged(text, "mine", finder=finder).text
    assert once == "El PERRO y la gata; Perra."
    assert exchanged(once, "mine", finder=finder).text == text


def test_other_languages_and_encodings_of_accents():
    finder = finder_of(("Ärztin", "Arzt"), ("café", "té"), ("мужчина", "женщина"), ("男人", "女人"), ("लड़का", "लड़की"))
    assert exchanged("An Ärztin", "mine", finder=finder).text == "An Arzt"
    assert exchanged(unicodedata.normalize("NFD", "café"), "mine", finder=finder).text == "té"
    assert exchanged(unicodedata.normalize("NFD", "cafés"), "mine", finder=finder).text.startswith("cafe")
    assert exchanged("МУЖЧИНА и женщина", "mine", finder=finder).text == "ЖЕНЩИНА и мужчина"
    assert exchanged("那个男人很高", "mine", finder=finder).text == "那个女人很高"
    assert exchanged("एक लड़का है", "mine", finder=finder).text == "एक लड़की है"
    assert not finder.mentions("लड़कापन").found
    man = finder_of(("man", "frau"))
    assert not man.mentions(unicodedata.normalize("NFD", "mañana")).found


def test_characters_of_regular_expressions_are_characters():
    finder = finder_of(("C++", "C#"), ("a.c", "b|d"), ("(x)", "[y]"))
    assert exchanged("I know C++, not abc.", "mine", finder=finder).text == "I know C#, not abc."
    assert exchanged("a.c and (x)", "mine", finder=finder).text == "b|d and [y]"


def test_several_words_and_blanks_between_them():
    finder = finder_of(("New York", "Los Angeles"), ("New", "Old"))
    assert exchanged("in New\n York, New", "mine", finder=finder).text == "in Los Angeles, Old"


def test_texts_that_differ_in_whom_they_mention_are_of_one_template():
    some = ["I met an old man.", "I met  a young WOMAN.", "I met an elderly lady."]
    told = {USUAL.template(text, USUAL.mentions(text)) for text in some}
    assert len(told) == 1
    assert USUAL.template("I met a table.", USUAL.mentions("I met a table.")) not in told


def test_empty_texts_hold_nothing():
    for text in ("", " ", "\n", "\0"):
        assert USUAL.mentions(text).found == ()
        assert exchanged(text, "gender").text == text


@pytest.mark.parametrize(
    "text",
    [
        "he " + "a" * 300_000,
        "she' " * 40_000,
        "her a@b.c www.x.y " * 10_000,
        "an " + " " * 300_000 + "uncle",
        "he-" * 60_000,
        "his" + "\u0301" * 100_000,
        "white " * 40_000,
    ],
    ids=range(7),
)
@pytest.mark.slow
def test_texts_made_to_take_long_do_not(text):
    """Each takes a moment; where a rule looked at all of a text for every word, hours."""
    found = exchanged(text, "gender")
    assert found.text is None or len(found.text) > 1000
    assert USUAL.template(text, USUAL.mentions(text))


def test_plurals():
    told = {"man": "men", "German": "Germans", "wife": "wives", "city": "cities", "boy": "boys", "bus": "buses"}
    assert {one: plural_of(one) for one in told} == told
    assert plural_of("Jewish") == plural_of("Mr") == plural_of("Ärztin") == ""


def test_neutral_words_are_of_no_group_of_people():
    neutral = TermFinder(usual_terms(neutral=True))
    for group in USUAL.terms.groups:
        for one in group.sets:
            for forms in one.forms:
                assert not any(neutral.mentions(word).found for word in forms)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("", "has no names"),
        ("groups: {a: [[x, y]]}", "has groups"),
        ("language: en\ngroups: []", "has no groups"),
        ("language: ''\ngroups: {a: [[x, y]]}", "says no language"),
        ("language: en\ngroups: {a: [[x]]}", "fewer than two words"),
        ("language: en\ngroups: {a: [[x, ~]]}", "fewer than two words"),
        ("language: en\ngroups: {a: []}", "has no sets"),
        ("language: en\ngroups: {a: word}", "'word'"),
        ("language: en\ngroups: {a: [word]}", "a set of the group 'a'"),
        ("language: en\ngroups: {a: [[x, y], [x, z]]}", "'x' stands twice"),
        ("language: en\ngroups: {a: [[x, X]]}", "'X' stands twice"),
        ("language: en\ngroups: {a: [[x, y, z], [p, q]]}", "has 2 words"),
        ("language: en\ngroups: {a: [[he, she], [his, her], [him, her]]}", "'her' stands twice"),
        ("language: en\ngroups: {a: {identities: [x], sets: [[x, y]]}}", "has the identities x"),
        ("language: en\ngroups: {a: {words: [[x, y]]}}", "has the key 'words'"),
        ("language: en\ngroups: {a: [[x, [y, '']]]}", "hold ''"),
        ("language: en\ngroups: {a: [[x, '***']]}", "hold '***'"),
        ("language: de\ngroups: {a: {identities: [m, w], pronouns: {m: he, w: she}}}", "has pronouns"),
        ("language: en\ngroups: {a: {identities: [m, w], pronouns: {m: he, w: he}}}", "the pronouns of"),
        ("language: en\ngroups: {a: {names: {x: [Ann, Eve], y: [Bob]}}}", "has 2 x, 1 y"),
        ("language: en\ngroups: {a: {names: [Ann]}}", "has no sets"),
        ("language: en\ngroups: {a: [[&x one, *x]]}", "is not YAML"),
        ("language: en\ngroups: {a: [[x, y]], a: [[p, q]]}", "twice"),
        ("language: en\ngroups: {a: [[x, " + "y" * 200 + "]]}", "200 characters"),
        ("language: en\ngroups: " + "[" * 3000, "is not YAML"),
    ],
)
def test_a_file_of_terms_that_cannot_work_says_what_is_wrong(tmp_path, given, told):
    path = tmp_path / "terms.yaml"
    path.write_text(given)
    with pytest.raises(ValueError, match="needed") as error:
        read_terms(path)
    assert told in str(error.value)
    assert "fix:" in str(error.value)


def test_a_file_of_terms_is_read_as_it_is_written(tmp_path):
    path = tmp_path / "terms.yaml"
    path.write_text("language: en\ngroups:\n  jobs: [[nurse, doctor], [maid, [butler, servant]], [yes, no]]\n")
    terms = read_terms(path)
    assert terms.groups[0].identities == ("nurse", "doctor")
    finder = TermFinder(terms)
    assert finder.exchanged(
        "A nurse, nurses, the SERVANT", finder.mentions("A nurse, nurses, the SERVANT"), 0, 0, 1
    ) == (Exchanged("A doctor, doctors, the MAID"))
    path.write_text("language: en\ngroups: {jobs: {plurals: no, sets: [[nurse, doctor]]}}\n")
    assert not TermFinder(read_terms(path)).mentions("nurses").found
