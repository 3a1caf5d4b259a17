import pytest

from graft.core.errors import InputError
from graft.scores.fitting import Candidate
from graft.scores.strategies import CONTROLS, Kind, Strategy, parse_strategy
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


def test_controls_transfer_nothing_and_five_kinds_change_a_backbone():
    every = [Strategy(kind, 1 if kind is Kind.PARTIAL else 0) for kind in Kind]
    assert {one.kind for one in every if one.is_control} == set(CONTROLS) == {"majority", "classical", "scratch"}
    assert {one.kind for one in every if one.trains_backbone} == {"scratch", "partial", "lora", "full", "contrastive"}


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
