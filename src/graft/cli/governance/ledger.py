"""``graft assets ledger``: heads to note elsewhere, the check against them, copies as JSON lines."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from graft.governance.ledger import Head, Ledger

ledger = typer.Typer(no_args_is_help=True, help="The ledger itself: its head, its chain, copies of it as JSON lines.")

Expected = Annotated[
    list[str], typer.Option(help="A head noted earlier, COUNT:HASH, that the ledger must hold; repeat for several.")
]
HeadsFile = Annotated[
    Path | None, typer.Option(envvar="GRAFT_LEDGER_HEADS", help="File of heads, all of which the ledger must hold.")
]
HeadsKey = Annotated[Path | None, typer.Option(help="Public key, PEM, that every line of --heads is signed with.")]


@ledger.command("head")
def show_head(
    note: Annotated[Path | None, typer.Option(help="Add it, with the time, to the end of this file of heads.")] = None,
    key: Annotated[Path | None, typer.Option(help="Private key, PEM, to sign the line in --note with.")] = None,
    password: Annotated[str, typer.Option(envvar="GRAFT_KEY_PASSWORD", help="Of an encrypted key.")] = "",
) -> None:
    """Print how far the ledger has come, COUNT:HASH: keep it in another place, for verify --expect."""
    from graft.core.errors import InputError
    from graft.governance.heads import note_head
    from graft.governance.ledger import Ledger

    if key is not None and note is None:
        raise InputError("--key signs a line of a file", needed="--note FILE", fix="name the file of heads")
    with Ledger() as opened:
        head = opened.head()
    if note is not None:
        note_head(head, note, key=key, password=password)
    typer.echo(str(head))


@ledger.command("verify")
def verify_ledger(expect: Expected = [], heads: HeadsFile = None, key: HeadsKey = None) -> None:  # noqa: B006
    """Check the chain of the ledger, and that it holds what was noted elsewhere. Exits with 3 when it does not."""
    from graft.governance.ledger import Ledger

    with Ledger() as opened:
        tell_sound(verified(opened, expect, heads, key))


def verified(ledger: "Ledger", expect: list[str], file: Path | None, key: Path | None) -> tuple["Head", ...]:
    """The heads noted elsewhere, once the ledger is sound and holds them; else its faults are told, and we leave."""
    from graft.core.errors import InputError
    from graft.governance.heads import read_heads
    from graft.governance.ledger import Head

    if key is not None and file is None:
        raise InputError("--key is for a file of heads", needed="--heads FILE", fix="name the file of heads")
    noted = (*map(Head.parse, expect), *(one.head for one in (read_heads(file, key=key) if file else ())))
    checked = ledger.verify(known=noted)
    for problem in checked.problems:
        typer.echo(f"ledger: {problem}")
    if not checked.sound:
        raise typer.Exit(3)
    return tuple(dict.fromkeys(noted))


def tell_sound(noted: tuple["Head", ...], *, bundles: int = 0) -> None:
    """Say that the ledger is sound, and what that was held against."""
    against = [
        f"{count} {one if count == 1 else more}"
        for count, one, more in (
            (len(noted), "head", "heads"),
            (bundles, "bundle", "bundles"),
        )
        if count
    ]
    if against:
        typer.echo(f"ledger: sound, and it holds what was noted elsewhere: {', '.join(against)}")
    else:
        typer.echo(
            "ledger: sound by itself; an older copy, a cut end or a ledger written anew shows only against a head that "
            "was noted elsewhere: graft assets ledger head"
        )


@ledger.command("export")
def export_ledger(out: Annotated[Path, typer.Argument(help="File to write, JSON lines.")]) -> None:
    """Write every event of the ledger, in order, with its chain."""
    from graft.core.places import require_output
    from graft.governance.ledger import Ledger, export_events

    with Ledger() as opened:
        require_output(out, read=(Path(str(opened.place)),), ends=(".jsonl", ".json", ".ndjson"))
        head = export_events(opened, out)
        typer.echo(f"{out}: {head.count:,} events of {opened.place}, the last with the hash {head.hash[:12]}")


@ledger.command("import")
def import_ledger(file: Annotated[Path, typer.Argument(help="An exported ledger.")]) -> None:
    """Add the events of an export that the ledger does not have yet; two different chains are never joined."""
    from graft.governance.ledger import Ledger, import_events

    with Ledger() as opened:
        added = import_events(opened, file)
        typer.echo(f"{added:,} events added to {opened.place}, which holds {opened.head().count:,} now")
