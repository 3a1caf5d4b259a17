"""A graph of SPDX 3 elements under construction: identifiers, relationships, agents and licences.

Decisions: identifiers are the document's own name and a digest of what they stand for, so they are the same whenever
the facts are; an agent, a licence or a data set that occurs twice is one element.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from graft.core.digests import key
from graft.governance.emit.entries import described
from graft.governance.emit.licence_words import custom_licences

CREATION = "_:CreationInfo0"
NO_ASSERTION = "NOASSERTION"
NO_LICENCE = "expandedlicensing_NoAssertionLicense"


@dataclass
class SpdxGraph:
    """Elements in the order they were added. namespace: what every identifier begins with."""

    namespace: str
    elements: dict[str, dict[str, Any]] = field(default_factory=dict)

    def identifier(self, kind: str, what: object) -> str:
        """The identifier of what an element stands for."""
        return f"{self.namespace}#{kind}-{key(what)}"

    def add(self, kind: str, what: object, **entries: Any) -> str:
        """Add an element, unless it is there, and return its identifier. Entries that say nothing are left out."""
        identifier = self.identifier(kind, [entries["type"], what])
        element = {"type": entries.pop("type"), "spdxId": identifier, "creationInfo": CREATION}
        self.elements.setdefault(identifier, element | described(**entries))
        return identifier

    def relate(self, source: str, how: str, targets: Iterable[str], *, comment: str = "") -> None:
        """Say that a source stands in a relationship to targets; nothing when there are none."""
        found = list(dict.fromkeys(targets))
        if found:
            self.add(
                "relationship",
                [source, how, found, comment],
                type="Relationship",
                **{"from": source},
                relationshipType=how,
                to=found,
                comment=comment,
            )

    def agent(self, name: str) -> str:
        """The agent of a name; one for everybody who is not known."""
        return self.add(
            "agent",
            name,
            type="Agent",
            name=name or NO_ASSERTION,
            comment="" if name else "Who this is was not stated.",
        )

    def licence(self, spdx: str) -> str:
        """The licence of an expression; the individual that asserts nothing for an empty one."""
        if not spdx:
            return NO_LICENCE
        texts = [
            {"type": "DictionaryEntry", "key": name, "value": self._custom(name)} for name in custom_licences(spdx)
        ]
        return self.add(
            "licence",
            spdx,
            type="simplelicensing_LicenseExpression",
            simplelicensing_licenseExpression=spdx,
            simplelicensing_customIdToUri=texts,
        )

    def _custom(self, name: str) -> str:
        """The element behind an identifier that is not on the SPDX list."""
        return self.add(
            "licence-text",
            name,
            type="simplelicensing_SimpleLicensingText",
            name=name,
            simplelicensing_licenseText=f"The terms known as {name}; their text is not part of this document.",
        )
