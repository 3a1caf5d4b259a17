"""How fast texts become vectors: the usual encoder, ours, ours in int8, and bare matrix products of the same shapes.

Decision: the contenders take turns on slices of the rows, because a shared machine is not equally fast all the time;
a ratio is of whole times. Each has seen a few rows before the clock starts. No cache.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.rows import banking

_SLICES = 16


@dataclass
class _Contender:
    """One way to encode. run: texts to vectors. slices: seconds of each slice."""

    run: Callable[[list[str]], np.ndarray]
    slices: list[float] = field(default_factory=list)
    vectors: list[np.ndarray] = field(default_factory=list)

    def take(self, texts: list[str]) -> None:
        started = time.perf_counter()
        self.vectors.append(self.run(texts))
        self.slices.append(time.perf_counter() - started)


def encoding(rows: int = 0) -> dict[str, object]:
    """Rows a second on Banking77 with MiniLM, ratios in one run, and cosines to float32. rows: 0 is all 13,083."""
    from sentence_transformers import SentenceTransformer

    from graft.representations.encoding.encoder import Encoder
    from graft.representations.sources import resolve_source

    texts = [*banking("train")[0], *banking("test")[0]]
    texts = [texts[row] for row in np.random.default_rng(0).permutation(len(texts))][: rows or None]
    source = resolve_source("minilm")
    usual = SentenceTransformer(str(source.weights.directory), device="cpu")
    native, rough = Encoder(source), Encoder(source, precision="int8", force=True)
    ways = {
        "sentence_transformers": _Contender(lambda given: usual.encode(given)),
        "native": _Contender(lambda given: native.vectors(given)[0]),
        "int8": _Contender(lambda given: rough.vectors(given)[0]),
    }
    for way in ways.values():
        way.run(texts[:64])
    bare: list[float] = []
    for part in np.array_split(np.arange(len(texts)), _SLICES):
        given = [texts[row] for row in part]
        for way in (ways["sentence_transformers"], ways["int8"]):
            way.take(given)
        # Before and after: a moment of this second is not like the next.
        before = _bare_products(native, source, given)
        ways["native"].take(given)
        bare.append((before + _bare_products(native, source, given)) / 2)
    exact = Encoder(source, precision="float32").vectors(texts)[0]
    return _compared(ways, bare, exact) | {"fidelity_check": str(rough.fidelity)}


def one_query(repeats: int = 60) -> dict[str, object]:
    """Milliseconds for one short text, after a first one: the usual encoder, ours, ours in int8, taking turns."""
    from sentence_transformers import SentenceTransformer

    from graft.representations.encoding.encoder import Encoder
    from graft.representations.sources import resolve_source

    source = resolve_source("minilm")
    usual = SentenceTransformer(str(source.weights.directory), device="cpu")
    native, rough = Encoder(source), Encoder(source, precision="int8", force=True)
    ways = {
        "sentence_transformers": _Contender(lambda given: usual.encode(given)),
        "native": _Contender(lambda given: native.vectors(given)[0]),
        "int8": _Contender(lambda given: rough.vectors(given)[0]),
    }
    for way in ways.values():
        way.run(["invoice"])
    for _ in range(repeats):
        for way in ways.values():
            way.take(["phishing mail with invoice"])
    return {f"{name}_ms": 1e3 * float(np.median(way.slices)) for name, way in ways.items()}


def _compared(ways: dict[str, _Contender], bare: list[float], exact: np.ndarray) -> dict[str, object]:
    seconds = {name: sum(way.slices) for name, way in ways.items()}
    usual = np.array(ways["sentence_transformers"].slices)
    found: dict[str, object] = {"rows": len(exact), "bare_products_rows_per_second": len(exact) / sum(bare)}
    for name, way in ways.items():
        vectors = np.concatenate(way.vectors)
        cosine = (vectors * exact).sum(1) / (np.linalg.norm(vectors, axis=1) * np.linalg.norm(exact, axis=1))
        found[name] = {
            "rows_per_second": len(exact) / seconds[name],
            "times_sentence_transformers": seconds["sentence_transformers"] / seconds[name],
            "times_by_slice": [round(float(times), 2) for times in usual / np.array(way.slices)],
            "share_of_bare_products": sum(bare) / seconds[name],
            "share_by_slice": [round(float(share), 2) for share in np.array(bare) / np.array(way.slices)],
            "cosine_mean": float(cosine.mean()),
            "cosine_min": float(cosine.min()),
        }
    found["wanted"] = "native >= 2.2 times at cosine >= 0.999, int8 >= 3 times at mean cosine >= 0.99, share >= 0.6"
    return found


def _bare_products(encoder: Any, source: Any, texts: list[str]) -> float:
    """Seconds of the plain products (query-key-value, out, up, down) of every layer and batch, in the native type."""
    import torch

    from graft.representations.encoding.batching import packed_batches
    from graft.representations.tokens import tokenise

    width, inner = source.dimension, 4 * source.dimension
    shapes = ((width, 3 * width), (width, width), (width, inner), (inner, width))
    with torch.inference_mode():
        drawn = torch.Generator().manual_seed(0)
        layers = [
            [torch.nn.Linear(*shape, dtype=encoder.precision) for shape in shapes] for _ in range(source.weights.layers)
        ]
        smaller = encoder._models[None]._smaller
        sizes = [len(batch.ids) for batch in packed_batches(tokenise(source, sorted(set(texts))), 0, smaller=smaller)]
        given = {
            (size, inputs): torch.randn(size, inputs, generator=drawn).to(encoder.precision)
            for size in set(sizes)
            for inputs in (width, inner)
        }
        for layer in layers:
            for product in layer:
                product(given[sizes[0], product.in_features])
        started = time.perf_counter()
        for size in sizes:
            for layer in layers:
                for product in layer:
                    product(given[size, product.in_features])
        return time.perf_counter() - started
