"""Where work runs: one function over many specs, here or elsewhere, with the same answers.

Decisions: a spec is plain values that can be sent anywhere; the function, or the record that is called like one, can be
pickled and builds what it needs from what a spec refers to, so live objects never travel. Results come back in the
order of the specs, whatever finished first, and whoever asked is told each one the moment it is there, so that it can
be kept before anything else happens.
"""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Protocol, TypeVar

Spec = TypeVar("Spec")
Given = TypeVar("Given")


def unheard(*told: Any) -> None:
    """What is told when nobody listens."""


class Engine(Protocol):
    """Somewhere work can run. A ``with`` block gives back what it holds.

    apart: whether functions run in other processes, so that what specs refer to has to be written down first.
    """

    @property
    def apart(self) -> bool:
        """Whether functions run in other processes."""
        ...

    def map(
        self,
        function: Callable[[Spec], Given],
        specs: Sequence[Spec],
        *,
        begun: Callable[[Spec], None] = unheard,
        done: Callable[[Spec, Given], None] = unheard,
    ) -> list[Given]:
        """The results of ``function`` for ``specs``, in their order.

        begun, done: called in this process when a spec is started, and when its result is there, in the order in which
        that happens. What a function raises is raised here: the error of the earliest spec that failed, after the
        results of those that were under way have been told. Specs must say in ``str`` what they are.
        """
        ...

    def __enter__(self) -> "Engine": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Here:
    """Work runs in this process, one spec after another.

    >>> with Here() as engine:
    ...     engine.map(abs, [-1, 2, -3])
    [1, 2, 3]
    """

    apart = False

    def map(
        self,
        function: Callable[[Spec], Given],
        specs: Sequence[Spec],
        *,
        begun: Callable[[Spec], None] = unheard,
        done: Callable[[Spec, Given], None] = unheard,
    ) -> list[Given]:
        """The results of ``function`` for ``specs``, in their order; what it raises is raised as it is."""
        results = []
        for spec in specs:
            begun(spec)
            results.append(function(spec))
            done(spec, results[-1])
        return results

    def __enter__(self) -> "Here":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held."""
