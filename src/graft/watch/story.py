"""A watch as far as it has come: its baseline and all checks, for a page or a list.

Decision: of ten thousand checks only the newest are kept whole; of the others what a timeline draws, since what each
detector said is most of a record.
"""

from collections.abc import Iterator
from pathlib import Path

from graft.bundle.manifest import MANIFEST, read_manifest
from graft.bundle.watch_erasure import SHOP_SETTINGS
from graft.core.errors import InputError
from graft.core.places import BUNDLE, SHOP, next_step, place_of
from graft.facts.watch import WatchCheck, WatchStory
from graft.watch.baseline import FACTS, read_baseline, watch_folder
from graft.watch.history import History

WHOLE = 50


def watch_story(bundle: Path, *, folder: Path | None = None) -> WatchStory:
    """What the watch of a bundle holds. The bundle itself is not loaded, and need not be there any more.

    folder: of the watch; beside the bundle when None. Raises InputError without a baseline.
    """
    place = _watched(bundle, folder)
    # The baseline of a shop belongs to a fit, and events that it learns since do not change that.
    of_shop = (place / "baseline" / SHOP_SETTINGS).is_file()
    seal = read_manifest(bundle).seal if (bundle / MANIFEST).is_file() and not of_shop else ""
    checks: list[WatchCheck] = []
    for one in History.of(place).each():
        if len(checks) >= WHOLE:
            checks[-WHOLE] = checks[-WHOLE].model_copy(update={"shifts": (), "moved": ()})
        checks.append(one)
    return WatchStory(
        name=str(bundle), bundle=seal, baseline=read_baseline(place / "baseline").facts, checks=tuple(checks)
    )


def watch_checks(bundle: Path, *, folder: Path | None = None) -> Iterator[WatchCheck]:
    """Every check of the watch of a bundle, whole, oldest first. Raises InputError without a baseline."""
    return History.of(_watched(bundle, folder)).each()


def _watched(bundle: Path, folder: Path | None) -> Path:
    place = watch_folder(bundle) if folder is None else folder
    if not (place / "baseline" / FACTS).is_file():
        raise InputError(
            f"{bundle} has no baseline ({place / 'baseline'} is not there)",
            needed="a bundle that is watched",
            fix=_meant(bundle) or f"graft watch baseline {bundle} --rows reference.csv",
        )
    return place


def _meant(folder: Path) -> str:
    """What to say of a folder that is another place of ours, such as the study around a bundle; "" of any other."""
    found = place_of(folder)
    return next_step(folder, BUNDLE) if found is not None and found.kind not in (BUNDLE, SHOP) else ""
