"""A watch as records: the baseline with what its detectors are worth, and checks of batches against it.

Decision: significant and large enough are two facts of every shift, and what was paid for looking at many is in the
adjusted p-value, so no reader has to correct anything.
"""

from typing import Literal

from pydantic import Field

from graft.core.intervals import Interval
from graft.facts.schema import Document, Fact

CROWDED = "rows that crowd together"
EVERYTHING = "everything since the baseline"


class PlantedShift(Fact):
    """A shift that was planted. share: of the rows it was planted in. found: how often it was seen."""

    share: float
    found: Interval


class DetectorFact(Fact):
    """What a detector is worth on this reference, for batches of so many rows.

    name, of, means: see ``watch/detectors.py``. matters: the effect from which a shift is large. alarms: how often it
    alarmed without drift at the level, by itself. power: on planted shifts. least: the smallest share that it sees in
    eight of ten cases, None when it saw none so often. refused: why it does not take part, "" when it does.
    conservative: whether it alarms surely less often than it may. planted: what was planted in words, "" where rows
    crowd into one corner.
    """

    name: str
    of: str
    means: str
    matters: float
    alarms: Interval
    power: tuple[PlantedShift, ...]
    least: float | None = None
    refused: str = ""
    conservative: bool = False
    planted: str = ""


class WatchBaseline(Document):
    """The reference that batches are compared with.

    bundle: seal of the bundle. rows: of the reference. learnt: of these, that the model learnt from. labelled: with a
    known truth. group: the column by which rows belong together, "" for none; groups: how many there are. batch: rows
    of a batch that the detectors were measured for. level: of a whole check. runs: splits without drift. check_alarms:
    how often a whole check alarmed in them. look_level: share of the level of the comparison of everything since the
    baseline; horizon: batches over which it is spent. erased: rows (or groups, where rows belong together) that were
    erased since. seal: of the baseline before that, by which its checks know it; "" where nothing was erased.
    """

    schema_: Literal["graft/watch-baseline/1"] = Field(default="graft/watch-baseline/1", alias="schema")
    bundle: str
    made: str
    graft: str
    task: str
    quality: str
    rows: int
    learnt: int
    labelled: int
    unusable: int
    dimension: int
    group: str
    groups: int | None
    segments: tuple[str, ...]
    allowed: tuple[str, ...]
    batch: int
    level: float
    runs: int
    draws: int
    seed: int
    check_alarms: Interval
    detectors: tuple[DetectorFact, ...]
    horizon: int = 365
    notes: tuple[str, ...] = ()
    erased: int = 0
    seal: str = ""

    def lines(self) -> list[str]:
        """The record as plain lines."""
        said = [
            f"reference: {self.rows:,} rows"
            + (f" in {self.groups:,} groups by {self.group}" if self.groups is not None else "")
            + (f", {self.learnt:,} of them learnt" if self.learnt else "")
            + (f", {self.labelled:,} labelled" if self.labelled else "")
            + (f"; {self.erased:,} {'groups' if self.group else 'rows'} were erased since" if self.erased else ""),
            f"a whole check of {self.batch:,} rows alarmed without drift in {_span(self.check_alarms, '.1%')} of"
            f" {self.runs} splits (at most {self.level:.0%} is meant)",
            "detector       alarms without drift   smallest share of rows it sees in 8 of 10 checks",
        ]
        for one in self.detectors:
            state = (
                f"refused: {one.refused}"
                if one.refused
                else _seen(one) + (" (alarms less often than it may)" if one.conservative else "")
            )
            said.append(f"{one.name:14} {_span(one.alarms, '.1%'):22} {state}")
        return [*said, self.promise, *self.notes]

    @property
    def promise(self) -> str:
        """What the level means for somebody who checks every day."""
        return (
            f"what {self.level:.3g} means: without drift one check in {1 / self.level:.0f} alarms, of daily ones about"
            f" {365 * self.level:.0f} a year; the evidence of all checks together does so in at most one watch in"
            f" {1 / self.level:.0f}, ever (--level)"
        )


