"""The body of a text source: loading it, splitting it at a layer, pooling its output.

Decisions: the split is found by structure (the list of layers, the embeddings), not by architecture names, and it is
checked before it is used by running both halves against the whole; an architecture where they disagree can still be
tuned whole. Random weights come from the architecture's own initialiser under our seed.
"""

from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import nn

from graft.core.errors import SourceError
from graft.core.seeds import process_alone
from graft.representations.pooling import Pooling
from graft.representations.source import Source
from graft.representations.torch_process import torch_stream

# How transformers says that it cannot build or run what a configuration describes.
_REFUSALS = (RuntimeError, ValueError, OSError, LookupError, TypeError, AttributeError, ImportError, StopIteration)


# What a model can do without: nothing that is read is computed from it.
_UNUSED = ("pooler", "position_ids", "num_batches_tracked")


def native_precision() -> torch.dtype:
    """bfloat16 where the processor multiplies it natively, else float32."""
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    native = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if native else torch.float32


def device() -> torch.device:
    """Where models run: the first CUDA device, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def quiet_transformers():  # type: ignore[no-untyped-def]
    """Loading without the library's bars and reports, in one thread at a time; its errors still come through."""
    with process_alone():
        from transformers.utils import logging

        level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        try:
            yield
        finally:
            logging.set_verbosity(level)
            if bars:
                logging.enable_progress_bar()


def load_encoder(source: Source, family: str = "AutoModel") -> Any:
    """The transformers model of a source in float32, in eval mode, with the weights as its digest says.

    family: the class of transformers that reads its directory. Raises SourceError when the weights do not fit the
    architecture, WeightsMismatch when they changed meanwhile.
    """
    source.weights.require_unchanged()
    try:
        # Layers that the weights do not hold (a pooler) are drawn; the caller's random stream must not notice.
        with quiet_transformers(), torch_stream():
            model, wrong = (_pretrained if source.weights.pretrained else _random)(source, family)
    except (*_REFUSALS, SafetensorError) as error:
        raise _unfit(source, (str(error) or type(error).__name__).splitlines()[0]) from error
    if wrong:
        raise _unfit(source, f"{len(wrong)} tensors are missing or misshapen, the first {wrong[0]}")
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    return model.eval()


def _pretrained(source: Source, family: str) -> tuple[Any, list[str]]:
    """The model, and the tensors that its file does not hold as the architecture needs them."""
    import transformers

    model, report = getattr(transformers, family).from_pretrained(
        source.weights.directory,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        attn_implementation="eager",
        dtype=torch.float32,
        output_loading_info=True,
    )
    missing = [name for name in report["missing_keys"] if not any(one in name for one in _UNUSED)]
    return model, [*missing, *(str(name) for name in report["mismatched_keys"])]


def _random(source: Source, family: str) -> tuple[Any, list[str]]:
    import transformers

    assert source.weights.random_seed is not None
    made = getattr(transformers, family)
    form = transformers.AutoConfig if family == "AutoModel" else made.config_class
    config = form.from_pretrained(source.weights.directory, local_files_only=True, trust_remote_code=False)
    torch.manual_seed(source.weights.random_seed)
    build = made.from_config if family == "AutoModel" else made._from_config
    return build(config, attn_implementation="eager", dtype=torch.float32), []


def _unfit(source: Source, problem: str) -> SourceError:
    return SourceError(
        f"the weights of {source.weights.reference} do not fit its architecture: {problem}",
        needed="a directory whose config.json describes its weights",
        fix="download or export the source again",
    )


def layers_of(model: Any, count: int) -> tuple[nn.Module, str]:
    """The parent and the attribute that hold the list of transformer layers. Raises SourceError when there is none."""
    for module in model.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.ModuleList) and len(child) == count:
                return module, name
    raise SourceError(
        f"no list of {count} transformer layers was found in {type(model).__name__}",
        needed="an encoder made of a list of layers",
        fix="use the strategies frozen or full with this source",
    )


class _Given(nn.Module):
    """Stands where the embeddings were and hands on the activations it is given."""

    def forward(self, *positional: Any, **named: Any) -> torch.Tensor:
        """The activations, unchanged; DistilBERT hands them over by position, the others by name."""
        given = [named.get("inputs_embeds"), *positional]
        return next(value for value in given if torch.is_tensor(value) and value.is_floating_point())


