"""Sources ranked before any is tuned: what is looked at, what is recorded, what later studies make of it."""

import json

import numpy as np
import polars as pl
import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner

import graft
import tiny
from graft.cli.app import app
from graft.core.display import Terminal
from graft.core.errors import InputError, SourceError
from graft.facts.ranking import HindsightRecord, RankingRecord
from graft.governance.registry import Registry, SourcesTuned
from graft.report.ranking import print_ranking
from graft.representations.row_columns import cell_table, fit_row_columns
from graft.representations.row_source import drawn_row_source
from graft.representations.source_head import answers_of, head_of
from graft.representations.sources import resolve_source
from graft.representations.towers.row_resnet import load_row_resnet
from graft.rows.content.row import cells_of
from graft.studies.hindsight import hindsight
from journeys.small_study import options


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Rows of two classes that use different words, and two sources: one knows the words, one knows none."""
    folder = tmp_path_factory.mktemp("ranked")
    rng = np.random.default_rng(0)
    classes = rng.integers(2, size=120)
    halves = tiny.WORDS[: len(tiny.WORDS) // 2], tiny.WORDS[len(tiny.WORDS) // 2 :]
    texts = [" ".join(rng.choice(halves[one], 6)) for one in classes]
    frame = pl.DataFrame({"text": texts, "label": [f"class {one}" for one in classes]})
    knows = tiny.write_encoder(folder / "knows", seed=1)
    deaf = tiny.write_encoder(folder / "deaf", words=("unused",), seed=1)
    return frame, f"path:{knows}", f"path:{deaf}"


@pytest.fixture(autouse=True)
def ledger(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_LEDGER", str(tmp_path / "ledger.sqlite"))


def rank(frame, *sources, **more):
    return graft.rank_sources(frame, text="text", label="label", source=sources, progress=False, **more)


def test_a_source_that_knows_the_words_comes_first(told, capsys):
    frame, knows, deaf = told
    record = rank(frame, deaf, knows)
    assert [(one.reference, one.place) for one in record.sources] == [(knows, 1), (deaf, 2)]
    first, last = record.sources
    assert first.first == 1.0
    assert last.first == 0.0
    for score in first.scores[:3]:
        other = next(one for one in last.scores if one.name == score.name)
        assert score.value.low > other.value.high
    assert [one.missing for one in first.scores[3:]] == ["the source has no head of its own"] * 2
    assert {one.name for one in last.cues if one.warning} == {"unknown tokens", "spread of rows"}
    assert RankingRecord.from_json(record.to_json(), "here") == record
    print_ranking(record, Terminal())
    shown = " ".join(capsys.readouterr().out.split())
    assert "shortlists and never decides" in shown
    assert f"! {deaf}: unknown tokens" in shown
    assert "LEEP" not in shown


def test_the_same_is_said_again_and_recorded_once(told):
    frame, knows, deaf = told
    one, again, shuffled = rank(frame, knows, deaf), rank(frame, knows, deaf), frame.sample(fraction=1, shuffle=True)
    assert one == again
    assert rank(shuffled, knows, deaf).key == one.key
    with Registry() as registry:
        kinds = [event.kind for event in registry.ledger.events()]
    assert kinds.count("sources-ranked") == 1
    assert kinds.count("asset-added") == 4  # the frame twice, in another order


@pytest.mark.slow
def test_what_a_study_then_measures_stands_beside_the_next_ranking(told, tmp_path):
    frame, knows, deaf = told
    assert rank(frame, knows, deaf).hindsight == ()
    result = graft.study(
        frame, text="text", label="label", out=tmp_path / "study", progress=False,
        **options("") | {"source": (knows, deaf)},
    )  # fmt: skip
    record = rank(frame, knows, deaf)
    (seen,) = record.hindsight
    assert (seen.study, seen.sources, seen.metric) == (result.record.key, 2, result.record.metric)
    assert (seen.tau, seen.regret, record.tau) == (1.0, 0.0, 1.0)


def test_regret_and_order_accumulate(told, capsys):
    frame, knows, deaf = told
    record = rank(frame, knows, deaf)
    places = {one.reference: one.digest for one in record.sources}
    for study, scores in (("a", (0.8, 0.7)), ("b", (0.5, 0.75)), ("c", (0.5, 0.75))):
        best = dict(zip((places[knows], places[deaf]), scores, strict=True))
        rows = "others" if study == "c" else record.key
        with Registry() as registry:
            registry.tune_sources(SourcesTuned(rows=rows, study=study * 32, metric="accuracy", scores=best))
            registry.tune_sources(SourcesTuned(rows=rows, study=study * 32, metric="accuracy", scores=best))
    record = rank(frame, knows, deaf)
    assert [one.regret for one in record.hindsight] == [0.0, 0.25]
    assert [one.tau for one in record.hindsight] == [1.0, -1.0]
    assert record.tau == 0.0
    print_ranking(record, Terminal())
    assert "the best in 1, and following it cost 0.250 at most" in " ".join(capsys.readouterr().out.split())
    with Registry() as registry:
        seen = hindsight(registry)
    assert (seen.rankings, seen.tau, seen.mean_regret) == (1, 0.0, 0.125)
    assert [(one.reference, one.score) for one in seen.hindsight[1].order] == [(knows, 0.5), (deaf, 0.75)]
    assert HindsightRecord.from_json(seen.to_json(), "here") == seen
    found = CliRunner().invoke(app, ["sources", "rankings"])
    assert "regret 0.250 accuracy, tau -1.00" in found.stdout
    assert " ".join(found.stdout.split()).count("(the best)") == 2
    assert "Following the first cost 0.125 on average" in found.stdout


def test_nothing_was_ranked_or_tuned_yet(told):
    found = CliRunner().invoke(app, ["sources", "rankings"])
    assert "no ranking, and no study has tuned" in " ".join(found.stdout.split())
    rank(told[0], *told[1:])
    found = CliRunner().invoke(app, ["sources", "rankings"])
    assert "1 ranking of sources in this ledger" in " ".join(found.stdout.split())


@pytest.fixture(scope="module")
def with_head(told, tmp_path_factory):
    """The source that knows the words, with a head of three labels."""
    folder = tmp_path_factory.mktemp("head") / "headed"
    plain = told[1].removeprefix("path:")
    tiny.write_encoder(folder, seed=1)
    torch.manual_seed(0)
    model = transformers.BertForSequenceClassification.from_pretrained(plain, num_labels=3)
    model.config.id2label = {0: "weather", 1: "sport", 2: "money"}
    model.save_pretrained(folder)
    return f"path:{folder}"


@pytest.mark.filterwarnings("ignore")
def test_a_source_with_a_head_says_what_its_labels_tell(told, with_head):
    frame, knows, _ = told
    head = head_of(resolve_source(with_head))
    assert head.labels == ("weather", "sport", "money")
    answers = answers_of(head, frame["text"].to_list())
    assert answers.sum(axis=1) == pytest.approx(1)
    alone = np.concatenate([answers_of(head, [text]) for text in frame["text"][:3]])
    assert answers[:3] == pytest.approx(alone, abs=1e-5)
    record = rank(frame, knows, with_head)
    scores = {one.reference: {score.name: score for score in one.scores} for one in record.sources}
    assert scores[knows]["LEEP"].value is None
    assert -np.log(2) < scores[with_head]["LEEP"].value.mean < 0
    assert {one.place for one in record.sources} == {1}  # one body, and a head does not order


def test_a_head_that_the_weights_do_not_hold_is_refused(told, tmp_path):
    folder = tiny.write_encoder(tmp_path / "said", seed=1)
    tiny.edit_json(folder / "config.json", architectures=["BertForSequenceClassification"])
    with pytest.raises(SourceError, match="do not hold it"):
        rank(told[0], f"path:{folder}")


@pytest.mark.parametrize(
    ("labels", "task", "names"),
    [
        (lambda n: [str(k % 40) for k in range(n)], "multiclass", {"LogME", "H-score", "neighbours"}),
        (lambda n: ("a", "a;b", "c;b") * (n // 3), "multilabel", {"LogME", "H-score", "neighbours"}),
        (lambda n: [k / 7 for k in range(n)], "regression", {"LogME", "neighbours' mean"}),
    ],
)
def test_every_task_has_scores_of_its_own(told, labels, task, names):
    frame, knows, deaf = told
    record = rank(frame.with_columns(label=pl.Series(labels(len(frame)))), knows, deaf, task=task)
    assert record.task == task
    assert {one.name for one in record.sources[0].scores if one.value is not None} == names
    assert all(np.isfinite(one.value.mean) for source in record.sources for one in source.scores if one.value)
    if task == "multiclass":
        assert any("fewer than 4 rows" in note for note in record.notes)


def test_sixteen_rows_are_ranked_with_a_warning(told):
    frame, knows, deaf = told
    record = rank(frame.head(16), knows, deaf)
    assert any("hardly better than chance" in note for note in record.notes)
    assert all(score.value.ends for one in record.sources for score in one.scores[:3])


def test_what_cannot_be_ranked_is_refused(told):
    frame, knows, _ = told
    for sources, says in (((), "no source"), ((knows, knows), "twice"), (("minilmm",), "did you mean minilm")):
        with pytest.raises(InputError, match=says):
            rank(frame, *sources)
    with pytest.raises(InputError, match="two classes"):
        rank(frame.with_columns(label=pl.lit("one")), knows)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """A folder for each of two classes of pictures, bright and dark, and two sources that were never trained."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for place in range(40):
        kind = ("bright", "dark")[place % 2]
        pixels = rng.integers(0, 60, (24, 24, 3)) + (150 if kind == "bright" else 20)
        (folder / "rows" / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "rows" / kind / f"{place}.png")
    said = {"size": {"height": 32, "width": 32}, "image_mean": [0.5] * 3, "image_std": [0.25] * 3, "resample": 2}
    for seed in (1, 2):
        torch.manual_seed(seed)
        config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
        transformers.ResNetForImageClassification(config).save_pretrained(folder / f"source-{seed}")
        (folder / f"source-{seed}" / "preprocessor_config.json").write_text(json.dumps(said))
    return folder / "rows", [f"path:{folder / f'source-{seed}'}" for seed in (1, 2)]


