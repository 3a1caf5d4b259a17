"""What a prediction says beside the score: problems, names of columns, abstention, explanations."""

import dataclasses
import json

import numpy as np
import polars as pl
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from graft.bundle.bundle import Bundle
from graft.bundle.loading import load_bundle
from graft.bundle.manifest import write_manifest
from graft.bundle.origin import Origin
from graft.bundle.parts import BundleParts, write_bundle
from graft.bundle.predictions import class_columns, identifiers, in_words_of
from graft.bundle.reference import independent
from graft.core.errors import ContractError
from graft.core.tasks import Task
from graft.decisions.calibrators import Identity
from graft.decisions.policy import fit_policy
from graft.inputs import Roles, build_dataset, infer_contract
from graft.inputs.schema import Contract
from graft.rows import read_frame
from graft.rows.content.text import pieces_of
from graft.scores.fitting import Budget, Candidate, fit
from graft.scores.strategies import parse_strategy
from graft.scores.workbench import Workbench
from unit.bundle.building import FILLER, MAX_TOKENS, ROWS, TOPICS, descent, inputs, parts_for, source


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("predicting")


def saved(folder, kind: str, task: str, *, keep_rows: bool = True) -> Bundle:
    place = folder / f"{kind}-{task}-{keep_rows}"
    if not place.exists():
        write_bundle(place, parts_for(kind, task), keep_rows=keep_rows)
    return load_bundle(place)


def plain(folder, texts: list[str], labels: list[str], *, kind: str = "classical", **roles: str) -> Bundle:
    """A bundle learnt from nothing but texts and labels."""
    given = read_frame({"text": texts, "label": labels, **{name: list(range(len(texts))) for name in roles.values()}})
    contract = infer_contract(given, Roles(content=("text",), label=("label",), **roles))
    rows = build_dataset(given, contract, labelled=True)[0]
    candidate = Candidate(parse_strategy(kind), source() if kind == "frozen" else None)
    every = np.arange(len(rows))
    model = fit(Workbench(rows), candidate, every, every, budget=Budget(), seed=0).model
    task, names = str(contract.task), contract.labels
    empty = np.zeros((0, len(names)))
    parts = BundleParts(
        model=model,
        contract=contract,
        calibrator=Identity(task=task, columns=len(names)),
        policy=fit_policy(empty, np.zeros(0), task=task, labels=names),
        interval=None,
        training=rows,
        sample=rows.take(every[:4]),
        record=None,
        origin=Origin(study="0", strategy=kind, done="solved a head", data=rows.fingerprint),
        descent=descent(kind, rows),
    )
    write_bundle(folder / "plain", parts)
    return load_bundle(folder / "plain")


def words_of(topic: str, count: int) -> list[str]:
    rng = np.random.default_rng(3)
    return [" ".join([*rng.choice(TOPICS[topic], 2), *rng.choice(FILLER, 2)]) for _ in range(count)]


def test_a_missing_column_is_named_with_the_one_that_comes_close(folder):
    given = {**inputs([0, 1]), "Texts": ["a", "b"]}
    del given["text"]
    with pytest.raises(ContractError, match=r"no column 'text'[\s\S]*did you mean 'Texts'"):
        saved(folder, "classical", "binary").predict(given)


def test_the_row_number_names_a_row_without_an_id(folder):
    given = inputs([4, 2])
    del given["key"]
    frame = saved(folder, "classical", "binary").predict(given).frame
    assert frame.columns[0] == "row"
    assert frame["row"].to_list() == [0, 1]


