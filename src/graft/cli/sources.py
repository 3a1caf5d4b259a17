"""``graft source``, ``graft sources``, ``graft cache``."""

from typing import Annotated

import typer

sources = typer.Typer(no_args_is_help=True, help="Pretrained sources: find and verify them.")


def source(reference: Annotated[str, typer.Argument(help="minilm, path:DIR or hf:org/name@revision.")]) -> None:
    """Find and verify a pretrained source, and say what it is."""
    from dataclasses import asdict

    from graft.representations.sources import resolve_source

    found = resolve_source(reference)
    for name, value in asdict(found).items():
        if value not in ("", None):
            shown = ", ".join(value) if isinstance(value, tuple) else f"{value:,}" if isinstance(value, int) else value
            typer.echo(f"{name.replace('_', ' '):15} {shown}")


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
