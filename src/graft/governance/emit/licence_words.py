"""Licences as documents write them: an SPDX expression where one is meant, else the words as they were stated.

Decision: where places state different licences, a document lists all of them and asserts none.
"""

from graft.governance.licences.expressions import Terms, leaves, read_terms
from graft.governance.licences.statements import what_counts
from graft.governance.records import LicenceStatement

CUSTOM = "LicenseRef-"


def expression(stated: str) -> str:
    """The SPDX expression words mean; empty when they mean none.

    >>> expression("apache-2.0 or mit"), expression("some terms of our own")
    ('Apache-2.0 OR MIT', '')
    """
    return _spdx(read_terms(stated, decided=True)) if stated.strip() else ""


def declared(statements: tuple[LicenceStatement, ...]) -> str:
    """The one expression that statements agree on; empty when they differ, mean none, or there are none."""
    counting = what_counts(statements)
    return _spdx(counting[0].terms) if len(counting) == 1 else ""


def listed(statements: tuple[LicenceStatement, ...]) -> tuple[tuple[str, str], ...]:
    """Every licence that statements mean, as an expression or in its own words, and the places that state it."""
    return tuple((_spdx(one.terms) or one.words, "; ".join(one.where)) for one in what_counts(statements))


def custom_licences(spdx: str) -> tuple[str, ...]:
    """Identifiers in an expression that are not on the SPDX list."""
    words = spdx.replace("(", " ").replace(")", " ").split()
    return tuple(dict.fromkeys(word for word in words if word.startswith(CUSTOM)))


def _spdx(terms: Terms) -> str:
    """Terms as an SPDX expression; empty when a part of them is no licence with an identifier."""
    return str(terms) if all(leaf.licence for leaf in leaves(terms)) and leaves(terms) else ""
