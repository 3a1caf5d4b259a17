"""Facts of a card with front matter: a model's, or a data set's, and the training data it names in its tables.

Decisions: ``license: other`` is not a licence, ``license_name`` is, and beside another licence it counts too; what one
must agree to before the download counts where it could set limits; front matter that cannot be read states terms
that could not be read, so a broken card is never taken for one that asks nothing.

A table counts when the heading above it, or the head of its first column, says that it lists training data; a table of
evaluation results does not. A name is the words of the cell as a person reads them ("S2ORC Citation pairs (Titles)"),
so nothing is lost; sums are left out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from graft.core.errors import InputError
from graft.governance.reading.front_matter import FrontMatter, read_front_matter, split_card
from graft.governance.reading.licence_texts import FURTHER
from graft.governance.reading.markdown import sections, tables
from graft.governance.reading.parents import base_edges, usual_relation
from graft.governance.reading.small_files import read_text
from graft.governance.reading.stated_licences import UNREAD, stated_in_sections
from graft.governance.reading.words import legible, limits, words_of
from graft.governance.records import Edge, LicenceStatement, TrainingData

_TRAINING = re.compile(
    r"(?i)\b(?:pre-?)?train(?:ing|ed)?\b.*\b(?:data|corp(?:us|ora)|datasets?|sets?)\b|\bfine-?tuning data\b"
)
_NOT_TRAINING = re.compile(r"(?i)\bevaluat|\bresult|\bbenchmark|\bperformance|\bscores?\b|\btest\b")
_NAMES = re.compile(r"(?i)^(?:training )?(?:data ?sets?|data|corpus|corpora|sources?|names?|collections?)(?: names?)?$")
_LICENCE = re.compile(r"(?i)^licen[cs]e")
_SUM = re.compile(r"(?i)^(?:sub-?|grand )?totals?\b|^sum\b|^[\W_]*$")


def training_tables(markdown: str, where: str) -> tuple[TrainingData, ...]:
    """Data sets in the training tables of a card, each name once.

    >>> card = "## Training data\\n| Dataset | License |\\n|---|---|\\n| [SNLI](x) | cc-by-sa-4.0 |\\n| **Total** | |"
    >>> [(data.name, data.licences[0].stated) for data in training_tables(card, "README.md")]
    [('SNLI', 'cc-by-sa-4.0')]
    """
    found: dict[str, TrainingData] = {}
    for section in sections(markdown):
        place = f"{where} (table under: {section.title})" if section.title else f"{where} (table)"
        for head, rows in tables(section):
            if _lists_training_data(section.title, head):
                for data in _rows(head, rows, place):
                    found.setdefault(data.name, data)
    return tuple(found.values())


def _lists_training_data(title: str, head: tuple[str, ...]) -> bool:
    if any(_TRAINING.search(cell) for cell in head):
        return True
    return bool(_TRAINING.search(title)) and not _NOT_TRAINING.search(title) and bool(_names_column(head) is not None)


def _names_column(head: tuple[str, ...]) -> int | None:
    return next((at for at, cell in enumerate(head) if _NAMES.match(cell)), None)


def _rows(head: tuple[str, ...], rows: list[tuple[str, ...]], place: str) -> Iterator[TrainingData]:
    names = _names_column(head) or 0
    licence = next((at for at, cell in enumerate(head) if _LICENCE.match(cell)), None)
    for row in rows:
        name = row[names] if names < len(row) else ""
        if _SUM.match(name):
            continue
        stated = row[licence] if licence is not None and licence < len(row) else ""
        statements = (LicenceStatement(stated=stated, where=place),) if stated.strip(" -\u2013") else ()
        yield TrainingData(name=name, where=place, licences=statements)


CARD = "README.md"


@dataclass(frozen=True)
class CardFacts:
    """What a card says. title: its first heading."""

    title: str = ""
    licences: tuple[LicenceStatement, ...] = ()
    training_data: tuple[TrainingData, ...] = ()
    edges: tuple[Edge, ...] = ()
    languages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


def read_card(folder: Path, *, beside: str = "") -> CardFacts:
    """The facts of README.md in a folder; none when there is no card. Raises InputError when it cannot be read.

    beside: the file the card lies beside, when it is not part of the asset.
    """
    path = folder / CARD
    if not path.is_file():
        return CardFacts()
    where = f"{CARD} (beside {beside})" if beside else CARD
    text = read_text(path)
    if text is None:
        return CardFacts(licences=(_unreadable(where, "too large, or no text"),))
    raw, body = split_card(text)
    try:
        front = read_front_matter(raw)
        licences = _licences(front, where)
    except InputError as error:
        front, licences = FrontMatter(), (_unreadable(where, error.given),)
    tags = front.texts("tags")
    bases = front.texts("base_model")
    usual = usual_relation(folder, parents=len(bases), tags=tags)
    named = tuple(
        TrainingData(name=name, where=f"{where} (front matter: datasets)")
        for name in dict.fromkeys(front.texts("datasets"))
    )
    return CardFacts(
        title=next((section.title for section in sections(body) if section.title), ""),
        licences=(*licences, *stated_in_sections(body, where)),
        training_data=(*named, *training_tables(body, where)),
        edges=base_edges(
            bases, front.text("base_model_relation"), usual=usual, where=f"{where} (front matter: base_model)"
        ),
        languages=front.texts("language"),
        tags=tags,
    )


def _licences(front: FrontMatter, where: str) -> tuple[LicenceStatement, ...]:
    """Statements of the front matter; ``other`` is replaced by its name, and its address is kept."""
    names, link = front.texts("license_name"), front.text("license_link")
    found = []
    for stated in (*front.texts("license"), *front.texts("licence")):
        place = f"{where} (front matter: license)"
        if stated.lower() == "other" and (names or link):
            stated = names[0] if names else stated
            place = f"{where} (front matter: license other" + (f", {link})" if link else ", license_name)")
        found.append(LicenceStatement(stated=stated, where=place))
    if not any("license other" in one.where for one in found):
        # Beside a licence that is not ``other``, it says that this is not quite that licence.
        found += [LicenceStatement(stated=name, where=f"{where} (front matter: license_name)") for name in names]
    found += [
        LicenceStatement(stated=FURTHER, where=f"{where} (front matter: extra_gated_prompt)")
        for prompt in front.texts("extra_gated_prompt")
        if limits(words_of(legible(prompt)).words)
    ]
    return tuple(found)


def _unreadable(where: str, reason: str) -> LicenceStatement:
    return LicenceStatement(stated=UNREAD, where=f"{where} (not read: {reason})")