class ShiftFact(Fact):
    """What one detector says of a batch. segment: of which rows, "" for all. p_value: by itself. adjusted: paid for all
    detectors and segments of the check. effect: in ``unit``. significant: adjusted is at most the level. large: the
    effect is at least what matters, by the low end of its interval where it has one. said: how the rows differ, in
    words, "" where that is not told."""

    detector: str
    of: str
    means: str
    segment: str
    p_value: float
    adjusted: float
    effect: Interval
    unit: str
    matters: float
    significant: bool
    large: bool
    rows: tuple[int, int]
    said: str = ""

    @property
    def far(self) -> str:
        """How far it moved, in words: an interval that reaches below what matters leaves that open."""
        if self.large:
            return "by enough to matter"
        return "perhaps by enough to matter" if self.effect.mean >= self.matters else "by little"


class QualityFact(Fact):
    """How good the model is on a batch.

    quality: the metric, or cost per row. estimated: without labels. usual: what the reference shows, between ends of
    samples of as many rows as are judged: those with labels, where there are enough. measured: on labelled rows,
    ``labelled`` of them, ``late`` of these of earlier checks, whose labels came now. trusted: False where labels
    contradict the estimate, here or before. unusual: whether the estimate (where it is trusted, else what was measured)
    lies outside what is usual, on the bad side, beyond what the reference's own rows leave open and by ``matters`` or
    more: the smallest difference that does, in the unit of the quality. why: in words.
    """

    quality: str
    better: Literal["higher", "lower"]
    estimated: Interval | None
    usual: Interval
    measured: Interval | None = None
    labelled: int = 0
    late: int = 0
    trusted: bool = True
    unusual: bool = False
    matters: float = 0.0
    why: str = ""

    @property
    def doubtful(self) -> bool:
        """Whether labels show less than is usual, by enough to matter, and yet no more than chance may do."""
        if self.unusual or self.measured is None or abs(self.usual.mean - self.measured.mean) < self.matters:
            return False
        end = self.usual.low if self.better == "higher" else self.usual.high
        if end is None:
            return False
        return self.measured.mean < end if self.better == "higher" else self.measured.mean > end

    @property
    def measured_on(self) -> str:
        """What it was measured on, in words: labels; of a shop, which estimates nothing without, events."""
        what = "event" if self.estimated is None else "label"
        return f"{self.labelled:,} {what}{'' if self.labelled == 1 else 's'}"


class LabelArrivals(Fact):
    """Which labels count by now.

    now: the time of the check. delay: days by which ``share`` of the labels that will come have come, None where that
    is not known yet; given: whether it was said. labelled: share of ripe rows that have a label; sparse: whether that
    is too few to see from them how long labels take, so none counts. Rows of this batch: counted, ripe and labelled;
    gaps, ripe and without a label; left, for later, of which early have a label already, and from when until when they
    ripen ("" where that is not known); undated_rows, without a time. Rows of earlier checks: late, that count now for
    the first time; waiting, not ripe. Labels told: repeated, the same again; corrected, rows told another one later;
    contradicting, rows told two at once; before_event, from before the event; future, from after now; undated,
    without a time; unread, no label that is known; unknown, rows that were never checked, or are kept no more.
    """

    now: str
    delay: float | None
    given: bool
    share: float
    labelled: float
    sparse: bool
    counted: int
    gaps: int
    left: int
    early: int
    undated_rows: int
    ripe_from: str
    ripe_until: str
    late: int
    waiting: int
    repeated: int
    corrected: int
    contradicting: int
    before_event: int
    future: int
    undated: int
    unread: int
    unknown: int

    @property
    def wait(self) -> str:
        """How long labels take, in words."""
        if self.delay is None:
            return "how long labels take is not known yet"
        if self.given:
            return f"labels are taken to come within {self.delay:.3g} days"
        return f"by those that came, {self.share:.0%} of labels come within {self.delay:.3g} days"

    @property
    def words(self) -> str:
        """Which rows count, and when the others will."""
        said = [f"labels of {self.counted:,} rows of this batch count"]
        if self.left:
            early = f", {self.early:,} of them with a label already" if self.early else ""
            said.append(f"{self.left:,} are left for later{early}{self._when()}")
        if self.gaps:
            said.append(f"{self.gaps:,} should have a label by now and have none")
        if self.late:
            said.append(f"labels of {self.late:,} rows of earlier checks came in")
        if self.waiting:
            said.append(f"{self.waiting:,} rows of earlier checks still wait")
        if self.sparse:
            said.append(
                f"none counts yet, since only {self.labelled:.0%} of the rows that would be ripe have a label: say with"
                " --label-delay after how many days labels have come"
            )
        return f"{'; '.join(said)} ({self.wait})"

    @property
    def aside(self) -> tuple[str, ...]:
        """What was set aside, or should be known of the labels, in words; nothing where there was nothing."""
        told = (
            (
                self.before_event,
                "labels are from before their event and do not count: another row, or times of two zones?",
            ),
            (self.future, "labels are from after now and do not count yet"),
            (self.undated, "labels have no time and do not count"),
            (self.unread, "cells hold no label that the model knows"),
            (self.contradicting, "rows were told two labels at the same time and count as unlabelled"),
            (self.corrected, "rows were told another label later; the last one counts"),
            (self.repeated, "labels were told again; each counts once"),
            (self.unknown, "labelled rows were never checked here, or are no longer kept"),
            (self.undated_rows, "rows have no time of their event and never ripen"),
        )
        return tuple(f"{many:,} {words}" for many, words in told if many)

    def _when(self) -> str:
        if not self.ripe_from:
            return ""
        begin, end = self.ripe_from[:16].replace("T", " "), self.ripe_until[:16].replace("T", " ")
        return f", ripe at {end}" if begin == end else f", ripe from {begin} to {end}"


