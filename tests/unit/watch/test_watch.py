"""A watch from its baseline to its advice, on a small model of texts."""

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from graft.bundle.loading import load_bundle
from graft.bundle.manifest import MANIFEST, write_manifest
from graft.bundle.parts import write_bundle
from graft.cli.app import app
from graft.core.errors import BundleError, InputError
from graft.evidence.predictions import Scored
from graft.evidence.unlabelled import row_cost
from graft.evidence.wealth import Wealth
from graft.facts.watch import EVERYTHING
from graft.rows.content import TEXT
from graft.rows.pieces import pieces
from graft.watch import baseline as of_baselines
from graft.watch import check as of_checks
from graft.watch.baseline import make_baseline, read_baseline, watch_folder, write_baseline
from graft.watch.batch import read_batch
from graft.watch.check import _measured, as_compared, check_batch, checked
from graft.watch.comparison import compare
from graft.watch.contributions import newest_rows
from graft.watch.detectors import detectors_for
from graft.watch.gauges import prometheus, series_name
from graft.watch.history import History, WatchState
from graft.watch.story import watch_story
from unit.bundle.building import FILLER, TOPICS, parts_for


def rows(count: int, seed: int, *, topics: tuple[float, float, float] = (1, 1, 1), wrong: float = 0.0) -> pl.DataFrame:
    """New texts of the three topics, by the shares given; a share of the labels is wrong."""
    rng = np.random.default_rng(seed)
    names = list(TOPICS)
    shares = np.array(topics, float) / sum(topics)
    told = {"key": [], "text": [], "size": [], "channel": [], "multiclass": [], "customer": []}
    for row in range(count):
        topic = names[rng.choice(3, p=shares)]
        words = [*rng.choice(TOPICS[topic], 2, replace=False), *rng.choice(FILLER, 3, replace=False)]
        label = names[(names.index(topic) + 1) % 3] if rng.random() < wrong else topic
        values = (f"{seed}-{row}", " ".join(rng.permutation(words)) + f" x{seed:03}{row:03}", float(rng.integers(72)),
                  "mail" if rng.random() < 0.5 else "phone", label, f"c{rng.integers(30)}")  # fmt: skip
        for name, value in zip(told, values, strict=True):
            told[name].append(value)
    return pl.DataFrame(told)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("watched") / "bundle"
    write_bundle(folder, parts_for("frozen", "multiclass"))
    baseline = make_baseline(load_bundle(folder), rows(300, 1), runs=5, draws=399, batch=100)
    write_baseline(watch_folder(folder) / "baseline", baseline)
    return folder


@pytest.fixture
def watched(made, tmp_path) -> Path:
    """A copy that a test may change."""
    shutil.copytree(made, tmp_path / "bundle")
    shutil.copytree(watch_folder(made), watch_folder(tmp_path / "bundle"))
    return tmp_path / "bundle"


def test_a_baseline_says_what_it_is_worth(made):
    baseline = read_baseline(watch_folder(made) / "baseline")
    facts = baseline.facts
    assert (facts.rows, facts.labelled, facts.batch, facts.learnt) == (300, 300, 100, 0)
    assert {one.name for one in facts.detectors} >= {"mmd", "mean", "classifier", "certainty", "decisions", "length"}
    assert facts.check_alarms.low <= 0.05
    power = {one.name: [shift.found.mean for shift in one.power] for one in facts.detectors}
    assert power["mmd"][-1] > 0.8
    assert power["mmd"][0] <= power["mmd"][-1]
    assert "alarmed without drift" in "\n".join(facts.lines())
    assert "of daily ones about 18 a year" in facts.promise


def test_nothing_new_is_quiet_and_counted_once(watched):
    bundle = load_bundle(watched)
    first = check_batch(bundle, rows(100, 2))
    again = check_batch(bundle, rows(100, 2))
    assert first == again
    assert (first.outcome, first.number, first.usable) == ("quiet", 1, 100)
    assert [one.action for one in first.advice] == ["nothing"]
    assert len(History(watch_folder(watched)).checks()) == 1
    # Said of a batch that was checked already, it begins anew after it, once.
    dealt = check_batch(bundle, rows(100, 2), dealt_with="nothing to do", by="me")
    assert (dealt.number, dealt.shifts, dealt.dealt_with.by) == (1, first.shifts, "me")
    assert check_batch(bundle, rows(100, 2), dealt_with="said twice") == dealt
    assert History.of(watch_folder(watched)).state().wealth.starts == 2
    assert check_batch(bundle, rows(100, 3)).number == 2
    this = [one.share for one in first.budget if one.over == "this check"]
    assert sum(this) == pytest.approx(first.level)
    assert {one.over for one in first.budget} == {
        "this check", "this check, beside what moved", "once, over all checks", "over 365 checks"
    }  # fmt: skip
    estimated = next(one for one in first.quality if one.quality == "accuracy")
    assert estimated.trusted
    assert estimated.usual.low <= estimated.estimated.mean <= 1


