"""Association tests as records: two lists of targets, two of attributes, and sentences to put words into.

Decisions: the classic word lists come with the package, by name; lists of one's own are YAML in the same form. The
published sentences may not be handed on, so sentences are templates: a word's vector is then the mean over all of
them, which keeps the word, and not the sentence, the unit that is exchanged and drawn.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from graft.core.errors import InputError
from graft.core.yaml_file import read_yaml

SENTENCES = ("This is {word}.", "They spoke about {word}.", "{word} was mentioned here.", "I remember {word}.")
_PLACE, _FIELDS = "{word}", ("about", "people", "targets", "attributes", "sentences")
_EXAMPLE = (
    "tests: {mine: {about: …, targets: {doctors: [surgeon, …], nurses: [midwife, …]},"
    " attributes: {men: [he, …], women: [she, …]}}}"
)
_WORDS = {"yes": True, "true": True, "no": False, "false": False}


@dataclass(frozen=True)
class WordList:
    """Words with a common name."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class WordTest:
    """An association test. about: what it asks, in words. people: whether it is about people. targets, attributes: the
    first targets are expected to lie nearer the first attributes. sentences: with ``{word}`` in each; none for the
    words themselves."""

    name: str
    about: str
    people: bool
    targets: tuple[WordList, WordList]
    attributes: tuple[WordList, WordList]
    sentences: tuple[str, ...] = ()

    @property
    def lists(self) -> tuple[WordList, ...]:
        """All four."""
        return (*self.targets, *self.attributes)


@cache
def known_tests() -> Mapping[str, WordTest]:
    """The classic tests by name: ``weat1`` to ``weat10``."""
    return {one.name: one for one in read_tests(Path(__file__).with_name("word_sets.yaml"))}


def named_tests(names: Sequence[str]) -> tuple[WordTest, ...]:
    """Classic tests by their names; ``all`` for every one. Raises InputError for a name that none has.

    >>> [one.name for one in named_tests(["weat7", "WEAT 8"])]
    ['weat7', 'weat8']
    """
    known = known_tests()
    found: dict[str, WordTest] = {}
    for name in names:
        plain = re.sub(r"[^a-z0-9]", "", name.casefold())
        if plain == "all":
            found |= known
        elif plain in known:
            found[plain] = known[plain]
        else:
            near = difflib.get_close_matches(plain, known, n=1)
            raise InputError(
                f"no association test is called {name!r}",
                needed=f"one of {', '.join(known)}, or all",
                fix=f"did you mean {near[0]}?" if near else "give lists of your own with --spec",
            )
    return tuple(found.values())


def read_tests(path: Path) -> tuple[WordTest, ...]:
    """The tests in a YAML file.

    Each has ``targets`` and ``attributes``, two lists of words with their names; ``about``, ``people`` (yes or no) and
    ``sentences`` may be left out. Raises InputError for anything else, with what is wrong.
    """
    given = read_yaml(path, what="association tests", fix=_EXAMPLE)
    tests = given.get("tests") if isinstance(given, dict) else None
    if not isinstance(tests, dict) or not tests or set(given) != {"tests"}:
        raise _wrong(f"{path} has no tests", "tests, and below it a name for each")
    return tuple(_test(str(name), one, path) for name, one in tests.items())


def _test(name: str, given: object, path: Path) -> WordTest:
    where = f"the test {name!r} in {path}"
    if not isinstance(given, dict):
        raise _wrong(f"{where} is not a table", "targets and attributes below its name")
    if strange := [str(key) for key in given if key not in _FIELDS]:
        raise _wrong(f"{where} has the key {strange[0]!r}", f"one of {', '.join(_FIELDS)}")
    people = _WORDS.get(str(given.get("people", "yes")).casefold())
    if people is None:
        raise _wrong(f"{where} says people: {given['people']}", "yes or no")
    targets, attributes = (_pair(given.get(role), f"{role} of {where}") for role in ("targets", "attributes"))
    sentences = given.get("sentences") or []
    if not isinstance(sentences, list) or any(_PLACE not in str(one) for one in sentences):
        raise _wrong(f"sentences of {where}", f"a list, with {_PLACE} in each")
    both = set(targets[0].words) & set(targets[1].words) | set(attributes[0].words) & set(attributes[1].words)
    if both:
        raise _wrong(f"{min(both)!r} stands in both lists of {where}", "lists that have no word in common")
    about = str(given.get("about") or f"{targets[0].name} and {targets[1].name}")
    return WordTest(name, about, people, targets, attributes, tuple(map(str, sentences)))


def _pair(given: object, where: str) -> tuple[WordList, WordList]:
    if not isinstance(given, dict) or len(given) != 2 or not all(isinstance(one, list) for one in given.values()):
        raise _wrong(f"the {where} are not two lists", "two names, and a list of words for each")
    pair = []
    for name, words in given.items():
        if any(not isinstance(word, str) or not word.strip() for word in words):
            raise _wrong(f"the {where}: {name} holds what is no word", "words, each of them not empty")
        # A word that is named twice would count twice.
        pair.append(WordList(str(name), tuple(dict.fromkeys(word.strip() for word in words))))
    return pair[0], pair[1]


def _wrong(what: str, needed: str) -> InputError:
    return InputError(what, needed=needed, fix=f"write {_EXAMPLE}")