class AgeFact(Fact):
    """How a quality changes with the age of the vectors that rows were decided by, all slopes for each 30 days.

    quality: as in ``QualityFact``. measured: on labels; else what is expected of the rows without them. by_age: among
    rows alike of one period. by_shift: for rows that are as new to the reference as can be (1) against those that are
    as before (0). alone: by age, when nothing else is asked about. apart: share of the variation of ages that period,
    kind and shift leave. reading: see ``evidence/embedding_age.py``. cost: what quality loses by the mean age of the
    vectors, above 0 for a loss; None where the slope is not told. rows, groups, periods, kinds: compared. ages: days,
    the median and the oldest. left: rows of this batch whose age is not known. early: of those whose vector is newer
    than the event. beyond: whether rows lie elsewhere than the reference beyond chance; without that, which rows look
    new is chance. All ages the same have no slope.
    """

    quality: str
    better: Literal["higher", "lower"]
    measured: bool
    by_age: Interval | None
    by_shift: Interval | None
    alone: Interval | None
    apart: float
    reading: str
    cost: Interval | None
    rows: int
    groups: int
    periods: int
    kinds: int
    ages: tuple[float, float]
    left: int = 0
    early: int = 0
    beyond: bool = False

    @property
    def stale(self) -> bool:
        """Whether quality is surely worse the older the vectors are, among rows alike of one period."""
        return self.reading in ("age", "both") and self._worse(self.by_age)

    @property
    def moved(self) -> bool:
        """Whether rows moved, and it is surely worse for those that are new to the reference, whatever their age."""
        return self.reading in ("shift", "both") and self._worse(self.by_shift)

    @property
    def meaning(self) -> str:
        """What the slopes come to."""
        if self.reading == "too few":
            return "too few rows, or vectors all of one age"
        if self.reading == "either":
            return (
                f"it changes with age, but age goes along with time or kind of rows ({self.apart:.0%} of it is left):"
                " stale vectors and moved rows cannot be told apart; embed a random part of the table anew, and a later"
                " check can"
            )
        if self.stale and not self.moved:
            return "vectors are stale, whether or not rows moved"
        if self.stale:
            return "vectors are stale, and rows that are new to the baseline are worse too"
        if self.reading in ("age", "both"):
            return "not worse the older they are"
        if self.moved:
            return "age changes nothing beyond chance; rows that are new to the baseline are worse: rows moved"
        return "nothing beyond chance"

    @property
    def words(self) -> str:
        """The slope, and what it comes to."""
        name = f"{self.quality}{'' if self.measured else ' as expected without labels'} by age of vectors"
        if self.reading == "too few":
            return f"{name}: {self.meaning} ({self.rows:,} rows)"
        if self.reading == "either":
            return f"{name}: {_signed(self.alone)} for each 30 days: {self.meaning}"
        return f"{name}: {_signed(self.by_age)} for each 30 days among rows alike of one period: {self.meaning}"

    def _worse(self, slope: Interval | None) -> bool:
        if slope is None or slope.low is None or slope.high is None:
            return False
        return slope.high < 0 if self.better == "higher" else slope.low > 0