def test_rows_that_crowd_together_are_seen(watched):
    found = check_batch(load_bundle(watched), rows(100, 4, topics=(8, 1, 1)))
    assert found.outcome in ("act", "look")
    names = {one.detector for one in found.significant}
    assert {"mean", "mmd"} & names
    assert found.moved
    assert found.moved[0].share > found.moved[0].before
    assert found.evidence > 1


def test_severalthat_are_new_each_in_another_place_are_named(made):
    """Sixty far rows that make no neighbourhood: none of the twelve grew, and these are told."""
    rng = np.random.default_rng(0)
    whole = found_rows(made)
    vectors = rng.normal(size=(1200, 40)).astype(np.float32)
    several = whole.take(np.arange(1200) % len(whole))
    several = replace(several, vectors=vectors, ids=np.arange(1200).astype(str), certainty=rng.random(1200))
    before, now = several.take(np.arange(800)), several.take(np.arange(800, 1200))
    assert newest_rows(before, now) == ()
    far = now.vectors.copy()
    far[-60:] *= 2.5
    found = newest_rows(before, replace(now, vectors=far))
    assert len(found) == 1
    assert found[0].share > 0.12
    assert {int(one) for one in found[0].examples} <= set(range(1140, 1200))


def disguised(texts: list[str], share: float) -> list[str]:
    """With a Cyrillic letter, or a character nobody sees, in the words of the first so many."""
    some = round(share * len(texts))
    return [text.replace("a", "\u0430", 1).replace("e", "e\u200b", 1) for text in texts[:some]] + texts[some:]


def test_rows_that_are_disguised_are_seen(watched):
    batch = rows(100, 12)
    given = batch.with_columns(pl.Series("text", disguised(batch["text"].to_list(), 0.1)))
    found = check_batch(load_bundle(watched), given)
    assert "disguise" in {one.detector for one in found.significant}
    assert found.advice[0].action == "repair inputs"
    assert "disguise" in found.advice[0].why
    kept = History.of(watch_folder(watched)).state().since(read_batch(load_bundle(watched), batch), found_rows(watched))
    assert (kept.disguise != "").sum() == 10
    assert kept.sketch.shape == (200, 32)


def test_words_that_emerge_are_named(watched):
    batch = rows(100, 17)
    said = [text + " voucher" if row < 12 else text for row, text in enumerate(batch["text"].to_list())]
    found = check_batch(load_bundle(watched), batch.with_columns(pl.Series("text", said)))
    assert [(one.term, one.emerged, one.before, one.now) for one in found.terms] == [("voucher", True, 0, 12)]
    assert found.terms[0].difference.low > 0
    assert "words that emerged: 'voucher' (+1" in "\n".join(found.lines())
    assert "terms" in {one.detector for one in found.significant}
    kept = (watch_folder(watched) / "baseline" / "terms.json").read_text()
    # Every text of the reference ends in a word of its own, and none of these is kept.
    assert "invoice" in kept
    assert "x10" not in kept
    alike = check_batch(load_bundle(watched), rows(100, 18))
    assert alike.terms == ()
    assert "terms" in {one.detector for one in alike.shifts}


def found_rows(folder: Path):
    return read_baseline(watch_folder(folder) / "baseline").rows


def test_known_rows_that_come_again_a_little_changed_are_seen(watched):
    known = rows(300, 1)["text"].to_list()
    batch = rows(100, 13)
    edited = [text.replace("please", "ple\u0430se").replace(" x", "  x") for text in known[:25]]
    given = batch.with_columns(pl.Series("text", edited + batch["text"].to_list()[25:]))
    seen = {one.detector: one for one in check_batch(load_bundle(watched), given).shifts}
    assert seen["near copies"].significant
    assert seen["near copies"].effect.mean > 0.1


def test_a_baseline_of_before_disguise_was_looked_at_still_serves(watched):
    place = watch_folder(watched) / "baseline"
    now = read_baseline(place)
    old = [one for one in now.facts.detectors if one.name not in ("disguise", "near copies")]
    write_baseline(place, replace(now, facts=now.facts.model_copy(update={"detectors": tuple(old)})))
    frame, arrays = pl.read_parquet(place / "rows.parquet"), load_file(place / "rows.safetensors")
    frame.drop("disguise").write_parquet(place / "rows.parquet")
    save_file({name: arrays[name] for name in ("vectors", "scores")}, place / "rows.safetensors")
    (place / MANIFEST).unlink()
    write_manifest(place)
    for seed in (14, 15):
        found = check_batch(load_bundle(watched), rows(60, seed))
        assert found.usable == 60
        assert not {"disguise", "near copies"} & {one.detector for one in found.shifts}


