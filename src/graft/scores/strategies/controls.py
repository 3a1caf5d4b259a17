"""The controls: what transfers nothing, and always runs, because without them nothing shows that reuse helped."""

from graft.scores.strategy import Rates, Strategy, Trains

MAJORITY = Strategy(
    name="majority",
    trains=Trains.SHARES,
    control=True,
    meaning="control: always the same answer, the most common one or the mean",
    done="no source was used",
    explained="it says the same of every row",
    why="control: what saying the same of every row scores",
    constant=True,
)

CLASSICAL = Strategy(
    name="classical",
    trains=Trains.TERMS,
    control=True,
    meaning="control: no neural network ({no_network})",
    done="no source was used",
    explained="what is left out ({pieces})",
    why="control: what no neural network at all scores",
)

SCRATCH = Strategy(
    name="scratch",
    trains=Trains.NETWORK,
    control=True,
    meaning="control: the same architecture, starting from random weights",
    done="the architecture was trained from random weights",
    why="control: the same architecture without its pretraining",
    rates=(Rates(5e-4, 2e-3), Rates(1e-3, 5e-3), Rates(2e-4, 1e-3), Rates(1e-4, 1e-3)),
    pretrained=False,
    decays=False,
    used=(0.45, 0.2),
    constant=True,
)
