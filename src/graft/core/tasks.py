"""What can be predicted for a row: the one list of tasks.

Decision: it stands at the bottom, because rows, representations, metrics and decisions all ask about it and do not
import one another. A task is its own name (``Task.BINARY == "binary"``), so records that hold plain names compare.
"""

from enum import StrEnum
from typing import Literal


class Task(StrEnum):
    """What is predicted for a row: one of two classes, one of many, any number of them, or a number."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"
    REGRESSION = "regression"


CLASSES = (Task.BINARY, Task.MULTICLASS)
LABELS = (*CLASSES, Task.MULTILABEL)
VALUES = (Task.REGRESSION,)

# The same names for type checkers, which cannot read them from the enumeration: with and without numbers.
LabelTask = Literal["binary", "multiclass", "multilabel"]
TaskName = Literal["auto", "binary", "multiclass", "multilabel", "regression"]
