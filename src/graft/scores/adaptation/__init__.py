"""Further pretraining of a source on contents without labels: the methods, and the loop they share. One file each."""

from graft.core.errors import InputError
from graft.rows.content import kind_named
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
    if not fitting:
        # Measured for pictures and recordings: docs/log.md.
        raise InputError(
            f"sources of {kind_named(kind).plural} are not adapted without labels: no way was found that pays",
            needed="texts; or labels, which adapt a source of any kind",
            fix="study the source as it is (graft study FILE --source …), tune it there (--strategy partial:1), or "
            "learn one from labelled rows (graft sources pretrain)",
        )
    found = next((one for one in fitting if one.name == name), None)
    if found is None:
        raise InputError(
            f"{name!r} is not a way to adapt a source that reads the kind {kind!r}",
            needed=f"one of {', '.join(one.name for one in fitting)}",
            fix=f"--method {fitting[0].name}",
        )
    return found