class WatchAdvice(Fact):
    """What to do. action: ``nothing``, ``look``, ``label``, ``repair inputs``, ``refresh``, ``refresh the table``,
    ``retrain the head`` or ``tune deeper``. why: the evidence. gain: what is expected of it, in words."""

    action: str
    why: str
    gain: str = ""


class SampledQuality(Fact):
    """A quality of a whole batch from a few labels.

    estimate: with what was expected without labels. alone: the labels without it, None for a running interval.
    expected: without labels. weight: how much of that was taken. running: whether the interval holds whenever somebody
    looks, because not all labels that were asked for have come.
    """

    quality: str
    estimate: Interval
    alone: Interval | None
    expected: float
    weight: float
    running: bool


class LabelledEstimate(Document):
    """How good a model is on a batch, from labels of rows that were drawn."""

    schema_: Literal["graft/watch-sample/1"] = Field(default="graft/watch-sample/1", alias="schema")
    batch: str
    rows: int
    drawn: int
    labelled: int
    qualities: tuple[SampledQuality, ...]

    def lines(self) -> list[str]:
        """The record as plain lines."""
        said = [f"{self.labelled:,} of {self.drawn:,} rows labelled, of a batch of {self.rows:,}"]
        for one in self.qualities:
            alone = "" if one.alone is None else f"; by these labels alone {_span(one.alone, '.3f')}"
            when = ", an interval that holds whenever you look" if one.running else ""
            expected = f"expected without labels {one.expected:.3f}{alone}"
            said.append(f"  {one.quality}: {_span(one.estimate, '.3f')}{when} ({expected})")
        return said


class EntityChange(Fact):
    """An entity whose neighbours changed. jaccard, overlap: how much of them it kept. usual: overlap by chance alone.
    adjusted: p-value among all entities. gone, come: neighbours of before, and of now, that are not in both."""

    entity: str
    jaccard: float
    overlap: float
    usual: float
    adjusted: float
    gone: tuple[str, ...]
    come: tuple[str, ...]


class TableCheck(Document):
    """Neighbours of key entities in a table, now and before.

    entities: compared. missing: asked for, and not in both. appeared, vanished: other rows that are new or gone. null:
    what chance is measured by, in words. p_value: of all entities together. moved: how far rows of both lie apart after
    one space was turned onto the other, the median; before: without turning. changed: entities beyond chance. drawn:
    whether the entities are some of all, by chance, since nobody named any and there are too many.
    """

    schema_: Literal["graft/watch-table/1"] = Field(default="graft/watch-table/1", alias="schema")
    table: str
    against: str
    entities: int
    missing: tuple[str, ...]
    rows: int
    appeared: int
    vanished: int
    null: str
    p_value: float
    moved: float
    before: float
    overlap: float
    usual: float
    changed: tuple[EntityChange, ...]
    drawn: bool = False

    def lines(self) -> list[str]:
        """The record as plain lines."""
        said = [
            f"{self.entities:,} entities{', drawn by chance,' if self.drawn else ''} among {self.rows:,} rows of both;"
            f" {self.appeared:,} rows appeared,"
            f" {self.vanished:,} vanished",
            f"neighbours kept: overlap {self.overlap:.2f}, by chance {self.usual:.2f} ({self.null})",
        ]
        said.append(f"rows moved by {self.moved:.3f} in the median once turned ({self.before:.3f} as they are)")
        if self.missing:
            said.append(f"not in both: {', '.join(self.missing[:8])}" + (" ..." if len(self.missing) > 8 else ""))
        if not self.changed:
            said.append("no entity has other neighbours than chance would give it")
        for one in self.changed[:20]:
            said.append(
                f"  {one.entity}: overlap {one.overlap:.2f} (usual {one.usual:.2f}, p {one.adjusted:.3g});"
                f" gone: {', '.join(one.gone[:3]) or 'none'}; come: {', '.join(one.come[:3]) or 'none'}"
            )
        if len(self.changed) > 20:
            said.append(f"  and {len(self.changed) - 20:,} more")
        return said


