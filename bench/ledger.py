"""Measurements of the ledger and the registry, in a new SQLite file."""

import tempfile
import time
from itertools import pairwise
from pathlib import Path

_BATCH = 200


def ledger_events(events: int = 5000) -> dict[str, object]:
    """Events a second from one process, one transaction each; and a whole verification of what was written.

    The median over batches of 200 stands beside the mean: a busy disk or neighbour slows some batches only.
    """
    from graft.governance.ledger import Ledger

    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite") as ledger:
        ledger.append("bench-started", "bench", {})
        marks = [time.perf_counter()]
        for number in range(events):
            facts = {"name": f"asset {number}", "digest": f"{number:064x}", "publisher": "somebody", "files": []}
            ledger.append("asset-added", f"source:{number:064x}", facts)
            if (number + 1) % _BATCH == 0:
                marks.append(time.perf_counter())
        batches = sorted(after - before for before, after in pairwise(marks))
        started = time.perf_counter()
        verified = ledger.verify()
        checked = time.perf_counter() - started
        return {
            "events": events,
            "events_per_second": len(batches) * _BATCH / (marks[-1] - marks[0]),
            "events_per_second_median_batch": _BATCH / batches[len(batches) // 2],
            "verify_seconds": checked,
            "sound": verified.sound and verified.events == events + 1,
            "wanted": "at least 1,000 events a second",
        }


def registry_reading(assets: int = 10_000) -> dict[str, object]:
    """Seconds until a new process's registry knows all assets of a ledger: opened, every hash checked, folded."""
    from graft.governance.ledger import Ledger
    from graft.governance.ledger.events import Head, next_event
    from graft.governance.ledger.store import add
    from graft.governance.records import Asset, FileDigest, LicenceStatement
    from graft.governance.registry import Registry

    files = tuple(FileDigest(path=f"part-{part}.bin", sha256=f"{part:064x}", size=part) for part in range(5))
    licences = (LicenceStatement(stated="mit", where="README.md (front matter: license)"),)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "ledger.sqlite"
        with Ledger(place) as ledger, ledger.writing() as connection:
            head = Head()
            for number in range(assets):
                asset = Asset(
                    kind="source", name=f"model {number}", digest=f"{number:064x}", files=files, licences=licences
                )
                event = next_event(
                    head, "asset-added", asset.identity, asset.model_dump(mode="json", exclude_defaults=True)
                )
                add(connection, event)
                head = Head(count=event.sequence, hash=event.hash)
        started = time.perf_counter()
        with Registry(place) as registry:
            known = len(registry.assets())
            read = time.perf_counter() - started
            started = time.perf_counter()
            registry.find("model 9999")
            found = time.perf_counter() - started
        return {"assets": known, "seconds": read, "find_seconds": found, "wanted": "under 1 second"}
