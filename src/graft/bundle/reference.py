"""What a bundle keeps of the training rows: for the check "far from the training rows", and for the nearest rows.

Decisions: at most 5,000 rows, drawn deterministically, their vectors in half precision. When rows may not be kept
there are centroids of classes only, and none of fewer than five rows, because the centroid of one row is that row.
A row is far below a threshold that flags a stated share of familiar rows (5 % by default), fitted on the kept rows left
out one unit at a time; rows that repeat one another and rows of one group are one unit. With fewer units than that
share needs (19 at 5 %) no row is flagged, and it is said. A reference of an older version, which states no such share,
flags as it did then.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy import sparse
from sklearn.preprocessing import normalize

from graft.bundle.familiarity import UnknownTerms, of_centroids, of_rows, unknown_terms
from graft.bundle.nearness import NEAREST, ReferenceRows
from graft.core import foreign
from graft.core.errors import BundleError
from graft.core.files import whole_file, write_json, write_text
from graft.core.progress import SILENT, Progress
from graft.core.seeds import generator
from graft.core.tasks import Task
from graft.decisions.far_rows import FALSE_FLAGS, far_below, units_needed
from graft.inputs.blocks import group_blocks
from graft.inputs.dataset import Dataset
from graft.inputs.duplicates import find_duplicates
from graft.representations.cache import ActivationCache
from graft.representations.weights.safetensors_file import check_safetensors
from graft.rows.content import TEXT, Content, ContentKind, Joined
from graft.scores.models import Model
from graft.scores.output import Matrix

Reference: TypeAlias = ReferenceRows | UnknownTerms | None

ROWS_AT_MOST = 5000
_ROWS_OF_A_CENTROID = 5
_ROWS_LIMIT = 4 << 30
_EXCERPT = 60
_FACTS, _ARRAYS, _ROWS = "reference.json", "reference.safetensors", "rows.jsonl"


def write_reference(
    folder: Path,
    model: Model,
    training: Dataset,
    *,
    keep_rows: bool,
    rate: float = FALSE_FLAGS,
    cache: ActivationCache | None = None,
    progress: Progress = SILENT,
) -> int:
    """Write what is kept of the training rows; how many rows are kept, 0 when only something about all of them is.

    rate: the share of familiar rows that may be flagged as far.
    """
    rows = _sampled(training)
    if model.encoders and not keep_rows:
        terms = unknown_terms(model.encoders[0], texts_of(rows.contents), independent(rows), rate=rate)
        _write_facts(folder, "terms", terms.threshold, rate)
        return 0
    vectors = model.seen(rows, cache=cache, progress=progress)
    if vectors is None:
        _write_facts(folder, "none", None, rate)
        return 0
    if not keep_rows:
        _write_centroids(folder, normalize(vectors), rows, rate)
        return 0
    kept = _rounded(normalize(vectors))
    threshold, usual, units = _fitted(kept, independent(rows), model, rate)
    _write_facts(folder, "rows", threshold, rate)
    _save_arrays(folder / _ARRAYS, kept, usual, units)
    lines = [
        json.dumps(
            {"id": name, rows.kind.name: rows.kind.written(rows.kind.kept(content)), "label": label}, ensure_ascii=False
        )
        for name, content, label in zip(rows.ids, rows.contents, label_words(rows), strict=True)
    ]
    write_text(folder / _ROWS, "\n".join(lines) + "\n")
    return len(rows)


def _fitted(kept: Matrix, units: np.ndarray, model: Model, rate: float) -> tuple[float | None, np.ndarray, np.ndarray]:
    """The threshold for kept rows, what is usual around each, and their units."""
    if len(np.unique(units)) < max(units_needed(rate), NEAREST + 2):
        return None, np.zeros(len(units)), units
    widths = tuple(len(one.terms) for one in model.encoders)
    usual, scores = of_rows(kept, units, widths=widths)
    return far_below(scores, units, rate=rate), usual, units


def independent(rows: Dataset) -> np.ndarray:
    """The unit of each row, 0.., (rows,): rows that repeat one another are one, and so are rows of one group."""
    repeated = find_duplicates(rows.contents, kind=rows.kind).groups
    return repeated if rows.groups is None else group_blocks(repeated, rows.groups, largest=1.0, notes=[]).of_row


def _write_facts(folder: Path, kind: str, threshold: float | None, rate: float, names: tuple[str, ...] = ()) -> None:
    write_json(folder / _FACTS, {"kind": kind, "threshold": threshold, "rate": rate, "names": list(names)})


def _sampled(training: Dataset) -> Dataset:
    if len(training) <= ROWS_AT_MOST:
        return training
    chosen = generator(0, "reference rows").permutation(len(training))[:ROWS_AT_MOST]
    return training.take(np.sort(chosen))


def _rounded(matrix: Matrix) -> Matrix:
    """The matrix as it will be after a trip through half precision."""
    if isinstance(matrix, np.ndarray):
        return matrix.astype(np.float16).astype(np.float32)
    rounded = matrix.astype(np.float32)
    rounded.data = rounded.data.astype(np.float16).astype(np.float32)
    return rounded


def _save_arrays(path: Path, kept: Matrix, usual: np.ndarray, units: np.ndarray) -> None:
    if isinstance(kept, np.ndarray):
        arrays = {"vectors": kept.astype(np.float16)}
    else:
        arrays = {
            "data": kept.data.astype(np.float16),
            "indices": kept.indices.astype(np.int32),
            "indptr": kept.indptr.astype(np.int64),
            "shape": np.array(kept.shape, np.int64),
        }
    arrays |= {"usual": usual.astype(np.float32), "units": units.astype(np.int32)}
    with whole_file(path) as temporary:
        save_file(arrays, temporary)


def _write_centroids(folder: Path, vectors: np.ndarray, rows: Dataset, rate: float) -> None:
    large = {name: mask for name, mask in _groups(rows).items() if mask.sum() >= _ROWS_OF_A_CENTROID}
    if not large:
        _write_facts(folder, "none", None, rate)
        return
    units = independent(rows)
    kept = _rounded(normalize(np.stack([vectors[mask].mean(axis=0) for mask in large.values()])))
    usual, scores = of_centroids(vectors, np.stack(list(large.values()), axis=1), units)
    _write_facts(folder, "centroids", far_below(scores, units, rate=rate), rate, tuple(large))
    _save_arrays(folder / _ARRAYS, kept, usual, np.arange(len(kept)))


def _groups(rows: Dataset) -> dict[str, np.ndarray]:
    """Names and masks of the groups that get a centroid."""
    targets = _targets(rows)
    if rows.contract.task is Task.REGRESSION:
        return {"all training rows": np.ones(len(rows), bool)}
    columns = targets.T if targets.ndim == 2 else targets[None, :] == np.arange(len(rows.contract.labels))[:, None]
    return {f"class {name}": mask > 0 for name, mask in zip(rows.contract.labels, columns, strict=True)}


def label_words(rows: Dataset) -> tuple[str, ...]:
    """The label of each row as a person writes it; several labels are joined with ``; ``."""
    targets, labels = _targets(rows), rows.contract.labels
    if rows.contract.task is Task.REGRESSION:
        return tuple(f"{value:g}" for value in targets)
    if targets.ndim == 2:
        return tuple("; ".join(labels[place] for place in np.flatnonzero(row)) for row in targets)
    return tuple(labels[place] for place in targets)


def _targets(rows: Dataset) -> np.ndarray:
    if rows.targets is None:
        raise BundleError("training rows without targets", needed="the labelled rows the model learnt from")
    return rows.targets


def texts_of(contents: Sequence[Content]) -> list[str | None]:
    """The texts of rows, None where a row of several kinds has none."""
    return [one.of(TEXT.name) if isinstance(one, Joined) else one for one in contents]


def why_far(reference: Reference, contents: Sequence[Content], vectors: Matrix | None) -> list[str | None]:
    """For each row why it is far from the training rows, in words, or None. vectors: of the model, None without any."""
    if isinstance(reference, UnknownTerms):
        return reference.far(texts_of(contents))
    if reference is not None and vectors is not None:
        return reference.far(vectors)
    return [None] * len(contents)


def read_reference(folder: Path, model: Model, kind: ContentKind) -> Reference:
    """Read what write_reference wrote. kind: of the content of the rows."""
    facts = foreign.read_json(folder / _FACTS)
    form, threshold = facts["kind"], facts["threshold"]
    if form == "terms" and model.encoders:
        _require_number(threshold, folder)
        return UnknownTerms(model.encoders[0], threshold)
    if form not in ("rows", "centroids"):
        return None
    check_safetensors(folder / _ARRAYS)
    arrays = load_file(folder / _ARRAYS)
    vectors = _vectors_in(arrays)
    _require_number(threshold, folder)
    if "rate" in facts:
        nearest_units = NEAREST if form == "rows" else 1
        usual, units = arrays["usual"].astype(np.float64), arrays["units"]
    else:
        # Up to 0.1.0 the threshold was of the distance to the nearest row or centroid.
        nearest_units, threshold = 1, 1 - float(threshold)
        usual, units = np.zeros(vectors.shape[0]), np.arange(vectors.shape[0])
    if form == "centroids":
        return _fitting(ReferenceRows(vectors, threshold, tuple(facts["names"]), usual, units, nearest_units), folder)
    lines = foreign.read_text(folder / _ROWS, limit=_ROWS_LIMIT).split("\n")
    rows = [json.loads(line) for line in lines if line]
    captions = tuple(f"{row['id']} {row['label']}".rstrip() for row in rows)
    excerpts = tuple(kind.shown(kind.restored(row[kind.name]), _EXCERPT) for row in rows)
    return _fitting(ReferenceRows(vectors, threshold, captions, usual, units, nearest_units, excerpts), folder)


def _require_number(threshold: object, folder: Path) -> None:
    number = isinstance(threshold, int | float) and not isinstance(threshold, bool) and np.isfinite(threshold)
    if threshold is not None and not number:
        raise _unfit(folder, f"its threshold is {str(threshold)[:100]}")


def _fitting(reference: ReferenceRows, folder: Path) -> ReferenceRows:
    """The same reference. Raises BundleError unless everything is there once for each of its vectors."""
    count = reference.vectors.shape[0]
    flat = reference.vectors.ndim == 2 and reference.usual.ndim == reference.units.ndim == 1
    counts = [len(reference.captions), reference.usual.size, reference.units.size]
    counts += [len(reference.excerpts)] if reference.excerpts else []
    if not flat or not count or any(one != count for one in counts):
        given = ", ".join(map(str, counts))
        raise _unfit(folder, f"it has {count} vectors, and {given} of what belongs to them")
    values = reference.vectors.data if sparse.issparse(reference.vectors) else reference.vectors
    if not (np.isfinite(values).all() and np.isfinite(reference.usual).all()):
        raise _unfit(folder, "it holds what is no number")
    if reference.units.dtype.kind not in "iu":
        raise _unfit(folder, "its units are no whole numbers")
    return reference


def _unfit(folder: Path, problem: str) -> BundleError:
    return BundleError(
        f"what {folder} keeps of its training rows does not fit together ({_FACTS}): {problem}",
        needed="the files as Graft wrote them",
        fix="copy the bundle again from where it was written; do not use this one",
    )


def _vectors_in(arrays: dict[str, np.ndarray]) -> Matrix:
    if "vectors" in arrays:
        return np.asarray(arrays["vectors"], np.float32)
    parts = arrays["data"].astype(np.float32), arrays["indices"], arrays["indptr"]
    matrix = sparse.csr_matrix(parts, shape=tuple(arrays["shape"].tolist()))
    matrix.check_format(full_check=True)  # what points outside would be read from anywhere in memory
    return matrix
