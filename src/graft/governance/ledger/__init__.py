"""The ledger: what happened to assets, append-only and hash-chained."""

from graft.core.errors import LedgerError
from graft.governance.ledger.events import Event, Head, LedgerProblem, Verification
from graft.governance.ledger.place import ledger_url
from graft.governance.ledger.store import Ledger
from graft.governance.ledger.transfer import export_events, import_events

__all__ = [
    "Event",
    "Head",
    "Ledger",
    "LedgerError",
    "LedgerProblem",
    "Verification",
    "export_events",
    "import_events",
    "ledger_url",
]
