"""The eraser that a table goes through: fitted on its rows whose attributes are known, 20,000 of them at most.

Decisions: where all vectors are of length one they are so when they are mapped too, since questions to the table are
scaled alike; elsewhere vectors are taken as they are. Where columns may be known, what lies beyond them is erased, as
it was measured: what they tell stays. A row whose attributes nobody knows is mapped like the others.
"""

from collections.abc import Sequence

import numpy as np

from graft.audit.leakage import as_given, usual_classes
from graft.audit.table_columns import TableColumns
from graft.core.errors import InputError
from graft.core.seeds import generator
from graft.core.vectors import unit_rows
from graft.evidence.allowed_features import AllowedFeatures
from graft.evidence.linear_erasure import fit_eraser
from graft.rows.attributes import attribute_of
from graft.tables.erased import is_unit
from graft.tables.erasing_map import ErasingMap
from graft.tables.table import EmbeddingTable

MOST_ROWS, _FOLDS = 20_000, 5


def erasing_of(
    table: EmbeddingTable, columns: TableColumns, attributes: Sequence[str], given: Sequence[str] = (), *, seed: int = 0
) -> ErasingMap:
    """The map that takes all attributes together out of the vectors of a table, beyond the columns ``given``.

    Raises InputError where an attribute has one value, or too few rows of two.
    """
    coded = [usual_classes(attribute_of(columns.columns[name]))[0] for name in attributes]
    known = np.flatnonzero(np.all([classes >= 0 for classes in coded], axis=0))
    for name, classes in zip(attributes, coded, strict=True):
        if (count := len(np.unique(classes[known]))) < 2:
            raise InputError(
                f"{name!r} cannot be erased: {len(known):,} rows have {count} of its values",
                needed="two values of five rows or more, in rows whose other attributes are known too",
                fix="leave --erase-into out, or name another attribute",
            )
    rng = generator(seed, "leakage", "erase into")
    if len(known) > MOST_ROWS:
        known = np.sort(rng.permutation(known)[:MOST_ROWS])
    unit = is_unit(columns.vectors)
    vectors = (unit_rows(columns.vectors) if unit else columns.vectors)[known].astype(np.float64)
    mine = [np.unique(classes[known], return_inverse=True)[1].ravel() for classes in coded]
    targets = [np.eye(int(each.max()) + 1)[each] for each in mine]
    beyond = vectors
    if given:
        allowed = AllowedFeatures.of([as_given(columns.columns[name])[known] for name in given], rng)
        fold = rng.permutation(len(known)) % _FOLDS
        targets = [one - allowed.chances(each, fold) for one, each in zip(targets, mine, strict=True)]
        beyond = allowed.rest(vectors)
    eraser = fit_eraser(beyond, np.concatenate(targets, axis=1))
    if eraser.right.shape[1] >= table.space.dimension:
        raise InputError(
            f"erasing {', '.join(attributes)} would take all {table.space.dimension} directions and leave nothing",
            needed=f"fewer values together than the {table.space.dimension} numbers of a vector",
            fix="join values into fewer, or erase fewer attributes",
        )
    generation = table.generation
    encoder = {name: getattr(generation, name) for name in ("source", "precision", "prompt_query", "prompt_document")}
    mean, right, left = (one.astype(np.float32) for one in (vectors.mean(axis=0), eraser.right, eraser.left))
    return ErasingMap(tuple(attributes), table.space, encoder, unit, mean, right, left)
