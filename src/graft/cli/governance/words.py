"""What the commands of governance share: how assets are named, and how facts are printed."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from graft.governance.records import Asset

Named = Annotated[str, typer.Argument(help="Name, digest, or the folder of a bundle.")]


def print_facts(asset: "Asset") -> None:
    """What was read of an asset, a line a fact, with the place."""
    rows = (
        ("digest", asset.digest),
        ("reference", asset.reference),
        ("revision", asset.revision),
        ("publisher", asset.publisher),
        ("files", f"{len(asset.files)}, {sum(file.size for file in asset.files) / 1e6:,.1f} MB" if asset.files else ""),
        ("added", asset.added),
        ("study", asset.study),
    )
    for name, value in rows:
        if value:
            typer.echo(f"  {name:12} {value}")
    for statement in asset.licences:
        typer.echo(f"  licence      {statement.stated}  - {statement.where}")
    for edge in asset.edges:
        typer.echo(f"  {edge.relation.value:12} {edge.parent}" + (f"  - {edge.where}" if edge.where else ""))
    if asset.training_data:
        typer.echo(f"  trained on   {', '.join(dict.fromkeys(one.name for one in asset.training_data))}")