class BacktestPolicy(Fact):
    """What a policy was worth. accuracy, cost: over all rows, with intervals over batches. learnt: how often anew."""

    policy: str
    accuracy: Interval
    cost: Interval
    learnt: int


class BacktestBatch(Fact):
    """A batch of a backtest as the advice saw it. right: share decided rightly by the head it had then."""

    rows: int
    outcome: str
    advice: tuple[str, ...]
    right: float


class WatchBacktest(Document):
    """What doing nothing, always learning anew and following the advice would have been worth on labelled history.

    first: rows of the first reference. delay: batches until labels were known. unit: of costs. batches: what the
    advice was.
    """

    schema_: Literal["graft/watch-backtest/1"] = Field(default="graft/watch-backtest/1", alias="schema")
    bundle: str
    rows: int
    first: int
    batch: int
    delay: int
    policies: tuple[BacktestPolicy, ...]
    batches: tuple[BacktestBatch, ...]
    unit: str

    def lines(self) -> list[str]:
        """The record as plain lines."""
        said = [
            f"{self.rows:,} rows: a reference of {self.first:,}, then {len(self.batches)} batches of {self.batch:,};"
            f" labels known {self.delay} batch{'' if self.delay == 1 else 'es'} later"
        ]
        for one in self.policies:
            said.append(
                f"  {one.policy:20} accuracy {_span(one.accuracy, '.3f')}, {_span(one.cost, '.3f')} {self.unit} a row,"
                f" learnt anew {one.learnt} times"
            )
        for number, batch in enumerate(self.batches, 1):
            said.append(f"  batch {number}: {batch.outcome}, {', '.join(batch.advice)}; {batch.right:.3f} right")
        return said


class MovedRows(Fact):
    """Rows that contribute most. what: they are, in words. share, before: of the batch and of the reference. examples:
    ids. certainty: mean of these rows, and of all others."""

    what: str
    share: float
    before: float
    certainty: tuple[float, float] | None
    examples: tuple[str, ...]


class TermFact(Fact):
    """A term that emerged or vanished. before, now: rows of the reference and of the batch that have it, 0 for fewer
    than five. difference: of the shares, now less before. adjusted: p-value, paid for all terms and in the check."""

    term: str
    emerged: bool
    before: int
    now: int
    difference: Interval
    adjusted: float


class BudgetPart(Fact):
    """A part of the alarms that may come without drift. what: is looked at. share: the chance of an alarm, at most.
    over: of what: this check, or all checks."""

    what: str
    share: float
    over: str


class DealtWith(Fact):
    """What was found before was dealt with, so looking begins anew. by, at, why: who said so, when, and what was done.
    checks: since the looking began last. evidence: of all of them together, when it was dropped."""

    by: str
    at: str
    why: str
    checks: int
    evidence: float

    @property
    def words(self) -> str:
        """It as a sentence."""
        many = f"{self.checks:,} check{'' if self.checks == 1 else 's'}"
        return (
            f"what {many} before found was dealt with ({self.by or 'nobody said who'},"
            f" {self.at[:16].replace('T', ' ')}: {self.why}); begun anew: the bets on all checks (evidence was"
            f" {self.evidence:.3g}), the comparisons of everything since the baseline, and the bets on labels"
        )


class CountFact(Fact):
    """How many of all rows have a value. of: what is counted: ``decided``, ``read`` (``cut`` and ``far`` are what was
    not), ``alphabet``, ``disguise``, ``segment NAME``."""

    of: str
    value: str
    rows: int


class BatchSample(Fact):
    """A sample that was compared in the place of a batch.

    rows: in it; of: rows that it was drawn from by chance alone. groups: that it holds, None without; cut: groups so
    large that a part of each is in it. labelled: rows of the batch with a label; looked_at: those of them that quality
    is measured on. length: mean, least and most of what was read, None without. counts: of all rows, exact, the fifty
    most frequent values of each and ``(others)``.
    """

    rows: int
    of: int
    groups: int | None
    cut: int
    labelled: int
    looked_at: int
    length: tuple[float, float, float] | None
    counts: tuple[CountFact, ...]

    def lines(self) -> list[str]:
        """The record as plain lines."""
        whole = f" in {self.groups:,} whole groups" if self.groups is not None else ""
        said = [f"compared: a sample of {self.rows:,} of {self.of:,} rows, drawn by chance{whole}; problems, labels and"
                " the shares that follow are of all rows"]  # fmt: skip
        if self.cut:
            said.append(f"{self.cut:,} groups have so many rows that a part of each was drawn")
        if self.looked_at < self.labelled:
            said.append(
                f"quality is measured on {self.looked_at:,} of {self.labelled:,} labelled rows, drawn by chance"
            )
        for of in dict.fromkeys(one.of for one in self.counts):
            some = [one for one in self.counts if one.of == of]
            total = sum(one.rows for one in some)
            if len(some) > 1 or of == "decided":
                told = ", ".join(f"{one.value or '(none)'} {one.rows / total:.1%}" for one in some[:5])
                said.append(f"{of}: {told}" + (f" and {len(some) - 5} more" if len(some) > 5 else ""))
        return said


