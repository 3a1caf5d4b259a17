"""Bytes to validated, deduplicated, split, fingerprinted rows: the contract."""

from graft.core.tasks import Task
from graft.inputs.contract import infer_contract
from graft.inputs.dataset import Dataset, RowProblem, build_dataset
from graft.inputs.duplicates import Contradiction, Duplicates, find_duplicates
from graft.inputs.roles import Roles
from graft.inputs.schema import CategoryCount, ColumnFacts, Contract, LengthFacts, NumberFacts
from graft.inputs.splits import Fold, Splits, make_splits

__all__ = [
    "CategoryCount",
    "ColumnFacts",
    "Contract",
    "Contradiction",
    "Dataset",
    "Duplicates",
    "Fold",
    "LengthFacts",
    "NumberFacts",
    "Roles",
    "RowProblem",
    "Splits",
    "Task",
    "build_dataset",
    "find_duplicates",
    "infer_contract",
    "make_splits",
]