def test_ids_are_given_back_as_they_were_written(folder, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("key,text,size,channel\n1.50,my password,1,mail\n2,the invoice,2,mail\n")
    frame = saved(folder, "classical", "binary").predict(path).frame
    assert frame["key"].to_list() == ["1.50", "2"]


@pytest.mark.parametrize("given", ["pandas", "polars", "records", "csv"])
def test_rows_may_come_in_any_form(folder, tmp_path, given):
    bundle, rows = saved(folder, "classical", "multiclass"), pl.DataFrame(inputs([1, 2, 3]))
    rows.write_csv(tmp_path / "rows.csv")
    forms = {"polars": rows, "records": rows.to_dicts(), "csv": tmp_path / "rows.csv"}
    form = rows.to_pandas() if given == "pandas" else forms[given]
    assert bundle.predict(form).frame.equals(bundle.predict(inputs([1, 2, 3])).frame)


def test_predicting_needs_no_label_and_ignores_one(folder):
    bundle = saved(folder, "classical", "multiclass")
    labelled = {**inputs([0, 1]), "multiclass": ["?", None]}
    assert bundle.predict(labelled).frame.equals(bundle.predict(inputs([0, 1])).frame)


def test_a_cut_text_is_predicted_and_said_to_be_cut(folder):
    bundle, given = saved(folder, "frozen", "binary"), inputs([0, 1])
    given["text"][1] = " ".join(["invoice"] * 40)
    predicted = bundle.predict(given)
    assert predicted.problems["truncated"] == 1
    assert f"the text is longer than {MAX_TOKENS} tokens" in predicted.frame["problem"][1]
    assert predicted.frame["probability"].null_count() == 0


@pytest.mark.parametrize(("kind", "keep_rows"), [("classical", True), ("classical", False), ("frozen", True)])
def test_a_row_unlike_all_others_is_said_to_be_far(folder, kind, keep_rows):
    bundle, given = saved(folder, kind, "multiclass", keep_rows=keep_rows), inputs([0, 1, 2])
    given["text"][1] = "zq xkcd vvv jjj qqq www xxx yyy"
    predicted = bundle.predict(given)
    assert ["far from" in (said or "") for said in predicted.frame["problem"]] == [False, True, False]
    assert predicted.problems == {"far": 1}


def test_rows_that_were_learnt_are_hardly_ever_far(folder):
    for kind in ("classical", "frozen"):
        for keep_rows in (True, False):
            far = saved(folder, kind, "multiclass", keep_rows=keep_rows).predict(inputs()).problems.get("far", 0)
            assert far <= 0.05 * ROWS


STRANGE = "zq xkcd vvv jjj qqq www xxx yyy"


@pytest.mark.parametrize(("kind", "keep_rows"), [("classical", True), ("classical", False), ("frozen", True)])
def test_a_policy_that_may_abstain_abstains_from_far_rows(folder, kind, keep_rows):
    bundle, given = saved(folder, kind, "multiclass", keep_rows=keep_rows), inputs([0, 1])
    given["text"][1] = STRANGE
    frame = bundle.predict(given).frame
    assert frame["abstained"].to_list() == [False, True]
    assert frame["prediction"].is_null().to_list() == [False, True]
    assert frame["problem"][1].startswith("abstained: far from the training rows")


def test_without_a_cost_of_abstaining_a_far_row_is_only_flagged(folder):
    parts = parts_for("classical", "multiclass")
    empty = np.zeros((0, len(parts.contract.labels)))
    policy = fit_policy(empty, np.zeros(0), task="multiclass", labels=parts.contract.labels)
    write_bundle(folder / "decides", dataclasses.replace(parts, policy=policy))
    given = inputs([0, 1])
    given["text"][1] = STRANGE
    frame = load_bundle(folder / "decides").predict(given).frame
    assert frame["abstained"].to_list() == [False, False]
    assert frame["prediction"].null_count() == 0
    assert frame["problem"][1].startswith("far from the training rows")


def test_the_rate_of_false_flags_is_a_setting_that_the_bundle_keeps(folder):
    parts = dataclasses.replace(parts_for("classical", "multiclass"), far_rate=0.2)
    write_bundle(folder / "often", parts)
    facts = json.loads((folder / "often" / "reference.json").read_text())
    usual = json.loads((saved(folder, "classical", "multiclass").folder / "reference.json").read_text())
    assert (facts["rate"], usual["rate"]) == (0.2, 0.05)
    assert facts["threshold"] > usual["threshold"]


@pytest.mark.parametrize("kind", ["classical", "frozen"])
@pytest.mark.parametrize("keep_rows", [True, False])
def test_of_too_few_rows_none_is_far_and_it_is_said(folder, kind, keep_rows):
    parts = parts_for(kind, "multiclass")
    place = folder / f"few-{kind}-{keep_rows}"
    write_bundle(place, dataclasses.replace(parts, training=parts.training.take(np.arange(18))), keep_rows=keep_rows)
    given = inputs([0, 1])
    given["text"][1] = STRANGE
    predicted = load_bundle(place).predict(given)
    assert predicted.problems == {}
    assert any("too few independent rows" in note for note in predicted.notes)
    assert saved(folder, kind, "multiclass").predict(given).notes == ()


def test_rows_of_one_group_are_one_row_to_the_threshold(folder):
    parts = parts_for("classical", "multiclass")
    grouped = dataclasses.replace(parts.training, groups=np.array([f"g{row % 12}" for row in range(ROWS)], object))
    assert len(np.unique(independent(parts.training))) >= 19
    assert len(np.unique(independent(grouped))) <= 12
    write_bundle(folder / "grouped", dataclasses.replace(parts, training=grouped))
    assert load_bundle(folder / "grouped").reference.threshold is None


@pytest.mark.parametrize("keep_rows", [True, False])
def test_a_reference_of_an_older_version_flags_as_it_did(folder, keep_rows):
    place = folder / f"older-{keep_rows}"
    write_bundle(place, parts_for("frozen", "multiclass"), keep_rows=keep_rows)
    facts = json.loads((place / "reference.json").read_text())
    old = {name: value for name, value in facts.items() if name != "rate"} | {"threshold": 0.3}
    (place / "reference.json").write_text(json.dumps(old))
    vectors = load_file(place / "reference.safetensors")["vectors"]
    save_file({"vectors": vectors}, place / "reference.safetensors")
    write_manifest(place)
    reference = load_bundle(place).reference
    similar = np.float32([0.69, 0.71])
    first = vectors[0].astype(np.float32) / np.linalg.norm(vectors[0].astype(np.float32))
    away = np.linalg.svd(vectors.astype(np.float32))[2][-1]
    queries = similar[:, None] * first + np.sqrt(1 - similar**2)[:, None] * away
    nearest = (queries @ vectors.astype(np.float32).T).max(axis=1)
    assert [why is not None for why in reference.far(queries)] == (1 - nearest > 0.3).tolist()
    assert reference.nearest(queries)


def test_the_nearest_of_a_bundle_without_rows_are_classes(folder):
    frame = saved(folder, "frozen", "multiclass", keep_rows=False).predict(inputs([0]), explain=True).frame
    assert sorted(said.rsplit(" ", 1)[0] for said in frame["nearest"][0].split("; ")) == [
        "class billing",
        "class delivery",
        "class login",
    ]


def test_an_unknown_category_is_predicted_and_reported(folder):
    given = inputs([0])
    given["channel"] = ["pigeon"]
    predicted = saved(folder, "classical", "binary").predict(given)
    assert predicted.frame["problem"][0] == "channel: 'pigeon' did not occur in the data the contract was made from"
    assert predicted.problems == {"unknown-category": 1}
    assert predicted.frame["probability"][0] > 0


def test_a_missing_number_or_category_is_no_problem(folder):
    given = {**inputs([0]), "size": [None], "channel": [None]}
    assert saved(folder, "classical", "binary").predict(given).problems == {}


def test_several_problems_of_a_row_are_all_told(folder):
    given = {**inputs([0]), "size": ["x"], "text": [""]}
    assert saved(folder, "classical", "binary").predict(given).frame["problem"][0].count("; ") == 1


def test_an_abstaining_model_says_so_and_keeps_its_probabilities(folder):
    parts = parts_for("majority", "multiclass")
    write_bundle(folder / "abstains", parts)
    frame = load_bundle(folder / "abstains").predict(inputs([0, 1])).frame
    assert frame["abstained"].to_list() == [True, True]
    assert frame["prediction"].null_count() == 2
    assert frame["probability"].to_list() == pytest.approx([1 / 3, 1 / 3])
    assert frame["problem"].null_count() == 2


def test_the_probability_of_labels_is_that_of_the_least_certain(folder):
    bundle = saved(folder, "classical", "multilabel")
    frame, labels = bundle.predict(inputs([0, 1])).frame, bundle.contract.labels
    for row in frame.iter_rows(named=True):
        said = set(row["prediction"].split(bundle.contract.separator))
        certain = [row[name] if name in said else 1 - row[name] for name in labels]
        assert row["probability"] == pytest.approx(min(certain))


def test_no_label_at_all_is_an_empty_text(folder):
    parts = parts_for("majority", "multilabel")
    silent = parts.policy.model_copy(update={"thresholds": (1.0,) * len(parts.contract.labels)})
    write_bundle(folder / "silent", dataclasses.replace(parts, policy=silent))
    assert load_bundle(folder / "silent").predict(inputs([0])).frame["prediction"].to_list() == [""]


def test_a_regression_has_an_interval_and_no_probability(folder):
    frame = saved(folder, "frozen", "regression").predict(inputs([0])).frame
    assert frame.columns == ["key", "prediction", "probability", "low", "high", "abstained", "problem"]
    assert frame["high"][0] - frame["low"][0] == pytest.approx(3.0)
    assert frame["probability"].null_count() == 1


def test_a_regression_without_an_interval_has_empty_ends(folder):
    write_bundle(folder / "no-interval", dataclasses.replace(parts_for("majority", "regression"), interval=None))
    frame = load_bundle(folder / "no-interval").predict(inputs([0])).frame
    assert (frame["low"][0], frame["high"][0]) == (None, None)


def test_classes_named_like_other_columns_get_a_prefix(tmp_path):
    labels = ["prediction", "problem", "row", "words", "class: row"]
    texts = [text for topic in TOPICS for text in words_of(topic, 10)]
    bundle = plain(tmp_path, texts, [labels[row % 5] for row in range(30)])
    frame = bundle.predict({"text": texts[:3]}, explain=True).frame
    assert frame.columns[:3] == ["row", "prediction", "probability"]
    classes = ["class: row", "class: prediction", "class: problem", "class: class: row", "class: words"]
    assert frame.columns[3:] == [*classes, "abstained", "problem", "words", "nearest"]
    assert set(frame["prediction"]) <= set(labels)


@pytest.mark.parametrize(
    ("labels", "taken", "columns"),
    [
        (("a", "b"), "row", ["a", "b"]),
        (("a", "key"), "key", ["a", "class: key"]),
        (("class: row", "row"), "row", ["class: row", "class: class: row"]),
        (("row", "class: row"), "row", ["class: class: row", "class: row"]),
    ],
)
def test_columns_of_classes_never_collide(labels, taken, columns):
    assert class_columns(labels, taken) == columns


def test_an_id_column_named_like_a_result_is_told_apart(tmp_path):
    texts = [*words_of("login", 10), *words_of("billing", 10)]
    bundle = plain(tmp_path, texts, ["a"] * 10 + ["b"] * 10, id="prediction")
    assert bundle.predict({"text": texts[:2], "prediction": [7, 8]}).frame.columns[:2] == [
        "id: prediction",
        "prediction",
    ]


def test_a_row_alone_and_among_a_thousand_is_the_same_at_every_length(folder):
    bundle = saved(folder, "frozen", "multiclass")
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(FILLER, 1 + row % 18)) for row in range(1000)]
    given = {"text": texts, "size": rng.normal(size=1000), "channel": ["mail"] * 1000}
    together = bundle.predict(given).frame.drop("row")
    for row in range(18):
        alone = bundle.predict({name: values[row : row + 1] for name, values in given.items()}).frame.drop("row")
        assert alone.equals(together[row])


