"""The card of a source that was pretrained on labelled rows: what it learnt, and what it is made from.

Decision: no licence is stated for it. Whoever owns the rows decides that; until then the answer to what it may be used
for follows from the rows, through the lineage beside it.
"""

import math

import yaml

from graft.facts.pretraining import LearntScore, PretrainingRecord
from graft.governance.emit.kind_words import pipeline
from graft.governance.emit.model_card import line, table

_POINTS, _CLASSES = 8, 20


def pretrained_card(record: PretrainingRecord) -> str:
    """README.md."""
    task = pipeline((record.kind,), numbers=record.task == "regression")
    head = {"pipeline_tag": task, "tags": ["graft", "pretrained", record.kind]}
    taught = f"{', '.join(map(line, record.label))} ({record.task}"
    taught += f", {len(record.labels)} classes)" if record.labels else ")"
    columns = ", ".join(map(line, record.columns))
    reads = f"It reads the columns {columns}, by name and type; another table may have some of them."
    if record.kind != "row":
        reads = f"It reads {record.kind}: " + "; ".join(map(line, record.reads)) + "."
    apart = f" Rows of one {line(record.group)} stayed on one side." if record.group else ""
    parts = [
        f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=4096)}---",
        f"# {line(record.name)}",
        f"A {record.arch} of {record.parameters:,} parameters, pretrained on {record.learnt:,} rows of "
        f"{line(record.data)} to tell {taught}. Whether that helps elsewhere is what `graft study` says.",
        reads,
        "## What it learnt",
        f"On {record.held:,} rows it never saw, {record.metric} (higher is better; for errors their negative).{apart}",
        table(("model", "score", "interval"), [_scored(one) for one in record.scores]),
        _classes(record),
        _curve(record),
        "\n".join(f"- {line(one)}" for one in record.left_out),
        "## What it is made from",
        table(
            ("", "name", "digest", "licence"),
            [("trained on", line(record.data), record.data_digest[:16], line(record.data_licences) or "none stated")],
        ),
        f"Seed {record.seed}, {record.batch} rows a step, rate {record.rate:g}, {record.steps:,} steps. The same rows "
        "and seed give the same weights on the same machine.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _scored(one: LearntScore) -> tuple[str, ...]:
    ends = "" if one.score.ends is None else f"{one.score.ends[0]:.3f} to {one.score.ends[1]:.3f}"
    return line(one.name), f"{one.score.mean:.3f}", ends


def _classes(record: PretrainingRecord) -> str:
    """Its head stays in the weights, so what it tells apart is said class by class."""
    if not record.classes:
        return ""
    worst = sorted(record.classes, key=lambda one: (one.right / max(1, one.rows), one.label))[:_CLASSES]
    told = table(
        ("class", "rows", "told right"), [(line(one.label), f"{one.rows:,}", f"{one.right:,}") for one in worst]
    )
    mixed = [f"{line(one.label)} for {line(one.taken_for)} ({one.rows:,})" for one in record.confused]
    head = "Its head stays in its weights, with these labels."
    more = f" The {_CLASSES} it tells worst are shown." if len(record.classes) > _CLASSES else ""
    return f"{head}{more}\n\n{told}" + (f"\n\nIt took most often: {', '.join(mixed)}." if mixed else "")


def _curve(record: PretrainingRecord) -> str:
    every = max(1, len(record.curve) // _POINTS)
    shown = [one for place, one in enumerate(record.curve) if place % every == 0 or one.step == record.best_step]
    rows: list[tuple[str, ...]] = [
        (f"{one.step:,}", "" if math.isnan(one.train) else f"{one.train:.3f}", f"{one.held:.3f}") for one in shown
    ]
    told = f"Best after {record.best_step:,} steps, by the loss of rows that only say when to stop."
    return f"{told}\n\n" + table(("step", "loss of what is learnt", "loss of the others"), rows)
