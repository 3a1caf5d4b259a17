"""``graft tables migrate, rollback, drop``."""

from pathlib import Path
from typing import Annotated

import typer

from graft.cli.consent import Yes, require_yes
from graft.cli.embedding import DocumentPrompt, QueryPrompt
from graft.cli.tables.views import Place


def migrate(
    table: Place,
    to: Annotated[str, typer.Option(help="The source to move to: minilm, path:DIR or hf:org/name@revision.")],
    yes: Annotated[bool, typer.Option("--yes", help="Build and swap after the plan, without asking.")] = False,
    plan_only: Annotated[bool, typer.Option("--plan", help="Stop after the plan.")] = False,
    no_swap: Annotated[bool, typer.Option("--no-swap", help="Build, and leave the swap for later.")] = False,
    hot: Annotated[str | None, typer.Option(help="Column that says which rows come first, the highest first.")] = None,
    text: Annotated[
        list[str], typer.Option("--text", "--image", "--audio", help="Columns to embed, when other ones than before.")
    ] = [],  # noqa: B006
    prompt_query: QueryPrompt = None,
    prompt_document: DocumentPrompt = None,
    int8: Annotated[bool, typer.Option("--int8", help="Compute in 8-bit integers.")] = False,
    queries: Annotated[
        Path | None, typer.Option(help="Questions to measure by: a file with the columns query and id (a wanted row).")
    ] = None,
    label: Annotated[str | None, typer.Option(help="Or the column of labels that neighbours should share.")] = None,
    margin: Annotated[float, typer.Option(help="A larger loss in retrieval stops the migration.")] = 0.02,
    accept_loss: Annotated[bool, typer.Option("--accept-loss", help="Migrate in spite of such a loss.")] = False,
) -> None:
    """Move a table to another source: plan, measure, build beside, swap. Searching goes on all the while."""
    import sys

    from graft.core.display import Bars, Terminal
    from graft.core.seeds import generator
    from graft.representations.reading import Role
    from graft.tables.migration.retrieval import read_questions, require_loss
    from graft.tables.table import EmbeddingTable

    require_loss(margin)
    opened = EmbeddingTable.open(table)
    questions = None if queries is None else read_questions(queries)
    from graft.tables.encoders import Telling, encoder_for, encoder_of, pinned

    precision = "int8" if int8 else "native"
    # The plan's hours are of the source, not of a cache that knows some texts already.
    measured = encoder_for(to, precision, prompt_query=prompt_query, prompt_document=prompt_document, cached=False)
    if measured.space.fingerprint == opened.space.fingerprint:
        # As after a kill between the swap and the end: the same command has nothing left to do.
        typer.echo(f"{opened.name} answers from {opened.generation.name}, of {to}, already: nothing has to be migrated")
        return
    # Not before all was looked at: they import a model library, which takes seconds.
    from graft.rows.content import ROW, kind_named
    from graft.tables.cell_rows import CELLS, require_cells
    from graft.tables.migration.next_generation import build
    from graft.tables.migration.plan import Inquiry, plan_migration
    from graft.tables.migration.swap import swap_to

    if opened.generation.content == (CELLS,) and measured.source.reading.kind == ROW.name:
        require_cells(opened, measured.source)
    sampled = Telling(measured)
    planned = plan_migration(
        opened,
        measured.space,
        sampled,
        rng=generator(0, "migration"),
        source=pinned(to),
        content=tuple(text),
        hot=hot,
        asked=None
        if questions is None
        else Inquiry(
            questions,
            Telling(encoder_of(opened.generation, cached=False).reading_as(Role.QUERY)),
            Telling(measured.reading_as(Role.QUERY)),
        ),
        label=label,
        margin=margin,
    )
    for line in planned.plan.lines():
        typer.echo(line)
    if sampled.cut:
        typer.echo(f"warning: of the sample, {sampled.words()}", err=True)
    if plan_only:
        return
    if planned.plan.retrieval is not None:
        # Before anybody is asked: a yes to building is no yes to finding less.
        planned.plan.retrieval.require_kept(opened.name, accept_loss=accept_loss)
    if not yes and not (sys.stdin.isatty() and typer.confirm("build it now?")):
        typer.echo("to go on: the same command with --yes")
        return
    encoder = encoder_for(to, precision, prompt_query=prompt_query, prompt_document=prompt_document)
    prompts, encode = encoder.source.reading.prompts, Telling(encoder)
    adapter = planned.adapter.adapter if planned.adapter is not None and planned.adapter.usable else None
    built = build(
        table,
        encoder.space,
        encode,
        source=pinned(to),
        precision="int8" if int8 else "native",
        prompt_query=prompts.query,
        prompt_document=prompts.document,
        content=tuple(text),
        hot=hot,
        adapter=adapter,
        retrieval=planned.plan.retrieval,
        accept_loss=accept_loss,
        progress=Bars(Terminal(stderr=True)),
    )
    kind = measured.source.reading.kind
    typer.echo(
        f"built {built.generation}: {built.encoded:,} {kind_named(kind).plural} encoded, {built.written:,} rows written"
    )
    if encode.cut:
        typer.echo(f"warning: {encode.words()}", err=True)
    if no_swap:
        typer.echo("not swapped: run the same command without --no-swap")
        return
    done = swap_to(table, built.generation, encode, rng=generator(0, "swap"))
    typer.echo(f"{opened.name} answers from {done.after} now; graft tables rollback {table} returns to {done.before}")


def rollback(table: Place) -> None:
    """Return to the generation that answered before the last swap; rows that changed since are caught up."""
    from graft.core.seeds import generator
    from graft.tables.cell_rows import CELLS, require_cells
    from graft.tables.encoders import encoder_of
    from graft.tables.migration.swap import previous, roll_back
    from graft.tables.pointer import read_pointer
    from graft.tables.table import EmbeddingTable

    pointer = read_pointer(table)
    before = pointer.generation(previous(pointer))
    if before.content == (CELLS,) and before.source:
        live, there = EmbeddingTable.open(table), EmbeddingTable.open(table, generation=before.name)
        known = live.read(["id", "digest"])
        if there.changed(known["id"], known["digest"]).any():
            require_cells(live, encoder_of(before).source)
    done = roll_back(
        table,
        (lambda texts: encoder_of(before).vectors(texts)[0]) if before.source else None,
        rng=generator(0, "swap"),
    )
    typer.echo(f"{pointer.name} answers from {done.after} again")


def drop(
    table: Place,
    generation: Annotated[str, typer.Argument(help="Name of a generation that does not answer, for example g1.")],
    yes: Annotated[bool, Yes] = False,
) -> None:
    """Remove an old generation, or one whose building is given up: there is no way back to it then."""
    from graft.cli.words import size
    from graft.tables.migration.swap import drop as dropped
    from graft.tables.pointer import read_pointer

    known = read_pointer(table).generation(generation)
    require_yes(f"generation {known.name} of {read_pointer(table).name} is gone for good", yes)
    typer.echo(f"{generation} is removed, {size(dropped(table, generation))} freed")
