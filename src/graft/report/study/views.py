"""What the templates need beyond the record: facts sorted, joined or shortened for the eye.

Decision: templates only print; whatever is computed for the page is computed here, from the record alone.
"""

from collections import Counter
from dataclasses import dataclass

from graft.evidence.metrics import metric
from graft.evidence.slices import ClassScore
from graft.facts.study import ConfusionFact, PlannedCandidate, StudyRecord
from graft.inputs.schema import ColumnFacts
from graft.report.shared.badge import Badge
from graft.report.shared.formats import count, known
from graft.report.study.claims import replaced, undecided_words
from graft.report.study.words import choice_name, facts_of
from graft.rows.content import ContentKind, kind_named


def content_kind(record: StudyRecord) -> ContentKind:
    """The kind of what the rows say."""
    return kind_named(record.data.contract.roles.kind)


def sizes(record: StudyRecord, column: ColumnFacts) -> str:
    """How large the contents of a column are.

    The middle one as well, because a few are often very large.
    """
    if column.length is None:
        return ""
    kind, length = kind_named(column.kind), column.length
    least, most, middle = (count(round(number)) for number in (length.min, length.max, length.median))
    if least == most:
        return f"{kind.plural} of {least} {kind.unit} each"
    return f"{kind.plural} of {least} to {most} {kind.unit}, {middle} in the middle"


GRID = 20  # up to so many classes the confusions are a table
COSTLY = 15
FIRST = 12  # rows of a long list that are always shown


BADGES = {
    "helps": Badge("Reuse helps", "helps", "▲"),
    "no practical difference": Badge("No practical difference", "tied", "="),
    "harms": Badge("Reuse harms", "harms", "▼"),
    "inconclusive": Badge("Undecided", "open", "?"),
    "not asked": Badge("Nothing was reused", "tied", "-"),
}


@dataclass(frozen=True)
class Cell:
    """Rows of one true class decided one way. weight: its cost as a share of the largest. right: no mistake."""

    count: int
    cost: float
    weight: float
    right: bool


@dataclass(frozen=True)
class Mistake:
    """One kind of mistake."""

    truth: str
    decided: str
    count: int
    cost: float


@dataclass(frozen=True)
class Confusion:
    """The confusions as a table (``rows`` under ``decisions``), and the costliest mistakes as a list."""

    decisions: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    mistakes: tuple[Mistake, ...]
    hidden: int
    total: float


def confusion_view(facts: ConfusionFact | None) -> Confusion | None:
    """The confusions for the page; the table is empty when there are too many classes for one."""
    if facts is None or not facts.counts:
        return None
    names = facts.decisions[: len(facts.counts)]
    largest = max((cost for row in facts.costs for cost in row if known(cost)), default=0.0) or 1.0
    table = tuple(
        (
            name,
            tuple(
                Cell(count, cost, min(1.0, max(0.0, cost / largest)) if known(cost) else 0.0, column == index)
                for column, (count, cost) in enumerate(zip(counts, costs, strict=True))
            ),
        )
        for index, (name, counts, costs) in enumerate(zip(names, facts.counts, facts.costs, strict=True))
    )
    mistakes = sorted(
        (
            Mistake(name, decided, cell.count, cell.cost)
            for name, cells in table
            for decided, cell in zip(facts.decisions, cells, strict=True)
            if cell.count and not cell.right
        ),
        key=lambda one: (-one.cost if known(one.cost) else 0.0, -one.count, one.truth, one.decided),
    )
    total = sum(cost for row in facts.costs for cost in row if known(cost))
    grid = table if len(names) <= GRID else ()
    return Confusion(facts.decisions, grid, tuple(mistakes[:COSTLY]), max(0, len(mistakes) - COSTLY), total)


def weakest_first(classes: tuple[ClassScore, ...]) -> tuple[ClassScore, ...]:
    """Classes from the lowest F1 to the highest, those without one last."""
    return tuple(
        sorted(classes, key=lambda one: (one.f1.mean if one.f1 is not None and known(one.f1.mean) else 2.0, one.name))
    )


def reasons_aside(record: StudyRecord) -> tuple[tuple[str, int], ...]:
    """How many rows were set aside for each reason, the most frequent first."""
    found = Counter(note.code.replace("_", " ").replace("-", " ") for note in record.data.set_aside)
    return tuple(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def planned(record: StudyRecord, *, run: bool) -> tuple[PlannedCandidate, ...]:
    """The candidates the plan chose, or those it left out."""
    return tuple(one for one in record.plan.candidates if one.run is run)


def shipping_words(record: StudyRecord) -> str:
    """What is in the bundle, and why it is not the chosen candidate if it is not."""
    verdict = record.verdict
    shipped = choice_name(verdict.shipped)
    saved = f"The saved model is {shipped}"
    if replaced(record):
        return f"{saved}: the final model that was to ship did not hold what its folds promised."
    if verdict.undecided:
        return f"{saved}. {undecided_words(record)}"
    if verdict.shipped == verdict.chosen:
        return f"{saved}."
    facts = facts_of(record, verdict.shipped)
    if verdict.outcome == "not asked":
        return f"{saved}: it is practically as good, and cheaper."
    if verdict.shipped.source == "" or (facts is not None and facts.kind == "control"):
        return f"The saved model is the control {shipped}: no reused model was shown to be better by enough to matter."
    return f"{saved}: it is practically as good, and cheaper."


def left_words(record: StudyRecord) -> str:
    """What leaving rows to a person does to the candidates' scores, where it is allowed and the metric sees it."""
    confusion = record.decision.confusion
    if confusion is None or len(confusion.decisions) == len(confusion.counts) or not metric(record.metric).steps:
        return ""
    return (
        "A row that a candidate leaves to a person counts as wrong here: one that leaves every row scores zero, "
        "however little that costs. The costs are under Decisions."
    )


def tied_words(record: StudyRecord) -> str:
    """The other reused candidates within the margin of the best score, or nothing."""
    names = [choice_name(one) for one in record.verdict.tied if one != record.verdict.chosen]
    if not names:
        return ""
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"Also within the margin of the best score: {listed}."
