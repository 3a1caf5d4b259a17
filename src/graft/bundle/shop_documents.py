"""A shop with its papers: what it was made from, a card, bills of materials, obligations; recorded in the ledger.

Decisions: the papers are made anew with each step, as functions of the same record as those of a study's bundle. A shop
is not evaluated when it is fitted, so its card states no score and says how to get one.
"""

from pathlib import Path

from graft.bundle.audits import audited_considerations, read_addendum
from graft.bundle.document_files import document, every_obligation, packages, require_format, write_all
from graft.bundle.folders import settled
from graft.bundle.manifest import read_manifest
from graft.bundle.shop import ARRAYS, FACTS, load_shop, write_shop
from graft.bundle.shop_lineage import ShopLineage, read_lineage, write_lineage
from graft.core.errors import BundleError
from graft.entities.shop import Shop
from graft.governance.answers import answer
from graft.governance.descent_file import Descent, read_bundle, read_descent
from graft.governance.emit import Considerations, ModelFacts
from graft.governance.gates import to_be_written
from graft.governance.lineage import lineage_of
from graft.governance.reading import digest_files
from graft.governance.records import Answer, Use
from graft.governance.registry import Registry

_PACKAGES = ("numpy", "scipy", "polars", "safetensors", "pydantic")
_ENCODING = ("torch", "transformers", "tokenizers")
_USE = 'import graft\n\nprint(graft.Recommender.load("this folder").recommend(["a user"], k=10))'


def keep_shop(folder: Path | str, shop: Shop, lineage: ShopLineage | None, registry: Registry | None = None) -> Path:
    """Write a shop with its papers, and record it in the ledger; see ``write_shop``.

    lineage: None for a shop that was written before shops told what they were made from: it goes on without. registry:
    of this user or team when left out. The files are recorded as they are now: say it again when a receipt is added.
    """
    if lineage is None:
        return write_shop(folder, shop)
    if registry is None:
        with Registry() as opened:
            return keep_shop(folder, shop, lineage, opened)
    out = Path(folder)
    descent = lineage.descent(out, registry)
    answers = _answers(descent, registry)

    def papers(place: Path) -> None:
        write_lineage(place, lineage, descent)
        write_all(place, _facts(place, shop, lineage, descent, answers), answers)

    write_shop(out, shop, papers=papers)
    record_shop(out, registry)
    return out


def record_shop(folder: Path, registry: Registry) -> None:
    """Record a shop as it lies there now; one that does not say what it was made from is left out."""
    if read_lineage(folder) is not None:
        made, parents = read_bundle(folder.absolute())
        for one in parents:
            registry.add_asset(one)
        registry.add_asset(made)


def export_shop_document(folder: Path, name: str, registry: Registry) -> str:
    """A document about the shop in ``folder``, with what has been decided since; see ``graft.bundle.documents``.

    Raises BundleError when the shop does not verify, or does not say what it was made from; InputError for another
    name.
    """
    require_format(name)
    place = settled(folder)
    shop, lineage = load_shop(place), read_lineage(place)
    if lineage is None:
        raise BundleError(
            f"{folder} does not say what it was made from",
            needed="a shop that was fitted with this version",
            fix="fit it again",
        )
    asset, parents = read_bundle(place)
    decisions = registry.decisions()
    recorded = {one.identity: one for one in (asset, *parents)} | {one.identity: one for one in registry.assets()}
    every = lineage_of(recorded.values())
    answers = tuple(answer(every, asset.identity, uses=[use], decisions=decisions) for use in Use)
    decided = [one.licence for one in decisions if one.asset == asset.identity]
    facts = _facts(place, shop, lineage, read_descent(place), answers)
    told: dict[str, object] = {"created": read_manifest(place).created, "licence": decided[-1] if decided else ""}
    if (addendum := read_addendum(folder)) is not None:
        told["considerations"] = audited_considerations(facts.considerations, addendum)
    return document(name, facts.model_copy(update=told))


def _answers(descent: Descent, registry: Registry) -> tuple[Answer, ...]:
    """Whether a shop made from this may be put to each use there is."""
    made, every = to_be_written(descent)
    return tuple(answer(every, made.identity, uses=[use], decisions=registry.decisions()) for use in Use)


def _facts(folder: Path, shop: Shop, lineage: ShopLineage, descent: Descent, answers: tuple[Answer, ...]) -> ModelFacts:
    origin = lineage.origin
    users, items, pairs = len(shop.people.names), len(shop.items.names), len(shop.events)
    events = f"{shop.events.events:,} events read so far"
    names = (*_PACKAGES, *(_ENCODING if origin.sources else ()))
    return ModelFacts(
        name=f"recommender {descent.name}",
        task="recommendation",
        kinds=(),
        description=f"It ranks {items:,} items for {users:,} users, from {pairs:,} pairs of a user and an item.",
        strategy=f"factorisation of {shop.settings.dimension} dimensions, with prior means from content",
        done="; ".join(f"{one.words()} ({one.at[:10]})" for one in origin.steps),
        files=tuple(one for one in digest_files(folder) if one.path in (ARRAYS, FACTS)),
        edges=descent.edges,
        lineage=descent.assets,
        obligations=every_obligation(answers),
        considerations=_considerations(shop),
        training_rows=pairs,
        fingerprint=", ".join(dict.fromkeys(one.digest for step in origin.steps for one in step.rows)),
        kept_rows=pairs,
        inside=f"The folder holds {pairs:,} pairs of {users:,} users and {items:,} items by name ({events}), and the "
        "words, categories and vectors that describe items: it is as private as the events it was made from. "
        "graft recommend erase removes users, with a receipt.",
        evidence="",
        packages=tuple(packages(names)),
        use=_USE,
    )


def _considerations(shop: Shop) -> Considerations:
    features = [
        (what, one.settings.columns)
        for what, one in (("items", shop.item_features), ("users", shop.person_features))
        if one is not None
    ]
    limitations = ["No score stands here: graft recommend evaluate says how good it is beside what costs nothing."]
    limitations += (
        [f"Columns that must not count were left out: {', '.join(shop.forbidden)}."] if shop.forbidden else []
    )
    limitations.append("An item of which nothing is known is never listed.")
    return Considerations(
        use_cases=(
            "Lists of items for the users it knows, for new ones, and for sessions"
            + "".join(f"; {what} are described by {', '.join(columns)}" for what, columns in features)
            + ".",
        ),
        limitations=tuple(limitations),
    )
