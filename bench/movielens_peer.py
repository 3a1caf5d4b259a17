"""Other recommenders on pairs in a folder, by an interpreter that has irspack and implicit; it judges nothing.

``PYTHON bench/movielens_peer.py FOLDER``: a line of JSON on the standard input names a recommender and its settings;
the scores of all users, known items first and new ones after, are written to ``scores.npy`` and a line says so. New
items are no columns of what is learnt from: who never could be met is not rejected.
"""

import contextlib
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.sparse as sparse
from implicit.als import AlternatingLeastSquares
from irspack import CosineKNNRecommender, IALSRecommender


def main() -> None:
    """Answer until the input ends."""
    folder = Path(sys.argv[1])
    ways: dict[str, Callable[..., np.ndarray]] = {"features": _features, "als": _als, "knn": _knn}
    for line in sys.stdin:
        given = json.loads(line)
        pairs = sparse.load_npz(folder / "pairs.npz").astype(np.float64)
        features = [sparse.load_npz(folder / f"{name}.npz") for name in ("known", "new")]
        # What is printed meanwhile, such as bars of progress, is no answer.
        with contextlib.redirect_stdout(io.StringIO()):
            scores = ways[given.pop("way")](pairs, *features, **given)
        np.save(folder / "scores.npy", scores.astype(np.float32))
        print("written", flush=True)


def _features(
    pairs: sparse.csr_matrix, known: sparse.csr_matrix, new: sparse.csr_matrix, *, solved: bool, **settings: float
) -> np.ndarray:
    """Feature-aware iALS. solved: new items as irspack places them, or where the map of features alone says."""
    made = IALSRecommender(pairs, item_features=known, n_threads=1, train_epochs=16, **settings).learn()
    users = made.get_user_embedding()
    if solved:
        items = made.compute_item_embedding_from_features(new)
    else:
        items = new @ made.trainer_as_ials.core_trainer.item_feature_weight
    return np.concatenate([users @ made.get_item_embedding().T, users @ items.T], axis=1)


def _als(pairs: sparse.csr_matrix, _known: sparse.csr_matrix, new: sparse.csr_matrix, **settings: float) -> np.ndarray:
    made = AlternatingLeastSquares(iterations=15, random_state=0, num_threads=1, **settings)
    made.fit(pairs.astype(np.float32), show_progress=False)
    return _beside(made.user_factors @ made.item_factors.T, new)


def _knn(
    pairs: sparse.csr_matrix, _known: sparse.csr_matrix, new: sparse.csr_matrix, **settings: float | str
) -> np.ndarray:
    made = CosineKNNRecommender(pairs, normalize=True, n_threads=1, **settings).learn()
    return _beside(np.asarray(made.get_score(np.arange(pairs.shape[0]))), new)


def _beside(scores: np.ndarray, new: sparse.csr_matrix) -> np.ndarray:
    """Nothing said of new items."""
    return np.concatenate([scores, np.zeros((len(scores), new.shape[0]))], axis=1)


if __name__ == "__main__":
    main()
