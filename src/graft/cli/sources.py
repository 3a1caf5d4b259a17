"""``graft source``, ``graft sources``, ``graft cache``."""

from typing import Annotated

import typer

sources = typer.Typer(no_args_is_help=True, help="Pretrained sources: find and verify them.")


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
