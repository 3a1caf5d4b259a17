"""``l2sp``: every weight learns, and is pulled back towards where it started.

The penalty ``alpha / 2 * |w - w0|^2`` keeps the pretrained weights w0 as the point of reference, in place of weight
decay, whose reference is zero and which forgets them; the head, which has no start worth keeping, has plain weight
decay.

Decision: the pull is taken after the optimiser's step and implicitly, ``w <- w0 + (w - w0) / (1 + rate * alpha)``, as
AdamW takes weight decay. Inside the loss Adam would divide the penalty's gradient by the size of the loss's, so the
same alpha would hold different weights differently, and a strong one would shake them instead of holding them; taken so
it is stable at any strength, and at an infinite one nothing moves. For small ``rate * alpha`` it is a gradient step.

Li, Grandvalet & Davoine (2018), Explicit inductive bias for transfer learning with convolutional networks, arXiv
1802.01483; Loshchilov & Hutter (2019) for decoupled decay.
"""

from typing import TYPE_CHECKING, Any

from graft.scores.strategy import Rates, Strategy, Trains

if TYPE_CHECKING:
    import torch

# Adam moves a weight by about its rate a step, so a pull of 100 holds it within a hundredth of its start.
STRENGTHS = (100.0, 30.0, 300.0, 10.0)


class FromStart:
    """``alpha / 2 * |w - w0|^2`` over the weights of a body that may change, w0 being what they are now."""

    def __init__(self, body: Any, alpha: float) -> None:
        self.alpha = alpha
        self._start: dict[torch.Tensor, torch.Tensor] = {
            value: value.detach().clone() for value in body.parameters() if value.requires_grad
        }

    def value(self) -> "torch.Tensor":
        """The penalty now; its gradient is ``alpha * (w - w0)``."""
        import torch

        squares = [(value - self._start_of(value)).square().sum() for value in self._start]
        total: torch.Tensor = 0.5 * self.alpha * torch.stack(squares).sum()
        return total

    def pull(self, groups: list[dict[str, Any]]) -> None:
        """Move every weight towards its start by ``rate * alpha / (1 + rate * alpha)`` of the way."""
        import torch

        with torch.no_grad():
            for group in groups:
                held = [value for value in group["params"] if value in self._start]
                if held and group["lr"] > 0:
                    share = 1 - 1 / (1 + group["lr"] * self.alpha)
                    torch._foreach_lerp_(held, [self._start_of(value) for value in held], share)

    def _start_of(self, value: "torch.Tensor") -> "torch.Tensor":
        start = self._start[value]
        if start.device != value.device:
            # The body was moved to where it is trained after it was remembered; it is moved once.
            self._start[value] = start = start.to(value.device)
        return start


L2SP = Strategy(
    name="l2sp",
    trains=Trains.NETWORK,
    meaning="{part} of the pretrained model learn, held near where they started",
    done="{part} and a head were tuned, the weights held near their start (L2-SP)",
    why="adapts everything, held near the pretrained weights",
    cautious=True,
    rates=tuple(Rates(1e-4, 1e-3, strength) for strength in STRENGTHS),
    weight_decay=0.0,
    head_decay=0.01,
    penalty=FromStart,
    lineage="fine-tuned",
)
