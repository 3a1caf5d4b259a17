"""Lists of implicit's ALS for users of a file; run by an interpreter that has implicit.

``PYTHON bench/implicit_peer.py PAIRS.npz OUT.npy DIMENSION REGULARISATION ALPHA PLACES``: its best items for every user
that they do not have yet, shape (users, places).
"""

import sys

import numpy as np
import scipy.sparse as sparse
from implicit.als import AlternatingLeastSquares


def main() -> None:
    """Write the lists."""
    pairs = sparse.load_npz(sys.argv[1]).astype(np.float32).tocsr()
    dimension, places = int(sys.argv[3]), int(sys.argv[6])
    model = AlternatingLeastSquares(
        factors=dimension, regularization=float(sys.argv[4]), alpha=float(sys.argv[5]), iterations=15, random_state=0,
        num_threads=1,
    )  # fmt: skip
    model.fit(pairs, show_progress=False)
    lists, _ = model.recommend(np.arange(pairs.shape[0]), pairs, N=places)
    np.save(sys.argv[2], lists.astype(np.int64))


if __name__ == "__main__":
    main()
