"""What a study would notice at its end is refused at its start."""

import numpy as np
import polars as pl
import pytest
from PIL import Image

from graft.core.errors import InputError
from graft.inputs.roles import Roles
from graft.rows.content import IMAGE
from graft.rows.table import read_frame
from graft.studies.prepared import _with_test, prepare
from graft.studies.settings import make_settings
from journeys.small_study import source

ROLES = Roles(content=("text",), label=("label",), time="when")


def frame(labels) -> pl.DataFrame:
    """Rows in time, each with words of its own."""
    rng = np.random.default_rng(0)
    words = np.array([f"{first}{second}" for first in "bdfgklmnprst" for second in ("ada", "ilo", "uma", "ero", "oki")])
    days = [f"2024-{1 + row // 20:02d}-{1 + row % 20:02d}" for row in range(len(labels))]
    texts = [" ".join(rng.choice(words, 9)) + f" {row}" for row in range(len(labels))]
    return pl.DataFrame({"text": texts, "label": labels, "when": days})


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> str:
    return source(tmp_path_factory.mktemp("sources") / "tiny")


def asked(reference, **given):
    return make_settings({"roles": ROLES, "split": "time", "folds": 4, "sources": (reference,), **given})


def one_kind_for_a_while(either, same):
    """200 rows of two kinds, of which those from 40 to 110 are alike: what a fold is tested on."""
    return [same if 40 <= row < 110 else either[row % 2] for row in range(200)]


@pytest.mark.parametrize(
    ("labels", "metric", "told"),
    [
        (one_kind_for_a_while("ab", "a"), "roc_auc", "the same label[\\s\\S]*--metric macro_f1"),
        (one_kind_for_a_while("ab", "a"), "average_precision", "the same label"),
        (one_kind_for_a_while((1.5, 2.5), 7.0), "r2", "the same value[\\s\\S]*--metric rmse"),
    ],
)
def test_a_fold_in_which_the_metric_is_undefined(reference, labels, metric, told):
    task = "regression" if metric == "r2" else "auto"
    with pytest.raises(InputError, match=f"is undefined in fold [\\d]+: all [\\d]+ rows there have {told}"):
        prepare(read_frame(frame(labels)), asked(reference, metric=metric, task=task))


def test_a_metric_that_is_defined_everywhere_goes_on(reference):
    made = prepare(read_frame(frame(one_kind_for_a_while("ab", "a"))), asked(reference, metric="accuracy"))
    assert made.metric == "accuracy"


@pytest.mark.parametrize("name", ["none", "abstain", "*", "problem", "true", "007"])
def test_classes_may_have_names_that_mean_something_elsewhere(reference, name, tmp_path):
    table = read_frame(frame([name, "other"] * 60))
    made = prepare(table, asked(reference))
    assert name in made.rows.contract.labels
    (tmp_path / "costs.yaml").write_text(f"costs: {{'{name}': {{other: 2}}}}\n")
    if name in ("abstain", "*"):
        with pytest.raises(InputError, match="another name of the class"):
            prepare(table, asked(reference), costs=tmp_path / "costs.yaml")
    else:
        with_costs = prepare(table, asked(reference), costs=tmp_path / "costs.yaml")
        assert with_costs.costs is not None
        assert with_costs.costs.matrix.max() == 2


def test_costs_that_no_decision_follows_from(reference, tmp_path):
    table, costs = read_frame(frame(["a", "b"] * 60)), tmp_path / "costs.yaml"
    for text, told in (
        ("costs: {a: {a: 5}}", "were the two exchanged"),
        ("abstain: {a: 1, b: 9}\ncosts: {a: {a: 3, b: 4}, b: {a: 8}}", "or than saying nothing"),
    ):
        costs.write_text(text)
        with pytest.raises(InputError, match=told):
            prepare(table, asked(reference), costs=costs)
    numbers = read_frame(frame([row * 0.5 for row in range(120)]))
    with pytest.raises(InputError, match=r"cost table .* for numbers"):
        prepare(numbers, asked(reference), costs=costs)


def columns_of(classes, kinds, seed):
    rng = np.random.default_rng(seed)
    return {"size": rng.normal(size=len(classes)), "kind": kinds, "stars": classes}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_classes_and_categories_of_a_test_file_are_those_that_were_learnt(suffix, tmp_path):
    """An empty cell somewhere makes whole numbers ``1.0`` in many a program: they are the classes 1 and 2 all the same.

    A class of the test file alone is told."""
    learnt, tested = tmp_path / "rows.csv", tmp_path / f"test.{suffix}"
    pl.DataFrame(columns_of([1, 2] * 30, ["True", "False", "x"] * 20, 0)).write_csv(learnt)
    other = pl.DataFrame(columns_of([1.0, 2.0, 1.0, 2.0, 4.0] * 4, ["true", "FALSE", "x", "true", "y"] * 4, 1))
    other.write_csv(tested) if suffix == "csv" else other.write_parquet(tested)
    roles = Roles(content=(), label=("stars",), numeric=("size",), categorical=("kind",), kind="row")
    settings = make_settings({"roles": roles, "folds": 3, "sources": ()})
    made = prepare(read_frame(learnt), settings, test=read_frame(tested))
    assert made.rows.contract.labels in (("1", "2", "4"), ("1", "2", "4.0"))
    assert made.rows.targets[made.splits.holdout].tolist() == [0, 1, 0, 1, 2] * 4
    kinds = made.rows.contract.column("kind", "categorical").categories
    assert {one.value: one.rows for one in kinds} == {"true": 28, "false": 24, "x": 24, "y": 4}
    (told,) = [note for note in made.table.notes if "test rows" in note]
    assert told.startswith("4 of 20 test rows are of classes that no row to learn from has ('4")
    assert prepare(read_frame(learnt), settings).rows.contract.labels == ("1", "2")


def test_files_of_a_test_folder_are_its_own(tmp_path):
    """train/ and test/ mostly name their files alike: 0.png of the one is not 0.png of the other."""
    rng = np.random.default_rng(0)
    for place in ("train/cat", "train/dog", "test/cat", "test/dog"):
        (tmp_path / place).mkdir(parents=True)
        for number in range(2):
            picture = Image.fromarray(rng.integers(256, size=(16, 16, 3)).astype(np.uint8))
            picture.save(tmp_path / place / f"{number}.png")
    learnt, tested = read_frame(tmp_path / "train"), read_frame(tmp_path / "test")
    settings = make_settings({"roles": Roles(content=("image",), label=("label",), kind="image"), "sources": ("x",)})
    both = _with_test(learnt, tested, settings)
    found = IMAGE.read([both.as_written("image")], both.folder)
    assert [one.path for one in found[4:]] == [str(tmp_path / "test" / name) for name in tested.frame["image"]]
    assert [one.digest for one in found[4:]] == [
        one.digest for one in IMAGE.read([tested.frame["image"]], tested.folder)
    ]
    assert len({one.digest for one in found}) == 8
