"""What a bundle promises, whatever model is in it and whatever it predicts."""

import dataclasses

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file

from graft.bundle.bundle import Bundle
from graft.bundle.loading import load_bundle
from graft.bundle.parts import write_bundle
from graft.core.errors import BundleError
from graft.decisions.conformal import ConformalInterval
from unit.bundle.building import KINDS, ROWS, TASKS, inputs, parts_for, table

# The full suite tries every pair; the quick one every kind of model and every task at least once.
RARE = {
    *(("majority", "multiclass"), ("majority", "multilabel")),
    *(("classical", "binary"), ("classical", "multiclass"), ("classical", "regression")),
    ("frozen", "multilabel"),
}
EVERY = [
    pytest.param((kind, task), id=f"{kind}-{task}", marks=[pytest.mark.slow] if (kind, task) in RARE else [])
    for kind in KINDS
    for task in TASKS
]


@pytest.fixture(scope="module", params=EVERY)
def bundle(request, tmp_path_factory) -> Bundle:
    folder = tmp_path_factory.mktemp("contract") / "bundle"
    write_bundle(folder, parts_for(*request.param))
    return load_bundle(folder)


@pytest.fixture(scope="module")
def bare(bundle, tmp_path_factory) -> Bundle:
    """The same, written without rows."""
    folder = tmp_path_factory.mktemp("bare") / "bundle"
    kind = "frozen" if bundle.model.kind == "vectors" else bundle.model.kind
    write_bundle(folder, parts_for(kind, str(bundle.contract.task)), keep_rows=False)
    return load_bundle(folder)


@pytest.fixture
def parts(request, bundle):
    return parts_for(*request.node.callspec.params["bundle"])


def expected(parts) -> np.ndarray:
    """What the unsaved parts say, straight from the model and the calibrator."""
    scores = parts.model.scores(parts.training)
    return scores[:, None] if parts.calibrator is None else parts.calibrator.apply(scores)


def test_a_saved_model_says_what_the_fitted_one_said(bundle, parts):
    frame = bundle.predict(inputs()).frame
    names = ["prediction"] if parts.calibrator is None else list(parts.contract.labels)
    np.testing.assert_allclose(frame.select(names).to_numpy(), expected(parts), rtol=0, atol=1e-6)


def test_it_decides_as_the_policy_does(bundle, parts):
    frame = bundle.predict(inputs()).frame
    if parts.interval is not None:
        low, high = parts.interval.apply(expected(parts)[:, 0])
        np.testing.assert_allclose(frame["low"].to_numpy(), low, atol=1e-5)
        np.testing.assert_allclose(frame["high"].to_numpy(), high, atol=1e-5)
        return
    decided = parts.policy.decide(expected(parts)).decided
    labels = parts.contract.labels
    if decided.ndim == 2:
        said = [
            parts.contract.separator.join(name for name, on in zip(labels, row, strict=True) if on) for row in decided
        ]
    else:
        said = [None if place < 0 else labels[place] for place in decided]
    assert frame["prediction"].to_list() == said
    assert frame["abstained"].to_list() == [word is None for word in said]


def test_every_row_appears_once_and_in_order(bundle):
    given = inputs([5, 3, 60, 3, 0])
    frame = bundle.predict(given).frame
    assert frame.columns[:3] == ["key", "prediction", "probability"]
    assert frame["key"].to_list() == given["key"]


def test_one_row_alone_is_the_same_to_the_last_bit(bundle):
    together = bundle.predict(inputs(list(range(ROWS)) * 14)).frame
    for row in (0, 17, 63, 64, 71):
        alone = bundle.predict(inputs([row])).frame
        assert alone.drop("problem").equals(together[row : row + 1].drop("problem"))