def test_a_batch_in_another_language_is_told_in_words(watched):
    batch = rows(100, 19)
    said = ["mi tarjeta no ha llegado todavia" if row % 2 else text for row, text in enumerate(batch["text"].to_list())]
    found = check_batch(load_bundle(watched), batch.with_columns(pl.Series("text", said)))
    moved = {one.detector: one for one in found.significant}
    # Every text of the reference ends in a word of its own, a sixth of its words.
    assert moved["rare words"].said.startswith("17% of a row's words rarely seen before, 58% now: much of what is")
    assert moved["rare words"].large
    assert "another language" in "\n".join(found.lines())
    assert "rare words" in found.advice[0].why
    assert {one.term for one in found.terms} >= {"tarjeta", "todavia"}
    facts = {one.name: one for one in read_baseline(watch_folder(watched) / "baseline").facts.detectors}
    assert facts["terms"].planted == "rows with one new word"
    assert facts["terms"].power[-1].found.mean > 0.8
    assert facts["rare words"].least <= 0.2
    assert facts["alphabets"].least <= 0.2


def test_one_segment_that_is_flooded_is_seen(made):
    given = rows(300, 1).with_columns(segment=pl.Series(["north", "south", "west"] * 100))
    flood = rows(100, 16).with_columns(segment=pl.Series(["north"] * 60 + ["south"] * 20 + ["west"] * 20))
    before, now = (read_batch(load_bundle(made), one, segments=("segment",)) for one in (given, flood))
    some = [one for one in detectors_for(before) if one.name in ("length", "segments")]
    kept = WatchState().with_rows(now).since(now, before)
    assert kept.segments["segment"].tolist() == [*now.segments["segment"]] * 2
    for allowed, seen in (((), True), (("segment",), False)):
        told = compare(before, now, some, rng=np.random.default_rng(0), draws=199, grouped=False, allowed=allowed)
        assert (told[1][2] <= 0.05) == seen


@pytest.mark.slow
def test_labels_that_mean_something_else_are_told_and_the_estimate_is_no_longer_trusted(watched):
    bundle = load_bundle(watched)
    for seed in range(5, 7):
        found = check_batch(bundle, rows(100, seed, wrong=0.6))
    accuracy = next(one for one in found.quality if one.quality == "accuracy")
    assert not accuracy.trusted
    assert accuracy.unusual
    assert accuracy.measured.mean < 0.6
    assert accuracy.why.startswith("labels contradict the estimate by -0.")
    assert found.outcome == "act"
    assert "retrain the head" in [one.action for one in found.advice]
    # Nothing but the labels moved.
    assert not [one for one in found.shifts if one.significant and one.of == "embeddings"]
    later = check_batch(bundle, rows(100, 9).drop("multiclass"))
    assert not next(one for one in later.quality if one.quality == "accuracy").trusted
    dealt = check_batch(bundle, rows(100, 10), dealt_with="learnt anew")
    assert next(one for one in dealt.quality if one.quality == "accuracy").trusted
    assert (dealt.dealt_with.checks, dealt.dealt_with.why) == (3, "learnt anew")
    assert "begun anew: the bets on all checks" in "\n".join(dealt.lines())
    assert "dealt with before: learnt anew" in dealt.line()
    assert dealt.dealt_with.evidence == later.evidence
    assert later.dealt_with is None


def test_labels_may_come_later_and_count_once(watched, tmp_path):
    bundle = load_bundle(watched)
    batch = rows(100, 11, wrong=0.5)
    first = check_batch(bundle, batch.drop("multiclass"))
    assert first.quality[0].measured is None
    labels = batch.select("key", "multiclass")
    second = check_batch(bundle, batch.drop("multiclass"), labels=labels)
    assert (second.number, second.shifts) == (first.number, first.shifts)
    assert second.quality[0].labelled == 100
    bets = History.of(watch_folder(watched)).state()
    # Labels that the rows themselves have now are the same labels.
    assert check_batch(bundle, batch) == second
    check_batch(bundle, batch.drop("multiclass"), labels=labels)
    after = History.of(watch_folder(watched)).state()
    assert bets.bets["accuracy, anchored"].rows == after.bets["accuracy, anchored"].rows == 100
    assert len(History(watch_folder(watched)).checks()) == 1


def test_labels_that_find_no_row_or_say_two_things_are_told(watched, tmp_path):
    bundle, batch = load_bundle(watched), rows(60, 21)
    later, labels = batch.drop("multiclass"), batch.select("key", "multiclass")
    # Before the first label came there is a header alone.
    (tmp_path / "late.csv").write_text("key,multiclass\n")
    assert check_batch(bundle, later, labels=tmp_path / "late.csv").quality[0].measured is None
    nobody = check_batch(bundle, later, labels=labels.with_columns(pl.col("key") + ".0"))
    assert nobody.notes[-1] == (
        "none of 60 labels is of a row of this batch: the first label is of '21-0.0', the first row is '21-0'"
    )
    more = [labels[:2].with_columns(multiclass=labels["multiclass"][2:4]), labels[:1].with_columns(multiclass=None)]
    both = pl.concat([labels, *more, pl.DataFrame({"key": ["7"], "multiclass": ["billing"]})], how="vertical_relaxed")
    found = check_batch(bundle, later, labels=both)
    changed = sum(one != other for one, other in zip(labels["multiclass"][:2], labels["multiclass"][2:4], strict=True))
    assert changed == 2
    assert found.quality[0].labelled == 60
    assert "1 of 61 labels are of no row of this batch (the first is of '7')" in "\n".join(found.notes)
    assert "of 2 rows the labels say more than one thing: the last one counts" in "\n".join(found.notes)


