"""What verification says."""

from graft.governance.ledger.events import Head
from graft.governance.records import Record


class Problem(Record):
    """Something in a ledger that is not as it was written. sequence: of the event it is about, if it is about one."""

    what: str
    sequence: int | None = None

    def __str__(self) -> str:
        return self.what if self.sequence is None else f"event {self.sequence}: {self.what}"


class Verification(Record):
    """The answer to "is this ledger as it was written?".

    place: what was verified. events: how many were read. head: how far the chain goes by its events.
    """

    place: str
    events: int
    head: Head
    problems: tuple[Problem, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.problems
