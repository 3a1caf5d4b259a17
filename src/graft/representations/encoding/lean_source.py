"""The lean forward of a source, read from its file.

Decisions: importing transformers and building its model takes seconds, of which a single query should not pay one.
The first time a source is used, the lean forward built from its file is compared with the model that transformers
loads; that they agree is kept beside the cache, under the digests of the weights and of the architecture. After that
the file is enough. Whatever is unusual (another name, another architecture, a drawn model) goes through transformers
every time.
"""

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from graft.core.digests import key
from graft.core.errors import SourceError
from graft.core.files import read_json, whole_file
from graft.core.settings import cache_directory
from graft.representations.backbone import load_encoder
from graft.representations.encoding.lean_bert import LeanBert, Shape, lean, proven, shape_of
from graft.representations.source import Source
from graft.representations.tokens import special_tokens
from graft.representations.weights.weight_files import weight_files_of

# Counts the ways of building the lean forward; what was proven of an earlier way says nothing about this one.
_METHOD = 1


def lean_source(source: Source) -> tuple[LeanBert, None] | tuple[None, Any]:
    """The lean forward of all layers, float32; or none, and the model that transformers loads.

    Raises SourceError as ``load_encoder``.
    """
    weights, shape = _read(source)
    if shape is not None and _place(source, shape).exists():
        with suppress(LookupError, RuntimeError, TypeError):
            return LeanBert(weights, shape).eval(), None
    model, pad = load_encoder(source), special_tokens(source).pad
    made = None if shape is None else proven(weights, shape, model, vocabulary=source.weights.vocabulary, pad=pad)
    if made is not None and shape is not None:
        with suppress(OSError), whole_file(_place(source, shape)) as temporary:
            temporary.write_text("The lean forward says what transformers says.\n", encoding="utf-8")
        return made, None
    made = lean(model, vocabulary=source.weights.vocabulary, pad=pad)
    return (None, model) if made is None else (made, None)


def _place(source: Source, shape: Shape) -> Path:
    facts = {
        "weights": source.weights.digest,
        "architecture": source.weights.architecture,
        "shape": asdict(shape),
        "method": _METHOD,
    }
    return cache_directory() / "lean" / key(facts)


def _read(source: Source) -> tuple[dict[str, torch.Tensor], Shape | None]:
    """The tensors of a source under the names transformers gives them, and its shape; nothing where that is unusual."""
    shape = shape_of(read_json(source.weights.directory / "config.json")) if source.weights.pretrained else None
    if shape is None:
        return {}, None
    found: dict[str, torch.Tensor] = {}
    source.weights.require_unchanged()
    try:
        for file in weight_files_of(source.weights.directory, source.weights.reference):
            with safe_open(file, "pt") as opened:
                found |= {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, SourceError, OSError):
        return {}, None
    prefix = next((name.partition("embeddings.")[0] for name in found if "embeddings.word_embeddings" in name), "")
    return {name.removeprefix(prefix): values for name, values in found.items()}, shape
