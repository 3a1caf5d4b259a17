"""Governed transfer learning: reuse representations, adapt carefully, validate relentlessly.

    result = graft.study(frame, text="message", label="category")
    result.verdict
    result.bundle.predict(rows)

Names are imported when they are first used, so ``import graft`` is fast and loads no model library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from graft.core.version import __version__

if TYPE_CHECKING:
    from graft.api import adapt_source as adapt_source
    from graft.api import audit_associations as audit_associations
    from graft.api import audit_groups as audit_groups
    from graft.api import audit_leakage as audit_leakage
    from graft.api import audit_recommender as audit_recommender
    from graft.api import audit_search as audit_search
    from graft.api import audit_swaps as audit_swaps
    from graft.api import embed as embed
    from graft.api import embed_table as embed_table
    from graft.api import load as load
    from graft.api import pretrain_source as pretrain_source
    from graft.api import rank_sources as rank_sources
    from graft.api import study as study
    from graft.api import watch_report as watch_report
    from graft.api import watch_table as watch_table
    from graft.bundle.bundle import Bundle as Bundle
    from graft.core.errors import GraftError as GraftError
    from graft.demo import tickets as tickets
    from graft.recommend.recommender import Recommender as Recommender
    from graft.representations.embedder import Embedder as Embedder
    from graft.scores.estimators import TransferClassifier as TransferClassifier
    from graft.scores.estimators import TransferRegressor as TransferRegressor
    from graft.studies.result import StudyResult as StudyResult
    from graft.tables.table import EmbeddingTable as EmbeddingTable
    from graft.watch.watch import Watch as Watch

_WHERE = {
    "Bundle": "graft.bundle.bundle",
    "EmbeddingTable": "graft.tables.table",
    "Embedder": "graft.representations.embedder",
    "GraftError": "graft.core.errors",
    "Recommender": "graft.recommend.recommender",
    "StudyResult": "graft.studies.result",
    "TransferClassifier": "graft.scores.estimators",
    "TransferRegressor": "graft.scores.estimators",
    "Watch": "graft.watch.watch",
    "adapt_source": "graft.api",
    "audit_associations": "graft.api",
    "audit_groups": "graft.api",
    "audit_leakage": "graft.api",
    "audit_recommender": "graft.api",
    "audit_search": "graft.api",
    "audit_swaps": "graft.api",
    "embed": "graft.api",
    "embed_table": "graft.api",
    "load": "graft.api",
    "pretrain_source": "graft.api",
    "rank_sources": "graft.api",
    "study": "graft.api",
    "tickets": "graft.demo",
    "watch_report": "graft.api",
    "watch_table": "graft.api",
}

__all__ = ["__version__", *sorted(_WHERE)]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'graft' has no attribute {name!r}")
    value = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
