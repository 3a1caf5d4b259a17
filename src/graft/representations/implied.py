"""How many numbers a configuration describes, against how many the weights hold, before anything is allocated.

Decisions: an architecture that is a plain stack of layers is counted by arithmetic, which needs no library; any other
is built by transformers on the meta device, where tensors have a shape and no memory, and the building stops as soon as
it has described too much. A model may be somewhat larger than its weights (a pooler that is drawn, weights stored once
and used in several layers), but may not ask for memory out of all proportion to the files it came with.
"""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graft.core.errors import SourceError
from graft.core.seeds import process_alone
from graft.representations.directories import settings_of

_LARGER = 2
_SPARE = 1 << 22
_PLAIN_SIZE = 1 << 16
_LABELS = 1 << 20
# Architectures made of four square matrices a layer and so many matrices between the width and the inner width.
_INNER = {
    **dict.fromkeys(("bert", "roberta", "xlm-roberta", "camembert", "electra", "mpnet", "distilbert"), 2),
    "modernbert": 3,
}
_WIDTH, _DEPTH, _BETWEEN = (
    ("hidden_size", "dim"),
    ("num_hidden_layers", "n_layers"),
    ("intermediate_size", "hidden_dim"),
)
_ROWS = ("vocab_size", "max_position_embeddings", "type_vocab_size")
_EMBEDDING = ("embedding_size",)
_COUNTED = {*_WIDTH, *_DEPTH, *_BETWEEN, *_ROWS, *_EMBEDDING}


def check_implied(directory: Path, config: dict[str, Any], reference: str, *, held: int, tensors: int) -> None:
    """Raise SourceError when config.json describes a model far larger than the weights beside it.

    held: numbers in the weights. tensors: how many tensors they are.
    """
    limit = _LARGER * held + _SPARE
    _check_counts(config, reference, tensors)
    implied = _plain_count(config)
    if implied is None:
        implied = _built_count(directory, reference, limit)
    if implied > limit:
        raise _unfit(
            reference, f"config.json describes a model of {implied:,} numbers or more, and the files hold {held:,}"
        )


def _check_counts(config: dict[str, Any], reference: str, tensors: int) -> None:
    """Counts that transformers turns into lists before it makes any tensor."""
    for name, value in _whole_numbers(config):
        if "layers" in name and value > max(tensors, 64):
            raise _unfit(reference, f"config.json gives {value:,} as {name}, and the files hold {tensors:,} tensors")
        if "label" in name and value > _LABELS:
            raise _unfit(reference, f"config.json gives {value:,} as {name}")


def _plain_count(config: dict[str, Any]) -> int | None:
    """Numbers in a plain stack of layers; None when it is not one, or when something else in it is large."""
    kind = config.get("model_type")
    if kind not in _INNER:
        return None
    if any(
        value > _PLAIN_SIZE for name, value in _whole_numbers(config) if name not in _COUNTED | {"model_max_length"}
    ):
        return None

    def largest(names: tuple[str, ...], usual: int) -> int:
        # An attribute may have two names, and transformers takes either.
        return max((value for name, value in _whole_numbers(config) if name in names), default=usual)

    width = largest(_WIDTH, 768)
    embedding = max(largest(_EMBEDDING, width), 1)
    rows = sum(largest((name,), 512) for name in _ROWS)
    layer = 4 * width * width + _INNER[kind] * width * largest(_BETWEEN, 4 * width)
    bridge = embedding * width if embedding != width else 0
    return rows * embedding + bridge + largest(_DEPTH, 12) * layer


def _whole_numbers(config: dict[str, Any]) -> Iterator[tuple[str, int]]:
    return ((name, value) for name, value, _ in settings_of(config) if type(value) is int)


def _built_count(directory: Path, reference: str, limit: int) -> int:
    """Numbers in the model that transformers builds from config.json, counted up to ``limit``."""
    with process_alone():
        return _counted(directory, reference, limit)


def _counted(directory: Path, reference: str, limit: int) -> int:
    import torch
    from transformers import AutoConfig, AutoModel
    from transformers.utils import logging

    from graft.representations.torch_process import torch_stream

    mine, seen = threading.get_ident(), 0

    def count(module: Any, name: str, value: Any) -> None:
        nonlocal seen
        if threading.get_ident() == mine and value is not None:
            seen += value.numel()
            if seen > limit:
                raise _TooMuch

    hooks = torch.nn.modules.module
    handles = (
        hooks.register_module_parameter_registration_hook(count),
        hooks.register_module_buffer_registration_hook(count),
    )
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with torch_stream(), torch.device("meta"):
            config = AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
            AutoModel.from_config(config, attn_implementation="eager")
    except _TooMuch:
        pass
    except Exception as error:  # whatever the code of the architecture meets in a configuration it did not expect
        raise _unfit(reference, (str(error) or type(error).__name__).splitlines()[0][:300]) from error
    finally:
        logging.set_verbosity(level)
        for handle in handles:
            handle.remove()
    return seen


class _TooMuch(BaseException):
    """Stops the building; no library catches it on the way."""


def _unfit(reference: str, problem: str) -> SourceError:
    return SourceError(
        f"the weights of {reference} do not fit its architecture: {problem}",
        needed="a directory whose config.json describes its weights",
        fix="download or export the source again",
    )
