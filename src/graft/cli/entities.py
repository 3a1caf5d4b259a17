"""``graft entities``."""

from typing import Annotated

import typer

entities = typer.Typer(
    no_args_is_help=True, help="Items, users and categories as vectors: which signal fits which task."
)


@entities.callback()
def _verbs() -> None:
    """Keeps ``suggest`` a verb of its own while it is the only one."""


@entities.command()
def suggest(
    entity: Annotated[str, typer.Option(help="What is to be embedded: product, user, category, document, …")],
    has: Annotated[str, typer.Option(help="What is known of them, with commas: text, baskets, histories, …")],
) -> None:
    """Say which signal fits which task, what it needs, its traps, and how it is called here."""
    from graft.core.errors import InputError
    from graft.entities import render
    from graft.entities import suggest as suggested

    known = [word.strip() for word in has.split(",") if word.strip()]
    if not known:
        raise InputError(
            f"--has {has!r} names nothing",
            needed="what is known of them, with commas between",
            fix="for example --has text,baskets; --has anything lists the signals there are",
        )
    for line in render(suggested(entity, known)):
        typer.echo(line)