def test_labels_without_an_error_do_not_show_that_there_are_none():
    truth = np.arange(60) % 3
    scored = Scored("multiclass", truth, np.eye(3)[truth])
    for of in ("accuracy", "macro_f1", "balanced_accuracy"):
        found = _measured(scored, of, None)
        assert (found.mean, found.high) == (1.0, 1.0)
        assert 0.85 < found.low < 0.97
    # No row cost anything, and one of them could have cost 9.
    cost = _measured(scored, partial(row_cost, actions=9.0 * (1 - np.eye(3))), None)
    assert (cost.mean, cost.low) == (0.0, 0.0)
    assert cost.high == pytest.approx(9 * (1 - _measured(scored, "accuracy", None).low))
    together = _measured(scored, "macro_f1", np.repeat(np.arange(6), 10))
    assert together.low < _measured(scored, "macro_f1", None).low


def test_an_alarm_of_all_checks_says_what_it_goes_by_and_how_it_ends(watched):
    """Evidence that reached 41 once and is down to 2 by now: a batch that is as usual."""
    bundle = load_bundle(watched)
    quiet = check_batch(bundle, rows(100, 2))
    assert (quiet.alarm, quiet.highest >= quiet.evidence) == (False, True)
    baseline = read_baseline(watch_folder(watched) / "baseline")
    state = WatchState(number=1, wealth=replace(Wealth(days=5), peak=float(np.log(41.0))))
    found, _ = checked(bundle, baseline, read_batch(bundle, rows(100, 3), labels=True), state)
    assert (found.outcome, found.alarm, round(found.highest)) == ("act", True, 41)
    assert f"evidence of all checks together: {found.evidence:.3g}, 41 at its highest (alarm from 20 on)" in "\n".join(
        found.lines()
    )
    assert "their evidence reached 41, and this stands until it is dealt with (--dealt-with)" in found.advice[0].why


def test_a_baseline_that_is_replaced_while_rows_are_read_is_noticed(watched):
    bundle, batch = load_bundle(watched), rows(60, 22)

    def pieces_while():
        yield batch
        write_baseline(watch_folder(watched) / "baseline", make_baseline(bundle, rows(80, 23), runs=1, draws=19))

    with pytest.raises(InputError, match="was replaced while the rows were read"):
        check_batch(bundle, pieces_while())
    assert History.of(watch_folder(watched)).checks() == ()
    assert check_batch(bundle, batch).number == 1


@pytest.mark.slow
def test_what_moves_slowly_is_seen_from_the_baseline(watched):
    bundle = load_bundle(watched)
    found = [check_batch(bundle, rows(40, 100 + day, topics=(3, 1, 1))) for day in range(1, 13)]
    looked = [[one for one in each.shifts if one.segment == EVERYTHING] for each in found if each.looked]
    # At the 2nd, 3rd, 4th, 5th, 8th and 11th check: too little for the first ones, enough together.
    assert len(looked) == 6
    assert not any(one.significant for one in looked[0])
    assert any(one.significant for one in looked[-1])


@pytest.mark.slow
def test_few_and_odd_rows(watched):
    bundle = load_bundle(watched)
    one = check_batch(bundle, rows(1, 20))
    assert one.usable == 1
    assert not any(quality.unusual for quality in one.quality)
    assert "retrain the head" not in {advice.action for advice in one.advice}
    assert any("only very large shifts" in note for note in one.notes)
    nothing = check_batch(bundle, rows(1, 20).clear())
    assert (nothing.rows, nothing.outcome) == (0, "look")
    assert nothing.advice[0].why.startswith("no rows came")
    assert "no row of this batch can be compared" in nothing.notes
    unreadable = check_batch(bundle, rows(30, 20).with_columns(pl.lit(None, pl.String).alias("text")))
    assert (unreadable.rows, unreadable.usable, unreadable.outcome) == (30, 0, "act")
    assert unreadable.advice[0].why == "100% of the rows could not be used: missing-text"
    alike = rows(50, 21).with_columns(pl.lit("please help my invoice").alias("text"))
    assert check_batch(bundle, alike).outcome == "act"
    empty = rows(50, 22).with_columns(pl.when(pl.int_range(pl.len()) < 30).then(None).otherwise("text").alias("text"))
    found = check_batch(bundle, empty)
    assert found.problems == {"missing-text": 30}
    assert found.advice[0].action == "repair inputs"
    assert found.outcome == "act"


