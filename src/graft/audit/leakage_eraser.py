"""The eraser that a table goes through: fitted on all of its rows whose attributes are known.

Decision: where all vectors are of length one they are so when they are mapped too, since questions to the table are
scaled alike; elsewhere vectors are taken as they are. A row whose attributes nobody knows is mapped like the others.
"""

from collections.abc import Sequence

import numpy as np

from graft.audit.leakage import usual_classes
from graft.audit.table_columns import TableColumns
from graft.core.errors import InputError
from graft.core.vectors import unit_rows
from graft.evidence.linear_erasure import fit_eraser
from graft.rows.attributes import attribute_of
from graft.tables.erased import is_unit
from graft.tables.erasing_map import ErasingMap
from graft.tables.table import EmbeddingTable


def erasing_of(table: EmbeddingTable, columns: TableColumns, attributes: Sequence[str]) -> ErasingMap:
    """The map that takes all attributes together out of the vectors of a table.

    Raises InputError where an attribute has one value, or too few rows of two.
    """
    coded = [usual_classes(attribute_of(columns.columns[name]))[:2] for name in attributes]
    known = np.all([classes >= 0 for classes, _ in coded], axis=0)
    for name, (classes, _) in zip(attributes, coded, strict=True):
        if (count := len(np.unique(classes[known]))) < 2:
            raise InputError(
                f"{name!r} cannot be erased: {int(known.sum()):,} rows have {count} of its values",
                needed="two values of five rows or more, in rows whose other attributes are known too",
                fix="leave --erase-into out, or name another attribute",
            )
    targets = np.concatenate([np.eye(len(names))[classes[known]] for classes, names in coded], axis=1)
    unit = is_unit(columns.vectors)
    eraser = fit_eraser((unit_rows(columns.vectors) if unit else columns.vectors)[known], targets)
    generation = table.generation
    encoder = {name: getattr(generation, name) for name in ("source", "precision", "prompt_query", "prompt_document")}
    mean, right, left = (one.astype(np.float32) for one in (eraser.mean, eraser.right, eraser.left))
    return ErasingMap(tuple(attributes), table.space, encoder, unit, mean, right, left)
