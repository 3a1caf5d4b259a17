"""Measurements of search: the graph against bare usearch, exact search against bare NumPy, and a million rows.

The vectors are real ones of Banking77 and TRAM texts (MiniLM), and mixtures of two of them with noise up to the
number of rows asked for: drawn evenly in 384 dimensions they would be harder for a graph than any text is.
"""

import gc
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from bench.rows import DATA

K = 10
_NOISE = 0.02  # standard deviation in each of 384 dimensions: a length of .39 beside a mixture of length about .8
_MADE_OF = "18,170 MiniLM vectors of banking77 and tram, the others mixed of two each with noise; seed 0"


def text_vectors() -> np.ndarray:
    """Vectors of all texts, float32 of length one, shape (18170, 384)."""
    import graft

    files = (DATA / "train.csv", DATA / "test.csv", DATA.parent / "tram" / "sentences.csv")
    return graft.embed([text for file in files for text in pl.read_csv(file)["text"]])


def expanded(real: np.ndarray, rows: int, *, rng: np.random.Generator) -> np.ndarray:
    """The real vectors and mixtures of them, float32 of length one, shape (rows, dimension)."""
    vectors = np.empty((rows, real.shape[1]), np.float32)
    vectors[: len(real)] = real[:rows]
    for start in range(len(real), rows, 20_000):
        block = vectors[start : start + 20_000]
        first, second = (real[rng.integers(len(real), size=len(block))] for _ in range(2))
        share = rng.uniform(0.5, 1, (len(block), 1)).astype(np.float32)
        block[:] = share * first + (1 - share) * second
        block += _NOISE * rng.standard_normal(block.shape, dtype=np.float32)
        block /= np.linalg.norm(block, axis=1, keepdims=True)
    return vectors


def timed(calls: dict[str, Callable[[], object]], *, repeats: int) -> dict[str, np.ndarray]:
    """Seconds of each call, shape (repeats,), taken in turn so that a busy machine is busy for all."""
    seconds = {name: np.empty(repeats) for name in calls}
    for repeat in range(repeats):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            seconds[name][repeat] = time.perf_counter() - started
    return seconds


def times(seconds: dict[str, np.ndarray], ours: str, bare: str) -> float:
    """How many times as long: the median over repeats, because a machine with neighbours has lucky moments."""
    return float(np.median(seconds[ours] / seconds[bare]))


def one_by_one(search: Callable[[np.ndarray], object], queries: np.ndarray) -> Callable[[], object]:
    """The same search for each query alone."""
    return lambda: [search(query) for query in queries[:, None]]


def graph(rows: int = 200_000) -> dict[str, object]:
    """Build an index, its recall, and its latency against usearch with the same settings on the same file."""
    from usearch.index import Index

    from graft.representations.spaces import given_space
    from graft.tables.exact import exact_search
    from graft.tables.index import IndexFile
    from graft.tables.index.files import GRAPH
    from graft.tables.index.recall import recall_of, sample_queries
    from graft.tables.index.rescoring import GraphRows, search_graph
    from graft.tables.searching import Searcher

    rng = np.random.default_rng(0)
    vectors = expanded(text_vectors(), rows, rng=rng)
    space, ids = given_space("bench", vectors.shape[1], normalise=True), list(map(str, range(rows)))
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        index = IndexFile.build(Path(folder), ids, vectors, space=space, generation="g1", version=0, rng=rng)
        built = time.perf_counter() - started
        queries = sample_queries(vectors, rng=rng, count=2000)
        searcher = Searcher(ids, vectors, space, index=index)
        settings = index.record.settings
        bare = Index(ndim=vectors.shape[1], metric="ip", dtype=settings.number_type)
        bare.view(index.folder / index.record.folder / GRAPH)
        bare.expansion_search = settings.expansion_search
        few, many = queries[::10], queries[::2]
        seconds = timed(
            {
                "bare_one": one_by_one(lambda query: bare.search(query, K), few),
                "bare_one_thread": one_by_one(lambda query: bare.search(query, K, threads=1), few),
                "ours_one": one_by_one(lambda query: searcher.search(query, k=K, space=space), few),
                "bare_batch": lambda: bare.search(many, K),
                "ours_batch": lambda: searcher.search(many, k=K, space=space),
            },
            repeats=15,
        )
        truth = exact_search(queries, vectors, K)
        places = GraphRows(np.append(np.arange(rows), -1), vectors)
        recall = recall_of(search_graph(index.graph, places, queries, K), truth)
        kept = bare.search(queries, K).keys.astype(np.int64)
        hits = [len(np.intersect1d(*pair)) for pair in zip(kept, truth.positions, strict=True)]
        return {
            "rows": rows,
            "vectors": _MADE_OF,
            "build_seconds": built,
            "settings": vars(settings),
            "recall_at_10": recall.mean,
            "recall_interval": (recall.low, recall.high),
            "recall_at_10_bare": sum(hits) / K / len(queries),
            "one_query_ms": 1e3 * seconds["ours_one"].min() / len(few),
            "one_query_times_bare": times(seconds, "ours_one", "bare_one"),
            "one_query_times_bare_on_one_thread": times(seconds, "ours_one", "bare_one_thread"),
            "batch_ms_a_query": 1e3 * seconds["ours_batch"].min() / len(many),
            "batch_times_bare": times(seconds, "ours_batch", "bare_batch"),
            "wanted": "recall at least .99, at most 1.3 times bare usearch",
        }


