"""Indexes: derived from a table's vectors, saved beside it, rebuilt at will."""

from graft.tables.index.crossover import EXACT_BELOW, graph_pays
from graft.tables.index.files import IndexFile
from graft.tables.index.graph import GraphSettings
from graft.tables.index.pointer import IndexRecord
from graft.tables.index.recall import Recall

__all__ = ["EXACT_BELOW", "GraphSettings", "IndexFile", "IndexRecord", "Recall", "graph_pays"]
