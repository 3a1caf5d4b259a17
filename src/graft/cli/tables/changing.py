"""``graft tables compact, vacuum, delete, erase``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graft.cli.asking import Yes, require_yes
from graft.cli.tables.looking import Place
from graft.cli.words import named, size

if TYPE_CHECKING:
    from graft.tables.table import EmbeddingTable


def compact(table: Place) -> None:
    """Write small files and files with deleted rows again as full ones; the rows stay the same."""
    from graft.tables.table import EmbeddingTable

    opened = EmbeddingTable.open(table)
    opened.compact()
    typer.echo(f"{opened.name}: {opened.count():,} rows in {len(opened.snapshot().files)} files")
    _index(opened)


def vacuum(
    table: Place,
    hours: Annotated[float, typer.Option(help="Keep what versions of the last HOURS need.")] = 168,
    yes: Annotated[bool, Yes] = False,
) -> None:
    """Remove files that no recent version needs: older versions cannot be looked at any more."""
    from graft.tables.table import EmbeddingTable

    opened = EmbeddingTable.open(table)
    require_yes(f"versions of {opened.name} older than {hours:g} hours can be read no more afterwards", yes)
    before = _bytes(opened.store.root)
    removed = opened.vacuum(hours)
    freed = max(0, before - _bytes(opened.store.root))
    typer.echo(f"{opened.name}: {len(removed)} files removed, {size(freed)} freed")
    _index(opened)


def delete(
    table: Place,
    ids: Annotated[list[str], typer.Option("--id", help="Row to delete; repeat for several.")],
    yes: Annotated[bool, Yes] = False,
) -> None:
    """Take rows out of the table. Older versions keep them: to make them disappear, use erase."""
    from graft.tables.table import EmbeddingTable

    opened = EmbeddingTable.open(table)
    require_yes(f"{named(ids)} leave {opened.name}", yes)
    count = opened.delete(ids)
    typer.echo(f"{opened.name}: {count:,} of {len(set(ids)):,} rows deleted, version {opened.version}")
    _index(opened)


def erase(
    table: Place,
    ids: Annotated[list[str], typer.Option("--id", help="Row to erase; repeat for several.")],
    because: Annotated[str, typer.Option(help="Why, for the receipt.")] = "",
    by: Annotated[str, typer.Option(help="Who asks (default: the name you are logged in with).")] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Print the whole receipt, with the digest of each file.")
    ] = False,
    yes: Annotated[bool, Yes] = False,
) -> None:
    """Erase rows from the table, its history, its indexes and the activation cache, and write a receipt."""
    import getpass

    from graft.core.seeds import generator
    from graft.representations.cache import ActivationCache
    from graft.tables.erasure.erasing import erase as erased
    from graft.tables.erasure.indexes import build_again
    from graft.tables.table import EmbeddingTable

    name = EmbeddingTable.open(table).name
    require_yes(f"{named(ids)} leave {name}, its history and the caches for good", yes)
    receipt = erased(
        table,
        ids,
        by=by or getpass.getuser(),
        reason=because,
        cache=ActivationCache(),
        rebuild=lambda generation: build_again(table, generation, rng=generator(0, "index")),
    )
    for line in receipt.lines():
        # The digest of every file before and after stands in the receipt itself.
        if everything or not line.startswith("  "):
            typer.echo(line)
    newest = max((table / "receipts").glob("*.json"), key=lambda file: file.stat().st_mtime)
    typer.echo(f"receipt: {newest}")


def _index(table: "EmbeddingTable") -> None:
    """Bring the index up to date, where there is one."""
    from graft.core.seeds import generator
    from graft.tables.indexing import keep_up

    done = keep_up(table, rng=generator(0, "index"))
    if done is not None:
        typer.echo(f"  its index is up to date: {done.index.record.rows:,} rows")


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
