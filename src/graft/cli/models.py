"""``graft predict``, ``graft verify``."""

from pathlib import Path
from typing import Annotated

import typer


def predict(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle, for example study/bundle.")],
    data: Annotated[Path, typer.Argument(help="CSV, TSV, JSON lines, Parquet, or a folder of pictures or recordings.")],
    out: Annotated[Path, typer.Option(help="Where to write the predictions (CSV).")] = Path("predictions.csv"),
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Add what carries each score (words, patches, stretches or columns) and the nearest labelled rows.",
        ),
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 2 when any row has no prediction.")] = False,
    exact: Annotated[
        bool,
        typer.Option("--exact", help="Write ids and classes as they are, also those a spreadsheet runs as a formula."),
    ] = False,
    encoding: Annotated[
        str | None, typer.Option(help="What the file is written in, when it is not recognised: cp1252.")
    ] = None,
) -> None:
    """Predict with a saved model; rows with problems are reported and the others are not lost."""
    from graft.bundle.folders import require_bundle
    from graft.core.display import Bars, Terminal
    from graft.core.errors import ContractError
    from graft.core.places import require_output
    from graft.rows.table import read_frame

    require_output(out, read=(data,), ends=(".csv", ".tsv"))
    require_bundle(bundle)
    table = read_frame(data, empty=True, encoding=encoding)
    require_bundle(bundle, table)

    # Not before all was looked at: it imports a model library, which takes seconds.
    from graft.bundle.loading import load_bundle

    console = Terminal(stderr=True)
    predictions = load_bundle(bundle).predict(table, explain=explain, progress=Bars(console))
    guarded = predictions.write_csv(out, exact=exact)
    console.print(f"{len(predictions.frame):,} rows written to {out}", highlight=False)
    if guarded:
        console.print(
            f"  {guarded:,} cells that a spreadsheet would run as a formula have an apostrophe before them "
            "(--exact writes them as they are)",
            highlight=False,
        )
    for note in predictions.notes:
        console.print(f"  {note}", highlight=False)
    for code, count in sorted(predictions.problems.items()):
        console.print(f"  {count:,} rows: {code}", highlight=False)
    lost = predictions.frame["prediction"].null_count()
    if strict and lost:
        raise ContractError(
            f"{lost:,} rows have no prediction", needed="none under --strict", fix=f"see the column 'problem' in {out}"
        )


def verify(bundle: Annotated[Path, typer.Argument(help="Folder of a bundle, or of a shop.")]) -> None:
    """Check every file of a bundle or shop against its digest, and that it repeats its stored predictions or lists."""
    from dataclasses import asdict

    from graft.bundle.folders import require_bundle
    from graft.core.places import SHOP, place_of

    found = place_of(bundle)
    if found is not None and found.kind == SHOP:
        _verify_shop(bundle)
        return
    require_bundle(bundle)
    from graft.bundle.loading import load_bundle

    info = load_bundle(bundle).info()
    typer.echo(f"{bundle}: sound; every file and the stored predictions are as they were written")
    for name, value in asdict(info).items():
        if value not in ("", None, ()):
            shown = ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else value
            typer.echo(f"  {name.replace('_', ' '):12} {shown}")


def _verify_shop(folder: Path) -> None:
    from graft.bundle.shop import load_shop
    from graft.bundle.shop_lineage import read_lineage

    shop, lineage = load_shop(folder), read_lineage(folder)
    typer.echo(f"{folder}: sound; every file and the stored lists are as they were written")
    users, items, pairs = len(shop.people.names), len(shop.items.names), len(shop.events)
    typer.echo(f"  {users:,} users, {items:,} items, {pairs:,} pairs of them")
    for line in lineage.origin.lines() if lineage else ["it does not say what it was made from: fit it again"]:
        typer.echo(f"  {line}")