def test_bad_rows_keep_their_place_and_good_rows_are_not_lost(bundle):
    given = inputs([0, 1, 2, 3, 4])
    given["text"][1] = None
    given["text"][2] = "   "
    given["size"][3] = float("inf")
    predicted = bundle.predict(given)
    frame, whole = predicted.frame, bundle.predict(inputs([0, 1, 2, 3, 4])).frame
    bad = [False, True, True, True, False]
    assert frame["problem"].is_not_null().to_list()[1:4] == bad[1:4]
    value_columns = [name for name in frame.columns if name not in ("key", "problem")]
    assert all(frame[name].is_null().to_list()[1:4] == [True] * 3 for name in value_columns)
    for row in (0, 4):
        assert frame[row].drop("problem").equals(whole[row].drop("problem"))
    assert {"missing-text": 1, "empty-text": 1, "bad-number": 1}.items() <= predicted.problems.items()
    assert "the row has no text" in frame["problem"][1]
    assert "is no finite number" in frame["problem"][3]


def test_only_bad_rows_are_still_a_table(bundle):
    predicted = bundle.predict({**inputs([0, 1]), "text": [None, ""]}, explain=True)
    assert predicted.frame["prediction"].null_count() == len(predicted) == 2


def test_explanations_leave_the_predictions_alone(bundle):
    plain, explained = bundle.predict(inputs([0, 1, 2])).frame, bundle.predict(inputs([0, 1, 2]), explain=True).frame
    assert explained.columns == [*plain.columns, "words", "nearest"]
    assert explained.select(plain.columns).equals(plain)
    kind = bundle.model.kind
    assert (explained["words"].null_count() == 3) == (kind == "majority")
    if kind != "majority":
        own = table()[str(bundle.contract.task)][0]
        caption = f"{own:g}" if isinstance(own, float) else str(own).replace("|", "; ")
        assert explained["nearest"][0].startswith(f"T-000 {caption} 1.00: {table()['text'][0][:20]}")


def test_a_bundle_can_be_written_from_itself(bundle, parts, tmp_path):
    write_bundle(tmp_path / "copy", dataclasses.replace(parts, model=bundle.model))
    copied = load_bundle(tmp_path / "copy")
    assert copied.predict(inputs()).frame.equals(bundle.predict(inputs()).frame)
    assert copied.info().kept_rows == (0 if bundle.model.kind == "majority" else ROWS)


def test_a_bundle_without_rows_predicts_the_same(bundle, bare):
    full, without = (one.predict(inputs(), explain=True).frame for one in (bundle, bare))
    # Which rows are far is told by the rows or by less than them; nothing else may differ.
    far = (full["problem"].fill_null("") + without["problem"].fill_null("")).str.contains("far from")
    assert far.sum() <= 0.1 * ROWS
    assert without.drop("problem", "nearest").filter(~far).equals(full.drop("problem", "nearest").filter(~far))
    assert without.drop("problem", "nearest", "prediction", "abstained", "words", "probability").equals(
        full.drop("problem", "nearest", "prediction", "abstained", "words", "probability")
    )


def test_a_bundle_without_rows_holds_no_training_text(bundle, bare, parts):
    def inside(folder):
        return b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())

    assert not [text for text in parts.training.contents if text.encode() in inside(bare.folder)]
    assert not (bare.folder / "rows.jsonl").exists()
    assert parts.training.contents[0].encode() in inside(bundle.folder)


def test_a_bundle_without_rows_holds_no_vector_of_a_single_row(bundle, bare, parts):
    path = bare.folder / "reference.safetensors"
    if bundle.model.kind != "vectors":
        assert not path.exists()
        return
    kept, own = load_file(path)["vectors"].astype(np.float32), bundle.model.seen(parts.training)
    own /= np.linalg.norm(own, axis=1, keepdims=True)
    assert len(kept) <= max(1, len(parts.contract.labels))
    assert (kept @ own.T).max() < 0.9999


def test_predictions_are_written_whole(bundle, tmp_path):
    predicted = bundle.predict(inputs([0, 1]))
    predicted.write_csv(tmp_path / "deep" / "out.csv")
    back = pl.read_csv(tmp_path / "deep" / "out.csv")
    assert back.columns == predicted.frame.columns
    assert list((tmp_path / "deep").iterdir()) == [tmp_path / "deep" / "out.csv"]


def test_the_parts_must_fit_the_task(parts, tmp_path):
    wrong = ConformalInterval(level=0.9, half_width=1, rows=30, normalised=True)
    with pytest.raises(BundleError, match="model with"):
        write_bundle(tmp_path / "no", dataclasses.replace(parts, interval=wrong))
    assert not (tmp_path / "no").exists()