def test_rows_that_were_learnt_are_not_new(watched):
    bundle = load_bundle(watched)
    learnt = rows(20, 30)
    digests = [TEXT.digest(one).hex() for one in learnt["text"].to_list()]
    (watched.parent / "learnt.json").write_text(json.dumps(digests))
    found = check_batch(bundle, pl.concat([learnt, rows(30, 31)]))
    assert (found.learnt, found.usable) == (20, 30)


def test_a_batch_of_which_all_was_learnt_is_no_quiet_one(made):
    bundle, baseline = load_bundle(made), read_baseline(watch_folder(made) / "baseline")
    batch = read_batch(bundle, rows(30, 24))
    found, _ = checked(bundle, baseline, replace(batch, learnt=np.ones(30, bool)), WatchState())
    assert (found.outcome, found.usable, found.learnt) == ("look", 0, 30)
    assert found.advice[0].why.startswith("nothing was compared: 30 rows are what the model learnt from")


def test_labels_in_rows_that_were_checked_without(watched):
    bundle, batch = load_bundle(watched), rows(60, 15)
    assert check_batch(bundle, batch.drop("multiclass")).quality[0].measured is None
    found = check_batch(bundle, batch)
    assert (found.number, found.quality[0].labelled) == (1, 60)


def test_rows_without_a_group_are_by_themselves(watched):
    """Half of the rows are of nobody who is known, which does not make them one customer."""
    bundle, batch = load_bundle(watched), rows(100, 25)
    halves = batch.with_columns(customer=pl.when(pl.int_range(100) < 50).then("customer"))
    known = read_batch(bundle, halves, group="customer")
    there = batch["customer"][:50].n_unique()
    assert len(np.unique(known.groups)) == there + 50
    assert known.groups[:50].tolist() == batch["customer"][:50].to_list()
    assert "50 rows have nothing in 'customer', by which rows belong together: each is taken by itself" in known.notes
    # The same row is the same one wherever it stands, and two rows that say the same are two.
    again = read_batch(bundle, halves[[70, 60]], group="customer")
    assert again.groups.tolist() == known.groups[[70, 60]].tolist()
    told = make_baseline(bundle, halves, group="customer", runs=1, draws=19, batch=30).facts
    assert told.groups == there + 50
    assert [one for one in told.notes if one.startswith("50 rows have nothing in 'customer'")]


def test_what_is_odd_about_ids_and_labels_is_said(watched):
    bundle, batch = load_bundle(watched), rows(30, 16)
    twice = batch.with_columns(pl.lit("one").alias("key"))
    assert read_batch(bundle, twice).notes[0].startswith("29 rows have the id of another row")
    assert read_batch(bundle, batch.drop("key")).notes[0].startswith("there is no column 'key'")
    wrong = read_batch(bundle, batch.with_columns(pl.lit("Billing").alias("multiclass")), labels=True)
    assert wrong.notes[0].startswith("30 labels are none that the model knows")
    assert not np.isfinite(wrong.truth).any()


def test_refused(watched, tmp_path):
    bundle = load_bundle(watched)
    with pytest.raises(InputError, match="39 usable rows of 39"):
        make_baseline(bundle, rows(39, 1))
    with pytest.raises(InputError, match="no column 'house'"):
        make_baseline(bundle, rows(50, 1), group="house")
    with pytest.raises(InputError, match="has no baseline"):
        check_batch(bundle, rows(50, 1), folder=tmp_path / "nothing")
    other = tmp_path / "other"
    write_bundle(other, parts_for("classical", "multiclass"))
    with pytest.raises(InputError, match="is of another bundle"):
        check_batch(load_bundle(other), rows(50, 1), folder=watch_folder(watched))
    with pytest.raises(InputError, match=r"a level of 0\.9"):
        make_baseline(bundle, rows(50, 1), level=0.9)
    path = watch_folder(watched) / "baseline" / "rows.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(BundleError, match=r"rows\.safetensors"):
        check_batch(bundle, rows(50, 1))


@pytest.mark.slow
def test_groups_are_moved_whole(watched):
    bundle = load_bundle(watched)
    baseline = make_baseline(bundle, rows(300, 1), group="customer", runs=5, batch=60)
    assert (baseline.facts.group, baseline.facts.groups) == ("customer", 30)
    assert [note[:20] for note in baseline.facts.notes] == ["the reference is 5 b"]
    write_baseline(watch_folder(watched) / "baseline", baseline)
    assert check_batch(bundle, rows(100, 40)).usable == 100
    with pytest.raises(InputError, match="no column 'customer'"):
        check_batch(bundle, rows(100, 41).drop("customer"))