def test_the_words_that_decide_are_told(tmp_path):
    texts = [*words_of("login", 30), *words_of("billing", 30)]
    bundle = plain(tmp_path, texts, ["login"] * 30 + ["billing"] * 30)
    frame = bundle.predict({"text": ["hello please thanks, my INVOICE and invoice again"]}, explain=True).frame
    assert frame["prediction"].to_list() == ["billing"]
    assert frame["words"][0].startswith("INVOICE +0.")
    assert len(frame["words"][0].split("; ")) <= 5


def test_words_of_a_label_set_name_their_label(folder):
    frame = saved(folder, "classical", "multilabel").predict(inputs([0]), explain=True).frame
    assert frame["words"][0].startswith("for ")


def test_leaving_a_word_out_leaves_it_out_everywhere():
    pieces = {piece.name: piece for piece in pieces_of("Reset it; don't reset it")}
    assert list(pieces) == ["Reset", "it", "don't"]
    assert pieces["Reset"].rest == " it; don't  it"


def test_long_texts_are_taken_apart_by_sentences_or_runs():
    sentences = " ".join(f"This is sentence number {number} of a long text." for number in range(10))
    assert len(pieces_of(sentences)) == 10
    endless = " ".join(f"word{number}" for number in range(1000))
    runs = pieces_of(endless)
    assert len(runs) == 30
    assert "".join(piece.rest for piece in runs).count("word999") == 29
    assert len(pieces_of("go. " * 500)) == 30
    assert len(pieces_of("go on " * 50 + "." * 1_000_000)) == 25


