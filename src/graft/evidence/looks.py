"""All days since the baseline together, looked at a few times: what moves too slowly for any single day.

Decisions: data that is moved on purpose a little every day stays below the threshold of each day, and a baseline that
follows it would move along. So all rows since the baseline are compared with the baseline itself, at days that lie
ever further apart (each 1.5 times the last), and the level is divided among these looks. Sharing it equally is valid
whatever the looks have in common (Bonferroni; they share the baseline and most rows), and leaves each a level that
permutation p-values can reach: 16 looks in a year of 365 days at 0.0031 each. Only the rows need be exchangeable
without drift.

O'Brien & Fleming (1979) and Lan & DeMets (1983) for levels that are spent over looks; this is their simplest form.
"""

from dataclasses import dataclass

from graft.core.errors import InputError


@dataclass(frozen=True)
class Looks:
    """When all days since the baseline are compared with it, and at which level.

    days: of the looks, counted from 1, rising. level: of each look.

    >>> looks = Looks.over(30, level=0.05)
    >>> looks.days, looks.level
    ((1, 2, 3, 4, 5, 8, 11, 17, 26, 30), 0.005)
    >>> looks.due(6, last=3), looks.due(6, last=5)
    (True, False)
    """

    days: tuple[int, ...]
    level: float

    @classmethod
    def over(cls, horizon: int, *, level: float = 0.05, growth: float = 1.5) -> "Looks":
        """Looks of so many days. growth: how many times as late the next look is; above 1."""
        if horizon < 1 or not growth > 1 or not 0 < level < 1:
            raise InputError(
                f"looks over {horizon} days, each {growth} times the last, at a level of {level}",
                needed="a day or more, a growth above 1 and a level between 0 and 1",
            )
        days, at = [1], 1.0
        while days[-1] < horizon:
            at *= growth
            days.append(min(horizon, max(days[-1] + 1, int(at + 0.5))))
        return cls(tuple(days), level / len(days))

    def due(self, day: int, *, last: int = 0) -> bool:
        """Whether a look is due on this day, when the last one was on another; a missed look is made up for."""
        return any(last < one <= day for one in self.days)

    @property
    def draws(self) -> int:
        """How many draws a permutation p-value needs to reach the level, with ten to spare."""
        return int(10 / self.level)
