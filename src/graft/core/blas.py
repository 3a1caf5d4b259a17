"""One thread for the products of NumPy and SciPy.

Decision: which libraries are loaded is looked up once in a process, since looking takes longer than many a product.
"""

from contextlib import AbstractContextManager
from functools import cache

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
