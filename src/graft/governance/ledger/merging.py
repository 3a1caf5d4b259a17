"""What is known of an asset once more is said about it.

Decisions: its files are the same, because its digest is; so nothing it was read from can have changed, and what is not
said again is kept: an empty field is an unknown fact and erases nothing, descent and training data accumulate, and a
licence replaces what the same place was said to state before. A person's statement therefore outlives every later
reading of the files.
"""

from graft.governance.records import Asset, LicenceStatement


def merged(old: Asset, new: Asset) -> Asset:
    """The asset ``old`` once ``new`` is said about it; it keeps the time it was first added.

    >>> known = Asset(kind="data", name="tickets", digest="ab", publisher="us", added="2026-01-01T00:00:00Z")
    >>> both = merged(known, Asset(kind="data", name="tickets.csv", digest="ab"))
    >>> both.name, both.publisher, both.added
    ('tickets.csv', 'us', '2026-01-01T00:00:00Z')
    """
    kept = {name: getattr(old, name) for name in Asset.model_fields if not getattr(new, name)}
    data = {(one.where, one.name): one for one in (*old.training_data, *new.training_data)}
    joined = {
        "licences": _by_place(old.licences, new.licences),
        "training_data": tuple(data.values()),
        "edges": tuple(dict.fromkeys((*old.edges, *new.edges))),
        "added": old.added,
    }
    return new.model_copy(update=kept | joined)


def _by_place(old: tuple[LicenceStatement, ...], new: tuple[LicenceStatement, ...]) -> tuple[LicenceStatement, ...]:
    places: dict[str, dict[LicenceStatement, None]] = {}
    for statements in (old, new):
        stated: dict[str, dict[LicenceStatement, None]] = {}
        for statement in statements:
            stated.setdefault(statement.where, {})[statement] = None
        places |= stated
    return tuple(statement for stated in places.values() for statement in stated)
