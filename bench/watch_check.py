"""What a whole check costs: ``python -m bench watch-check rows=10000``, on embedded rows of 384 numbers.

Seconds of processor, by detector, against 5,000 reference rows with 999 draws; embedding is not in it. ``tokens`` is
what asking the tokenizer of MiniLM about ten words a row takes, beside embedding them.
"""

import time

import numpy as np

from graft.evidence.shuffles import shuffles
from graft.representations.encoding.backbones import token_rows
from graft.representations.sources import resolve_source
from graft.watch.batch import Batch
from graft.watch.comparison import compare_all
from graft.watch.contexts import count_contexts, moved_contexts
from graft.watch.detectors import detectors_for
from graft.watch.terms import count_terms, moved_terms, rare_words

COLUMNS, REFERENCE, DRAWS, WORDS = 384, 5_000, 999, 5_000


def made(rows: int, seed: int) -> Batch:
    """Rows without drift, with scores, lengths and writing systems."""
    rng = np.random.default_rng(seed)
    chance = rng.random(rows)
    often = 1 / np.arange(1, WORDS + 1)
    said = rng.choice(WORDS, size=(rows, 10), p=often / often.sum()).tolist()
    names = np.array([f"r{row}" for row in range(rows)])
    nothing = np.zeros(rows, bool)
    return Batch(
        ids=names, names=names, vectors=rng.normal(size=(rows, COLUMNS)).astype(np.float32),
        scores=np.stack([chance, 1 - chance], axis=1), certainty=np.maximum(chance, 1 - chance),
        decided=np.where(chance > 0.5, "a", "b"), length=rng.integers(5, 300, rows).astype(np.float64),
        unknown=rng.random(rows) * 0.1, pieces=1 + rng.random(rows), rare=rng.random(rows) * 0.2,
        alphabet=np.where(rng.random(rows) < 0.01, "greek", "latin"), cut=rng.random(rows) < 0.05, far=nothing,
        disguise=np.where(rng.random(rows) < 0.01, "hidden", ""),
        terms=np.array(["\0".join(sorted({f"w{word}" for word in one})) for one in said], object),
        sketch=rng.integers(0, 256, (rows, 32)).astype(np.uint8),
        learnt=nothing, groups=None, times=None, truth=None, segments={}, rows_given=np.arange(rows), rows=rows,
        problems={},
    )  # fmt: skip


def watch_check(rows: int = 10_000) -> dict[str, float | int]:
    reference, current = made(REFERENCE, 0), made(int(rows), 1)
    detectors, rng = detectors_for(reference), np.random.default_rng(0)
    drawn = shuffles(REFERENCE, len(current), rng=rng, draws=DRAWS)
    found: dict[str, float | int] = {"rows": len(current)}
    for one in detectors:
        start = time.process_time()
        one.shift(reference, current, drawn, rng)
        found[one.name] = round(time.process_time() - start, 2)
    start = time.process_time()
    compare_all(
        reference, current, detectors, segments=(), rng=rng, draws=DRAWS, level=0.05, grouped=False
    )  # fmt: skip
    terms = count_terms(reference, rng, grouped=False)
    assert terms is not None
    contexts = count_contexts(reference, terms, rng, grouped=False)
    assert contexts is not None
    kept = time.process_time()
    moved_terms(terms, current, rng, draws=DRAWS, level=0.05, grouped=False)
    named = time.process_time()
    moved_contexts(contexts, terms, current, rng, draws=DRAWS, level=0.05, grouped=False)
    rare = time.process_time()
    rare_words(terms, current)
    end = time.process_time()
    found |= {"terms": round(named - kept, 2), "contexts": round(rare - named, 2), "rare": round(end - rare, 2)}
    source = resolve_source("minilm")
    token_rows(source, ["please"])
    texts = ["where is the parcel that I sent to you " + names for names in current.names.tolist()]
    asked = time.process_time()
    token_rows(source, texts)
    found["tokens"] = round(time.process_time() - asked, 2)
    return found | {"whole, seconds of processor": round(time.process_time() - start, 2)}
