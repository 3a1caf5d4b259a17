"""Which asset a person means: by identity, name, name with version, or the beginning of a digest."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path

from graft.core.errors import InputError
from graft.core.places import BUNDLE, next_step
from graft.governance.records import Asset

_SHORTEST = 4
_SHOWN = 5


class UnknownAsset(InputError):
    """No asset has that name; one that several have is another InputError."""


def find_asset(assets: Mapping[str, Asset], named: str, names: Mapping[str, Collection[str]]) -> Asset:
    """The one asset that ``named`` names: an identity, else a name it has, else one it had, else part of a digest.

    assets: by identity. names: identities by every name an asset was ever given. Of a digest at least four characters
    are needed. Raises UnknownAsset when none is meant, with names that come near, and InputError when several are.

    >>> tickets = Asset(kind="data", name="tickets", digest="ab12cd")
    >>> find_asset({tickets.identity: tickets}, "ab12", names={}).name
    'tickets'
    """
    if named in assets:
        return assets[named]
    name, _, version = named.rpartition("@")
    had = [assets[identity] for identity in names.get(named, ())]
    found = [asset for asset in had if asset.name == named] or had
    found = found or [one for one in (assets[key] for key in names.get(name, ())) if version and one.version == version]
    if not found and len(named.partition(":")[2] or named) >= _SHORTEST:
        found = [asset for key, asset in assets.items() if key.startswith(named) or asset.digest.startswith(named)]
    if len(found) == 1:
        return found[0]
    raise _several(named, found) if found else _none(named, len(assets), names)


def _several(named: str, found: list[Asset]) -> InputError:
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return InputError(
        f"{named!r} names {len(found)} assets: {', '.join(map(_described, found[:_SHOWN]))}{more}",
        needed="a name, an identity or the beginning of a digest that only one asset has",
        fix=f"name one by its identity, for example {found[0].identity!r}",
    )


def _none(named: str, assets: int, names: Collection[str]) -> UnknownAsset:
    inside = [name for name in sorted(names) if len(named) > 1 and named.lower() in name.lower()]
    near = dict.fromkeys([*get_close_matches(named, names, n=_SHOWN, cutoff=0.6), *inside])
    known = (
        f"the ledger holds {assets:,} asset{'s' if assets > 1 else ''}" if assets else "the ledger holds no assets yet"
    )
    return UnknownAsset(
        f"no asset is called {named!r}",
        needed=f"a name, an identity or at least {_SHORTEST} characters of a digest; {known}",
        fix=f"did you mean {', '.join(map(repr, list(near)[:_SHOWN]))}?" if near else _step(named),
    )


def _step(named: str) -> str:
    """What to do with a name that nothing has, which may be the path of something."""
    place = Path(named)
    if (step := next_step(place, BUNDLE)) and place.exists():
        return step
    if place.exists():
        reference = f"path:{named}" if place.is_dir() else named
        return f"record it first: graft assets add {reference}"
    return "list the assets, or add this one: graft assets list, graft assets add path:DIR (or a data file)"


def _described(asset: Asset) -> str:
    version = f" {asset.version}" if asset.version else ""
    return f"{asset.name}{version} ({asset.kind}:{asset.digest[:12]})"
