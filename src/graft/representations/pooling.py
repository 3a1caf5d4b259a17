"""How token vectors become one vector a row."""

from enum import StrEnum


class Pooling(StrEnum):
    """How token vectors become one."""

    MEAN = "mean"
    CLS = "cls"
    MAX = "max"
    MEAN_SQRT = "mean_sqrt_len"
    LAST = "lasttoken"
