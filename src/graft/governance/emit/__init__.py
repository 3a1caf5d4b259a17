"""Documents about a saved model, as pure functions of its facts: a model card and two bills of materials."""

from graft.governance.emit.cyclonedx import cyclonedx
from graft.governance.emit.facts import Considerations, Fairness, Metric, ModelFacts, Package
from graft.governance.emit.model_card import model_card
from graft.governance.emit.spdx import spdx

__all__ = ["Considerations", "Fairness", "Metric", "ModelFacts", "Package", "cyclonedx", "model_card", "spdx"]
