"""``lora``: small matrices beside every layer learn, and are merged into the weights at the end.

Hu et al. (2021), LoRA, arXiv 2106.09685; Kalajdzievski (2023) for the scaling by the root of the rank.
"""

import warnings
from typing import Any

from graft.scores.strategy import Rates, Strategy, Trains

RANK = 8


def with_lora(body: Any, seed: int) -> Any:
    """The body with adapters on all its linear layers, drawn from a seed; only they may learn.

    A body that says itself which of its modules can have one (``adaptable``) gets them there.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from peft.tuners.tuners_utils import BaseTunerLayer

    from graft.representations.backbone import quiet_transformers
    from graft.representations.torch_process import torch_stream

    config = LoraConfig(
        r=RANK,
        lora_alpha=2 * RANK,
        lora_dropout=0.0,
        use_rslora=True,
        target_modules=getattr(body, "adaptable", "all-linear"),
        bias="none",
    )
    with quiet_transformers(), torch_stream(), warnings.catch_warnings():
        # peft 0.20 asks for an attribute that transformers 5 has renamed.
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated", category=FutureWarning)
        torch.manual_seed(seed)
        adapted = get_peft_model(body, config)
    for layer in adapted.modules():
        if isinstance(layer, BaseTunerLayer):
            # autocast chooses the precision; peft's own conversion beside it moves every input twice.
            layer.cast_input_dtype_enabled = False
            # A convolution is asked how it strides by those that pad for it.
            base = layer.get_base_layer()
            for name in ("stride", "kernel_size", "dilation"):
                if hasattr(base, name) and not hasattr(layer, name):
                    setattr(layer, name, getattr(base, name))
    return adapted


def merged(body: Any) -> Any:
    """The body with its adapters merged into its weights."""
    return body.merge_and_unload()


LORA = Strategy(
    name="lora",
    trains=Trains.NETWORK,
    meaning="small matrices added to the pretrained model learn, its own weights stay",
    done="low-rank updates of every layer and a head were tuned, and merged into the weights",
    why="adapts every layer through few parameters",
    efforts=(("standard", (0,)), ("thorough", (0,))),
    cautious=True,
    rates=(Rates(1e-3, 1e-3), Rates(5e-4, 1e-3), Rates(2e-3, 1e-3), Rates(2e-4, 1e-3)),
    decays=False,
    adapt=with_lora,
    merge=merged,
    own_pace=True,
    lineage="fine-tuned",
)
