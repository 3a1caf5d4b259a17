"""``frozen``: the source stays as it is, and a head is solved on its vectors."""

from graft.scores.strategy import Strategy, Trains

FROZEN = Strategy(
    name="frozen",
    trains=Trains.HEAD,
    meaning="the pretrained model stays as it is, only a new output layer learns",
    done="a head was solved on the source's vectors; the source was not changed",
    why="cheapest, and safe with few labels",
    efforts=(("quick", (0,)), ("standard", (0,)), ("thorough", (0,))),
    lineage="adapter",
)
