"""The running statistics of batch normalisation in a file of weights."""

from pathlib import Path

_MEAN, _VARIANCE = ".running_mean", ".running_var"


def placeholders(file: Path) -> tuple[str, ...]:
    """That a file's normalisation has learnt no statistics, in words; () where it has, or has no normalisation.

    file: a safetensors file that was checked.
    """
    from safetensors import safe_open

    with safe_open(file, framework="pt") as tensors:
        names = list(tensors.keys())
        means = [name for name in names if name.endswith(_MEAN)]
        variances = [name for name in names if name.endswith(_VARIANCE)]
        if not means or not variances:
            return ()
        for several, usual in ((means, 0), (variances, 1)):
            if any(bool((tensors.get_tensor(name) != usual).any()) for name in several):
                return ()
    return (
        "the statistics of its batch normalisation are placeholders (mean 0 and variance 1 throughout): right where "
        "normalisation was folded into the weights, which Graft never lets learn; otherwise these weights were never "
        "trained",
    )
