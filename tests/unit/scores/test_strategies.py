import pickle

import pytest

from graft.core.errors import InputError
from graft.core.tasks import Task
from graft.scores.fitting import Candidate
from graft.scores.strategies import L2SP, STRATEGIES, parse_strategy
from graft.studies.plan import EFFORTS
from unit.scores.nets import encoder_of, job_for


@pytest.mark.parametrize(
    "text",
    [
        "majority",
        "classical",
        "scratch",
        "frozen",
        "partial:1",
        "partial:12",
        "lora",
        "full",
        "contrastive",
        "contrastive:2",
        "l2sp",
    ],
)
def test_a_strategy_is_written_as_it_is_read(text):
    assert str(parse_strategy(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "partial",
        "partial:",
        "partial:0",
        "partial:-1",
        "partial:1.5",
        "Full",
        " full",
        "lora:2",
        "contrastive:0",
        "partial:1 ",
    ],
)
def test_anything_else_is_refused_with_what_would_work(text):
    with pytest.raises(InputError, match=r"partial:K") as caught:
        parse_strategy(text)
    assert repr(text) in str(caught.value)


def test_controls_transfer_nothing_and_others_change_a_backbone():
    assert {one.name for one in STRATEGIES if one.control} == {"majority", "classical", "scratch"}
    tuning = {"partial", "lora", "full", "contrastive", "l2sp", "gradual", "wiseft"}
    assert {one.name for one in STRATEGIES if one.trains_backbone} == {"scratch", *tuning}
    assert {one.name for one in STRATEGIES if one.tunes} == tuning
    assert {one.name for one in STRATEGIES if not one.reads_source} == {"majority", "classical"}


@pytest.mark.parametrize("one", STRATEGIES, ids=str)
def test_a_record_is_complete_and_can_travel(one):
    """Trials are sent to other processes, and a strategy goes with them."""
    assert pickle.loads(pickle.dumps(one)) == one
    assert bool(one.rates) is one.trains_backbone
    assert bool(one.lineage) is (not one.control)
    assert bool(one.untaught) is (len(one.tasks) < len(Task))
    for layers in (0, 1, 3):
        for text in (one.meaning, one.done, one.why):
            assert text
            assert "{" not in one.of(layers).words(text)


def test_words_of_a_strategy_speak_of_the_kinds_there_are():
    classical = parse_strategy("classical")
    assert classical.words(classical.meaning, ["row"]).endswith("(boosted trees or a linear model)")
    assert classical.words(classical.explained, ["text", "image"]) == "what is left out (words, patches of a picture)"
    frozen = parse_strategy("frozen")
    assert "(columns)" in frozen.words(frozen.explained, ["row"])


def test_what_nobody_asks_for_is_not_tried():
    assert not L2SP.efforts
    tried = {effort: [str(each) for one in STRATEGIES for each in one.tried_at(effort)] for effort in EFFORTS}
    assert tried == {
        "quick": ["frozen", "contrastive:3", "full"],
        "standard": ["frozen", "partial:2", "contrastive:3", "lora", "full"],
        "thorough": ["frozen", "partial:1", "partial:2", "contrastive:3", "lora", "full"],
    }


def test_a_candidate_is_named_by_source_strategy_and_label():
    source = encoder_of("bert")
    assert Candidate(parse_strategy("partial:1"), source).name == "path:bert partial:1"
    assert Candidate(parse_strategy("frozen"), source, "again").name == "path:bert frozen again"
    assert Candidate(parse_strategy("majority")).name == "majority"
    assert Candidate(parse_strategy("scratch"), source).kind == "control"
    assert Candidate.full(source).kind == "transfer"


def test_more_layers_than_the_source_has_are_refused_by_number():
    assert job_for(strategy="partial:2").boundary == 0
    with pytest.raises(InputError, match=r"partial:3, and path:bert has 2 layers[\s\S]*K from 1 to 2"):
        _ = job_for(strategy="partial:3").boundary
