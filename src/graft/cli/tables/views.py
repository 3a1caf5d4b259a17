"""``graft tables show, history, index, map``."""

from pathlib import Path
from typing import Annotated

import typer

from graft.cli.words import size
from graft.core.errors import InputError

Place = Annotated[Path, typer.Argument(help="Folder of a table.")]


def show(table: Place) -> None:
    """Show what a table holds: its rows, space, generations and index."""
    from graft.representations.reading import Prompts
    from graft.tables.indexing import advice, facts_of_index
    from graft.tables.table import EmbeddingTable

    opened = EmbeddingTable.open(table)
    generation, rows = opened.generation, opened.count()
    told = {
        "rows": f"{rows:,}",
        "version": f"{opened.version} of generation {generation.name}",
        "source": f"{generation.source or 'vectors made elsewhere'} ({generation.precision})",
        "space": f"{opened.space.fingerprint}, {opened.space.dimension} numbers",
        "prompts": ", ".join(Prompts(generation.prompt_query or "", generation.prompt_document or "").said()),
        "id": generation.id,
        "embedded": ", ".join(generation.content),
        "columns": ", ".join(f"{field.name} {field.type}" for field in opened.schema),
        "on disk": size(sum(file.stat().st_size for file in table.rglob("*") if file.is_file())),
        "delta table": str(opened.store.root),
        "index": facts_of_index(opened) or f"none; {advice(rows)}",
    }
    typer.echo(f"{opened.name}")
    for name, value in told.items():
        if value:
            typer.echo(f"  {name:12} {value}")
    for other in opened.pointer.generations:
        if other.name != generation.name:
            typer.echo(f"  {other.state:12} {other.name}, {other.source or 'vectors made elsewhere'}, {other.created}")


def history(
    table: Place, most: Annotated[int, typer.Option("--most", min=1, help="How many versions to list.")] = 20
) -> None:
    """List the versions of a table, the newest first."""
    from graft.tables.table import EmbeddingTable

    versions = EmbeddingTable.open(table).history()
    for one in versions[:most]:
        counts = {"inserted": one.inserted, "updated": one.updated, "deleted": one.deleted}
        done = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
        typer.echo(f"{one.number:>6}  {one.time:%Y-%m-%d %H:%M:%S}  {one.operation:10}  {done}".rstrip())
    if len(versions) > most:
        typer.echo(f"and {len(versions) - most:,} earlier ones")


def index(
    table: Place,
    anew: Annotated[bool, typer.Option("--anew", help="Build it whatever there is.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove it: search is exact then.")] = False,
) -> None:
    """Build the search index or bring it up to date, and say what it finds: recall@10 on held-out queries."""
    from graft.core.display import Bars, Terminal
    from graft.core.seeds import generator
    from graft.tables.indexing import advice, bring_up_to_date, recall_in_words, remove_index
    from graft.tables.table import EmbeddingTable

    if anew and remove:
        raise InputError(
            "--anew and --remove together",
            needed="one of them: an index that is built, or none",
            fix="--anew alone replaces the index there is",
        )
    opened = EmbeddingTable.open(table)
    if remove:
        remove_index(opened)
        typer.echo(f"{opened.name}: the index is removed, search is exact")
        return
    done = bring_up_to_date(opened, rng=generator(0, "index"), anew=anew, progress=Bars(Terminal(stderr=True)))
    record = done.index.record
    what = "built anew" if done.rebuilt else f"{done.changed:,} rows added, {done.removed:,} removed"
    if not done.rebuilt and not done.changed and not done.removed:
        what = "up to date already"
    typer.echo(f"{opened.name}: index of {record.rows:,} rows, version {record.version}: {what}")
    typer.echo(f"  {recall_in_words(record.recall)}")
    typer.echo(f"  {advice(record.rows)}")


def draw(
    table: Place,
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("table.html"),
    umap: Annotated[bool, typer.Option("--umap/--no-umap", help="Also a UMAP, when it is installed.")] = True,
) -> None:
    """Write the page of a table: an interactive map, groups with readable names, outliers, near-duplicates."""
    from graft.core.display import Bars, Terminal
    from graft.core.places import require_output
    from graft.core.seeds import generator
    from graft.tables.table import EmbeddingTable

    require_output(out, ends=(".html",))
    opened = EmbeddingTable.open(table)
    # Not before all was looked at: they import scikit-learn.
    from graft.report.table import write_table_page
    from graft.tables.facts import table_facts

    rng, progress = generator(0, "table", "overview"), Bars(Terminal(stderr=True))
    facts = table_facts(opened, rng=rng, umap=None if umap else False, progress=progress)
    write_table_page(facts, out)
    seen = facts.overview
    typer.echo(
        f"{out}: {seen.rows:,} rows, {len(seen.clustering.clusters)} groups, {seen.outliers.found:,} rows far from all "
        f"others, {seen.duplicates.groups:,} groups of near-duplicates"
    )
