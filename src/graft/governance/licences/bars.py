"""What terms come to for somebody: uses that are barred, and things that are asked."""

from dataclasses import dataclass, replace

from graft.governance.licences.table import Duty
from graft.governance.records import Outcome, Use


@dataclass(frozen=True)
class Barred:
    """A use that is blocked or unsettled. open: it hangs on a question a person may answer, not on a stated refusal."""

    outcome: Outcome
    use: Use
    licence: str
    clause: str
    text: str
    unblock: str
    open: bool


@dataclass(frozen=True)
class Asked:
    """Something a licence asks for."""

    code: Duty
    licence: str
    clause: str
    text: str


@dataclass(frozen=True)
class Effects:
    """What terms bar and ask."""

    barred: tuple[Barred, ...] = ()
    asked: tuple[Asked, ...] = ()

    @property
    def every(self) -> tuple[Barred | Asked, ...]:
        """All of it."""
        return (*self.barred, *self.asked)

    def named(self, licence: str) -> "Effects":
        """The same under another name of the licence."""
        barred = tuple(replace(bar, licence=licence) for bar in self.barred)
        return Effects(barred, tuple(replace(ask, licence=licence) for ask in self.asked))

    @property
    def rank(self) -> int:
        """0 allowed, 1 unsettled, 2 blocked."""
        return max((2 if bar.outcome is Outcome.BLOCKED else 1 for bar in self.barred), default=0)