class ColumnFact(Fact):
    """What moved in one input column. what: ``values``, ``missing`` or ``new`` (categories). said: how it differs, in
    words. effect: in shares of rows: the largest difference of the shares below a value, what would have to change its
    category, what is missing more or less, what is new. matters: the effect from which it is large. adjusted: p-value,
    paid for all columns and in the check. large: whether the low end of the effect reaches what matters."""

    column: str
    what: Literal["values", "missing", "new"]
    said: str
    effect: Interval
    matters: float
    adjusted: float
    large: bool

    @property
    def far(self) -> str:
        """How far it moved, in words."""
        if self.large:
            return "by enough to matter"
        return "perhaps by enough to matter" if self.effect.mean >= self.matters else "by little"


class ContextFact(Fact):
    """A term that stands in other company. before, now: rows that have it. distance: between where they lay and lie, in
    spreads of its texts, beyond what all rows did. adjusted: p-value, paid for all terms and in the check. gone, come:
    words beside it before, and now, whose share changed most. examples: ids of rows that moved it most."""

    term: str
    before: int
    now: int
    distance: Interval
    adjusted: float
    gone: tuple[str, ...]
    come: tuple[str, ...]
    examples: tuple[str, ...]

    @property
    def company(self) -> str:
        """Its company before and now, in words."""
        told = [f"with {', '.join(map(repr, self.gone))} before"] if self.gone else []
        told += [f"with {', '.join(map(repr, self.come))} now"] if self.come else []
        return ", ".join(told) or "among other rows"


class GroupGapFact(Fact):
    """A figure of two groups of a segment column, in a batch and in the baseline.

    label: of which class, "" for all. highest, lowest: the groups, as they stand in the batch. now, before: the gap.
    change: now minus before. adjusted: p-value, paid for all gaps of the check. wider: whether it surely widened.
    """

    column: str
    figure: str
    label: str
    highest: str
    lowest: str
    now: float
    before: float
    change: Interval
    adjusted: float
    wider: bool

    @property
    def words(self) -> str:
        """The gap in words."""
        of = f" of {self.label!r}" if self.label else ""
        return (
            f"{self.figure}{of} is {100 * self.now:.0f} points apart between {self.highest} and {self.lowest}"
            f" ({self.column}), {100 * self.before:.0f} in the baseline"
        )


