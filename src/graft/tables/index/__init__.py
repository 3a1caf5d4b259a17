"""Indexes: derived from a table's vectors, saved beside it, rebuilt at will."""

from graft.tables.index.files import IndexFile
from graft.tables.index.graph import GraphSettings
from graft.tables.index.pointer import IndexRecord
from graft.tables.index.recall import Recall
from graft.tables.index.rescoring import EXACT_BELOW

__all__ = ["EXACT_BELOW", "GraphSettings", "IndexFile", "IndexRecord", "Recall"]
