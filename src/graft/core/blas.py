"""Products of NumPy and SciPy: one thread for them, and no false alarms.

Decisions: which libraries are loaded is looked up once in a process, since looking takes longer than many a product.
Kernels of OpenBLAS for a few columns also compute with what lies beside them in memory and throw it away; NumPy then
warns of invalid values that are in no result. Whether a result is finite is asked of the result.
"""

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController


@cache
def _loaded() -> ThreadpoolController:
    # Whatever multiplies for NumPy and SciPy is loaded with them.
    import scipy.linalg  # noqa: F401 - NumPy comes with it

    return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager[object]:
    """While it lasts, products are computed by one thread."""
    limited: AbstractContextManager[object] = _loaded().limit(limits=1, user_api="blas")
    return limited


def product(left: Any, right: np.ndarray) -> np.ndarray:
    """``left @ right``, dense; left may be sparse.

    >>> product(np.ones((2, 3)), np.ones(3)).tolist()
    [3.0, 3.0]
    """
    with np.errstate(invalid="ignore"):
        found: np.ndarray = np.asarray(left @ right)
    return found
