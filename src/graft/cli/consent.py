"""What cannot be taken back is asked first."""

import sys

import typer

from graft.core.errors import InputError

Yes = typer.Option("--yes", "-y", help="Do not ask: for scripts, where nobody can be asked.")


def require_yes(what: str, yes: bool) -> None:
    """Ask a person at a terminal whether to go on, unless they said so already.

    what: a sentence that says what is lost. Raises InputError where nobody can be asked, typer.Abort for a no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError(what, needed="a yes, and nobody can be asked here", fix="give --yes, or run it in a terminal")
    typer.confirm(f"{what}. Go on?", abort=True, err=True)
