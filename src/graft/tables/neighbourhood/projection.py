"""The table as a map: two dimensions to look at.

Decisions: principal components always, because they are linear, quick and the same every time; UMAP (McInnes et al.
2018, arXiv:1802.03426) beside them where the extra is installed, started from the principal components so that the
seed alone decides. A flat map of hundreds of dimensions must lose something, so each map states what: the share of
the variance it shows (principal components), its trustworthiness (Venna & Kaski 2001; near 0.5 for a map of no use,
1 when no stranger was moved beside a row) and the share of each row's ten nearest that are still among its ten
nearest.
"""

import importlib.util
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

from graft.core.extras import require
from graft.tables.neighbourhood.neighbours import neighbours

_NEAREST = 10
_JUDGED_ROWS = 1500
_FEWEST_FOR_UMAP = 20


@dataclass(frozen=True, eq=False)
class Projection:
    """A map. method: ``pca`` or ``umap``. places: float32 (rows, 2), across and up, the longer side from 0 to 1.

    explained: share of the variance, of principal components alone. trust: trustworthiness of a sample, and kept: share
    of ten nearest neighbours that stay so; None when there are too few rows.
    """

    method: str
    places: np.ndarray
    explained: float | None
    trust: float | None
    kept: float | None


def umap_installed() -> bool:
    """Whether the extra ``umap`` is there; nothing is imported."""
    return importlib.util.find_spec("umap") is not None


def project_pca(vectors: np.ndarray, *, rng: np.random.Generator) -> Projection:
    """The two directions of largest variance of float32 (rows, dimension); the same rows always give the same map.

    The direction of each axis is set so that its largest loading is positive. rng: which rows the map is judged on.
    """
    places = np.zeros((len(vectors), 2), np.float32)
    explained = 0.0
    axes = min(2, len(vectors) - 1, vectors.shape[1])
    if axes > 0 and np.ptp(vectors, axis=0).max() > 0:
        model = PCA(axes, svd_solver="covariance_eigh").fit(vectors)
        largest = np.abs(model.components_).argmax(axis=1)
        signs = np.sign(model.components_[np.arange(axes), largest])
        places[:, :axes] = model.transform(vectors) * signs
        explained = float(min(1.0, model.explained_variance_ratio_.sum()))
    return Projection("pca", _framed(places), explained, *_judged(vectors, places, rng))


def project_umap(vectors: np.ndarray, *, rng: np.random.Generator) -> Projection | None:
    """The map UMAP makes of float32 (rows, dimension); None for fewer than 20 rows.

    Raises MissingExtra where it is not installed. The first call of a process takes some seconds to compile.
    """
    if len(vectors) < _FEWEST_FOR_UMAP:
        return None
    umap = require("umap", extra="umap", what="the UMAP projection")
    model = umap.UMAP(
        n_components=2,
        n_neighbors=min(15, len(vectors) - 1),
        min_dist=0.3,
        metric="cosine",
        init=project_pca(vectors, rng=rng).places * np.float32(10),
        random_state=int(rng.integers(2**31)),
        n_jobs=1,  # more would give up the seed
    )
    places = np.asarray(model.fit_transform(vectors), dtype=np.float32)
    return Projection("umap", _framed(places), None, *_judged(vectors, places, rng))


def _framed(places: np.ndarray) -> np.ndarray:
    """Places moved to start at 0, with the longer side 1; the proportions stay."""
    if not len(places):
        return places
    low = places.min(axis=0)
    side = float((places.max(axis=0) - low).max())
    return np.asarray((places - low) / (side or 1.0), dtype=np.float32)


def _judged(vectors: np.ndarray, places: np.ndarray, rng: np.random.Generator) -> tuple[float | None, float | None]:
    """Trustworthiness and the share of nearest neighbours kept, on a sample."""
    rows = rng.permutation(len(vectors))[:_JUDGED_ROWS]
    if len(rows) <= 2 * _NEAREST + 1:
        return None, None
    own, flat = vectors[rows], places[rows]
    trust = trustworthiness(own, flat, n_neighbors=_NEAREST, metric="cosine")
    near = neighbours(own, _NEAREST).positions
    apart = ((flat[:, None, :] - flat[None, :, :]) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    flat_near = np.argpartition(apart, _NEAREST, axis=1)[:, :_NEAREST]
    kept = (near[:, :, None] == flat_near[:, None, :]).any(axis=2).mean()
    return float(trust), float(kept)
