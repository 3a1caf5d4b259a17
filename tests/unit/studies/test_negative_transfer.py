"""Why a source did not help, and what to do about it."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import graft
import tiny
from graft.core.errors import SourceError
from graft.core.intervals import Interval
from graft.evidence.verdict import Outcome
from graft.facts.study import CandidateName, CueFact
from graft.inputs.roles import Roles
from graft.representations.sources import resolve_source
from graft.representations.word_tables import convert_words
from graft.rows.table import read_frame
from graft.studies.adapted_rows import adapted_rows, can_be_adapted
from graft.studies.cues import (
    AGREEMENT,
    LONG,
    NARROW,
    OWN_LABELS,
    PIECES,
    SHORT,
    SILENT,
    SOUNDS_SPREAD,
    SPREAD,
    TRUNCATED,
    UNKNOWN,
)
from graft.studies.negative_transfer import harm_reasons, objective_of
from unit.report.records import candidates, verdict

HARMS = {"outcome": Outcome.HARMS, "difference": Interval(-0.1, -0.15, -0.05)}
FROZEN = CandidateName(source="minilm", strategy="frozen")


def judged(**changes):
    return verdict().model_copy(update={"chosen": FROZEN, **HARMS, **changes})


def tried(*given):
    """Candidates of minilm: strategy, score, neighbours kept."""
    one = next(each for each in candidates() if each.source)
    return [
        one.model_copy(
            update={
                "source": "minilm",
                "strategy": strategy,
                "score": replace(one.score, mean=score),
                "kept": kept,
                "steps": 0 if kept is None else 40,
            }
        )
        for strategy, score, kept in given
    ]


def cue(name, value=0.5, *, source="minilm", warning=True):
    return CueFact(source=source, name=name, value=value, meaning="", warning=warning)


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        (UNKNOWN, "other-vocabulary", "50% of the tokens"),
        (PIECES, "other-vocabulary", "0.5 pieces"),
        (TRUNCATED, "cut-off", "longer than minilm reads"),
        (SPREAD, "other-distribution", "look alike"),
        (OWN_LABELS, "other-concept", "its own labels tell 50% of these"),
        (AGREEMENT, "other-concept", "hardly more often than chance"),
        (NARROW, "other-distribution", "nothing in the upper half of the pitches minilm reads"),
        (SHORT, "other-distribution", "shorter than minilm reads at once"),
        (LONG, "cut-off", "go on after what minilm reads"),
        (SILENT, "other-distribution", "in 50% of the recordings nothing is to be heard"),
        (SOUNDS_SPREAD, "other-distribution", "sound alike"),
    ],
)
def test_every_cue_has_words_and_a_step(name, code, says):
    (found,) = harm_reasons(judged(), tried(("frozen", 0.5, None)), [cue(name)], {})
    assert found.code == code
    assert says in found.text
    assert found.step


def test_without_a_cue_it_is_the_objective_that_differs():
    known = {"minilm": "to lay texts of one meaning near one another"}
    (found,) = harm_reasons(judged(), tried(("frozen", 0.5, None)), [cue(UNKNOWN, warning=False)], known)
    assert found.code == "other-objective"
    assert "minilm was trained to lay texts of one meaning near one another" in found.text
    assert f"use none ({judged().control})" in found.step
    (unknown,) = harm_reasons(judged(), tried(("frozen", 0.5, None)), [cue(UNKNOWN, source="another")], {})
    assert "was trained for something else" in unknown.text


def test_tuning_that_lost_what_was_known_asks_to_freeze_more():
    found = harm_reasons(judged(), tried(("frozen", 0.8, None), ("full", 0.7, 0.3), ("l2sp", 0.79, 0.9)), [], {})
    assert [one.code for one in found] == ["changed-too-much", "other-objective"]
    assert "full kept 30% of the neighbours" in found[0].text
    assert found[0].step.startswith("freeze more")
    kept = harm_reasons(judged(), tried(("frozen", 0.7, None), ("full", 0.8, 0.3)), [], {})
    assert [one.code for one in kept] == ["other-objective"]


@pytest.mark.parametrize(
    ("outcome", "mean", "told"),
    [
        (Outcome.HELPS, 0.1, False),
        (Outcome.TIED, -0.001, False),
        (Outcome.INCONCLUSIVE, 0.05, False),
        (Outcome.INCONCLUSIVE, -0.05, True),
        (Outcome.HARMS, -0.1, True),
    ],
)
def test_it_is_told_where_a_source_harms_or_is_behind(outcome, mean, told):
    given = judged(outcome=outcome, difference=Interval(mean, mean - 0.02, mean + 0.02))
    assert bool(harm_reasons(given, tried(("frozen", 0.5, None)), [cue(UNKNOWN)], {})) is told


def test_where_nothing_is_settled_and_nothing_is_strange_no_reason_is_made_up():
    """The control may lead by luck alone: that what tells the labels apart is not in the source was never shown."""
    given = judged(outcome=Outcome.INCONCLUSIVE, difference=Interval(-0.02, -0.15, 0.11))
    assert harm_reasons(given, tried(("frozen", 0.9, None)), [cue(UNKNOWN, warning=False)], {}) == ()


def test_other_sources_that_were_no_better_are_counted():
    both = [*tried(("frozen", 0.5, None)), tried(("frozen", 0.4, None))[0].model_copy(update={"source": "path:b"})]
    (found,) = harm_reasons(judged(), both, [], {})
    assert "1 other source was no better here" in found.text


def test_what_a_source_was_trained_for_is_read_from_its_card(tmp_path):
    folder = tiny.write_encoder(tmp_path / "source")
    for card, says in (
        ("---\npipeline_tag: fill-mask\n---\n", "hidden words"),
        ("---\ntags: [x, sentence-similarity]\n---\n", "one meaning"),
        ("---\nlicense: mit\n---\n", ""),
        ("---\n{broken: [\n---\n", ""),
    ):
        (folder / "README.md").write_text(card)
        found = objective_of(resolve_source(f"path:{folder}"))
        assert says in found
        assert bool(says) is bool(found)


@pytest.mark.slow
def test_a_study_of_words_the_source_does_not_know_says_so(tmp_path):
    rng = np.random.default_rng(0)
    targets = rng.integers(2, size=160)
    texts = [" ".join(rng.choice(["unheard", "of"] if one else ["never", "said"], 6)) for one in targets]
    frame = pl.DataFrame({"text": texts, "label": [f"class {one}" for one in targets]}).with_row_index()
    frame = frame.with_columns(pl.concat_str("text", pl.lit(" n"), "index").alias("text"))
    source = tiny.write_encoder(tmp_path / "source")
    result = graft.study(
        frame, text="text", label="label", source=f"path:{source}", strategy="frozen", effort="quick", folds=3,
        out=tmp_path / "study", progress=False,
    )  # fmt: skip
    assert result.verdict == "harms"
    assert result.record.harm[0].code == "other-vocabulary"
    assert any(step.startswith("Why it did not help:") for step in result.record.next_steps)


@pytest.mark.parametrize("name", [PIECES, SPREAD])
def test_adapting_is_advised_for_sources_that_can_be_adapted(name):
    def step(**given):
        (found,) = harm_reasons(judged(), tried(("frozen", 0.5, None)), [cue(name)], {}, **given)
        return found.step

    assert "graft sources adapt" in step(adaptable={"minilm"})
    assert "adapt" not in step(adaptable={"another"})


def test_a_table_of_vectors_cannot_be_adapted(tmp_path):
    assert can_be_adapted(resolve_source(f"path:{tiny.write_encoder(tmp_path / 'encoder')}"))
    (tmp_path / "words.vec").write_text("say 0.1 0.2\nrow 0.3 -0.1\n")
    convert_words(tmp_path / "words.vec", tmp_path / "words")
    table = resolve_source(f"path:{tmp_path / 'words'}")
    assert not can_be_adapted(table)
    rows = read_frame({"text": [f"row {place} says something" for place in range(30)]})
    with pytest.raises(SourceError, match="no layers"):
        adapted_rows(rows, Roles(content=("text",), label=()), table.weights.reference)


def test_what_is_strange_to_a_part_explains_the_whole():
    name = "minilm+speech"
    given = judged(chosen=CandidateName(source=name, strategy="frozen"))
    both = [one.model_copy(update={"source": name}) for one in tried(("frozen", 0.5, None))]
    joined = {name: ("minilm", "speech")}
    (found,) = harm_reasons(given, both, [cue(NARROW, source="speech"), cue(SHORT, source="lite0")], {}, joined=joined)
    assert found.code == "other-distribution"
    assert "pitches speech reads" in found.text
    objectives = {"minilm": "to lay texts near one another", "speech": "to tell words apart"}
    (found,) = harm_reasons(given, both, [], objectives, joined=joined)
    assert "was trained to lay texts near one another, and to tell words apart." in found.text
