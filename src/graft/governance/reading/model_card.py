"""Facts of a card with front matter: a model's, or a data set's.

Decisions: ``license: other`` is not a licence, ``license_name`` is; front matter that cannot be read states terms
that could not be read, so a broken card is never taken for one that asks nothing.
"""

from dataclasses import dataclass
from pathlib import Path

from graft.core.errors import InputError
from graft.governance.reading.configuration import usual_relation
from graft.governance.reading.front_matter import FrontMatter, read_front_matter, split_card
from graft.governance.reading.markdown import sections
from graft.governance.reading.parents import base_edges
from graft.governance.reading.small_files import read_text
from graft.governance.reading.stating import UNREAD, stated_in_sections
from graft.governance.reading.training_tables import training_tables
from graft.governance.records import Edge, LicenceStatement, TrainingData

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
    if not found:
        found = [LicenceStatement(stated=name, where=f"{where} (front matter: license_name)") for name in names]
    return tuple(found)


def _unreadable(where: str, reason: str) -> LicenceStatement:
    return LicenceStatement(stated=UNREAD, where=f"{where} (not read: {reason})")
