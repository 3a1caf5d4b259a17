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


class HeadUseFact(Fact):
    """Whether a head follows what its vectors tell of an attribute (or of two lists of words): what changes once that
    is erased from the vectors.

    rows: whose decisions were taken again. changed: the share of them that were decided otherwise; by_chance: of that
    when what is erased means nothing. p_value: how often that changes as many. gap, without: the selection gap (of
    ``label``) that was found, before and after. why: why it could not be asked.
    """

    attribute: str
    rows: int = 0
    changed: Interval | None = None
    by_chance: float | None = None
    p_value: float | None = None
    label: str = ""
    gap: float | None = None
    without: float | None = None
    why: str = ""


class AssociationAudit(Audit):
    """Association tests of one source or table. findings: one for each of ``tests``, in their order, and then one for
    each of ``uses``: of associations that were found, whether a model's head follows them."""

    schema_: Literal["graft/association-audit/1"] = Field(default="graft/association-audit/1", alias="schema")
    tests: tuple[AssociationFact, ...]
    uses: tuple[HeadUseFact, ...] = ()


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
    model that reuses against the best control, or against another bundle. uses: of attributes with a gap that was
    found, whether the head follows what the vectors tell of them. problems: rows that cannot be read, by the code.
    notes: what else a reader has to know.
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
    uses: tuple[HeadUseFact, ...] = ()
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


class AttributeValue(Fact):
    """A value of an attribute. rows: that have it. area: how well vectors tell it from the others, None where nothing
    could be compared."""

    name: str
    rows: int
    area: float | None = None


class ProbeFact(Fact):
    """What a probe found: ``linear``, or ``curved`` (random Fourier features).

    area: of two rows of two values, how often it tells which is which; .5 is chance. With given columns, of two rows
    that are alike in them. chance, chance_high: where vectors tell nothing (more), on average and at the level.
    p_value: paid for both probes.
    """

    probe: str
    area: Interval
    chance: float
    chance_high: float
    p_value: float


class ClusterShareFact(Fact):
    """The share of a value in a cluster. rows: of the cluster. share: its interval pays for all that were asked.
    expected: by chance, or by what the given columns tell. p_value: paid for all clusters and values of the attribute.
    examples: ids of rows next to its centre."""

    cluster: int
    rows: int
    value: str
    share: Interval
    expected: float
    p_value: float
    examples: tuple[str, ...] = ()


class LeakFact(Fact):
    """What vectors tell of an attribute.

    values: most rows first. quarters: whether they are quarters of numbers. rows: asked. missing: without a value.
    rare: values of too few rows, which were left out. drawn: whether ``rows`` are a sample. probes: beyond the given
    columns. in_all: the area of the linear and the curved probe without regard to these; by_given: of the given columns
    alone. p_adjusted: of the probes, corrected for all that was asked of the audit (Holm); None where nothing could be.
    clusters: all shares that were asked, the surest first; clusters_p: their smallest p, corrected likewise. why_not:
    why nothing could be asked.
    """

    name: str
    values: tuple[AttributeValue, ...]
    quarters: bool = False
    rows: int = 0
    missing: int = 0
    rare: tuple[str, ...] = ()
    drawn: bool = False
    probes: tuple[ProbeFact, ...] = ()
    in_all: tuple[Interval, ...] = ()
    by_given: Interval | None = None
    p_adjusted: float | None = None
    clusters: tuple[ClusterShareFact, ...] = ()
    clusters_p: float | None = None
    why_not: str = ""


class TaskCost(Fact):
    """What erasing costs a task. column: that is predicted, by a linear probe. before, after: its area."""

    column: str
    before: Interval
    after: Interval
    change: Interval


class ErasedLeak(Fact):
    """What is left of an attribute after erasure. probes: of rows whose eraser was fitted on the rows the probe learnt
    from. unseen: the area of a linear probe that learns from rows which the eraser never saw. p_adjusted: of the
    probes, corrected for all attributes; None where the attribute was not found before. same_before, same_after: of the
    ten nearest rows, the share of the same value; same_by_chance: of any rows."""

    name: str
    probes: tuple[ProbeFact, ...]
    unseen: Interval
    p_adjusted: float | None
    same_before: float
    same_after: float
    same_by_chance: float


