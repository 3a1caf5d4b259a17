"""Alternating solves of users and items, against irspack in an environment of its own, in the same run.

``python -m bench factors peer=PYTHON``: pairs of 100,000 users and 50,000 items whose popularity falls off, dimension
64, one thread unless OMP_NUM_THREADS says more. Also one list of ten of all items, for one user, and for many at once.
"""

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy import sparse

from bench.draws import Found
from graft.entities.factorisation import Factorisation, Factors, Side
from graft.entities.posterior import Observed, fixed, means
from graft.entities.preferences import Preferences
from graft.entities.top_lists import top_lists


def pairs(events: int = 1_000_000, users: int = 100_000, items: int = 50_000) -> sparse.csr_matrix:
    """Pairs of users and items, each once, a little more than ``events`` drawn."""
    rng = np.random.default_rng(0)
    of_users = rng.permutation(1 / np.arange(10, users + 10) ** 0.6)
    of_items = rng.permutation(1 / np.arange(10, items + 10) ** 0.8)
    drawn = round(events * 1.15)
    user = rng.choice(users, drawn, p=of_users / of_users.sum())
    item = rng.choice(items, drawn, p=of_items / of_items.sum())
    made = sparse.csr_matrix((np.ones(drawn), (user, item)), shape=(users, items))
    made.data[:] = 1
    return made


def factors(peer: tuple[str, ...] | str = (), events: int = 1_000_000, dimension: int = 64, rounds: int = 3) -> Found:
    """Seconds of a round here and there, and of lists."""
    threads, given = int(os.environ.get("OMP_NUM_THREADS", "1")), pairs(events)
    observed = Observed(sparse.csr_array(given), np.ones(given.nnz, bool))
    turned = observed.turned()
    chosen = Factorisation(dimension=dimension, penalty=0.001)
    people, things = chosen.penalties(observed.counts, given.shape[1]), chosen.penalties(turned.counts, given.shape[0])
    items = (np.random.default_rng(0).normal(size=(given.shape[1], dimension)) / dimension).astype(np.float32)
    taken = []
    for _ in range(rounds + 1):
        wall, own = time.perf_counter(), time.process_time()
        users = means(observed, fixed(items, unobserved=0.1, dtype=np.float32), people, threads=threads)
        items = means(turned, fixed(users, unobserved=0.1, dtype=np.float32), things, threads=threads)
        taken.append((time.perf_counter() - wall, time.process_time() - own))
    mine = np.array(taken[1:]).mean(axis=0)
    found: Found = {
        "pairs": given.nnz,
        "threads": threads,
        "round_wall": round(float(mine[0]), 3),
        "round_processor": round(float(mine[1]), 3),
        **_lists(chosen, observed, users, items),
    }
    python = peer if isinstance(peer, str) else (peer[0] if peer else "")
    if python:
        theirs = _peer(python, given, dimension, threads, rounds)
        found |= {
            "irspack_wall": round(theirs["wall"], 3),
            "irspack_processor": round(theirs["processor"], 3),
            "ratio_of_processor": round(float(mine[1]) / theirs["processor"], 2),
            "wanted": "at most 1.5",
            "implicit_users_a_second": round(theirs["users_a_second"]),
        }
    return found


def _lists(chosen: Factorisation, observed: Observed, users: np.ndarray, items: np.ndarray) -> Found:
    """Milliseconds of folding in and of a list for one user, and users a second at once."""
    count, dimension = observed.pairs.shape[1], chosen.dimension
    sides = (
        Side(users.astype(np.float64), np.zeros(len(users)), np.zeros((len(users), dimension))),
        Side(items.astype(np.float64), np.zeros(count), np.zeros((count, dimension + 1))),
    )
    made = Factors(chosen, *sides, np.ones(count, bool), np.zeros(1))
    model = Preferences(made, observed, sides[0].priors, sides[1].priors, sparse.csr_array((count, count)))
    some = np.flatnonzero(observed.counts > 5)[:2048]
    model.scores(model.known(some[:8]))
    side = model.against_items
    rows = [observed.take(some[at : at + 1]) for at in range(200)]
    started = time.perf_counter()
    for one in rows:
        made.user_means(one, np.zeros((1, dimension)), side)
    fold = (time.perf_counter() - started) / len(rows)
    started = time.perf_counter()
    for at in range(100):
        top_lists(model.scores(model.known(some[at : at + 1])), 10)
    single = (time.perf_counter() - started) / 100
    started = time.perf_counter()
    for at in range(0, len(some), 128):
        top_lists(model.scores(model.known(some[at : at + 128])), 10)
    many = len(some) / (time.perf_counter() - started)
    return {
        "fold_in_ms": round(1e3 * fold, 3),
        "list_of_ten_ms": round(1e3 * single, 2),
        "users_a_second": round(many),
    }


def _peer(python: str, given: sparse.csr_matrix, dimension: int, threads: int, rounds: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pairs.npz"
        sparse.save_npz(file, given)
        script = Path(__file__).with_name("irspack_peer.py")
        words = [python, str(script), str(file), *map(str, (dimension, threads, rounds))]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    read: dict[str, float] = json.loads(said[said.rindex("{") :])
    return read
