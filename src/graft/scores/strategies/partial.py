"""``partial:K``: the K upper layers and a head learn; what lies below runs once and is read from the cache."""

from graft.scores.strategy import Rates, Strategy, Trains

PARTIAL = Strategy(
    name="partial",
    trains=Trains.NETWORK,
    numbered="must",
    meaning="{part} of the pretrained model and a new output layer learn",
    done="{part} and a head were tuned",
    why="adapts the upper layers; the lower ones are run once and cached",
    efforts=(("standard", (2,)), ("thorough", (1, 2))),
    rates=(Rates(1e-4, 1e-3), Rates(2e-4, 1e-3), Rates(5e-5, 1e-3), Rates(4e-4, 1e-3)),
    lineage="fine-tuned",
)