class ErasureFact(Fact):
    """What least-squares erasure of the attributes, all together, would do.

    rows: measured on, those whose attributes are all known. directions: that are taken away. moved: how far a vector
    moves, in parts of how far it lies from the mean. neighbours: of the ten nearest, the share that stay. into: the
    table that was made, "" when none was asked for.
    """

    attributes: tuple[str, ...]
    rows: int
    directions: int
    dimension: int
    moved: float
    neighbours: float
    left: tuple[ErasedLeak, ...]
    task: TaskCost | None = None
    into: str = ""
    why_not: str = ""


class LeakageAudit(Audit):
    """What the vectors of a table tell of attributes, where groups gather, and what erasing would do.

    given: columns that may be known. group: the column whose rows belong together. rows: of the table. unmatched: rows
    of the file without a row in the table. cluster_sizes: rows of each cluster, of those looked at.
    """

    schema_: Literal["graft/leakage-audit/1"] = Field(default="graft/leakage-audit/1", alias="schema")
    rows: int
    dimension: int
    given: tuple[str, ...] = ()
    group: str = ""
    unmatched: int = 0
    cluster_sizes: tuple[int, ...] = ()
    attributes: tuple[LeakFact, ...]
    erasure: ErasureFact | None = None


class GroupShare(Fact):
    """What one group of items gets of the attention against what is due to it.

    items: how many, an item of several values counting in parts. share, due: of 1. ratio: one over the other, with its
    interval; None where nothing is due. p_value: corrected for the whole audit; None where the group was not judged,
    and ``why`` says why.
    """

    name: str
    items: float
    share: float
    due: float
    ratio: Interval | None = None
    p_value: float | None = None
    why: str = ""


class ShareTest(Fact):
    """Shares of all groups against one thing that is due. due_is: in words. lists: that were looked at. groups: largest
    first, ``left_out`` further ones are not among them."""

    against: Literal["population", "merit"]
    due_is: str
    lists: int
    groups: tuple[GroupShare, ...]
    left_out: int = 0


class ConcentrationFact(Fact):
    """How unequally groups (providers) share the attention. gini: 0 all alike. largest: what the tenth of them gets
    that gets most. random: the Gini of lists drawn at random. dealt: if the same items belonged to groups at random.
    p_value: of both, the larger one, corrected for the whole audit; None where it was not judged."""

    providers: int
    gini: float
    largest: float
    random: float
    dealt: float
    p_value: float | None = None


class GroupQuality(Fact):
    """How good lists are for one group of users. judged: whether it is compared."""

    name: str
    users: int
    mean: Interval
    judged: bool


class QualityGap(Fact):
    """How much better lists are for some users. metric: ``ndcg`` or ``recall``, on interactions that were held out.
    gap: between the two groups that differ most. p_value: corrected for the whole audit; without, ``why`` says why."""

    metric: str
    groups: tuple[GroupQuality, ...]
    gap: Interval | None = None
    highest: str = ""
    lowest: str = ""
    p_value: float | None = None
    why: str = ""


class ShownGap(Fact):
    """How much more of one group of items some users are shown: gap of its share of a list between the two groups of
    users that differ most. taken: the same gap in what they took before. p_value: as for ``QualityGap``."""

    items: str
    gap: Interval
    highest: str
    lowest: str
    taken: float | None
    p_value: float


class SameGroup(Fact):
    """How much of their own group queries of one group are shown. own: mean share of a result. by_chance: if groups had
    nothing to do with it. p_value: corrected for the whole audit; None where not judged, and ``why`` says why."""

    name: str
    queries: int
    own: Interval
    by_chance: float | None = None
    p_value: float | None = None
    why: str = ""


class ExposureAudit(Audit):
    """Who gets the attention of ranked lists. attribute: what groups the items (or rows). places: of a list. discount:
    what a place is worth, in words. items: how many could be shown. unknown: those without a value. lists: that were
    looked at, of ``of_lists``. findings: by code, those found first. notes: what a reader should know beside them."""

    attribute: str
    places: int
    discount: str
    items: int
    unknown: int
    lists: int
    of_lists: int
    population: ShareTest
    merit: ShareTest | None = None
    notes: tuple[str, ...] = ()


class RecommenderAudit(ExposureAudit):
    """Who gets the attention of a recommender's lists, and for whom the lists are good. sensitive: what groups the
    users, "" where nothing does. quality, shown: empty without it."""

    schema_: Literal["graft/recommender-audit/1"] = Field(default="graft/recommender-audit/1", alias="schema")
    sensitive: str = ""
    concentration: ConcentrationFact | None = None
    quality: tuple[QualityGap, ...] = ()
    shown: tuple[ShownGap, ...] = ()


