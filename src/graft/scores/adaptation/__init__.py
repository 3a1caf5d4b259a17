"""Further pretraining of a source on contents without labels: the methods, and the loop they share. One file each."""

from graft.core.errors import InputError
from graft.scores.adaptation.method import AdaptationMethod
from graft.scores.adaptation.mlm import MLM
from graft.scores.adaptation.tsdae import TSDAE

METHODS: tuple[AdaptationMethod, ...] = (TSDAE, MLM)

__all__ = ["METHODS", "AdaptationMethod", "method_named"]


def method_named(name: str, kind: str) -> AdaptationMethod:
    """The method of a name for one kind of content. Raises InputError for one that there is not.

    >>> method_named("mlm", "text").title
    'masked language modelling'
    """
    fitting = [one for one in METHODS if one.kind == kind]
    found = next((one for one in fitting if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in fitting)
        raise InputError(
            f"{name!r} is not a way to adapt a source that reads the kind {kind!r}",
            needed=f"one of {known}" if known else "a kind of content there is a way for: text",
            fix=f"--method {fitting[0].name}" if fitting else "reuse the source as it is: graft study",
        )
    return found
