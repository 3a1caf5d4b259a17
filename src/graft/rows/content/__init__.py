"""What a row says, whatever kind it is of. A new kind is one record, and one entry in ``kinds.KINDS``."""

from graft.rows.content.audio import AUDIO
from graft.rows.content.image import IMAGE
from graft.rows.content.joined import Joined, joined_contents
from graft.rows.content.kind import ColumnMeasure, Content, ContentKind, ContentProblem, Piece
from graft.rows.content.kinds import JOINABLE, KINDS, contents_of, joined_name, kind_named, kind_of, picture_of
from graft.rows.content.row import ROW, Cells
from graft.rows.content.text import TEXT

__all__ = [
    "AUDIO",
    "IMAGE",
    "JOINABLE",
    "KINDS",
    "ROW",
    "TEXT",
    "Cells",
    "ColumnMeasure",
    "Content",
    "ContentKind",
    "ContentProblem",
    "Joined",
    "Piece",
    "contents_of",
    "joined_contents",
    "joined_name",
    "kind_named",
    "kind_of",
    "picture_of",
]
