"""The functions behind ``import graft``: a study, embeddings, a saved model."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graft.bundle import Bundle, load_bundle
from graft.core.progress import SILENT, Progress
from graft.inputs.roles import Roles
from graft.report import write_page
from graft.representations.embedder import embed_texts
from graft.studies.record import PlanFacts
from graft.studies.running import StudyResult, run_study
from graft.studies.settings import make_settings

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
    options: dict[str, Any] | None = None,
    progress: Progress = SILENT,
    on_plan: Callable[[PlanFacts], None] = lambda plan: None,
) -> StudyResult:
    """Find out whether reusing pretrained models helps on labelled rows, and save the best honest model.

    source: a path (CSV, TSV, JSON lines, Parquet), a pandas or polars frame, or a mapping of columns. text, label:
    column names, one or several. group, time: rows of one group stay on one side of every split; splits go forward in
    time.
    out: a folder for the report, the bundle and ``study.json``; a temporary one when None. costs: a cost table (CSV or
    YAML). after: the folder of an earlier study on fewer labels. options: any other setting of ``StudySettings``:
    sources, strategies, effort, folds, repeats, holdout, metric, margin, level, weights, seed, task, cache_limit,
    keep_rows.

    Returns the result: ``.verdict``, ``.bundle``, ``.record``, ``.folder``. Run again with the same arguments to
    continue a study that was interrupted. Raises InputError for anything that cannot work, before anything is
    trained.
    """
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
    settings = make_settings({"split": split, **(options or {}), "roles": roles})
    folder = Path(tempfile.mkdtemp(prefix="graft-study-")) if out is None else Path(out)
    result = run_study(
        source,
        settings,
        out=folder,
        costs=None if costs is None else Path(costs),
        after=None if after is None else Path(after),
        progress=progress,
        on_plan=on_plan,
    )
    write_page(result.record, folder / "report.html")
    return result


def embed(texts: Sequence[str], source: str = "minilm", *, progress: Progress = SILENT) -> np.ndarray:
    """Vectors of texts, float32, shape (rows, dimension), pooled and normalised as the source states.

    source: a reference (``minilm``, ``path:DIR``, ``hf:org/name@revision``). Rows already seen come from the cache.
    """
    return embed_texts(texts, source, progress=progress)


def load(folder: str | Path) -> Bundle:
    """A saved model, verified file by file and made to repeat its stored predictions. Raises BundleError."""
    return load_bundle(Path(folder))


def _names(given: Names) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
