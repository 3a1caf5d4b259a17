"""``graft embed`` and ``graft search``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graft.cli.words import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graft.rows.content import ContentKind
    from graft.tables.embedding import EmbeddingReport

_LISTED, _NAMED = 20, 10
QueryPrompt = Annotated[
    str | None, typer.Option("--prompt-query", help="Put before each query, instead of what the source states.")
]
DocumentPrompt = Annotated[
    str | None, typer.Option("--prompt-document", help="Put before each row's text, instead of what the source states.")
]


def embed(
    data: Annotated[Path, typer.Argument(help="CSV, TSV, JSON lines, Parquet, or a folder of pictures or recordings.")],
    text: Annotated[list[str], typer.Option(help="Column of text; repeat for several, which are joined.")] = [],  # noqa: B006
    image: Annotated[list[str], typer.Option(help="Column that names files of pictures.")] = [],  # noqa: B006
    audio: Annotated[list[str], typer.Option(help="Column that names recordings.")] = [],  # noqa: B006
    numeric: Annotated[
        list[str], typer.Option(help="Numeric column of rows alone; repeat, or '*' for those the source reads.")
    ] = [],  # noqa: B006
    categorical: Annotated[
        list[str], typer.Option(help="Categorical column of rows alone; repeat, or '*' for those the source reads.")
    ] = [],  # noqa: B006
    table: Annotated[Path | None, typer.Option(help="Folder of the table to insert into; made when it is new.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write bare vectors here instead (.npy, float32).")] = None,
    id_column: Annotated[
        str, typer.Option("--id", help="Column that names each row; needed for a table, except of a folder.")
    ] = "",
    source: Annotated[
        str,
        typer.Option(
            help="minilm, lite0, speech, glove, path:DIR or hf:org/name@revision. Left out: minilm for texts, lite0 "
            "for images, speech for audio."
        ),
    ] = "",
    prompt_query: QueryPrompt = None,
    prompt_document: DocumentPrompt = None,
    role: Annotated[
        str, typer.Option(help="What the texts are read as, with --out: document, query, classification or clustering.")
    ] = "document",
    int8: Annotated[bool, typer.Option("--int8", help="Compute in 8-bit integers, where that is near enough.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Use --int8 even where it is not near enough.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first row that cannot be kept.")] = False,
    encoding: Annotated[
        str | None, typer.Option(help="What the file is written in, when it is not recognised: cp1252.")
    ] = None,
) -> None:
    """Embed the rows of a file: into a table that keeps them, or as bare vectors in the order of the file."""
    from graft.core.display import Bars, Terminal
    from graft.core.errors import InputError
    from graft.inputs.named_rows import content_of

    if (table is None) == (out is None):
        raise InputError(
            "neither --table nor --out" if table is None else "--table and --out together",
            needed="one place to write to",
            fix="--table vectors/tickets keeps rows with their ids; --out vectors.npy writes bare vectors",
        )
    bars = Bars(Terminal(stderr=True))
    precision = "int8" if int8 else "native"
    if out is not None:
        _bare(
            data,
            content_of(data, text=text, image=image, audio=audio, beside=(*numeric, *categorical)),
            (tuple(numeric), tuple(categorical)),
            out,
            source,
            role,
            (prompt_query, prompt_document),
            precision,
            force,
            encoding,
            bars,
        )
        return
    assert table is not None
    if role != "document":
        raise InputError(
            f"--role {role} with --table",
            needed="documents: what a table holds is searched",
            fix="leave --role out; graft search reads what is asked as a query",
        )
    from graft.api import embed_table

    opened, done = embed_table(
        data, table=table, id=id_column, text=text, image=image, audio=audio, numeric=numeric,
        categorical=categorical, source=source, precision=precision, prompt_query=prompt_query,
        prompt_document=prompt_document, force=force, strict=strict, encoding=encoding, progress=bars,
    )  # fmt: skip
    typer.echo(
        f"{table}: {opened.count():,} rows, version {done.version} "
        f"({done.inserted:,} new, {done.updated:,} changed, {done.unchanged:,} as they were; {done.encoded:,} encoded)"
    )
    if done.cut:
        typer.echo(f"warning: {done.words()}", err=True)
    _left_out(done)


def _left_out(done: "EmbeddingReport") -> None:
    if not done.left_out:
        return
    counted = f"{len(done.left_out):,} rows were" if len(done.left_out) > 1 else "1 row was"
    typer.echo(f"warning: {counted} left out", err=True)
    for line in listed([f"{one.place}: {one.why}" for one in done.left_out], _LISTED):
        typer.echo(f"  {line}", err=True)


def _bare(  # type: ignore[no-untyped-def]
    data: Path, content: tuple[str, tuple[str, ...]], beside: tuple[tuple[str, ...], tuple[str, ...]], out: Path,
    source: str, role: str, prompts: tuple[str | None, str | None], precision: str, force: bool, encoding: str | None,
    bars,
) -> None:  # fmt: skip
    import numpy as np

    from graft.core.files import whole_file
    from graft.core.places import require_output
    from graft.inputs.contract import require_columns
    from graft.rows.content import ROW, kind_named
    from graft.rows.table import read_frame
    from graft.tables.cell_rows import cell_rows, embedded_kind

    require_output(out, read=(data,), ends=(".npy",))
    named, columns = content
    kind = kind_named(embedded_kind(named, columns, *beside, source=bool(source)))
    rows = read_frame(data, encoding=encoding)
    require_columns(rows, list(columns))
    found = [] if kind is ROW else kind.read([rows.as_written(name) for name in columns], rows.folder)
    _require_readable(found, kind, {})
    # Not before the rows were looked at: it imports a model library, which takes seconds.
    from graft.representations.embedded import usual_sources
    from graft.representations.reading import as_role
    from graft.representations.sources import require_may_read, require_reads
    from graft.tables.encoders import encoder_for

    read_as, reference = as_role(role), source or usual_sources(named)[0]
    require_may_read(reference, kind)
    encoder = encoder_for(
        reference, precision, prompt_query=prompts[0], prompt_document=prompts[1], force=force
    ).reading_as(read_as)
    require_reads(encoder.source, kind)
    if kind is ROW:
        cells = cell_rows(rows, encoder.source, numeric=beside[0], categorical=beside[1])
        found = list(cells.rows)
        _require_readable(found, kind, cells.unread)
    contents = [kind.blank if one is None else one for one in found]
    vectors, report = encoder.vectors(contents, progress=bars)
    with whole_file(out) as temporary, temporary.open("wb") as stream:
        np.save(stream, vectors)
    typer.echo(f"{vectors.shape[0]:,} vectors of {vectors.shape[1]} numbers written to {out}", err=True)
    if report.cut:
        typer.echo(f"warning: {report.words()}", err=True)


def _require_readable(found: "Sequence[Any]", kind: "ContentKind", unread: "Mapping[int, str]") -> None:
    """Raise InputError where rows cannot be embedded, which names them; one that says nothing can, where its kind
    allows."""
    from graft.core.errors import InputError

    told = []
    for row, one in enumerate(found):
        problem = kind.problem(kind.blank if one is None else one)
        silent = kind.blank is not None and one in (None, kind.blank)
        if problem is not None and problem.fatal and not silent:
            told.append(f"row {row}: {unread.get(row, problem.message)}")
    if told:
        counted = "" if len(told) == 1 else f"{len(told):,} of {len(found):,} rows cannot be embedded: "
        raise InputError(
            counted + "; ".join(listed(told, _NAMED)),
            needed=f"{kind.plural} that can be read",
            fix=f"drop or repair {'that row' if len(told) == 1 else 'those rows'}; --table instead of --out keeps the "
            "others, and lists what it leaves out",
        )


def search(
    table: Annotated[Path, typer.Argument(help="Folder of a table.")],
    query: Annotated[
        str,
        typer.Argument(
            help="What is looked for: words, the file of a picture or recording, or cells: 'size=7, colour=red'."
        ),
    ],
    k: Annotated[int, typer.Option("-k", help="How many rows.")] = 10,
    where: Annotated[str | None, typer.Option(help="SQL condition, for example \"region = 'EU'\".")] = None,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a line, every column.")] = False,
) -> None:
    """Find the rows of a table that are nearest to a text."""
    import json

    from graft.representations.spaces import content_kind
    from graft.tables.table import EmbeddingTable

    opened = EmbeddingTable.open(table)
    found = opened.search(query, k=k, where=where)
    if json_lines:
        for row in found.drop("query").to_dicts():
            typer.echo(json.dumps(row, ensure_ascii=False, default=str))
        return
    if not found.height:
        typer.echo("no row meets the condition" if where else "the table has no rows", err=True)
    width = max((len(name) for name in found["id"].to_list()), default=0)
    texts, kind = [name for name in opened.generation.content if name in found.columns], content_kind(opened.space)
    for row in found.to_dicts():
        if kind.cells:
            shown = kind.shown(kind.restored(row[texts[0]]), 100) if texts else ""
        else:
            words = " ".join(" ".join(str(row[name] or "") for name in texts).split())
            shown = words if len(words) <= 100 else words[:99] + "…"
        typer.echo(f"{row['rank']:>3}  {row['distance']:.3f}  {row['id']:<{width}}  {shown}".rstrip())
