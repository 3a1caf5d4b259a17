"""ONNX networks at work on the processor.

Decisions: a session is made from bytes that were looked at, never from a path, and has as many threads as torch has.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from graft.core.errors import SourceError
from graft.core.extras import require
from graft.representations.source import Source


class OnnxSession:
    """A network that was loaded. unfit: the error for what goes wrong, of one sentence. extra: what installs the
    runtime. output: the name of what is asked for, the first where it is empty."""

    def __init__(self, raw: bytes, unfit: Callable[[str], SourceError], *, extra: str, output: str = "") -> None:
        runtime = require("onnxruntime", extra=extra, what="running an ONNX source")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._unfit = unfit
        try:
            self._session: Any = runtime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
            self._given = self._session.get_inputs()[0].name
        except Exception as error:  # the runtime has a dozen of its own
            raise self._wrong(error) from error
        self._asked = [output] if output else [self._session.get_outputs()[0].name]

    def __call__(self, given: np.ndarray) -> np.ndarray:
        """What the network makes of ``given``, float32. Raises SourceError where it does not take it."""
        try:
            made = self._session.run(self._asked, {self._given: given})[0]
        except Exception as error:  # the runtime has a dozen of its own
            raise self._wrong(error) from error
        return np.asarray(made, np.float32)

    def _wrong(self, error: Exception) -> SourceError:
        return self._unfit((str(error) or type(error).__name__).splitlines()[0][:200])


def frozen_only(source: Source) -> SourceError:
    """That a source can be run, and not be taught."""
    return SourceError(
        f"{source.weights.reference} is an ONNX source: it can be run as it is, and not be tuned",
        needed="the strategy frozen",
        fix="leave --strategy out, or choose a source with weights that can be tuned",
    )


def require_runs(source: Source, layer: int | None, *, eight_bits: bool) -> None:
    """Raise SourceError for an ONNX source that is asked for a layer, for random weights or for eight bits."""
    if layer is not None or not source.weights.pretrained:
        raise frozen_only(source)
    if eight_bits:
        raise no_eight_bits(source)


def no_eight_bits(source: Source) -> SourceError:
    """That a source has no vectors in eight bits."""
    return SourceError(
        f"{source.weights.reference} in eight bits",
        needed="native or float32: eight-bit numbers are for sources of texts",
        fix="leave the precision out",
    )
