"""``graft costs``."""

from pathlib import Path
from typing import Annotated

import typer

from graft.core.tasks import Task

costs = typer.Typer(no_args_is_help=True, help="Cost tables: what each kind of error costs, for graft study --costs.")


@costs.callback()
def _verbs() -> None:
    """Keeps ``template`` a verb of its own while it is the only one."""


@costs.command()
def template(
    data: Annotated[Path, typer.Argument(help="CSV, TSV, JSON lines or Parquet.")],
    label: Annotated[list[str], typer.Option(help="Column to predict; several 0/1 columns make it multi-label.")],
    task: Annotated[str, typer.Option(help=f"What is predicted: auto, or {', '.join(Task)}.")] = "auto",
    encoding: Annotated[
        str | None, typer.Option(help="What the file is written in, when it is not recognised: cp1252.")
    ] = None,
) -> None:
    """Print a cost table (YAML) with every class or label of your rows in it, to fill in.

    Example: graft costs template tickets.csv --label category > costs.yaml
    """
    from graft.core.errors import InputError
    from graft.decisions.costs import costs_template
    from graft.inputs.contract import stated_labels
    from graft.rows.table import read_frame

    found, labels = stated_labels(read_frame(data, encoding=encoding), tuple(label), task=task)
    if found is Task.REGRESSION:
        raise InputError(
            f"{', '.join(label)} holds numbers to predict",
            needed="classes or labels: a cost table says what deciding the one costs when it is the other",
            fix="if the numbers are names of classes, add --task multiclass",
        )
    typer.echo(costs_template(labels, task=str(found)), nl=False)
