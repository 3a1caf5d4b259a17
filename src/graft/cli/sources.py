"""``graft source``, ``graft sources``, ``graft cache``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from graft.cli.columns import Audio, Categorical, Encoding, Image, Label, Numeric, Rows, TaskName, Text
from graft.core.tasks import Task
from graft.scores.adaptation import METHODS

sources = typer.Typer(
    no_args_is_help=True, help="Pretrained sources: verify them, rank them for your rows, adapt them to your rows."
)


def source(reference: Annotated[str, typer.Argument(help="minilm, path:DIR or hf:org/name@revision.")]) -> None:
    """Find and verify a pretrained source, and say what it is."""
    from graft.representations.sources import resolve_source

    found = resolve_source(reference)
    told = {
        "reference": found.weights.reference,
        "directory": str(found.weights.directory),
        "digest": found.weights.digest,
        "revision": found.weights.revision,
        "model type": found.weights.model_type,
        "dimension": f"{found.dimension:,}" + (f" of {found.weights.hidden:,}" if found.truncated else ""),
        "layers": f"{found.weights.layers:,}",
        "vocabulary": f"{found.weights.vocabulary:,}",
        "parameters": f"{found.weights.parameters:,}",
        **found.reading.told(),
        "pooling": found.pooling.value,
        "normalise": str(found.normalise),
        "compared by": found.similarity,
        "prompt pooled": "" if found.includes_prompt else "no",
        "architecture": found.weights.architecture,
        "weight files": ", ".join(found.weights.files),
        "random seed": "" if found.weights.random_seed is None else str(found.weights.random_seed),
    }
    for name, value in told.items():
        if value:
            typer.echo(f"{name:15} {value}")


def cache(clear: Annotated[bool, typer.Option("--clear", help="Remove everything in it.")] = False) -> None:
    """Show or clear the activation cache."""
    from graft.representations.cache import ActivationCache

    kept = ActivationCache()
    if clear:
        typer.echo(f"freed {kept.clear() / 1e6:,.1f} MB in {kept.root}")
    else:
        typer.echo(f"{kept.size() / 1e6:,.1f} MB in {kept.root}")


@sources.command("show")
def show(reference: Annotated[str, typer.Argument(help="minilm, path:DIR or hf:org/name@revision.")]) -> None:
    """Find and verify a pretrained source, and say what it is."""
    source(reference)


@sources.command("rank")
def rank(
    data: Rows,
    source: Annotated[
        list[str],
        typer.Option(help="minilm, lite0, speech, glove, path:DIR or hf:org/name@revision; repeat for several."),
    ],
    label: Label = [],  # noqa: B006
    text: Text = [],  # noqa: B006
    image: Image = [],  # noqa: B006
    audio: Audio = [],  # noqa: B006
    numeric: Numeric = [],  # noqa: B006
    categorical: Categorical = [],  # noqa: B006
    task: TaskName = "auto",
    encoding: Encoding = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="The ranking as JSON.")] = False,
) -> None:
    """Put sources in the order they promise to suit labelled rows, before any is tuned.

    Example: graft sources rank photos/ --source lite0 --source path:my-model
    """
    from graft import api
    from graft.core.display import Bars, Terminal
    from graft.report.ranking import print_ranking

    record = api.rank_sources(
        data, source=source, label=label, text=text, image=image, audio=audio, numeric=numeric,
        categorical=categorical, task=task, encoding=encoding, seed=seed, progress=Bars(Terminal(stderr=True)),
    )  # fmt: skip
    if as_json:
        sys.stdout.write(record.to_json())
    else:
        print_ranking(record, Terminal())


@sources.command("rankings")
def rankings(
    as_json: Annotated[bool, typer.Option("--json", help="All of it as JSON.")] = False,
) -> None:
    """Show what earlier rankings were worth, once studies of the same rows had tuned the sources."""
    from graft.core.display import Terminal
    from graft.governance.registry import Registry
    from graft.report.ranking import print_hindsight
    from graft.studies.hindsight import hindsight

    with Registry() as registry:
        record = hindsight(registry)
    if as_json:
        sys.stdout.write(record.to_json())
    else:
        print_hindsight(record, Terminal())


@sources.command("adapt")
def adapt(
    data: Annotated[Path, typer.Argument(help="CSV, TSV, JSON lines or Parquet; no labels are needed.")],
    out: Annotated[Path, typer.Option(help="Folder of the new source: new or empty.")],
    text: Text = [],  # noqa: B006
    image: Annotated[list[str], typer.Option(hidden=True)] = [],  # noqa: B006
    audio: Annotated[list[str], typer.Option(hidden=True)] = [],  # noqa: B006
    source: Annotated[str, typer.Option(help="minilm, path:DIR or hf:org/name@revision.")] = "minilm",
    method: Annotated[
        str, typer.Option(help="; ".join(f"{one.name}: {one.meaning}" for one in METHODS) + ".")
    ] = METHODS[0].name,
    pairs: Annotated[
        Path | None,
        typer.Option(
            help="Three columns, one text, another, how near they are as a number: measured before and after."
        ),
    ] = None,
    steps: Annotated[int, typer.Option(help="At most so many steps of 16 rows.")] = 1000,
    minutes: Annotated[float, typer.Option(help="At most so many minutes.")] = 20.0,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    encoding: Annotated[
        str | None, typer.Option(help="What the file is written in, when it is not recognised: cp1252.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="What it learnt and forgot as JSON.")] = False,
) -> None:
    """Adapt a source of texts to rows without labels, before any study: a source of its own, for every command.

    Example: graft sources adapt messages.csv --text message --source minilm --out my-minilm/
    """
    from graft import api
    from graft.core.display import Bars, Terminal
    from graft.report.adaptation import print_adaptation

    made = api.adapt_source(
        data, text=text, image=image, audio=audio, out=out, source=source, method=method, pairs=pairs, steps=steps,
        minutes=minutes, seed=seed, encoding=encoding, progress=Bars(Terminal(stderr=True)),
    )  # fmt: skip
    if as_json:
        sys.stdout.write(made.record.to_json())
    else:
        print_adaptation(made.record, made.reference, made.seconds, Terminal())


@sources.command("pretrain")
def pretrain(
    data: Annotated[
        Path,
        typer.Argument(help="CSV, TSV, JSON lines, Parquet, or a folder of pictures or recordings for each class."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the new source: new or empty.")],
    label: Annotated[list[str], typer.Option(help="Column to learn; several 0/1 columns make it multi-label.")] = [],  # noqa: B006
    image: Annotated[list[str], typer.Option(help="Column that names files of pictures.")] = [],  # noqa: B006
    audio: Annotated[list[str], typer.Option(help="Column that names recordings.")] = [],  # noqa: B006
    numeric: Annotated[
        list[str], typer.Option(help="Numeric column; repeat for several, '*' for every column that fits.")
    ] = [],  # noqa: B006
    categorical: Annotated[
        list[str], typer.Option(help="Categorical column; repeat for several, '*' for every column that fits.")
    ] = [],  # noqa: B006
    group: Annotated[str | None, typer.Option(help="Rows of one group stay on one side.")] = None,
    task: Annotated[str, typer.Option(help=f"What is learnt: auto, or {', '.join(Task)}.")] = "auto",
    arch: Annotated[
        str,
        typer.Option(
            help="resnet-small (pictures), spectrogram-small (recordings) or row-resnet (columns); the one that fits "
            "when left out."
        ),
    ] = "",
    side: Annotated[int, typer.Option(help="Pixels of the square that pictures are made, 16 to 128.")] = 32,
    passes: Annotated[int, typer.Option("--passes", "--epochs", help="Over the rows, at most.")] = 60,
    steps: Annotated[int, typer.Option(help="At most so many steps; 0 for as many as the passes take.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    encoding: Annotated[
        str | None, typer.Option(help="What the file is written in, when it is not recognised: cp1252.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="What it learnt as JSON.")] = False,
) -> None:
    """Pretrain a small source on labelled pictures, recordings or columns, to be moved to other ones.

    Examples: graft sources pretrain photos/ --out my-source/ (a folder for each class), graft sources pretrain
    clips.csv --audio path --label word --group speaker --out my-speech/, or graft sources pretrain old.csv
    --numeric '*' --categorical '*' --label churned --out my-rows/
    """
    from graft import api
    from graft.core.display import Bars, Terminal
    from graft.report.pretraining import print_pretraining

    made = api.pretrain_source(
        data, label=label, out=out, image=image, audio=audio, numeric=numeric, categorical=categorical, group=group,
        task=task, arch=arch, side=side, passes=passes, steps=steps, seed=seed, encoding=encoding,
        progress=Bars(Terminal(stderr=True)),
    )  # fmt: skip
    if as_json:
        sys.stdout.write(made.record.to_json())
    else:
        print_pretraining(made.record, made.reference, Terminal())
