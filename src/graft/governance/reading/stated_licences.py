"""The licences that the files of a folder state: its licence files, and the licence sections of its cards.

Decisions: every place that states a licence gives its own statement, also when they agree, because which place says
what is the evidence; a section that neither names a licence nor only points somewhere states ``terms in prose``.
Sections below one about the licence belong to it, and so does its code, where people paste texts. A sentence anywhere
else that keeps the work from business or for research states further terms, except where it speaks of data.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from graft.governance.reading.known_texts import find_passages
from graft.governance.reading.licence_names import badges, named_licences, stated_values
from graft.governance.reading.licence_texts import FURTHER, licence_statements, uncovered
from graft.governance.reading.markdown import Section, plain, sections, visible
from graft.governance.reading.small_files import cards, licence_files, read_text
from graft.governance.reading.words import could_be_name, denies, legible, limits_abroad, words_of
from graft.governance.records import LicenceStatement

PROSE = "terms in prose"
UNREAD = "terms that could not be read"
_ABOUT = re.compile(
    r"(?i)\blicen[cs](?:e|es|ing)\b|\bterms (?:of use|and conditions|of service)\b|\bcopyright\b|"
    r"\b(?:lizenz|licencia|licenza|licença|licencja|licentie|licens|lisans|лицензия|ліцензія)|"
    r"许可|許可|协议|協議|授权|授權|ライセンス|라이선스|라이센스"
)
_OTHERS = re.compile(
    r"(?i)\b(?:training|evaluation|related|benchmark|data ?sets?|acknowledg\w+|citation|limitations)\b"
)
_KEPT_FROM = re.compile(
    r"(?i)\b(?:"
    r"(?:non[- ]?commercial|academic|research)(?:[ ,/&]{1,3}(?:and |or )?[\w-]{1,20}){0,3} "
    r"(?:use|purposes?|usage) (?:only|alone)|"
    r"(?:only|solely|exclusively|strictly|limited)[\w ]{0,30} (?:for|to) (?:non[- ]?commercial|academic|research)\b|"
    r"(?:no|not|cannot|never)\b[^.\n]{0,40}\bcommercial(?:ly)? ?(?:use|purposes?|usage|applications?|products?)?\b|"
    r"commercial (?:use|usage) (?:is|are) (?:not|forbidden|prohibited|strictly))"
)
_WORDS = 4
_EMPTY = ("", "more information needed", "todo", "tbd", "na")
_POINTS = re.compile(r"(?i)\b(?:see|refer|find|found|read|check|available)\b")
_POINTER_WORDS = 40
_TAKES_BACK = re.compile(r"\b(?:cannot|commercial|forbidden|incorrect|mistake|only|outdated|prohibited|wrong)\b")
_DATA = re.compile(r"(?i)\b(?:data(?: ?sets?)?|corpus|corpora|benchmarks?)\b")
_TERMS = re.compile(r"(?i)\b(?:licen[cs]ed?|agreement|governed|terms)\b")
_SENTENCE = re.compile(r"(?<=[.;!])\s+|\n")
_LIMITS = re.compile(r"\b(?:academic|non commercial|noncommercial|nonprofit|research)\b")


def stated_in_files(folder: Path, *, beside: str = "") -> tuple[LicenceStatement, ...]:
    """What the licence files of a folder say. beside: the file they lie beside, when they are not part of the asset."""
    found = []
    for path in licence_files(folder):
        where = _where(path.relative_to(folder).as_posix(), beside)
        text = read_text(path)
        if text is None:
            found.append(LicenceStatement(stated=UNREAD, where=f"{where} (not read: too large, or no text)"))
        elif not path.name.upper().startswith("NOTICE"):
            found.extend(licence_statements(text, where))
    return tuple(found)


def stated_in_cards(folder: Path, *, beside: str = "", leaving_out: str = "") -> tuple[LicenceStatement, ...]:
    """What the licence sections of cards say (README.txt and the like). leaving_out: a card that is read elsewhere."""
    found: list[LicenceStatement] = []
    for path in (card for card in cards(folder) if card.name != leaving_out):
        text = read_text(path)
        where = _where(path.name, beside)
        if text is None:
            found.append(LicenceStatement(stated=UNREAD, where=f"{where} (not read: too large, or no text)"))
        else:
            found.extend(stated_in_sections(text, where))
    return tuple(found)


def stated_in_sections(markdown: str, where: str) -> tuple[LicenceStatement, ...]:
    """Licences named in sections about the licence, and in lines that begin with ``License:``.

    >>> stated_in_sections("# X\\n## License\\nThe code is under the MIT License.", "README.md")
    (LicenceStatement(stated='MIT', where='README.md (section: License)'),)
    """
    found: list[LicenceStatement] = []
    for section in _joined(sections(legible(visible(markdown)))):
        place = f"{where} (section: {section.title})" if section.title else f"{where} (its beginning)"
        found += [LicenceStatement(stated=stated, where=place) for stated in _of_section(section)]
    return tuple(dict.fromkeys(found))


def _joined(found: Iterable[Section]) -> Iterator[Section]:
    """The sections, those below one about the licence as a part of it."""
    about: Section | None = None
    for section in found:
        if about is not None and section.level > about.level:
            below = [*about.lines, section.title, *section.lines]
            about = Section(about.title, about.level, below, [*about.code, *section.code])
            continue
        if about is not None:
            yield about
        about = section if _ABOUT.search(section.title) else None
        if about is None:
            yield section
    if about is not None:
        yield about


def _of_section(section: Section) -> Iterator[str]:
    values = () if _OTHERS.search(section.title) else (*stated_values(section.text), *badges(section.text))
    yield from values
    if not _ABOUT.search(section.title):
        if not _OTHERS.search(section.title) and _keeps_from(section.text):
            yield FURTHER
        return
    section = Section(section.title, section.level, [*section.lines, *section.code])
    words = words_of(section.text)
    if " ".join(words.words[:4]) in _EMPTY:
        return
    passages = find_passages(words)
    held = [passage.licence for passage in passages if passage.licence]
    named = dict.fromkeys((*held, *(one.licence for one in named_licences(section.text))))
    yield from named
    shown = plain(section.text)
    if not named and not values and not _POINTS.search(shown) and could_be_name(shown, longest=_WORDS):
        yield shown
        return
    limited = _LIMITS.search(" ".join(words.words)) is not None or limits_abroad(words.words)
    more = _says_more(uncovered(words, passages, set(held)), denied=True) if held else _says_more(section.text)
    if named or values:
        if more or (limited and not held and not any("-NC" in licence for licence in named)):
            yield FURTHER
    elif (
        more
        or limited
        or _TAKES_BACK.search(" ".join(words.words))
        or len(words) > _POINTER_WORDS
        or not _POINTS.search(section.text)
    ):
        yield PROSE


def _keeps_from(text: str) -> bool:
    """Whether a sentence that speaks of no data keeps the work from business, or for research."""
    return any(_KEPT_FROM.search(one) and not _DATA.search(one) for one in _SENTENCE.split(text))


def _says_more(text: str, *, denied: bool = False) -> bool:
    """Whether sentences beside a licence deny one, or speak of terms they do not name. denied: the former alone."""
    for sentence in _SENTENCE.split(text):
        words = words_of(sentence)
        if denies(words.words) and (not denied or _TERMS.search(sentence)):
            return True
        if denied:
            continue
        if _TERMS.search(sentence) and not named_licences(sentence) and not _POINTS.search(sentence) and len(words) > 3:
            return True
    return False


def _where(name: str, beside: str) -> str:
    return f"{name} (beside {beside})" if beside else name
