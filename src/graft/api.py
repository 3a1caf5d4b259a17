"""The functions behind ``import graft``: a study, embeddings and tables of them, a saved model.

Decision: model libraries take seconds to import, so each function imports what it needs, after it has looked at what it
was given: a misspelt path or column is told at once.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graft.core.progress import SILENT, Progress

if TYPE_CHECKING:
    import numpy as np

    from graft.bundle import Bundle
    from graft.representations.encoding.encoder import Encoder
    from graft.studies.record import PlanFacts
    from graft.studies.running import StudyResult
    from graft.tables.embedding import Embedded
    from graft.tables.table import EmbeddingTable

Names = str | Sequence[str]


def study(
    source: Any,
    *,
    text: Names,
    label: Names,
    out: str | Path | None = None,
    numeric: Names = (),
    categorical: Names = (),
    id: str | None = None,  # noqa: A002 - the field's own word, and the command line's
    group: str | None = None,
    time: str | None = None,
    costs: str | Path | None = None,
    after: str | Path | None = None,
    test: Any = None,
    options: dict[str, Any] | None = None,
    progress: Progress = SILENT,
    on_plan: "Callable[[PlanFacts], None]" = lambda plan: None,
) -> "StudyResult":
    """Find out whether reusing pretrained models helps on labelled rows, and save the best honest model.

    source: a path (CSV, TSV, JSON lines, Parquet), a pandas or polars frame, or a mapping of columns. text, label:
    column names, one or several. group, time: rows of one group stay on one side of every split; splits go forward in
    time.
    out: a folder for the report, the bundle and ``study.json``; a temporary one when None. costs: a cost table (CSV or
    YAML). after: the folder of an earlier study on fewer labels. test: rows of your own to test on (as ``source``, with
    the same columns): locked away until the end instead of a share of the rows, and never learnt from. options: any
    other setting of ``StudySettings``: sources, strategies, effort, folds, repeats, holdout, metric, margin, level,
    weights, seed, task, cache_limit, keep_rows, refit, cautious, prior.

    Returns the result: ``.verdict``, ``.bundle``, ``.record``, ``.folder``. Run again with the same arguments to
    continue a study that was interrupted. Raises InputError for anything that cannot work, before anything is
    trained.
    """
    from graft.inputs.contract import require_columns
    from graft.inputs.roles import Roles
    from graft.rows.table import read_frame

    split = "group" if group is not None else "time" if time is not None else "stratified"
    roles = Roles(
        text=_names(text),
        label=_names(label),
        numeric=_names(numeric),
        categorical=_names(categorical),
        id=id,
        group=group,
        time=time,
    )
    table = read_frame(source)
    require_columns(table, [name for name, _ in roles.columns])
    if test is not None:
        require_columns(read_frame(test), [name for name, _ in roles.columns])

    from graft.report import write_page
    from graft.studies.running import run_study
    from graft.studies.settings import make_settings

    settings = make_settings({"split": split, **(options or {}), "roles": roles})
    folder = Path(tempfile.mkdtemp(prefix="graft-study-")) if out is None else Path(out)
    result = run_study(
        source,
        settings,
        table=table,
        out=folder,
        costs=None if costs is None else Path(costs),
        after=None if after is None else Path(after),
        test=test,
        progress=progress,
        on_plan=on_plan,
    )
    write_page(result.record, folder / "report.html")
    return result


def embed(
    texts: Sequence[str], source: str = "minilm", *, precision: str = "native", progress: Progress = SILENT
) -> "np.ndarray":
    """Vectors of texts, float32, shape (rows, dimension), pooled and normalised as the source states.

    source: a reference (``minilm``, ``path:DIR``, ``hf:org/name@revision``). precision: ``native`` (bfloat16 where the
    processor has it), ``float32`` or ``int8``. Rows already seen come from the cache.
    """
    from graft.representations.embedder import embed_texts

    return embed_texts(texts, source, precision=precision, progress=progress)


def embed_table(
    data: Any,
    *,
    table: str | Path,
    id: str,  # noqa: A002 - the field's own word, and the command line's
    text: Names,
    source: str = "minilm",
    precision: str = "native",
    force: bool = False,
    encoder: "Encoder | None" = None,
    strict: bool = False,
    progress: Progress = SILENT,
) -> "tuple[EmbeddingTable, Embedded]":
    """Embed rows into a table, which is made when it is not there; only rows whose text changed are encoded.

    data: as for ``study``; of a file, rows that cannot be read are listed and the others kept. table: its folder. id,
    text: columns. precision: ``native``, ``float32`` or ``int8``. force: int8 even for a source it does not suit.
    encoder: one at hand, instead of ``source`` and ``precision``. strict: raise TableError for the first row that
    cannot be kept. The table, its source and its file are recorded in the ledger; an index the table has is brought up
    to date.
    """
    from graft.core.seeds import generator
    from graft.inputs.contract import require_columns
    from graft.rows.table import read_frame, read_rows

    file = Path(data) if isinstance(data, str | Path) else None
    rows = read_rows(file) if file is not None and not strict else read_frame(data)
    require_columns(rows, [id, *_names(text)])

    from graft.governance.registry import Registry
    from graft.tables.embedding import embed_into
    from graft.tables.encoders import encoder_for
    from graft.tables.indexing import keep_up
    from graft.tables.recording import record_table

    encoder = encoder or encoder_for(source, precision, force=force)
    opened, done = embed_into(
        Path(table),
        rows,
        encoder,
        id_column=id,
        text=_names(text),
        precision="int8" if encoder.precision == "int8" else "native",
        strict=strict,
        progress=progress,
    )
    with Registry() as registry:
        record_table(registry, opened, file)
    keep_up(opened, rng=generator(0, "index"), progress=progress)
    return opened, done


def load(folder: str | Path) -> "Bundle":
    """A saved model, verified file by file and made to repeat its stored predictions. Raises BundleError."""
    from graft.bundle import load_bundle

    return load_bundle(Path(folder))


def _names(given: Names) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