class WatchCheck(Document):
    """A batch against a baseline.

    batch: the key of its rows. at: when it was checked. until: of its newest row, "" without times. rows: given;
    usable: compared; learnt: left out since the model learnt from them. problems: unusable rows by their code. shifts:
    of every detector. stability: the population stability index of certainty, and what 95 % of draws without drift stay
    below; a number, never an alarm. evidence: what betting against "nothing has changed" has won so far, 1 at the
    start; an alarm from 1 / level on. highest: the most that it ever was, by which an alarm stands until it is dealt
    with; None where that was not kept. outcome: ``quiet``, ``look`` or ``act``. terms: words that emerged or
    vanished, the surest first. contexts: words that stand in other company, the surest first. arrivals: which labels
    count, where it was said when they were told. ages: quality by the age of vectors, where that was said. dealt_with:
    before this check, None as a rule. columns: what moved in single input columns, what matters first. sample: where
    a sample was compared, what of, and what was counted of all rows.
    gaps: between groups of segment columns, now and in the baseline, what changed most surely first.
    budget: how the alarms that may come without drift are shared out.
    """

    schema_: Literal["graft/watch-check/1"] = Field(default="graft/watch-check/1", alias="schema")
    batch: str
    bundle: str
    number: int
    at: str
    until: str
    rows: int
    usable: int
    learnt: int
    problems: dict[str, int]
    shifts: tuple[ShiftFact, ...]
    stability: tuple[float, float] | None
    quality: tuple[QualityFact, ...]
    evidence: float
    highest: float | None = None
    looked: bool = False
    level: float
    outcome: Literal["quiet", "look", "act"]
    moved: tuple[MovedRows, ...] = ()
    terms: tuple[TermFact, ...] = ()
    contexts: tuple[ContextFact, ...] = ()
    arrivals: LabelArrivals | None = None
    ages: tuple[AgeFact, ...] = ()
    advice: tuple[WatchAdvice, ...] = ()
    notes: tuple[str, ...] = ()
    dealt_with: DealtWith | None = None
    sample: BatchSample | None = None
    columns: tuple[ColumnFact, ...] = ()
    gaps: tuple[GroupGapFact, ...] = ()
    budget: tuple[BudgetPart, ...] = ()

    @property
    def significant(self) -> tuple[ShiftFact, ...]:
        """Shifts beyond chance, the surest first."""
        return tuple(sorted((one for one in self.shifts if one.significant), key=lambda one: one.adjusted))

    @property
    def alarm(self) -> bool:
        """Whether the evidence of all checks together raised an alarm, here or before, that was not dealt with."""
        return max(self.evidence, self.highest or 0.0) >= 1 / self.level * (1 - 1e-12)

    @property
    def when(self) -> str:
        """The time of its newest row, or of the check where rows have no times: to the minute, as in ISO 8601."""
        return (self.until or self.at)[:16].replace("T", " ")

    def line(self) -> str:
        """The record as one line."""
        moved = ", ".join(dict.fromkeys(one.detector for one in self.significant if one.segment != EVERYTHING))
        said = [
            f"{self.number:>5}  {self.when:16}  {self.outcome:5}  {self.usable:>7,} rows",
            f"evidence {self.evidence:<8.3g}",
        ]
        for one in self.quality[:1]:
            told = one.estimated if one.measured is None else one.measured
            if told is not None:
                how = "by estimate" if one.measured is None else f"on {one.measured_on}"
                said.append(f"{one.quality} {told.mean:.3f} {how}")
        if moved:
            said.append(f"moved: {moved}")
        if self.dealt_with is not None:
            said.append(f"dealt with before: {self.dealt_with.why}")
        said.append(", ".join(one.action for one in self.advice))
        return "  ".join(part for part in said if part)

    def lines(self) -> list[str]:
        """The record as plain lines."""
        said = [
            f"{self.outcome}: batch {self.number}, {self.usable:,} of {self.rows:,} rows compared"
            + (f", {self.learnt:,} left out that the model learnt from" if self.learnt else "")
        ]
        said += [f"  {self.dealt_with.words}"] if self.dealt_with is not None else []
        said += [
            f"  {count:,} row{'' if count == 1 else 's'} could not be used: {problem_words(code)}"
            for code, count in self.problems.items()
        ]
        said += [f"  {line}" for line in (() if self.sample is None else self.sample.lines())]
        for segment in dict.fromkeys(one.segment for one in self.significant):
            some = [one for one in self.significant if one.segment == segment]
            if segment == EVERYTHING:
                told = [
                    f"{', '.join(one.detector for one in some if one.far == far)} {far}"
                    for far in dict.fromkeys(one.far for one in sorted(some, key=lambda one: not one.large))
                ]
                said.append(f"  {EVERYTHING} moved: {'; '.join(told)}")
                continue
            for one in some:
                where = f" in {segment}" if segment else ""
                much = f"{_span(one.effect, '.2g')} {one.unit}, {one.far} (from {one.matters:g} on)"
                said.append(f"  {one.detector}{where} moved: {much}; p {one.adjusted:.2g}")
                if one.said:
                    said.append(f"    {one.said}")
        said += [
            f"  {one.column}: {one.said} ({_span(one.effect, '.2g')} of rows, {one.far}, from {one.matters:g} on; p"
            f" {one.adjusted:.2g})"
            for one in self.columns
        ]
        for emerged, word in ((True, "emerged"), (False, "vanished")):
            those = [one for one in self.terms if one.emerged == emerged]
            if those:
                named = ", ".join(f"{one.term!r} ({one.difference.mean:+.0%} of rows)" for one in those[:8])
                said.append(f"  words that {word}: {named}" + (f" and {len(those) - 8} more" if len(those) > 8 else ""))
        said += [
            f"  {one.term!r} stands in other company: {one.company} ({_span(one.distance, '.2g')} spreads of its texts;"
            f" such as row {', '.join(one.examples)})"
            for one in self.contexts[:5]
        ]
        if not self.significant and self.shifts:
            least = min(one.adjusted for one in self.shifts)
            said.append(f"  nothing moved beyond chance (smallest p {least:.3g} of {len(self.shifts)} comparisons)")
        if self.looked and not any(one.segment == EVERYTHING for one in self.significant):
            said.append(f"  {EVERYTHING} was compared with it too: nothing beyond chance")
        now, most = f"{self.evidence:.3g}", f"{max(self.evidence, self.highest or 0.0):.3g}"
        peak = f", {most} at its highest" if self.alarm and most != now else ""
        said.append(f"  evidence of all checks together: {now}{peak} (alarm from {1 / self.level:.0f} on)")
        for quality in self.quality:
            parts = []
            if quality.estimated is not None:
                trusted = "" if quality.trusted else ", no longer trusted"
                parts.append(f"estimated without labels {_span(quality.estimated, '.3f')}{trusted}")
            if quality.measured is not None:
                late = f" ({quality.late:,} of rows of earlier checks)" if quality.late else ""
                parts.append(f"measured on {quality.measured_on}{late} {_span(quality.measured, '.3f')}")
            parts.append(f"usual {_span(quality.usual, '.3f')}")
            said.append(f"  {quality.quality}: {'; '.join(parts)}" + (f"; {quality.why}" if quality.why else ""))
        if self.arrivals is not None:
            said += [f"  {one}" for one in (self.arrivals.words, *self.arrivals.aside)]
        said += [f"  {one.words}" for one in self.ages]
        said += [f"  {one.what}: {one.share:.0%} of the batch, {one.before:.0%} before" for one in self.moved]
        said += [f"  {one.words}; p {one.adjusted:.2g}" for one in self.gaps if one.wider]
        for advice in self.advice:
            said.append(f"  {advice.action}: {advice.why}" + (f" ({advice.gain})" if advice.gain else ""))
        return [*said, *(f"  {one}" for one in self.notes)]


