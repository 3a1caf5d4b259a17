"""What a source learnt, in the terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from graft.facts.pretraining import PretrainingRecord
from graft.report.shared.formats import clean
from graft.report.study.words import gain_words, metric_words

_CONFUSED = 5
_OTHERS = {
    "image": "OTHER.csv --image path --label y",
    "audio": "OTHER.csv --audio path --label y",
    "row": "OTHER.csv --numeric '*' --categorical '*' --label y",
}


def print_pretraining(record: PretrainingRecord, reference: str, console: Console) -> None:
    """Print what a source was pretrained on and what it scores beside the controls. reference: how to name it."""
    metric = metric_words(record.metric)
    console.print(
        Text(
            clean(
                f"{record.name}: {record.arch} of {record.parameters:,} parameters, {record.learnt:,} of "
                f"{record.rows:,} rows of {record.data}, {record.best_step:,} steps"
            ),
            "bold",
        )
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_edge=False)
    table.add_column(f"on {record.held:,} rows kept apart")
    table.add_column(f"{metric.title} [low, high]", no_wrap=True)
    for one in record.scores:
        table.add_row(clean(one.name), metric.show(one.score).replace("(", "[").replace(")", "]").replace(" to ", ", "))
    console.print(table)
    console.print(Text(clean(f"The source is {gain_words(record.ahead)} than the best control.")))
    mixed = ", ".join(f"{one.label} for {one.taken_for} ({one.rows:,})" for one in record.confused[:_CONFUSED])
    if mixed:
        console.print(Text(clean(f"It took most often: {mixed}.")))
    if record.group:
        console.print(Text(clean(f"Rows of one {record.group} stayed on one side.")))
    for told in (*(f"It reads {one}" for one in record.reads if record.kind != "row"), *_licence(record)):
        console.print(Text(clean(told)))
    for note in record.left_out:
        console.print(Text(clean(note)))
    console.print(Text(clean(f"Use it: graft study {_OTHERS[record.kind]} --source {reference}")))


def _licence(record: PretrainingRecord) -> list[str]:
    said = record.data_licences or "none stated, so what it may be used for is for you to decide"
    return [f"Made from {record.data}, whose licence is: {said}"]