def test_pictures_in_folders_are_ranked_for(photographs, capsys):
    rows, sources = photographs
    record = graft.rank_sources(rows, source=sources, progress=False)
    assert (record.rows, record.classes, len(record.sources)) == (40, 2, 2)
    assert all(score.value is not None for one in record.sources for score in one.scores)
    first = record.sources[0]
    assert {one.name for one in first.cues} == {"small pictures"}
    named = pl.DataFrame(
        {"file": [str(file) for file in sorted(rows.glob("*/*.png"))], "kind": ["bright"] * 20 + ["dark"] * 20}
    )
    again = graft.rank_sources(named, image="file", label="kind", source=sources, progress=False)
    assert again.key == record.key  # the same pictures with the same labels, however they were given
    assert [one.scores for one in again.sources] == [one.scores for one in record.sources]
    print_ranking(record, Terminal())
    shown = capsys.readouterr().out
    assert "path:…/source-1" in shown
    with pytest.raises(SourceError, match="reads texts, and the rows are images"):
        graft.rank_sources(rows, source=[sources[0], "minilm"], progress=False)


def test_rows_alone_are_ranked_for(tmp_path):
    rng = np.random.default_rng(0)
    size, colour = rng.normal(size=200), rng.choice(["red", "blue"], 200)
    frame = pl.DataFrame(
        {"size": size, "colour": colour, "ripe": np.where((size > 0) == (colour == "red"), "yes", "no")}
    )
    cells = cell_table(cells_of([frame["size"], frame["colour"]]), ["size"], ["colour"])
    columns = fit_row_columns(cells, ["size"], ["colour"])
    sources = []
    for seed in (0, 1):
        source = drawn_row_source(columns, tmp_path / str(seed), seed=seed)
        folder = source.weights.directory
        save_file(load_row_resnet(source).state_dict(), folder / "model.safetensors")
        sources.append(f"path:{folder}")
    record = graft.rank_sources(frame, numeric="*", categorical="*", label="ripe", source=sources, progress=False)
    assert {one.name for one in record.sources[0].cues} == {"columns known", "unknown categories", "numbers moved"}
    with pytest.raises(SourceError, match="the table has none of them"):
        graft.rank_sources(
            frame.rename({"size": "length", "colour": "shade"}), numeric="*", categorical="*", label="ripe",
            source=sources, progress=False,
        )  # fmt: skip


def test_json(told, tmp_path):
    frame, knows, _ = told
    frame.write_csv(tmp_path / "rows.csv")
    asked = ["sources", "rank", str(tmp_path / "rows.csv"), "--text", "text", "--label", "label", "--source", knows]
    found = CliRunner().invoke(app, [*asked, "--json"])
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["schema"] == "graft/ranking/1"