def exact(rows: int = 200_000) -> dict[str, object]:
    """Exact search against a matrix product and argpartition in NumPy."""
    from graft.tables.exact import exact_search
    from graft.tables.index.recall import sample_queries

    rng = np.random.default_rng(0)
    vectors = expanded(text_vectors(), rows, rng=rng)
    queries = sample_queries(vectors, rng=rng, count=1000)

    def bare(asked: np.ndarray) -> np.ndarray:
        scores = asked @ vectors.T
        nearest = np.argpartition(scores, rows - K, axis=1)[:, rows - K :]
        return np.take_along_axis(nearest, np.argsort(-np.take_along_axis(scores, nearest, 1), axis=1), 1)

    told: dict[str, object] = {"rows": rows, "vectors": _MADE_OF}
    for count in (1, 16, 100, 256):
        asked = queries[:count]
        seconds = timed(
            {
                "bare": lambda asked=asked: bare(asked),
                "ours": lambda asked=asked: exact_search(asked, vectors, K),
            },
            repeats=9 if count < 100 else 5,
        )
        told[f"{count}_queries_ms"] = 1e3 * seconds["ours"].min()
        told[f"{count}_queries_times_numpy"] = times(seconds, "ours", "bare")
    return {**told, "wanted": "at most 1.3 times NumPy"}


def crossover(sizes: tuple[int, ...] = (2_000, 5_000, 10_000, 20_000, 50_000)) -> dict[str, object]:
    """Milliseconds of one query, exactly and through the graph, by the number of rows."""
    from graft.tables.exact import exact_search
    from graft.tables.index import EXACT_BELOW, GraphSettings
    from graft.tables.index.graph import Graph
    from graft.tables.index.rescoring import GraphRows, search_graph

    rng = np.random.default_rng(0)
    vectors = rng.permutation(expanded(text_vectors(), max(sizes), rng=rng))
    measured = []
    for size in sizes:
        some = vectors[:size]
        asked = some[rng.choice(size, min(size, 50), replace=False)]
        started = time.perf_counter()
        built = Graph.build(some, np.arange(size, dtype=np.uint64), settings=GraphSettings())
        building = time.perf_counter() - started
        known = GraphRows(np.append(np.arange(size), -1), some)
        exact, nearby = [], []
        for query in asked[:, None]:
            started = time.perf_counter()
            exact_search(query, some, K)
            middle = time.perf_counter()
            search_graph(built, known, query, K)
            exact.append(middle - started)
            nearby.append(time.perf_counter() - middle)
        medians = {"exact_ms": 1e3 * float(np.median(exact)), "graph_ms": 1e3 * float(np.median(nearby))}
        measured.append({"rows": size, **medians, "build_seconds": building})
    return {"exact_below": EXACT_BELOW, "measured": measured}


