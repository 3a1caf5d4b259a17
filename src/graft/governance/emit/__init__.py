"""Documents about a saved model, as pure functions of its facts: a model card and two bills of materials."""

from graft.governance.emit.cyclonedx import cyclonedx
from graft.governance.emit.facts import Considerations, Fairness, Measure, ModelFacts, Package
from graft.governance.emit.measures import considerations_of, measures_of
from graft.governance.emit.model_card import model_card
from graft.governance.emit.spdx import spdx

__all__ = [
    "Considerations",
    "Fairness",
    "Measure",
    "ModelFacts",
    "Package",
    "considerations_of",
    "cyclonedx",
    "measures_of",
    "model_card",
    "spdx",
]
