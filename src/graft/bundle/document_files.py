"""Which documents lie in a saved folder, under which names, and what is the same for everything that is saved."""

import json
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from graft.core.errors import InputError
from graft.core.files import write_json, write_text
from graft.governance.emit import ModelFacts, Package, cyclonedx, model_card, spdx
from graft.governance.records import Answer, Obligation

CARD, CYCLONEDX, SPDX, OBLIGATIONS = "README.md", "bom.cdx.json", "bom.spdx.json", "obligations.json"
FORMATS = ("card", "cyclonedx", "spdx")


def write_all(folder: Path, facts: ModelFacts, answers: tuple[Answer, ...]) -> None:
    """Write every document. answers: whether it may be put to each use; none when nobody asked."""
    write_text(folder / CARD, model_card(facts))
    write_json(folder / CYCLONEDX, cyclonedx(facts))
    write_json(folder / SPDX, spdx(facts))
    write_json(folder / OBLIGATIONS, obligations(answers))


def document(name: str, facts: ModelFacts) -> str:
    """One document as text: ``card`` (Markdown), ``cyclonedx`` or ``spdx`` (JSON)."""
    if name == "card":
        return model_card(facts)
    return json.dumps((cyclonedx if name == "cyclonedx" else spdx)(facts), indent=2, ensure_ascii=False) + "\n"


def require_format(name: str) -> None:
    """Raise InputError for a document there is not."""
    if name not in FORMATS:
        raise InputError(f"the document {name!r}", needed=f"one of {', '.join(FORMATS)}")


def obligations(answers: tuple[Answer, ...]) -> dict[str, Any]:
    """The answers as a document, use by use."""
    statement = "Not legal advice. What was read, and what follows from it, when the bundle was written."
    asked = {
        use.value: said.model_dump(mode="json", exclude={"asset", "uses"}) for said in answers for use in said.uses
    }
    return {
        "schema": "graft/obligations/1",
        "statement": statement if answers else f"{statement} Nobody asked about this bundle.",
        "uses": asked,
    }


def every_obligation(answers: tuple[Answer, ...]) -> tuple[Obligation, ...]:
    """Each obligation once, whichever use causes it."""
    return tuple(dict.fromkeys(one for said in answers for one in said.obligations))


def packages(names: Iterable[str]) -> Iterator[Package]:
    """Those of the packages that are installed, with their versions."""
    for name in names:
        try:
            yield Package(name=name, version=version(name).partition("+")[0])
        except PackageNotFoundError:
            continue
