"""What a study says in the terminal: the plan before anything is trained; then the answer, and what it rests on.

Decisions: no boxes and no signs beyond plain letters, so that it reads the same in a file; colour only repeats what
the words say, and rich leaves it out when nobody is watching; texts are never parsed as markup.
"""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from graft.facts.study import CandidateFacts, PlanFacts, StudyRecord
from graft.report.shared.formats import clean, duration, known, percent, plural, with_interval
from graft.report.study.cautions import cautions
from graft.report.study.claims import calibration_words, doubt_words, held_words, openings_words, refit_words
from graft.report.study.plots.extent import ranked
from graft.report.study.views import shipping_words, tied_words
from graft.report.study.words import (
    choice_name,
    cue_words,
    gain_words,
    holdout_spans,
    is_choice,
    is_third,
    metric_words,
    roles,
)

_COLOURS = {
    "helps": "green",
    "no practical difference": "cyan",
    "harms": "red",
    "inconclusive": "yellow",
    "not asked": "cyan",
}


def print_summary(record: StudyRecord, console: Console, report_path: Path | None = None) -> None:
    """Print the summary of a study; ``report_path`` is where the page was written."""
    console.print(summary_text(record))
    if report_path is not None:
        console.print(Text.assemble("\nReport: ", (clean(str(report_path)), "bold")), soft_wrap=True)


def summary_text(record: StudyRecord) -> RenderableType:
    """The summary of a study, to be printed at any width."""
    return Group(*_parts(record))


def _parts(record: StudyRecord) -> Iterator[RenderableType]:
    verdict = record.verdict
    yield Text("")
    undecided = ": UNDECIDED, nothing is shown" if verdict.undecided else ""
    yield Text.assemble((verdict.outcome.upper() + undecided, f"bold {_COLOURS[verdict.outcome]}"))
    if record.holdout.warning:
        yield Text(clean(f"WARNING: {record.holdout.warning}"), "bold red")
    yield Text(clean(verdict.sentence), "bold")
    yield Text(clean(verdict.reason))
    if doubt_words(record):
        yield Text(clean(doubt_words(record)))
    yield Text(clean(" ".join(part for part in (shipping_words(record), tied_words(record)) if part)))
    yield Text("")
    yield _table(record)
    yield Text("")
    yield from (Text(clean(line)) for line in _numbers(record))
    yield from _list("Mind:", [one.text for one in cautions(record)], "yellow")
    yield from _list("Next:", list(record.next_steps), "bold")


def _table(record: StudyRecord) -> Table:
    metric = metric_words(record.metric)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_edge=False)
    table.add_column("candidate", overflow="fold")
    table.add_column(f"{metric.title} [low, high]", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for one in ranked(record):
        table.add_row(
            Text(clean(choice_name(one))),
            Text(_score(record, one)),
            Text(duration(one.seconds)),
            Text(", ".join(roles(record, one))),
            style="bold" if is_choice(one, record.verdict.shipped) else None,
        )
    return table


def _score(record: StudyRecord, one: CandidateFacts) -> str:
    return metric_words(record.metric).show(one.score).replace("(", "[").replace(")", "]").replace(" to ", ", ")


def _numbers(record: StudyRecord) -> Iterator[str]:
    metric, holdout, decision = metric_words(record.metric), record.holdout, record.decision
    reused, plain = holdout_spans(record)
    chosen = choice_name(record.verdict.chosen)
    yield f"Margin: differences in {metric.title} below {record.margin:g} do not matter; {metric.direction}."
    against = "" if plain is None else f"; {record.verdict.control} {metric.show(plain)}"
    held = f"On {held_words(record)} alone ({plural(holdout.rows, 'row')}, {openings_words(record)})"
    yield f"{held}: {chosen} {metric.show(reused)}{against}."
    if is_third(record):
        yield f"There {choice_name(record.verdict.shipped)}, which is saved, has {metric.show(holdout.score)}."
    if holdout.difference is not None:
        yield f"There {chosen} is {gain_words(holdout.difference)}."
    if record.refit is not None:
        yield refit_words(record)
    if decision.policies:
        policy = decision.policies[0]
        left = f", {percent(policy.abstained)} left to a person" if policy.abstained else ""
        yield f"Deciding costs {with_interval(policy.cost)} {decision.unit} per 1,000 rows{left}."
    if calibration_words(record):
        yield f"Probabilities: {calibration_words(record)[:1].lower()}{calibration_words(record)[1:]}"
    coverage = decision.calibration.interval_coverage
    if coverage is not None and known(coverage.mean):
        level = percent(decision.calibration.interval_level)
        yield f"Prediction intervals meant to cover {level} cover {percent(coverage.mean)}."


def _list(title: str, lines: list[str], style: str) -> Iterator[RenderableType]:
    if not lines:
        return
    yield Text("")
    yield Text(title, style)
    for line in lines:
        row = Table.grid(padding=(0, 1, 0, 0))
        row.add_row(Text("-"), Text(clean(line)))
        yield Padding(row, (0, 0, 0, 2))


def plan_lines(plan: PlanFacts) -> list[str]:
    """The plan as lines of text: what runs, what was left out, what to mind, and how long it will take.

    >>> print(*plan_lines(PlanFacts(effort="quick", candidates=(), cues=(), seconds=75, budget="")), sep="\\n")
    Plan (effort: quick): 0 candidates, about 1 min 15 s.
    """
    run = [one for one in plan.candidates if one.run]
    left = [one for one in plan.candidates if not one.run]
    wide = max((len(choice_name(one)) for one in run), default=0)
    lines = [f"Plan (effort: {plan.effort}): {plural(len(run), 'candidate')}, about {duration(plan.seconds)}."]
    if plan.budget:
        lines.append(f"Each gets the same budget: {plan.budget.rstrip('.')}.")
    lines += [f"  {choice_name(one):{min(wide, 40)}}  ~{duration(one.seconds):<12} {one.reason}" for one in run]
    if left:
        lines.append("Left out:")
        lines += [f"  {choice_name(one)}: {one.reason}" for one in left]
    warned = [cue for cue in plan.cues if cue.warning]
    if warned:
        lines.append("Mind:")
        lines += [f"  {cue.source}: {cue.name} {cue_words(cue)} ({cue.meaning})" for cue in warned]
    return [clean(line).replace("\n", " ") for line in lines]
