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
    said: in words. todo: what to do; empty when nothing is. about: which groups, columns or words it is about, in
    short; empty where the audit as a whole says it."""

    code: str
    outcome: Literal["found", "not found", "not applicable"]
    severity: Severity
    said: str
    todo: str = ""
    about: str = ""


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


class WordListFact(Fact):
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
    lists: tuple[WordListFact, WordListFact, WordListFact, WordListFact]
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


class GroupFact(Fact):
    """One group in one figure. rows: that count. judged: whether there are enough to compare it. shrunk: for groups
    where several attributes meet, the share given those of all others."""

    name: str
    rows: int
    mean: Interval
    judged: bool
    shrunk: Interval | None = None


class GapFact(Fact):
    """A figure of the model in the groups of one attribute.

    code: of the finding it belongs to. figure: its name, such as ``true positive rate``. label: the class or label it
    is of, "" for all. words: what it is the share (or mean) of, for a reader. unit: ``share``, or what a mean is in.
    matters: from where on a gap is large. groups: all that have a row. gap: between the two that differ most; highest,
    lowest: which. p_adjusted: corrected for everything that this audit asked (Holm). if_known: what the gap could be,
    whatever the groups of rows whose group is not known. so_indeed: for a selection rate the share that truly is so,
    in the highest and the lowest group; None where that is not known. why: why the groups could not be compared; then
    there is neither gap nor p-value.
    """

    attribute: str
    code: str
    figure: str
    label: str
    words: str
    unit: str
    matters: float
    groups: tuple[GroupFact, ...]
    gap: Interval | None = None
    highest: str = ""
    lowest: str = ""
    p_value: float | None = None
    p_adjusted: float | None = None
    if_known: Interval | None = None
    so_indeed: tuple[float, float] | None = None
    why: str = ""


class OddsFact(Fact):
    """Equalized odds: the larger of the gaps of true and of false positive rates. label: of what. difference: 0 where
    errors are alike for all groups; None with ``why``."""

    attribute: str
    label: str
    difference: Interval | None = None
    why: str = ""


class AttributeFact(Fact):
    """What an audit is about. groups, rows: of each how many rows. unknown: rows of no known group. input: whether the
    model reads the column, or one of those it is made from."""

    name: str
    groups: tuple[str, ...]
    rows: tuple[int, ...]
    unknown: int
    input: bool


class GapChangeFact(Fact):
    """Whether a model widens a gap that another leaves smaller, on the same rows. gap, other: under the two; change:
    the first minus the second."""

    attribute: str
    figure: str
    label: str
    words: str
    unit: str
    matters: float
    highest: str
    lowest: str
    rows: int
    gap: float
    other: float
    change: Interval
    p_value: float
    p_adjusted: float | None = None


class TransferFact(Fact):
    """Two models on the same rows. model, other: what they are. rows: compared. why: why nothing could be compared."""

    model: str
    other: str
    rows: int
    changes: tuple[GapChangeFact, ...] = ()
    why: str = ""


class GroupAudit(Audit):
    """How differently a model treats groups of rows.

    task, labels: of the model; favourable: the label that figures of two classes are of. rows: judged. learnt: of them,
    those that the model has learnt, judged by what its study said before it had; left_out: learnt rows of which nothing
    like that is kept. attributes: the columns, and where several meet. gaps, odds: for each of them. transfer: the
    model that reuses against the best control, or against another bundle. problems: rows that cannot be read, by the
    code. notes: what else a reader has to know.
    """

    schema_: Literal["graft/group-audit/1"] = Field(default="graft/group-audit/1", alias="schema")
    task: str
    labels: tuple[str, ...]
    favourable: str
    rows: int
    labelled: int
    learnt: int
    left_out: int
    attributes: tuple[AttributeFact, ...]
    gaps: tuple[GapFact, ...]
    odds: tuple[OddsFact, ...]
    transfer: tuple[TransferFact, ...] = ()
    problems: dict[str, int] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()


class AuditEntry(Fact):
    """One audit in an addendum. made: UTC. kind: the schema of its record. about: what was asked. file, sha256: where
    the whole record lies beside the addendum, and its digest."""

    made: str
    kind: str
    of: str
    about: str
    level: float
    findings: tuple[AuditFinding, ...]
    file: str
    sha256: str


class AuditAddendum(Document):
    """What audits found of a sealed bundle. bundle: the seal of its manifest."""

    schema_: Literal["graft/audit-addendum/1"] = Field(default="graft/audit-addendum/1", alias="schema")
    bundle: str
    entries: tuple[AuditEntry, ...]
