"""Measurements of embedding tables: a whole write against a small change, and a million rows within bounded memory."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

_DIMENSION = 384
_BATCH = 20_000
_ROUNDS = 3


def rows(count: int, *, start: int = 0, rng: np.random.Generator) -> pa.Table:
    """Rows with random vectors and two columns of a user's."""
    from graft.core.digests import content_digest
    from graft.tables.columns import vector_column

    vectors = rng.standard_normal((count, _DIMENSION), dtype=np.float32)
    return pa.table(
        {
            "id": [f"row-{number:08d}" for number in range(start, start + count)],
            "vector": vector_column(vectors),
            "digest": [content_digest(vector.tobytes()).hex() for vector in vectors],
            "region": rng.choice(["EU", "US", "AS"], count),
            "opened": np.arange(start, start + count),
        }
    )


def upsert_ratio(count: int = 200_000, share: float = 0.01) -> dict[str, object]:
    """Seconds to write all rows and to upsert a random share of changed ones, best of three; and what deltalake needs.

    The same rows are also written with ``write_deltalake`` and merged with ``DeltaTable.merge``, in the same run.
    """
    from graft.representations.spaces import given_space
    from graft.tables.table import EmbeddingTable

    rng = np.random.default_rng(0)
    everything = rows(count, rng=rng)
    writing, changing, reading = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(_ROUNDS):
            table = EmbeddingTable.create(Path(folder) / str(number), given_space("bench", _DIMENSION))
            writing.append(_seconds(lambda table=table: table.upsert(everything)))
            changed = _changed(everything, share, rng)
            changing.append(_seconds(lambda table=table, changed=changed: table.upsert(changed)))
            assert table.history()[0].updated == len(changed)
            reading.append(_seconds(table.vectors))
        theirs = _deltalake(Path(folder), everything, _changed(everything, share, rng))
        compacting = _seconds(table.compact)
    return {
        "rows": count,
        "changed": len(changed),
        "write_seconds": min(writing),
        "upsert_seconds": min(changing),
        "ratio": min(changing) / min(writing),
        "vectors_seconds": min(reading),
        "compact_seconds": compacting,
        **theirs,
        "ratio_to_write_deltalake": min(changing) / theirs["write_deltalake_seconds"],
        "wanted": "ratio at most 0.1",
    }


def million_rows(count: int = 1_000_000) -> dict[str, object]:
    """Load, read, change and search (exactly) a million given vectors: a process and its peak memory for each step."""
    with tempfile.TemporaryDirectory() as folder:
        place = str(Path(folder) / "table")
        steps = {step: _child(step, place, count) for step in _STEPS}
    found = {f"{step}_{name}": value for step, facts in steps.items() for name, value in facts.items()}
    return {"rows": count, **found, "wanted": "peak memory below 8 GB in every step"}


def _load(place: str, count: int) -> None:
    from graft.representations.spaces import given_space
    from graft.tables.table import EmbeddingTable

    rng = np.random.default_rng(0)

    def batches() -> Iterator[pa.Table]:
        for start in range(0, count, _BATCH):
            yield rows(min(_BATCH, count - start), start=start, rng=rng)

    done = EmbeddingTable.create(place, given_space("bench", _DIMENSION)).upsert(batches())
    assert done.inserted == count


def _vectors(place: str, count: int) -> None:
    from graft.tables.table import EmbeddingTable

    ids, vectors = EmbeddingTable.open(place).vectors()
    assert (len(ids), vectors.shape) == (count, (count, _DIMENSION))


def _upsert(place: str, count: int) -> None:
    from graft.tables.table import EmbeddingTable

    rng = np.random.default_rng(1)
    named = np.sort(rng.choice(count, count // 100, replace=False))
    changed = rows(len(named), rng=rng).set_column(0, "id", pa.array([f"row-{number:08d}" for number in named]))
    assert EmbeddingTable.open(place).upsert(changed).updated == len(named)


def _search(place: str, count: int) -> None:
    from graft.tables.table import EmbeddingTable

    table = EmbeddingTable.open(place)
    query = np.random.default_rng(2).standard_normal((20, _DIMENSION), dtype=np.float32)
    assert table.search(query, k=10, space=table.space).height == 200


_STEPS: dict[str, Callable[[str, int], None]] = {
    "load": _load,
    "vectors": _vectors,
    "upsert": _upsert,
    "search": _search,
}


def _child(step: str, place: str, count: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.tables", step, place, str(count)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _changed(everything: pa.Table, share: float, rng: np.random.Generator) -> pa.Table:
    chosen = np.sort(rng.choice(len(everything), int(share * len(everything)), replace=False))
    fresh = rows(len(chosen), rng=rng)
    kept = everything.take(pa.array(chosen))
    return kept.set_column(1, "vector", fresh["vector"]).set_column(2, "digest", fresh["digest"])


def _deltalake(folder: Path, everything: pa.Table, changed: pa.Table) -> dict[str, float]:
    from deltalake import DeltaTable, write_deltalake

    plain = pa.list_(pa.float32())
    everything, changed = (one.set_column(1, "vector", one["vector"].cast(plain)) for one in (everything, changed))
    place = str(folder / "deltalake")
    writing = _seconds(lambda: write_deltalake(place, everything))
    merge = DeltaTable(place).merge(changed, "s.id = t.id", source_alias="s", target_alias="t")
    merging = _seconds(merge.when_matched_update_all().when_not_matched_insert_all().execute)
    return {"write_deltalake_seconds": writing, "merge_deltalake_seconds": merging}


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    from graft.core.memory import peak_memory

    step, place, count = sys.argv[1:]
    with peak_memory() as peak:
        seconds = _seconds(lambda: _STEPS[step](place, int(count)))
    print(json.dumps({"seconds": seconds, "peak_gigabytes": peak.megabytes / 1024}))
