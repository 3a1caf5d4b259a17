"""What a fit owes to governance: what it reads is recorded, and may be used as is asked, before anything is learnt.

Decision: rows are an asset by their file where there is one, else by what was read of them, so the same rows are the
same asset whoever brings them.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from graft.bundle.shop_lineage import ReadThrough
from graft.core.digests import array_digest, key
from graft.core.errors import InputError
from graft.core.several import Names, several
from graft.governance.gates import ToBeMade, require_allowed
from graft.governance.named_assets import read_source
from graft.governance.reading import read_data
from graft.governance.records import Asset, AssetKind, Use
from graft.governance.registry import Registry
from graft.rows.interactions import Interactions
from graft.rows.table import read_frame

EVENTS, ITEMS, USERS = "events", "items", "users"
Given = tuple[Any, Any]
"""Rows as they were named, and what was read of them."""


@dataclass(frozen=True)
class FitTerms:
    """What a shop is made from. rows: events, and tables of items and users. sources: what reads the items."""

    rows: Mapping[str, Asset]
    sources: tuple[ReadThrough, ...] = ()


def require_terms(
    rows: Mapping[str, Given], sources: Mapping[str, str], *, use: Names, tell: Callable[[str], None]
) -> FitTerms:
    """Record the rows and the sources of a fit, and ask whether they may be put to the uses.

    rows: what is given, by EVENTS, ITEMS and USERS. sources: references by what they read, ``text`` or ``image``. tell:
    called with what is unsettled. Raises GateNotMet for a use that is blocked, InputError for one there is not.
    """
    uses = _uses(use)
    found = {what: rows_asset(what, given) for what, given in rows.items() if given[0] is not None}
    read = [_read_through(what, reference) for what, reference in sources.items()]
    with Registry() as registry:
        found = {what: registry.add_asset(one) for what, one in found.items()}
        read = [replace(one, asset=registry.add_asset(one.asset)) for one in read]
        named = {reference: one.asset for reference, one in zip(sources.values(), read, strict=True)}
        about = ToBeMade(named, tuple(found.values()), keeps_rows=True)
        require_allowed(about, uses, registry.assets(), registry.decisions(), tell)
    return FitTerms(found, tuple(read))


def recorded_rows(what: str, given: Given) -> Asset:
    """Rows that are added later, recorded."""
    with Registry() as registry:
        return registry.add_asset(rows_asset(what, given))


def rows_asset(what: str, given: Given) -> Asset:
    """Rows as an asset."""
    named, read = given
    if isinstance(named, str | Path) and Path(named).expanduser().exists():
        return read_data(Path(named).expanduser())
    called = f"{what} given in Python"
    return Asset(kind=AssetKind.DATA, name=called, digest=_fingerprint(read), reference="rows given in Python")


def _fingerprint(read: Any) -> str:
    if isinstance(read, Interactions):
        sides = (read.pairs, read.overruled)
        arrays = [getattr(one, name) for one in sides for name in ("user", "item", "weight", "disliked", "day")]
        return hashlib.sha256(f"{key([read.users, read.items])}{array_digest(arrays)}".encode()).hexdigest()
    frame = read_frame(read, empty=True).frame.with_columns(pl.col(pl.Binary).bin.encode("hex"))
    return hashlib.sha256(frame.write_ndjson().encode()).hexdigest()


def _read_through(reads: str, reference: str) -> ReadThrough:
    from graft.representations.sources import resolve_source

    weights = resolve_source(reference).weights
    asset = read_source(weights.reference, weights.directory, revision=weights.revision)
    return ReadThrough(reads, asset, weights.digest)


def _uses(use: Names) -> tuple[Use, ...]:
    names = several(use)
    if wrong := [name for name in names if name not in set(Use)]:
        raise InputError(f"the use {wrong[0]!r}", needed=f"one of {', '.join(Use)}", fix="choose one of them")
    return tuple(Use(name) for name in names)
