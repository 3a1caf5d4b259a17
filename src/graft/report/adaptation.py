"""An adapted source in the terminal: what it learnt, what it forgot, and what to do with it."""

import math
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from graft.facts.adaptation import AdaptationRecord
from graft.report.shared.formats import clean, duration, plural


def print_adaptation(record: AdaptationRecord, reference: str, seconds: float, console: Console) -> None:
    """Show a person what came of adapting a source. reference: how commands take it. seconds: of learning."""
    for line in _learnt(record, seconds):
        console.print(Text(clean(line)))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_edge=False)
    for name in ("what is left of the original", "on", "original", "now"):
        table.add_column(name, justify="right" if name in ("original", "now") else "left", overflow="fold")
    for one in record.forgetting:
        before = "1" if one.before is None else f"{one.before:.3f}"
        table.add_row(*map(Text, (one.name, f"{clean(one.where)} ({one.contents:,})", before, f"{one.after:.3f}")))
    console.print(table)
    for line in _meanings(record):
        console.print(Text(line))
    console.print(Text(clean(f"\nWhether it helps is what a study says, on labelled rows, with both: graft study FILE "
    f"--source {record.source} --source {reference}")))  # fmt: skip


def _meanings(record: AdaptationRecord) -> Iterator[str]:
    """What each number says; of one name that says two things, where it says which."""
    for name in dict.fromkeys(one.name for one in record.forgetting):
        own = [one for one in record.forgetting if one.name == name]
        if len({one.meaning for one in own}) == 1:
            yield f"{name}: {own[0].meaning}."
        else:
            yield f"{name}: " + "; ".join(f"on {clean(one.where)}, {one.meaning}" for one in own) + "."


def _learnt(record: AdaptationRecord, seconds: float) -> Iterator[str]:
    losses = [one.held for one in record.curve if math.isfinite(one.held)]
    yield (
        f"{record.source} learnt from {plural(record.learnt, record.kind)} in {duration(seconds)} "
        f"({record.steps:,} steps; {record.stopped})."
    )
    yield (
        f"On {plural(record.held, record.kind)} kept apart its loss a token fell from {losses[0]:.3f} to "
        f"{min(losses):.3f}; kept is the state after {record.best_step:,} steps."
    )
    if record.cut:
        yield f"Of {plural(record.cut, record.kind)} only the first {record.limit:,} {record.unit} were read."
    if record.set_aside:
        yield f"{plural(record.set_aside, 'row')} held nothing to read."
    yield (
        f"Made from {record.source} ({record.source_licences or 'no licence stated'}) and {record.data} "
        f"({record.data_licences or 'no licence stated'})."
    )
    yield ""
