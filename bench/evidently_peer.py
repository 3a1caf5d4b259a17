"""What Evidently's defaults say of two samples; run by an interpreter that has it, with pandas below 3.

``PYTHON bench/evidently_peer.py`` reads names of ``.npz`` files from its input, one a line, each with ``reference`` and
``current`` of shape (batches, rows, columns), and writes for each a line of JSON: of every batch how many columns its
data drift preset calls drifted (``columns``), whether the preset calls the data set drifted (``dataset``: half of the
columns or more) and whether its drift of embeddings does (``embeddings``).

The functions are those that the reports call, without the plots, which take a hundred times as long as the tests. Of
the first small batch the reports are made as well, and it is an error if they say something else.
"""

import json
import sys
from functools import cache

import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.legacy.calculations.stattests import get_stattest
from evidently.legacy.core import ColumnType
from evidently.legacy.metrics.data_drift import embedding_drift_methods
from evidently.legacy.metrics.data_drift.embedding_drift_methods import calc_roc_auc_random, model
from evidently.metrics.embeddings import EmbeddingsDrift
from evidently.presets import DataDriftPreset


def main() -> None:
    """Answer line by line."""
    compared = False
    for line in sys.stdin:
        with np.load(line.strip()) as held:
            pairs = [tuple(map(frame, pair)) for pair in zip(held["reference"], held["current"], strict=True)]
        if not compared and len(pairs[0][0]) <= 100:
            as_reported(*pairs[0])
            compared = True
        print(json.dumps([judged(*pair) for pair in pairs]), flush=True)


@cache
def area_of_chance(labels: bytes, kind: str, seed: int) -> float:
    """Its own threshold's parts, which take most of the time and depend on the number of rows and the seed alone."""
    return float(calc_roc_auc_random(np.frombuffer(labels, kind), seed))


embedding_drift_methods.calc_roc_auc_random = lambda labels, seed: area_of_chance(
    np.asarray(labels).tobytes(), np.asarray(labels).dtype.str, seed
)


def frame(rows: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(rows.astype(np.float64), columns=[f"v{column}" for column in range(rows.shape[1])])


def drifted(reference: pd.DataFrame, current: pd.DataFrame) -> int:
    """Columns, each by the test and the threshold that are the default for so many rows."""
    tests = [get_stattest(reference[name], current[name], "num", None) for name in reference]
    return sum(
        bool(test(reference[name], current[name], ColumnType.Numerical, None).drifted)
        for name, test in zip(reference, tests, strict=True)
    )


def embedded(reference: pd.DataFrame, current: pd.DataFrame) -> tuple[float, bool]:
    """The default of its drift of embeddings, as ``EmbeddingsDriftMetric`` chooses it; copies, for it adds a column."""
    score, found, _ = model(bootstrap=len(reference) < 1000)(current.copy(), reference.copy())
    return float(score), bool(found)


def judged(reference: pd.DataFrame, current: pd.DataFrame) -> dict[str, int]:
    columns = drifted(reference, current)
    return {
        "columns": columns,
        "dataset": int(columns >= reference.shape[1] / 2),
        "embeddings": int(embedded(reference, current)[1]),
    }


def as_reported(reference: pd.DataFrame, current: pd.DataFrame) -> None:
    """Raises ValueError where the whole reports say something else."""
    names = list(reference)
    for metric, definition, ours in (
        (DataDriftPreset(), DataDefinition(numerical_columns=names), drifted(reference, current)),
        (
            EmbeddingsDrift(embeddings_name="all"),
            DataDefinition(embeddings={"all": names}),
            embedded(reference, current)[0],
        ),
    ):
        given = [Dataset.from_pandas(one.copy(), data_definition=definition) for one in (current, reference)]
        said = Report([metric]).run(*given).dict()["metrics"][0]["value"]
        said = said["count"] if isinstance(said, dict) else said
        if not np.isclose(said, ours):
            raise ValueError(f"{type(metric).__name__} reports {said}, and its functions say {ours}")


if __name__ == "__main__":
    main()