class SearchAudit(ExposureAudit):
    """Who is found when a table is searched. queries: what was asked, in words. same_group: for each group of queries,
    empty where their groups are not known."""

    schema_: Literal["graft/search-audit/1"] = Field(default="graft/search-audit/1", alias="schema")
    queries: str
    same_group: tuple[SameGroup, ...] = ()


class SwapFact(Fact):
    """What changes when texts are about ``second`` instead of ``first``; ``first`` is "" where it is all others.

    texts: exchanged, of so many ``clusters`` (templates, groups). both: of them, those about both, which have no
    direction. not_swapped: texts about either that could not be. output: the class (or label) that ``shift``,
    ``gained`` and ``lost`` are about, "" for regression. shift: of its probability, or of the value. deviations: the
    shift in standard deviations of what is predicted, for regression alone. changed: the share of texts about which
    another thing is decided. gained, lost: the shares which are decided to be ``output`` about the second alone, and
    about the first alone. examples: rows that change most, by their positions in the table. p-values are two-sided; the
    adjusted ones are corrected for all tests of the audit (Holm).
    """

    group: str
    first: str
    second: str
    texts: int
    clusters: int
    both: int = 0
    not_swapped: int = 0
    output: str = ""
    shift: Interval | None = None
    deviations: float | None = None
    changed: Interval | None = None
    gained: Interval | None = None
    lost: Interval | None = None
    p_shift: float | None = None
    p_decisions: float | None = None
    p_shift_adjusted: float | None = None
    p_decisions_adjusted: float | None = None
    examples: tuple[int, ...] = ()


class RankingFact(Fact):
    """How well texts that mention an identity are ranked by the probability of ``output``.

    kind: ``subgroup``, among themselves; ``bpsn``, those without the class against others that have it; ``bnsp``, those
    that have it against others without. area: under the ROC curve, of so many positives and negatives. gap: it less
    that of texts which do not mention the identity. p_value of no gap; corrected for all tests of the audit.
    """

    group: str
    identity: str
    output: str
    kind: Literal["subgroup", "bpsn", "bnsp"]
    positives: int
    negatives: int
    area: Interval
    gap: Interval
    p_value: float
    p_adjusted: float


class NeutralSwaps(Fact):
    """How much the model moves when words are exchanged that say nothing of anybody. texts: with such words. changed:
    the share about which another thing is decided; None for regression. moved: the mean absolute shift of the output
    that moves most, in its unit."""

    texts: int
    changed: Interval | None
    moved: float


class NotSwapped(Fact):
    """Texts that could not be exchanged. texts: how many. rows: the first of them, by their positions in the table."""

    group: str
    word: str
    reason: str
    texts: int
    rows: tuple[int, ...]


class SwapAudit(Audit):
    """Identities exchanged in the texts of rows, and what a bundle says then.

    Findings stand in the order of what they are about: two for each of ``swaps`` (decisions, scores), one for each of
    ``rankings``, then one for each group or question that could not be asked. terms: where the words are from.
    columns: whose texts were exchanged. rows: of the table that could be read; learnt: of them, those that the model
    has learnt, which are left out unless all are; mentioning: those that mention
    somebody; drawn: those looked at, fewer where there are very many. scored: rows, original or exchanged, that the
    model was asked about. beyond: rows whose words lie beyond what the source reads. left: words that mean people only
    before a word for people and stood elsewhere, with the rows. margin: what is large enough to matter, a share or a
    probability; for regression deviations. bars: what had to be passed, of decisions and of scores, the margin or what
    neutral words do where that is more.
    """

    schema_: Literal["graft/swap-audit/1"] = Field(default="graft/swap-audit/1", alias="schema")
    task: str
    terms: str
    language: str
    columns: tuple[str, ...]
    rows: int
    learnt: int = 0
    mentioning: int
    drawn: int
    scored: int
    beyond: int
    favourable: str
    margin: float
    bars: tuple[float, float]
    neutral: NeutralSwaps | None
    swaps: tuple[SwapFact, ...]
    rankings: tuple[RankingFact, ...]
    not_swapped: tuple[NotSwapped, ...]
    left: tuple[tuple[str, int], ...]
