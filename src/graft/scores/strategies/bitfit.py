"""``bitfit``: only the biases learn.

Ben Zaken, Goldberg & Ravfogel (2022), BitFit, ACL, arXiv 2106.10199.
"""

from typing import Any

from graft.scores.strategy import Rates, Strategy, Trains


def biases_alone(body: Any, seed: int) -> Any:
    """The body with everything but its biases frozen."""
    for name, value in body.named_parameters():
        value.requires_grad_(name.endswith("bias"))
    return body


BITFIT = Strategy(
    name="bitfit",
    trains=Trains.NETWORK,
    meaning="only the biases of the pretrained model learn",
    done="the biases and a head were tuned",
    why="adapts every layer through its biases alone",
    rates=(Rates(1e-3, 1e-3), Rates(5e-4, 1e-3), Rates(3e-3, 1e-3), Rates(2e-4, 1e-3)),
    decays=False,
    adapt=biases_alone,
    lineage="fine-tuned",
)