@pytest.mark.parametrize("text", ["", "?!", "请重置密码", "ÀÉÎ"])
def test_odd_texts_can_be_taken_apart(text):
    assert all(piece.rest != text for piece in pieces_of(text))
    assert len(pieces_of("请重置密码")) == 5


def test_odd_texts_can_be_explained(folder):
    given = {"text": ["?!", "请重置密码", "password", "\u0000 x"], "size": [0.0] * 4, "channel": ["mail"] * 4}
    for kind in ("classical", "frozen"):
        predicted = saved(folder, kind, "binary").predict(given, explain=True)
        assert predicted.frame["probability"].null_count() == 0
        assert predicted.frame["words"].null_count() == 0


def test_rows_of_a_folder_are_called_by_their_files_whatever_the_column_was_called(tmp_path):
    (tmp_path / "a").mkdir()
    for place in ("a/1.png", "2.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / place)
    table = read_frame(tmp_path)
    roles = Roles(content=("photo",), label=("kind",), kind="image", id="number")
    contract = Contract(task=Task.BINARY, roles=roles, columns=(), labels=("no", "yes"), rows=2)
    found = in_words_of(table, contract)
    assert "photo" in found.frame.columns
    names = identifiers(found, contract)
    assert (names.name, names.to_list()) == ("photo", ["2.png", "a/1.png"])
    # A bundle of texts, and rows of a file, are left as they are.
    texts = contract.model_copy(update={"roles": Roles(content=("message",), label=("kind",))})
    assert in_words_of(table, texts) is table
    rows = read_frame({"photo": ["a/1.png"]})
    assert in_words_of(rows, contract) is rows
    assert identifiers(rows, contract).to_list() == [0]
