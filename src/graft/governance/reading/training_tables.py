"""Training data that a card names in its tables.

Decisions: a table counts when the heading above it, or the head of its first column, says that it lists training
data; a table of evaluation results does not. A name is the words of the cell as a person reads them ("S2ORC Citation
pairs (Titles)"), so nothing is lost; sums are left out.
"""

import re
from collections.abc import Iterator

from graft.governance.reading.markdown import sections, tables
from graft.governance.records import LicenceStatement, TrainingData

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
