"""A shop as a folder: everything that serves, every file with a digest, verified on load.

Decisions: what was learnt and what was observed are arrays and names in one safetensors file, the rest is JSON, so
loading runs nothing; the lists of a few users are kept with it and must come out the same, which finds what digests
cannot. Observed pairs are personal data: the folder is as private as the events it was made from, and forgetting a user
writes it anew. Receipts of erasures lie beside the files of the manifest and are taken along when those are replaced.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy import sparse

from graft.bundle.folders import require_place, settled, whole_folder
from graft.bundle.manifest import MANIFEST, Manifest, check_files, read_manifest, write_manifest
from graft.core import foreign
from graft.core.errors import BundleError, GraftError, OutputError
from graft.core.files import locked, write_json
from graft.core.places import SHOP, next_step, place_of
from graft.entities.content_map import ContentMap
from graft.entities.factorisation import Factorisation, Factors, Side
from graft.entities.fitted import LearntState
from graft.entities.item_features import FittedFeatures
from graft.entities.posterior import Observed
from graft.entities.preferences import Blend, Preferences, TakenTogether, ViewWeights
from graft.entities.shop import Known, Made, Shop, observed
from graft.representations.weights.safetensors_file import check_safetensors
from graft.rows.interactions import Aside, Decay, Delivered, EventPairs, Interactions
from graft.tables.erasure.places import RECEIPTS

FACTS, ARRAYS, SAMPLE = "shop.json", "shop.safetensors", "sample.json"
SCHEMA = "graft/shop/1"
_SAMPLED, _LISTED, _CLOSE = 8, 10, 1e-3


def write_shop(folder: Path | str, shop: Shop, *, papers: Callable[[Path], None] | None = None) -> Path:
    """Write a shop; one that is there already is replaced at the very end. Raises OutputError for another place.

    papers: called with a folder that has the shop's files, to write further ones there.
    """
    out = Path(folder)
    require_shop_place(out)
    state = _state(shop)
    with whole_folder(out) as place:
        save_file(state.tensors(), place / ARRAYS)
        write_json(place / FACTS, {"schema": SCHEMA, **state.settings})
        write_json(place / SAMPLE, _sample(shop))
        if papers is not None:
            papers(place)
        write_manifest(place, beside=RECEIPTS)
        load_shop(place)
        if (settled(out) / RECEIPTS).is_dir():
            shutil.copytree(settled(out) / RECEIPTS, place / RECEIPTS, ignore=shutil.ignore_patterns("*.partial"))
    return out


def require_shop_place(folder: Path) -> None:
    """Raise OutputError where no shop can be written: before it is learnt, which may take hours."""
    require_place(folder)
    if (folder / MANIFEST).is_file() and not (folder / FACTS).is_file():
        found = place_of(folder)
        raise OutputError(
            f"{folder} is {found.named if found else 'a bundle'}, and no shop",
            needed="a new or empty folder, or a shop to replace",
            fix="choose another",
        )


def load_shop(folder: Path | str, *, verify: bool = True) -> Shop:
    """Read a shop. verify: compare every file with its digest, and lists with those that were kept.

    Raises BundleError with what is wrong.
    """
    place = settled(Path(folder))
    manifest = read_manifest(place, SHOP)
    try:
        return _load(place, manifest, verify=verify)
    except BundleError:
        # Another process may have put a newer one in its place meanwhile.
        place = settled(Path(folder))
        newer = read_manifest(place, SHOP)
        if newer == manifest:
            raise
        return _load(place, newer, verify=verify)


@contextmanager
def one_writer(folder: Path | str) -> Iterator[None]:
    """While the block runs, no other process changes the shop: what two of them add is added, one after the other.

    The lock lies beside the folder, because the folder itself is replaced. Readers need none.
    """
    place = Path(folder).absolute()
    if not settled(place).is_dir():
        # Whoever reads it says what is wrong, and no lock is left beside a wrong path.
        yield
        return
    with locked(place.with_name(f".{place.name}.lock")):
        yield


def _load(place: Path, manifest: Manifest, *, verify: bool) -> Shop:
    if FACTS not in manifest.files or ARRAYS not in manifest.files:
        raise BundleError(
            f"{place} is a bundle of another kind",
            needed="a shop, as graft recommend fit wrote it",
            fix=next_step(place, SHOP) or "graft predict opens the bundle of a study",
        )
    if verify:
        check_files(place, manifest, beside=RECEIPTS)
    try:
        facts = foreign.read_json(place / FACTS)
        if facts.get("schema") != SCHEMA:
            raise BundleError(f"{place} has the schema {facts.get('schema')!r}", needed=SCHEMA, fix="update Graft")
        check_safetensors(place / ARRAYS)
        shop = _shop(LearntState.unpack(facts, load_file(place / ARRAYS)))
        if verify:
            _check(shop, foreign.read_json(place / SAMPLE), place)
        return shop
    except GraftError:
        raise
    except Exception as error:  # whatever arrays of other shapes meet
        raise BundleError(
            f"{place} does not hold what its manifest promises ({type(error).__name__}: {str(error)[:200]})",
            needed="a shop as Graft wrote it",
            fix="copy it again, or fit it again with this version of Graft",
        ) from error


def _sample(shop: Shop) -> dict[str, Any]:
    step = max(1, len(shop.people.names) // _SAMPLED)
    users = list(shop.people.names[::step][:_SAMPLED])
    found = shop.recommend(users, _LISTED).frame if users else None
    return {
        "users": users,
        "items": [] if found is None else found["item"].to_list(),
        "scores": [] if found is None else found["score"].to_list(),
    }


def _check(shop: Shop, kept: dict[str, Any], place: Path) -> None:
    now = _sample(shop)
    same = now["users"] == kept["users"] and len(now["scores"]) == len(kept["scores"])
    # Two items whose scores differ by less than rounding may change places on another processor.
    if not (same and np.allclose(now["scores"], kept["scores"], atol=_CLOSE)):
        raise BundleError(
            f"{place} does not make the lists that were kept with it",
            needed="the scores of its sample",
            fix="do not use this copy; if a library was changed, fit again",
        )


def _state(shop: Shop) -> LearntState:
    model, events = shop.model, shop.events
    arrays: dict[str, np.ndarray] = {
        "user_priors": model.user_priors, "item_priors": model.item_priors,
        "moves": model.factors.moves, "met": model.factors.met,
        "content": shop.content.weights, "context": shop.context.weights,
        "said/items": shop.items.said, "said/people": shop.people.said,
    }  # fmt: skip
    for name, side in (("users", model.factors.users), ("items", model.factors.items)):
        arrays |= {f"{name}/anchors": side.anchors, f"{name}/offsets": side.offsets, f"{name}/priors": side.priors}
    for name, matrix in (("alike", model.alike), ("items", shop.items.features), ("people", shop.people.features)):
        arrays |= _flat(f"matrix/{name}", matrix)
    for name, pairs in (("pairs", events.pairs), ("overruled", events.overruled)):
        arrays |= {f"{name}/{field}": getattr(pairs, field) for field in ("user", "item", "weight", "disliked", "day")}
    arrays |= {f"delivered/{field}": getattr(events.delivered, field) for field in ("user", "item", "digest")}
    if model.company is not None:
        arrays |= {"company/items": model.company.items, "company/weights": model.company.weights}
    names = {
        "items": shop.items.names, "people": shop.people.names, "events/items": events.items,
        "events/users": events.users, "by_events": tuple(sorted(shop.by_events)),
    }  # fmt: skip
    facts: dict[str, Any] = {
        "factorisation": asdict(model.factors.settings),
        "blend": asdict(model.blend),
        "neighbours": shop.neighbours,
        "misfit": shop.misfit,
        "columns": {name: list(held) for name, held in shop.columns.items()},
        "timed": events.timed,
        "decay": None if events.decay is None else asdict(events.decay),
        "events": events.events,
        "aside": [asdict(one) for one in events.aside],
        "forbidden": list(shop.forbidden),
        "made": asdict(shop.made),
    }
    for name, features in (("item_features", shop.item_features), ("person_features", shop.person_features)):
        if features is not None:
            inner = features.state()
            facts[name] = dict(inner.settings)
            arrays |= {f"{name}/{part}": array for part, array in inner.arrays.items()}
            names |= {f"{name}/{part}": words for part, words in inner.names.items()}
    return LearntState(facts, arrays, names)


def _shop(state: LearntState) -> Shop:
    arrays, facts = state.arrays, state.settings
    settings = Factorisation(**facts["factorisation"])
    users, items = (
        Side(arrays[f"{name}/anchors"], arrays[f"{name}/offsets"], arrays[f"{name}/priors"])
        for name in ("users", "items")
    )
    sides = tuple(
        EventPairs(*(arrays[f"{name}/{field}"] for field in ("user", "item", "weight", "disliked", "day")))
        for name in ("pairs", "overruled")
    )
    events = Interactions(
        state.names["events/users"], state.names["events/items"], sides[0], sides[1], facts["timed"],
        None if facts["decay"] is None else Decay(**facts["decay"]), facts["events"],
        tuple(Aside(**one) for one in facts["aside"]), _delivered(arrays),
    )  # fmt: skip
    things = Known(state.names["items"], _matrix(arrays, "matrix/items"), arrays["said/items"])
    people = Known(state.names["people"], _matrix(arrays, "matrix/people"), arrays["said/people"])
    company = TakenTogether(arrays["company/items"], arrays["company/weights"]) if "company/items" in arrays else None
    weights = facts["blend"]
    blend = Blend(ViewWeights(**weights["met"]), ViewWeights(**weights["unmet"]), float(weights.get("half", 0.0)))
    pairs: Observed = observed(events, people.places, things.places, settings)
    model = Preferences(
        Factors(settings, users, items, arrays["met"], arrays["moves"]), pairs, arrays["user_priors"],
        arrays["item_priors"], _matrix(arrays, "matrix/alike"), company, blend,
    )  # fmt: skip
    _require_fit(model, things, people)
    return Shop(
        model, events, people, things, _features(state, "person_features"), _features(state, "item_features"),
        ContentMap(arrays["content"]), ContentMap(arrays["context"]), int(facts["neighbours"]), float(facts["misfit"]),
        {name: tuple(held) for name, held in facts["columns"].items()}, tuple(facts.get("forbidden", ())),
        Made(**facts.get("made", {})), frozenset(state.names.get("by_events", ())),
    )  # fmt: skip


def _delivered(arrays: Any) -> Delivered:
    """Digests of the events that were counted; a shop of before has none."""
    names = tuple(f"delivered/{part}" for part in ("user", "item", "digest"))
    if names[0] not in arrays:
        return Delivered()
    return Delivered(arrays[names[0]], arrays[names[1]], arrays[names[2]])


def _require_fit(model: Preferences, things: Known, people: Known) -> None:
    dimension = model.factors.settings.dimension
    shapes = {
        "users": (model.user_priors.shape, (len(people.names), dimension)),
        "items": (model.item_priors.shape, (len(things.names), dimension + 1)),
        "features of items": (things.features.shape[:1], (len(things.names),)),
        "features of users": (people.features.shape[:1], (len(people.names),)),
        "neighbours": (model.alike.shape, (len(things.names),) * 2),
    }
    for what, (found, wanted) in shapes.items():
        if found != wanted:
            raise ValueError(f"{what} of shape {found}, not {wanted}")


def _features(state: LearntState, name: str) -> FittedFeatures | None:
    if name not in state.settings:
        return None
    head = f"{name}/"
    return FittedFeatures.restore(
        LearntState(
            state.settings[name],
            {part.removeprefix(head): array for part, array in state.arrays.items() if part.startswith(head)},
            {part.removeprefix(head): words for part, words in state.names.items() if part.startswith(head)},
        )
    )


def _flat(name: str, matrix: sparse.csr_array) -> dict[str, np.ndarray]:
    return {
        f"{name}/data": matrix.data.astype(np.float64),
        f"{name}/indices": matrix.indices.astype(np.int64),
        f"{name}/indptr": matrix.indptr.astype(np.int64),
        f"{name}/shape": np.array(matrix.shape, np.int64),
    }


def _matrix(arrays: Any, name: str) -> sparse.csr_array:
    shape = tuple(arrays[f"{name}/shape"].tolist())
    found = sparse.csr_array((arrays[f"{name}/data"], arrays[f"{name}/indices"], arrays[f"{name}/indptr"]), shape=shape)
    found.check_format(full_check=True)
    return found
