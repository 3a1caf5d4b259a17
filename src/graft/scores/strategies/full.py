"""``full``: every weight learns."""

from graft.scores.strategy import Rates, Strategy, Trains

FULL = Strategy(
    name="full",
    trains=Trains.NETWORK,
    meaning="{part} of the pretrained model learn",
    done="{part} and a head were tuned",
    why="adapts everything, from the solved head",
    efforts=(("quick", (0,)), ("standard", (0,)), ("thorough", (0,))),
    cautious=True,
    rates=(Rates(1e-4, 1e-3), Rates(5e-5, 1e-3), Rates(2e-4, 1e-3), Rates(2e-5, 1e-3)),
    own_pace=True,
    lineage="fine-tuned",
)