def updating(rows: int = 200_000, share: float = 0.01) -> dict[str, object]:
    """Seconds to bring an index to a version in which a share of the rows changed, against a build; recall after it."""
    from graft.representations.spaces import given_space
    from graft.tables.exact import exact_search
    from graft.tables.index import IndexFile
    from graft.tables.index.recall import recall_of, sample_queries
    from graft.tables.index.rescoring import search_graph

    rng = np.random.default_rng(0)
    vectors = expanded(text_vectors(), rows, rng=rng)
    space, ids = given_space("bench", vectors.shape[1], normalise=True), list(map(str, range(rows)))
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        index = IndexFile.build(Path(folder), ids, vectors, space=space, generation="g1", version=0, rng=rng)
        built = time.perf_counter() - started
        changed = rng.choice(rows, int(share * rows), replace=False)
        vectors[changed] = expanded(vectors[: len(changed)], 2 * len(changed), rng=rng)[len(changed) :]
        started = time.perf_counter()
        index = index.update(
            [ids[row] for row in changed], vectors[changed], [], version=1, everything=lambda: (ids, vectors),
            space=space, rng=rng,
        )  # fmt: skip
        updated = time.perf_counter() - started
        queries = sample_queries(vectors, rng=rng, count=1000)
        found = search_graph(index.graph, index.rows(ids, vectors), queries, K)
        recall = recall_of(found, exact_search(queries, vectors, K)).mean
        return {
            "rows": rows,
            "changed": len(changed),
            "build_seconds": built,
            "update_seconds": updated,
            "share_of_a_build": updated / built,
            "recall_at_10_after": recall,
        }


def million(rows: int = 1_000_000, *, expansion_add: int = 256) -> dict[str, object]:
    """Vectors given: index them, search, and the peak resident memory of all that.

    With the settings that are usual it takes a quarter of an hour or more; a smaller ``expansion_add`` builds faster,
    finds less and needs the same memory."""
    from graft.core.memory import peak_memory
    from graft.representations.spaces import given_space
    from graft.tables.index import GraphSettings, IndexFile
    from graft.tables.index.recall import sample_queries
    from graft.tables.searching import Searcher

    rng, real = np.random.default_rng(0), text_vectors()
    gc.collect()
    with tempfile.TemporaryDirectory() as folder, peak_memory() as peak:
        vectors = expanded(real, rows, rng=rng)
        space, ids = given_space("bench", vectors.shape[1], normalise=True), list(map(str, range(rows)))
        started = time.perf_counter()
        index = IndexFile.build(
            Path(folder), ids, vectors, space=space, generation="g1", version=0, rng=rng,
            settings=GraphSettings(expansion_add=expansion_add),
        )  # fmt: skip
        built = time.perf_counter() - started
        started = time.perf_counter()
        index = IndexFile.open(Path(folder), space=space, generation="g1", version=0)
        searcher = Searcher(ids, vectors, space, index=index)
        opened = time.perf_counter() - started
        queries = sample_queries(vectors, rng=rng, count=1000)
        exact = Searcher(ids, vectors, space)
        seconds = timed(
            {
                "one": one_by_one(lambda query: searcher.search(query, k=K, space=space), queries[:100]),
                "batch": lambda: searcher.search(queries, k=K, space=space),
                "exact": lambda: exact.search(queries[:1], k=K, space=space),
            },
            repeats=3,
        )
        file = (index.folder / index.record.folder / "graph.usearch").stat().st_size
    return {
        "rows": rows,
        "vectors": _MADE_OF,
        "build_seconds": built,
        "open_seconds": opened,
        "recall_at_10": index.record.recall.mean,
        "recall_interval": (index.record.recall.low, index.record.recall.high),
        "settings": vars(index.record.settings),
        "one_query_ms": 1e3 * seconds["one"].min() / 100,
        "batch_ms_a_query": 1e3 * seconds["batch"].min() / len(queries),
        "exact_query_ms": 1e3 * seconds["exact"].min(),
        "index_file_gb": file / 1e9,
        "peak_gb": peak.megabytes / 1024,
        "wanted": "within 8 GB",
    }
