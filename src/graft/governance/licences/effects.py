"""What terms mean for some uses at some reach, and which part of a choice is taken.

Decisions: where all parts apply, their bars and asks add up; where one part may be chosen, the part that bars least
counts, judged over everything the licence is needed for, so that one choice holds for the whole answer.
"""

from dataclasses import replace
from functools import lru_cache

from graft.governance.licences.bars import Effects
from graft.governance.licences.expressions import AllOf, AnyOf, Leaf, Terms
from graft.governance.licences.known import known_terms
from graft.governance.licences.reach import Reach
from graft.governance.licences.table import licence
from graft.governance.licences.unread import quoted, unread_terms
from graft.governance.records import Use


@lru_cache(maxsize=8192)
def effects(terms: Terms, reach: Reach, uses: tuple[Use, ...], *, cleared: bool = False) -> Effects:
    """What terms mean for uses at a reach. Of a choice the best part counts.

    cleared: a person has answered the open questions, so only stated refusals bar.

    >>> from graft.governance.licences.expressions import read_terms
    >>> terms = read_terms("cc-by-nc-4.0")
    >>> [effects(terms, reach, (Use.COMMERCIAL,)).barred[0].outcome.value for reach in (Reach.SELF, Reach.LEARNED)]
    ['blocked', 'unsettled']
    """
    if isinstance(terms, AnyOf):
        return effects(chosen(terms, (reach,), uses, cleared=cleared), reach, uses, cleared=cleared)
    if isinstance(terms, AllOf):
        parts = [effects(part, reach, uses, cleared=cleared) for part in terms.parts]
        barred = dict.fromkeys(bar for part in parts for bar in part.barred)
        return Effects(tuple(barred), tuple(dict.fromkeys(ask for part in parts for ask in part.asked)))
    known = terms.licence or terms.common
    found = known_terms(licence(known), reach, uses) if known else unread_terms(terms, reach, uses)
    found = found.named(quoted(terms.stated)) if terms.common else found
    return replace(found, barred=tuple(bar for bar in found.barred if not bar.open)) if cleared else found


def chosen(terms: Terms, reaches: tuple[Reach, ...], uses: tuple[Use, ...], *, cleared: bool = False) -> Terms:
    """Terms with every choice made: the part that bars least, then asks least, then comes first.

    >>> from graft.governance.licences.expressions import read_terms
    >>> str(chosen(read_terms("CC-BY-NC-4.0 OR MIT"), (Reach.SELF,), (Use.COMMERCIAL,)))
    'MIT'
    """
    if isinstance(terms, Leaf):
        return terms
    parts = tuple(chosen(part, reaches, uses, cleared=cleared) for part in terms.parts)
    if isinstance(terms, AllOf):
        return AllOf(parts)

    def burden(part: Terms) -> tuple[int, int, int]:
        found = [effects(part, reach, uses, cleared=cleared) for reach in reaches]
        bars, asks = sum(len(one.barred) for one in found), sum(len(one.asked) for one in found)
        return max((one.rank for one in found), default=0), bars, asks

    return min(parts, key=burden)