class WatchStory(Fact):
    """A watch as far as it has come.

    name: of the bundle's folder, as it was given. bundle: the seal of the bundle as it is now, "" where there is none.
    checks: oldest first, those against earlier baselines too; of many only the newest with what each detector said.
    """

    name: str
    bundle: str
    baseline: WatchBaseline
    checks: tuple[WatchCheck, ...]

    @property
    def current(self) -> tuple[WatchCheck, ...]:
        """The checks against this baseline. Both times are of the same clock, and a new baseline is newer than every
        check against an older one."""
        return tuple(one for one in self.checks if one.bundle == self.baseline.bundle and one.at >= self.baseline.made)


# What is said of events by a code; what is said of rows by one is in plain words already.
_OF_EVENTS = {
    "between": "rated neither well nor badly enough to say anything",
    "weightless": "they weigh nothing",
    "late": "they are later than now; is their time in another unit or zone?",
    "repeated": "an event that is there already, with the same time",
    "delivered": "delivered before",
    "faded": "so old that nothing is left of their weight",
}


def problem_words(code: str) -> str:
    """Why rows or events could not be used."""
    return _OF_EVENTS.get(code, code)


def _seen(one: DetectorFact) -> str:
    if not one.power:
        return "not tried"
    least = "none that was tried" if one.least is None else f"{one.least:.0%}"
    return f"{least}: {one.planted or CROWDED}"


def _span(one: Interval, form: str) -> str:
    ends = "" if one.low is None or one.high is None else f" ({one.low:{form}} to {one.high:{form}})"
    return f"{one.mean:{form}}{ends}"


def _signed(one: Interval | None) -> str:
    if one is None:
        return "unknown"
    ends = "" if one.low is None or one.high is None else f" ({one.low:+.2g} to {one.high:+.2g})"
    return f"{one.mean:+.2g}{ends}"
