"""``graft predict``, ``graft verify``, ``graft embed``."""

from pathlib import Path
from typing import Annotated

import typer


def predict(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle, for example study/bundle.")],
    data: Annotated[Path, typer.Argument(help="CSV, TSV, JSON lines or Parquet.")],
    out: Annotated[Path, typer.Option(help="Where to write the predictions (CSV).")] = Path("predictions.csv"),
    explain: Annotated[
        bool, typer.Option("--explain", help="Add the words that carry each score and the nearest labelled rows.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 2 when any row has no prediction.")] = False,
) -> None:
    """Predict with a saved model; rows with problems are reported and the others are not lost."""
    from rich.console import Console

    from graft.bundle import load_bundle
    from graft.cli.progress import Bars
    from graft.core.errors import ContractError

    console = Console(stderr=True)
    predictions = load_bundle(bundle).predict(data, explain=explain, progress=Bars(console))
    predictions.write_csv(out)
    console.print(f"{len(predictions.frame):,} rows written to {out}", highlight=False)
    for code, count in sorted(predictions.problems.items()):
        console.print(f"  {count:,} rows: {code}", highlight=False)
    lost = predictions.frame["prediction"].null_count()
    if strict and lost:
        raise ContractError(
            f"{lost:,} rows have no prediction", needed="none under --strict", fix=f"see the column 'problem' in {out}"
        )


def verify(bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")]) -> None:
    """Check every file of a bundle against its digest, and that it repeats its stored predictions."""
    from dataclasses import asdict

    from graft.bundle import load_bundle

    info = load_bundle(bundle).info()
    typer.echo(f"{bundle}: sound; every file and the stored predictions are as they were written")
    for name, value in asdict(info).items():
        if value not in ("", None, ()):
            shown = ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else value
            typer.echo(f"  {name.replace('_', ' '):12} {shown}")


def embed(
    data: Annotated[Path, typer.Argument(help="CSV, TSV, JSON lines or Parquet.")],
    text: Annotated[str, typer.Option(help="Column of text.")],
    out: Annotated[Path, typer.Option(help="Where to write the vectors (.npy, float32).")],
    source: Annotated[str, typer.Option(help="minilm, path:DIR or hf:org/name@revision.")] = "minilm",
) -> None:
    """Write the vectors of a text column, one row each, in the order of the file."""
    import numpy as np
    from rich.console import Console

    from graft import api
    from graft.cli.progress import Bars
    from graft.core.errors import InputError
    from graft.core.files import whole_file
    from graft.inputs.reading import read_frame

    table = read_frame(data)
    if text not in table.frame.columns:
        raise InputError(
            f"{data} has no column {text!r}",
            needed=f"one of {', '.join(table.frame.columns)}",
            fix="name it with --text",
        )
    texts = table.frame[text].fill_null("").cast(str).to_list()
    vectors = api.embed(texts, source, progress=Bars(Console(stderr=True)))
    with whole_file(out) as temporary, temporary.open("wb") as stream:
        np.save(stream, vectors)
    typer.echo(f"{vectors.shape[0]:,} vectors of {vectors.shape[1]} numbers written to {out}", err=True)
