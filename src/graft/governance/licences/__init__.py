"""What licences ask, as data with a clause for everything. Not legal advice: "unsettled" is one of the answers."""

from graft.governance.licences.effects import Asked, Barred, Effects, chosen, effects
from graft.governance.licences.expressions import Terms, canonical, leaves, read_terms, refuse_unknown
from graft.governance.licences.findings import conflicts
from graft.governance.licences.reach import Reach, step
from graft.governance.licences.table import Duty, Licence, licence, table
from graft.governance.licences.training import TrainingSet, find_training_set, training_sets

__all__ = [
    "Asked",
    "Barred",
    "Duty",
    "Effects",
    "Licence",
    "Reach",
    "Terms",
    "TrainingSet",
    "canonical",
    "chosen",
    "conflicts",
    "effects",
    "find_training_set",
    "leaves",
    "licence",
    "read_terms",
    "refuse_unknown",
    "step",
    "table",
    "training_sets",
]
