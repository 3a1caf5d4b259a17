"""NannyML's estimate without labels; run by an interpreter that has it.

``PYTHON bench/nannyml_peer.py`` reads from its input, as JSON: ``classes``, ``metric``, ``reference`` and ``batch``,
each with ``probabilities`` (rows x classes) and ``decided``, the reference with ``truth``, the batch with ``sizes`` of
its windows. Writes a list of estimates with the ends of its confidence band, as JSON.
"""

import json
import sys

import nannyml
import numpy as np
import pandas as pd


def main() -> None:
    """Fit on the reference and estimate each window of the batch."""
    asked = json.loads(sys.stdin.read())
    names = asked["classes"]

    def frame(part: dict[str, list[object]]) -> pd.DataFrame:
        told = np.array(part["probabilities"])
        columns = {f"p_{name}": told[:, place] for place, name in enumerate(names)}
        decided = [names[int(str(one))] for one in part["decided"]]
        return pd.DataFrame(columns | {"said": decided})

    reference = frame(asked["reference"])
    reference["truth"] = [names[one] for one in asked["reference"]["truth"]]
    binary = len(names) == 2
    if binary:
        reference["truth"] = (reference["truth"] == names[1]).astype(int)
    found = []
    begin = 0
    for size in asked["batch"]["sizes"]:
        part = {key: asked["batch"][key][begin : begin + size] for key in ("probabilities", "decided")}
        begin += size
        estimator = nannyml.CBPE(
            y_pred_proba=f"p_{names[1]}" if binary else {name: f"p_{name}" for name in names},
            y_pred="said",
            y_true="truth",
            metrics=[asked["metric"]],
            chunk_size=size,
            problem_type="classification_binary" if binary else "classification_multiclass",
        )
        batch = frame(part)
        past = reference.copy()
        if binary:
            past["said"] = (past["said"] == names[1]).astype(int)
            batch["said"] = (batch["said"] == names[1]).astype(int)
        told = estimator.fit(past).estimate(batch).filter(period="analysis").to_df()[asked["metric"]].iloc[0]
        found.append([float(told[key]) for key in ("value", "lower_confidence_boundary", "upper_confidence_boundary")])
    print(json.dumps(found))


if __name__ == "__main__":
    main()
