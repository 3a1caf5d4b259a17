"""How fast assets are registered, and how fast "may we?" is answered over a long lineage."""

import tempfile
import time
from pathlib import Path


def register_source() -> dict[str, object]:
    """Seconds to read and record the embedded source, 92 MB in 13 files, into an empty ledger; the best of three."""
    from graft.governance.assets import add
    from graft.governance.registry import Registry

    seconds = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder, Registry(Path(folder) / "ledger.sqlite") as registry:
            started = time.perf_counter()
            found = add(registry, "minilm")
            seconds.append(time.perf_counter() - started)
    size = sum(file.size for file in found.files)
    return {"megabytes": size / 1e6, "seconds": min(seconds), "wanted": "90 MB under 2 seconds"}


def check_lineage(nodes: int = 10_000) -> dict[str, object]:
    """Seconds to answer for an asset with 10,000 ancestors: the answer alone, and with the ledger read from disk."""
    from graft.governance.answers import answer
    from graft.governance.assets import may_we
    from graft.governance.ledger import Ledger
    from graft.governance.ledger.events import Head, next_event
    from graft.governance.ledger.store import add
    from graft.governance.lineage import lineage_of
    from graft.governance.records import Asset, Edge, LicenceStatement, Relation, Use
    from graft.governance.registry import Registry

    licences = ("apache-2.0", "mit", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "llama3", "unknown")
    relations = tuple(Relation)
    assets = []
    for number in range(nodes):
        parents = {number - 1, number // 2} - {number} if number else set()
        edges = tuple(
            Edge(relation=relations[(number + place) % len(relations)], parent=f"source:{parent:064x}")
            for place, parent in enumerate(sorted(parents))
            if parent >= 0
        )
        stated = (LicenceStatement(stated=licences[number % len(licences)], where="README.md"),)
        assets.append(Asset(kind="source", name=f"m{number}", digest=f"{number:064x}", licences=stated, edges=edges))
    uses, last = (Use.COMMERCIAL, Use.REDISTRIBUTE), assets[-1].identity
    started = time.perf_counter()
    answer(lineage_of(assets), last, uses=uses, decisions=())
    alone = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "ledger.sqlite"
        with Ledger(place) as ledger, ledger.writing() as connection:
            head = Head()
            for asset in assets:
                facts = asset.model_dump(mode="json", exclude_defaults=True)
                event = next_event(head, "asset-added", asset.identity, facts)
                add(connection, event)
                head = Head(count=event.sequence, hash=event.hash)
        started = time.perf_counter()
        with Registry(place) as registry:
            may_we(registry, last, uses)
        whole = time.perf_counter() - started
    return {"nodes": nodes, "seconds": alone, "seconds_with_ledger": whole, "wanted": "under 1 second"}
