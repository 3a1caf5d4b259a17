"""One round of irspack's iALS on the pairs of a file, and lists of implicit's; run by an interpreter that has both.

``PYTHON bench/irspack_peer.py PAIRS.npz DIMENSION THREADS ROUNDS``: seconds of a round, wall and processor, as JSON,
and how many users a second implicit lists ten items for, where it is there.
"""

import json
import sys
import time

import numpy as np
import scipy.sparse as sparse
from irspack import IALSRecommender


def main() -> None:
    """Time some rounds after one that warms up."""
    file, dimension, threads, rounds = sys.argv[1], *map(int, sys.argv[2:5])
    pairs = sparse.load_npz(file).astype(np.float32)
    options = {"n_components": dimension, "n_threads": threads, "solver_type": "CG", "alpha0": 0.1, "reg": 0.001}
    IALSRecommender(pairs, train_epochs=1, **options).learn()
    wall, own = time.perf_counter(), time.process_time()
    IALSRecommender(pairs, train_epochs=rounds, **options).learn()
    taken = (time.perf_counter() - wall) / rounds, (time.process_time() - own) / rounds
    print(json.dumps({"wall": taken[0], "processor": taken[1], "users_a_second": listed(pairs, dimension, threads)}))


def listed(pairs: sparse.csr_matrix, dimension: int, threads: int) -> float:
    """Users a second that implicit's ALS lists ten items for, those they have left out; vectors are drawn."""
    try:
        from implicit.als import AlternatingLeastSquares
    except ImportError:
        return 0.0
    rng = np.random.default_rng(0)
    made = AlternatingLeastSquares(dimension, num_threads=threads, use_gpu=False)
    made.user_factors = rng.normal(size=(pairs.shape[0], dimension)).astype(np.float32)
    made.item_factors = rng.normal(size=(pairs.shape[1], dimension)).astype(np.float32)
    users = np.flatnonzero(np.diff(pairs.indptr) > 5)[:2048]
    made.recommend(users[:64], pairs[users[:64]], N=10)
    begun = time.perf_counter()
    made.recommend(users, pairs[users], N=10)
    return len(users) / (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