@pytest.mark.slow
def test_a_mix_that_may_change_is_taken_out(watched):
    bundle = load_bundle(watched)
    reference = rows(300, 1).with_columns(
        pl.when(pl.col("multiclass") == "login").then(pl.lit("web")).otherwise(pl.lit("shop")).alias("way")
    )
    batch = rows(100, 50, topics=(1, 6, 1))
    batch = batch.with_columns(
        pl.when(pl.col("multiclass") == "login").then(pl.lit("web")).otherwise(pl.lit("shop")).alias("way")
    )
    told = {}
    for allowed in ((), ("way",)):
        baseline = make_baseline(bundle, reference, allowed=allowed, segments=("way",), runs=3, batch=60)
        write_baseline(watch_folder(watched) / "baseline", baseline)
        told[allowed] = check_batch(bundle, batch)
        assert any("words that emerge" in note for note in baseline.facts.notes) == bool(allowed)
    assert {one.detector for one in told[()].significant if not one.segment} >= {"mean"}
    assert not [one for one in told[("way",)].significant if not one.segment]
    assert {one.segment for one in told[("way",)].shifts} >= {"", "way=web"}


@pytest.mark.parametrize(
    ("kind", "task"),
    [
        ("classical", "binary"),
        ("majority", "multiclass"),
        pytest.param("frozen", "multilabel", marks=pytest.mark.slow),
        pytest.param("classical", "regression", marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_every_kind_of_model(kind, task, tmp_path):
    folder = tmp_path / "bundle"
    write_bundle(folder, parts_for(kind, task))
    bundle = load_bundle(folder)
    given = rows(120, 1)
    label = {
        "binary": (pl.col("multiclass") == "billing").replace_strict({True: "yes", False: "no"}),
        "regression": pl.col("text").str.len_chars() / 7.0,
    }
    if task in label:
        given = given.with_columns(label[task].alias(task))
    write_baseline(watch_folder(folder) / "baseline", make_baseline(bundle, given, runs=3, batch=50))
    later = rows(50, 2)
    if task in label:
        later = later.with_columns(label[task].alias(task))
    found = check_batch(bundle, later)
    assert found.usable == 50
    if task == "regression":
        assert found.quality[0].quality == "absolute error"
        assert found.quality[0].measured is not None
        assert found.quality[0].estimated.low <= found.quality[0].estimated.mean <= found.quality[0].estimated.high


@pytest.mark.slow
def test_in_words(watched, tmp_path):
    rows(300, 1).write_csv(tmp_path / "reference.csv")
    rows(100, 60, topics=(9, 1, 1)).write_csv(tmp_path / "today.csv")
    rows(100, 61).write_csv(tmp_path / "calm.csv")

    def run(*words: object):
        return CliRunner().invoke(app, ["watch", *map(str, words)])

    said = run("baseline", watched, "--rows", tmp_path / "reference.csv", "--runs", 5, "--batch", 100)
    assert said.exit_code == 0, said.output
    assert "rows that crowd together" in said.output
    assert "rows with one new word" in said.output
    said = run("check", watched, "--rows", tmp_path / "today.csv", "--out", tmp_path / "today.json")
    assert said.exit_code in (0, 3), said.output
    assert said.exit_code == (3 if said.output.startswith("act") else 0)
    assert json.loads((tmp_path / "today.json").read_text())["schema"] == "graft/watch-check/1"
    said = run("check", watched, "--rows", tmp_path / "calm.csv", "--out", tmp_path / "calm.prom")
    text = (tmp_path / "calm.prom").read_text()
    assert f'graft_watch_outcome{{bundle="{tmp_path.name}/bundle"}}' in text
    for line in text.splitlines():
        assert line.startswith("#") or line.split(" ")[-1]


def test_gauges_of_two_models_differ_and_odd_names_are_written_once(watched):
    found = check_batch(load_bundle(watched), rows(60, 62))
    text = prometheus(found, name='a "b\\c\nd')
    assert 'graft_watch_outcome{bundle="a \\"b\\\\c\\nd"} ' in text
    assert "\n# TYPE graft_watch_evidence_highest gauge\n" in text
    # Two files that say the same of two models are refused whole.
    assert series_name(Path("/m/one/bundle")) != series_name(Path("/m/two/bundle"))
    assert (series_name(Path("/m/one/bundle/")), series_name(Path("/m/shop"))) == ("one/bundle", "shop")


@pytest.mark.slow
def test_rows_that_belong_together_are_noticed(watched):
    """A customer writes about one thing; nobody said that customers matter."""
    given = rows(300, 70).with_columns(
        (pl.col("multiclass") + "-" + (pl.int_range(pl.len()) % 5).cast(str)).alias("customer")
    )
    told = make_baseline(load_bundle(watched), given, runs=2, batch=60).facts
    assert told.notes[0].startswith("rows of one customer are alike (correlation 0.")
    assert "--group customer" in told.notes[0]
    given = given.drop("customer").sort("multiclass")
    told = make_baseline(load_bundle(watched), given, runs=2, batch=60).facts
    assert told.notes[0].startswith("rows near one another in the file are alike")


def test_a_page_and_a_list_of_a_watch(made, watched, tmp_path, monkeypatch):
    page = tmp_path / "out" / "watch.html"
    told = CliRunner().invoke(app, ["watch", "report", str(watched), "--out", str(page)])
    assert told.exit_code == 0, told.output
    assert "no batch has been checked against it yet" in page.read_text()
    assert "no check yet: graft watch check" in CliRunner().invoke(app, ["watch", "history", str(watched)]).output
    for seed in (2, 3):
        check_batch(load_bundle(watched), rows(100, seed))
    # A page needs the watch alone.
    shutil.rmtree(watched)
    told = CliRunner().invoke(app, ["watch", "report", str(watched), "--out", str(page)])
    assert told.output.startswith("Quiet since check 1 (")
    assert "The last 2 checks in a row say" in page.read_text()
    listed = CliRunner().invoke(app, ["watch", "history", str(watched), "--last", "1"]).output
    assert [line.split()[0] for line in listed.splitlines()] == ["2"]
    monkeypatch.setattr("graft.watch.story.WHOLE", 1)
    first, second = watch_story(watched).checks
    assert (first.shifts, bool(second.shifts), first.evidence > 0) == ((), True, True)
    # Of the folder around it, what is meant is told.
    (watched.parent / "study.json").write_text("{}")
    shutil.copytree(made, watched)
    around = CliRunner().invoke(app, ["watch", "history", str(watched.parent)])
    assert f"the bundle is {watched}" in str(around.exception)
    nowhere = CliRunner().invoke(app, ["watch", "report", str(tmp_path / "nowhere"), "--out", str(page)])
    assert isinstance(nowhere.exception, InputError)
    assert "has no baseline" in str(nowhere.exception)


@pytest.mark.slow
def test_a_new_baseline_is_looked_back_to_however_many_checks_there_were(watched):
    bundle, history = load_bundle(watched), History.of(watch_folder(watched))
    check_batch(bundle, rows(60, 80))
    # As after 500 checks against an earlier baseline: beyond the last of all looks.
    told = json.loads((history.folder / "state.json").read_text())
    (history.folder / "state.json").write_text(json.dumps({**told, "number": 500}))
    assert check_batch(bundle, rows(60, 81)).looked
    assert not check_batch(bundle, rows(60, 82), dealt_with="learnt anew").looked
    assert check_batch(bundle, rows(60, 83)).looked


@pytest.mark.slow
def test_a_check_that_was_killed_before_it_was_in_the_table_is_bet_on_once(watched, monkeypatch):
    bundle, place = load_bundle(watched), watch_folder(watched)
    check_batch(bundle, rows(60, 90))

    def killed(self, row):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(History, "_append", killed)
        with pytest.raises(KeyboardInterrupt):
            check_batch(bundle, rows(60, 91))
    again = check_batch(bundle, rows(60, 91))
    assert again.number == 2
    assert [one.number for one in History.of(place).checks()] == [1, 2]
    assert History.of(place).state().wealth.days == 2
    assert check_batch(bundle, rows(60, 92)).number == 3


@pytest.mark.slow
def test_a_check_that_was_killed_between_its_two_files_bets_on_labels_once(watched, monkeypatch):
    bundle, place = load_bundle(watched), watch_folder(watched)
    check_batch(bundle, rows(60, 90))
    before = History.of(place).state().bets

    def killed(path, told):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("graft.watch.history.write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            check_batch(bundle, rows(60, 91))
    left = History.of(place).state().bets
    assert before.keys() == left.keys() != set()
    assert all(np.array_equal(before[name].logs, left[name].logs) for name in before)
    check_batch(bundle, rows(60, 91))
    after = History.of(place).state().bets
    assert all(not np.array_equal(before[name].logs, after[name].logs) for name in before)
    assert {one.batches for one in after.values()} == {1 + one.batches for one in before.values()}


@pytest.mark.parametrize("damage", ["{", "[]", "{}", '{"number": "1", "baseline": ""}'])
def test_a_state_that_cannot_be_read_is_told(watched, damage):
    bundle = load_bundle(watched)
    (watch_folder(watched) / "state.json").write_text(damage)
    with pytest.raises(BundleError, match=r"state\.json cannot be read"):
        check_batch(bundle, rows(40, 95))
    (watch_folder(watched) / "state.json").unlink()
    assert check_batch(bundle, rows(40, 95)).number == 1


def test_a_baseline_without_vectors_is_compared_by_what_is_left(watched):
    """As of rows that the network was tuned on: they lie as no new row does."""
    bundle, whole = load_bundle(watched), read_baseline(watch_folder(watched) / "baseline")
    bare = replace(whole, rows=replace(whole.rows, vectors=np.zeros((len(whole.rows), 0), np.float32)))
    left = tuple(one for one in whole.facts.detectors if one.of != "embeddings")
    bare = replace(bare, facts=whole.facts.model_copy(update={"detectors": left}))
    batch = as_compared(bare, read_batch(bundle, rows(100, 96, topics=(9, 1, 1)), labels=True))
    found, state = checked(bundle, bare, batch, WatchState())
    assert found.significant
    assert "embeddings" not in {one.of for one in found.shifts}
    assert found.moved == ()
    assert checked(bundle, bare, batch.take(np.arange(50)), state.with_rows(batch))[0].looked


@pytest.fixture
def few(monkeypatch):
    """Two hundred rows are many here."""
    monkeypatch.setattr(of_checks, "MOST", 200)


@pytest.mark.slow
def test_of_many_rows_a_sample_is_compared_and_all_are_counted(watched, few, tmp_path):
    bundle = load_bundle(watched)
    learnt = rows(40, 30)
    digests = [TEXT.digest(one).hex() for one in learnt["text"].to_list()]
    (watched.parent / "learnt.json").write_text(json.dumps(digests))
    given = pl.concat([rows(300, 70, topics=(4, 1, 1)), learnt, rows(260, 71, topics=(4, 1, 1))])
    bad = pl.int_range(pl.len()) % 20 == 3
    given = given.with_columns(
        text=pl.when(bad).then(None).otherwise("text"),
        multiclass=pl.when(pl.int_range(pl.len()) % 2 == 0).then("multiclass"),
    )
    whole = read_batch(bundle, given, labels=True)
    new = whole.take(~whole.learnt)
    found = check_batch(bundle, given)
    sample = found.sample
    assert (found.rows, found.problems, found.learnt) == (600, {"missing-text": 30}, int(whole.learnt.sum()))
    assert (found.usable, sample.rows, sample.of) == (200, 200, len(new))
    assert {one.rows[1] for one in found.shifts if one.of == "embeddings"} == {200}
    # What is counted is of all rows, to the last one.
    decided = {one.value: one.rows for one in sample.counts if one.of == "decided"}
    assert decided == dict(zip(*map(np.ndarray.tolist, np.unique(new.decided, return_counts=True)), strict=True))
    assert sample.length == (float(new.length.mean()), float(new.length.min()), float(new.length.max()))
    assert sample.labelled == int(np.isfinite(new.truth).sum())
    assert sample.looked_at == 200
    assert {one.labelled for one in found.quality} == {200}
    assert "a sample of 200 of" in "\n".join(found.lines())
    # A crowd is seen in a sample too; the same rows in a file are the same batch, and so they are after a kill.
    assert found.outcome in ("look", "act")
    given.write_parquet(tmp_path / "today.parquet")
    assert check_batch(bundle, tmp_path / "today.parquet") == found
    assert check_batch(bundle, (given.slice(start, 90) for start in range(0, 600, 90))) == found
    assert check_batch(bundle, given.reverse()).number == 2


def test_of_a_large_reference_a_sample_is_kept(watched, monkeypatch):
    monkeypatch.setattr(of_baselines, "MOST_OF_A_REFERENCE", 120)
    given = rows(300, 75).with_columns(text=pl.when(pl.int_range(pl.len()) < 290).then("text"))
    made = make_baseline(load_bundle(watched), (given.slice(start, 100) for start in (0, 100, 200)), runs=1, draws=19)
    assert (made.facts.rows, made.facts.unusable, len(made.rows), made.rows.whole) == (120, 10, 120, None)
    assert made.facts.notes[0] == "of 290 rows a sample of 120 is the reference, drawn by chance"


def test_of_many_rows_whole_groups_are_kept(watched):
    bundle = load_bundle(watched)
    given = rows(600, 72)
    batch = read_batch(bundle, given, group="customer", most=200)
    sizes = dict(given["customer"].value_counts().iter_rows())
    names, counts = np.unique(batch.groups, return_counts=True)
    assert 150 < len(batch) <= 200
    assert [min(sizes[name], 20) for name in names.tolist()] == counts.tolist()
    assert batch.whole.cut == sum(sizes[name] > 20 for name in names.tolist())
    assert batch.rows_given.tolist() == sorted(batch.rows_given.tolist())
    assert batch.whole.key == read_batch(bundle, given, most=300).key


def test_a_reading_that_is_killed_halfway_leaves_nothing_behind(watched, few):
    bundle = load_bundle(watched)
    given = rows(500, 73)

    def broken():
        yield given.head(300)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_batch(bundle, broken())
    assert History.of(watch_folder(watched)).checks() == ()
    assert check_batch(bundle, given).number == 1


def test_rows_have_the_same_names_and_places_whatever_the_pieces(watched):
    bundle = load_bundle(watched)
    given = rows(90, 74).drop("key")
    whole = read_batch(bundle, given)
    in_pieces = read_batch(bundle, pieces(given, rows=7))
    assert in_pieces.ids.tolist() == whole.ids.tolist() == [str(row) for row in range(90)]
    assert in_pieces.rows_given.tolist() == whole.rows_given.tolist()
    assert in_pieces.key == whole.key
    assert np.array_equal(in_pieces.scores, whole.scores)
    assert np.array_equal(in_pieces.sketch, whole.sketch)
    assert in_pieces.terms.tolist() == whole.terms.tolist()
