"""An audit as records: what was tested, what was found, how sure and how severe, and what to do about it.

Decision: *not applicable* is an answer of its own, with its reason; a test that could not be made is never one that
found nothing.
"""

from typing import Literal

from pydantic import Field

from graft.core.intervals import Interval
from graft.facts.schema import Document, Fact

Severity = Literal["high", "medium", "low", "none"]
SEVERITIES: tuple[Severity, ...] = ("none", "low", "medium", "high")


class AuditFinding(Fact):
    """One result. code: stable, with a page in the documentation. outcome: ``not found`` says that it was looked for.
    said: in words. todo: what to do; empty when nothing is."""

    code: str
    outcome: Literal["found", "not found", "not applicable"]
    severity: Severity
    said: str
    todo: str = ""


class Audit(Document):
    """What every audit has. of: what was audited, for a reader (a reference, a table with its version, a bundle).
    digest: of its weights or of its bundle, "" for a table. level: of intervals; ``1 - level`` is the chance that
    an audit of what treats all alike finds anything."""

    of: str
    digest: str
    level: float
    seed: int
    findings: tuple[AuditFinding, ...]

    @property
    def severity(self) -> Severity:
        """The worst of all findings."""
        return max((one.severity for one in self.findings), key=SEVERITIES.index, default="none")


class TestedList(Fact):
    """A list of words (or ids) in a test. known: how many of ``words`` the source has. missing: the others."""

    name: str
    words: int
    known: int
    missing: tuple[str, ...] = ()


class AssociationFact(Fact):
    """One association test.

    lists: the two of targets, then those of attributes. effect: in standard deviations; None where it is not
    applicable. p_expected, p_either: one-sided as expected, and of either sign. p_adjusted: the latter, corrected for
    all tests of the audit (Holm). exact: whether all ``arrangements`` were looked at, or so many drawn.
    """

    name: str
    about: str
    people: bool
    lists: tuple[TestedList, TestedList, TestedList, TestedList]
    sentences: tuple[str, ...] = ()
    effect: Interval | None = None
    p_expected: float | None = None
    p_either: float | None = None
    p_adjusted: float | None = None
    exact: bool = False
    arrangements: int = 0


class AssociationAudit(Audit):
    """Association tests of one source or table: one of ``tests`` for each finding, in their order."""

    schema_: Literal["graft/association-audit/1"] = Field(default="graft/association-audit/1", alias="schema")
    tests: tuple[AssociationFact, ...]
