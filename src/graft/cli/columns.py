"""The options by which every command is told what its rows hold."""

from pathlib import Path
from typing import Annotated

import typer

from graft.core.tasks import Task

PANEL = "The rows"

Rows = Annotated[
    Path, typer.Argument(help="CSV, TSV, JSON lines, Parquet, or a folder of pictures or recordings for each class.")
]
Label = Annotated[
    list[str], typer.Option(help="Column to predict; several 0/1 columns make it multi-label.", rich_help_panel=PANEL)
]
Text = Annotated[
    list[str],
    typer.Option(help="Column of text; repeat for several, which are joined.", rich_help_panel=PANEL),
]
Image = Annotated[list[str], typer.Option(help="Column that names files of pictures.", rich_help_panel=PANEL)]
Audio = Annotated[list[str], typer.Option(help="Column that names recordings.", rich_help_panel=PANEL)]
Numeric = Annotated[
    list[str],
    typer.Option(
        help="Numeric column, beside a text or without one; repeat for several, '*' for every column that fits.",
        rich_help_panel=PANEL,
    ),
]
Categorical = Annotated[
    list[str],
    typer.Option(
        help="Categorical column, beside a text or without one; repeat, or '*' for every column that fits.",
        rich_help_panel=PANEL,
    ),
]
TaskName = Annotated[str, typer.Option(help=f"What is predicted: auto, or {', '.join(Task)}.", rich_help_panel=PANEL)]
Encoding = Annotated[
    str | None,
    typer.Option(help="What the files are written in, when it is not recognised: cp1252.", rich_help_panel=PANEL),
]
