"""``graft tables compact, vacuum, delete, erase, receipt``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graft.cli.consent import Yes, require_yes
from graft.cli.tables.views import Place
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
    from graft.tables.table import EmbeddingTable, require_hours

    require_hours(hours)
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
    shop: Annotated[
        list[Path], typer.Option(help="A shop of the recommender: users with these ids leave it too; may be repeated.")
    ] = [],  # noqa: B006
    watch: Annotated[
        list[Path], typer.Option(help="A bundle: rows with these ids or contents leave its watch too; may be repeated.")
    ] = [],  # noqa: B006
    everything: Annotated[
        bool, typer.Option("--all", help="Print the whole receipt, with the digest of each file.")
    ] = False,
    yes: Annotated[bool, Yes] = False,
) -> None:
    """Erase rows from the table, its history, its indexes and the activation cache, and write a receipt.

    A shop of the recommender that is recorded and has users with these ids is named; --shop erases them there, too. So
    is a bundle whose watch has rows with these ids, and --watch.
    """
    import getpass
    from contextlib import ExitStack

    from graft.bundle.shop import load_shop, one_writer
    from graft.bundle.shop_erasure import holding_shops, note_erasure, shop_places
    from graft.bundle.watch_erasure import holding_watches, watched_place
    from graft.core.seeds import generator
    from graft.representations.cache import ActivationCache
    from graft.tables.erasure.erasing import erase as erased
    from graft.tables.erasure.indexes import build_again
    from graft.tables.table import EmbeddingTable

    name = EmbeddingTable.open(table).name
    for one in shop:
        load_shop(one)
    watched = [watched_place(one) for one in watch]
    others = [*map(str, shop), *(str(one.folder) for one in watched)]
    also = f", and {', '.join(others)}" if others else ""
    require_yes(f"{named(ids)} leave {name}, its history and the caches for good{also}", yes)
    with ExitStack() as held:
        for one in shop:
            held.enter_context(one_writer(one))
        receipt = erased(
            table,
            ids,
            by=by or getpass.getuser(),
            reason=because,
            cache=ActivationCache(),
            places=[*(place for one in shop for place in shop_places(one)), *watched],
            rebuild=lambda generation: build_again(table, generation, rng=generator(0, "index")),
        )
        for one in shop:
            note_erasure(one, receipt)
    for line in receipt.lines():
        # The digest of every file before and after stands in the receipt itself.
        if everything or not line.startswith("  "):
            typer.echo(line)
    newest = max((table / "receipts").glob("*.json"), key=lambda file: file.stat().st_mtime)
    typer.echo(f"receipt: {newest}")
    for other in holding_shops(ids):
        typer.echo(f"not reached: {other} has users with these ids: graft recommend erase {other} --user ID")
    for other in holding_watches(ids):
        typer.echo(f"not reached: the watch of {other} has rows with these ids: graft watch erase {other} --id ID")


def receipt(
    place: Annotated[Path, typer.Argument(help="Folder of a table, shop or watch, or the file of one receipt.")],
    ids: Annotated[list[str], typer.Option("--id", help="Must be among the erased; repeat for several.")] = [],  # noqa: B006
    expect: Annotated[
        str | None, typer.Option(help="The SHA-256 noted when it was erased: one receipt must have it.")
    ] = None,
) -> None:
    """Check the receipts of erasures: that they say what they said, and that nothing removed is back in its place."""
    from graft.core.errors import GateNotMet, InputError
    from graft.core.places import SHOP, TABLE, WATCH, place_of
    from graft.tables.erasure.receipt import read_receipt, read_receipts, returned
    from graft.tables.pointer import read_pointer

    table = place.parent.parent if place.is_file() else place
    known = [read_receipt(place)] if place.is_file() else read_receipts(place)
    kind = place_of(table)
    here = kind is not None and kind.kind in (TABLE, SHOP, WATCH)
    if not place.is_file() and not here:
        read_pointer(place)
    if not known:
        needed = "a table, shop or watch something was erased from"
        raise InputError(f"{place} has no receipts", needed=needed, fix="check the path")
    back = 0
    for one in known:
        state = "complete" if one.complete else "NOT COMPLETE: run the same erasure again"
        typer.echo(f"{one.begun}, asked for by {one.by}, {len(one.ids)} ids, {one.found} found: {state}")
        typer.echo(f"  sha256 {one.sha256}" + ("" if one.schema > 1 else " (of schema 1, which does not state it)"))
        if here:
            there = returned(table, one)
            back += len(there)
            for mark in there:
                typer.echo(f"  BACK: {mark.path} ({mark.sha256})")
    missing = [name for name in ids if not any(one.complete and one.concerns(name) for one in known)]
    if missing:
        raise GateNotMet(f"no complete receipt is about {named(missing)}", needed="one that is", fix="erase it")
    if expect is not None and expect.strip().lower() not in {one.sha256 for one in known}:
        raise GateNotMet(
            f"no receipt here has the SHA-256 {expect}",
            needed="the receipt as it was written then",
            fix="put it back from a copy; a receipt written anew is another one",
        )
    if back:
        raise GateNotMet(
            f"{back} files that were removed are in {table} again", needed="none", fix="run the same erasure again"
        )
    typer.echo("nothing that was removed is back" if here else "the table is not here to look at")


def _index(table: "EmbeddingTable") -> None:
    """Bring the index up to date, where there is one."""
    from graft.core.seeds import generator
    from graft.tables.indexing import keep_up

    done = keep_up(table, rng=generator(0, "index"))
    if done is not None:
        typer.echo(f"  its index is up to date: {done.index.record.rows:,} rows")


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