def lower_half(model: Any, source: Source, boundary: int) -> Any:
    """``model`` cut after ``boundary`` layers, in place: its output is what the upper half starts from."""
    parent, name = layers_of(model, source.weights.layers)
    setattr(parent, name, getattr(parent, name)[:boundary])
    for norm in ("final_norm", "final_layer_norm"):
        if hasattr(model, norm):
            setattr(model, norm, nn.Identity())
    return model


def upper_half(model: Any, source: Source, boundary: int) -> Any:
    """``model`` from ``boundary`` on, in place: called with ``inputs_embeds``."""
    parent, name = layers_of(model, source.weights.layers)
    setattr(parent, name, getattr(parent, name)[boundary:])
    if not hasattr(model, "embeddings"):
        raise SourceError(
            f"{type(model).__name__} has no embeddings to start above",
            needed="an encoder with an embeddings module",
            fix="use the strategies frozen or full with this source",
        )
    model.embeddings = _Given()
    if hasattr(model, "embeddings_project"):
        # ELECTRA widens its embeddings; what is given here is as wide as the layers already.
        model.embeddings_project = nn.Identity()
    return model


def check_split(source: Source, boundary: int) -> None:
    """Raise SourceError unless the two halves together equal the whole on a small batch."""
    rng = np.random.default_rng(0)
    ids = torch.from_numpy(rng.integers(5, min(source.weights.vocabulary, 1000), size=(2, 7)))
    mask = torch.tensor([[1] * 7, [1] * 5 + [0] * 2])
    with torch.inference_mode():
        whole = load_encoder(source)(input_ids=ids, attention_mask=mask).last_hidden_state
        below = lower_half(load_encoder(source), source, boundary)(input_ids=ids, attention_mask=mask)
        upper = upper_half(load_encoder(source), source, boundary)
        try:
            above = upper(inputs_embeds=below.last_hidden_state, attention_mask=mask).last_hidden_state
        except _REFUSALS:
            above = torch.full_like(whole, torch.nan)
    if not torch.allclose(whole * mask[..., None], above * mask[..., None], atol=1e-4):
        raise SourceError(
            f"{source.weights.reference} ({source.weights.model_type}) cannot be split after layer {boundary}: "
            "the halves differ",
            needed="an encoder that is a plain stack of layers",
            fix="use strategies without a number of layers with this source",
        )


def pool_layers(states: Sequence[torch.Tensor], mask: torch.Tensor, source: Source, *, skip: int = 0) -> torch.Tensor:
    """The vectors of a source: what it pools from the last of ``states``, and beside it the means of the others.

    states: token vectors after the layers beside and after the last, each (rows, tokens, dimension). skip: tokens at
    the start of each row that are not pooled, those of a prompt. A mean is made as long as the vector it stands beside,
    because one penalty will hold for both. A vector that the source cuts is cut after everything else, as
    sentence-transformers does.
    """
    if skip:
        mask = torch.cat([torch.zeros_like(mask[:, :skip]), mask[:, skip:]], 1)
    own = pool(states[-1], mask, source.pooling, normalise=source.normalise)[:, : source.truncated]
    length = own.norm(dim=-1, keepdim=True)
    means = [pool(state, mask, Pooling.MEAN, normalise=True) * length for state in states[:-1]]
    return torch.cat([own, *means], 1) if means else own


def pool(hidden: torch.Tensor, mask: torch.Tensor, pooling: Pooling, *, normalise: bool) -> torch.Tensor:
    """One vector a row from token vectors: shapes (rows, tokens, dimension) and (rows, tokens) to (rows, dimension)."""
    hidden = hidden.float()
    weight = mask.to(hidden.dtype).unsqueeze(-1)
    count = weight.sum(1).clamp(min=1e-9)
    if pooling is Pooling.CLS:
        vectors = hidden[torch.arange(len(hidden), device=hidden.device), mask.int().argmax(1)]
    elif pooling is Pooling.LAST:
        last = mask.shape[1] - 1 - mask.int().flip(1).argmax(1)
        vectors = hidden[torch.arange(len(hidden), device=hidden.device), last]
    elif pooling is Pooling.MAX:
        vectors = hidden.masked_fill(weight == 0, float("-inf")).amax(1)
    else:
        vectors = (hidden * weight).sum(1) / (count.sqrt() if pooling is Pooling.MEAN_SQRT else count)
    return nn.functional.normalize(vectors, dim=-1) if normalise else vectors
