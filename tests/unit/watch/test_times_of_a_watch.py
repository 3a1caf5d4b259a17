"""Labels that come late, and vectors that grow old: which rows count, what is set aside, and what it says."""

import shutil
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from scipy import stats
from typer.testing import CliRunner

from graft.bundle.loading import load_bundle
from graft.bundle.parts import write_bundle
from graft.bundle.watch_erasure import erase_watched, word_marks
from graft.cli.app import app
from graft.core.errors import InputError
from graft.decisions.calibration import fit_method
from graft.evidence.label_arrival import LabelBets, bet_on_labels
from graft.evidence.predictions import Scored
from graft.evidence.unlabelled import Answers, recalibrate
from graft.representations.cache import ActivationCache
from graft.representations.spaces import given_space
from graft.rows.table import read_frame
from graft.tables.columns import vector_column
from graft.tables.table import EmbeddingTable
from graft.watch.ages import quality_ages
from graft.watch.baseline import make_baseline, watch_folder, write_baseline
from graft.watch.check import check_batch
from graft.watch.gauges import prometheus
from graft.watch.history import History
from graft.watch.row_times import RowTimes, whole_days
from graft.watch.seen_rows import SeenRows, ToldLabels, arrived
from graft.watch.story import watch_story
from unit.bundle.building import parts_for
from unit.watch.test_watch import rows

START = datetime(2026, 1, 5)
DAY = 20_458.0  # 2026-01-05, in days since 1970


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("timed") / "bundle"
    write_bundle(folder, parts_for("frozen", "multiclass"))
    baseline = make_baseline(load_bundle(folder), rows(200, 1), runs=1, draws=99, batch=50)
    write_baseline(watch_folder(folder) / "baseline", baseline)
    return folder


@pytest.fixture
def watched(made, tmp_path):
    """A copy that a test may change."""
    shutil.copytree(made, tmp_path / "bundle")
    shutil.copytree(watch_folder(made), watch_folder(tmp_path / "bundle"))
    return tmp_path / "bundle"


def seen(count: int, *, event: np.ndarray | None = None, first: int = 0) -> SeenRows:
    """Rows of one output, one a day from the first on unless it says otherwise."""
    ids = np.arange(first, first + count, dtype=np.uint64)
    return replace(
        SeenRows.none(1), ids=ids, marks=np.stack([ids, 0 * ids], axis=1), groups=ids,
        event=DAY + np.arange(count, dtype=float) if event is None else event,
        scores=np.zeros((count, 1), np.float32), chosen=np.zeros(count, np.int32), kind=np.zeros(count, np.int32),
        **{name: np.full(count, np.nan) for name in ("embedded", "shift", "label", "first", "said")},
    )  # fmt: skip


def told(labels: list[tuple[int, float, float]]) -> ToldLabels:
    ids, said, when = zip(*labels, strict=True) if labels else ((), (), ())
    return ToldLabels(np.array(ids, np.uint64), np.array(said, float), np.array(when, float))


def asked(day: float, **given) -> RowTimes:
    return RowTimes(now=(datetime(1970, 1, 1) + timedelta(days=day)).isoformat(), **given)


NOBODY = np.zeros(0, np.uint64)


def keys(*ids: int) -> np.ndarray:
    """Of the rows with these ids."""
    return seen(max(ids) + 1).keys[list(ids)]


def test_only_labels_count_that_had_time_to_come():
    """By hand: rows of ten days, labels after two days each, on the tenth day."""
    labels = told([(row, 1.0, DAY + row + 2) for row in range(10)])
    found = arrived(seen(10), keys(5, 6, 7, 8, 9), labels, asked(DAY + 9), NOBODY)
    assert found.fact.delay == pytest.approx(2.0)
    assert found.counted.tolist() == [True] * 8 + [False] * 2
    assert (found.fact.counted, found.fact.left, found.fact.early, found.fact.future) == (3, 2, 0, 2)
    assert (found.fact.late, found.fact.waiting, found.fact.gaps) == (5, 0, 0)
    assert found.fact.ripe_from == "2026-01-15T00:00:00+00:00"
    assert found.fact.ripe_until == "2026-01-16T00:00:00+00:00"
    assert "2 are left for later, ripe from 2026-01-15 00:00 to 2026-01-16 00:00" in found.fact.words
    assert found.late(keys(0, 1)).ids.tolist() == [2, 3, 4]
    # Said to take five days, quick labels wait for slow ones.
    slower = arrived(seen(10), NOBODY, labels, asked(DAY + 9, delay=5.0), NOBODY)
    assert slower.counted.sum() == 5
    assert "taken to come within 5 days" in slower.fact.words


def test_labels_that_are_odd_are_set_aside_and_told():
    labels = told([
        (0, 1.0, DAY + 1), (0, 1.0, DAY + 2),  # again
        (1, 1.0, DAY + 2), (1, 0.0, DAY + 3),  # another one later
        (2, 1.0, DAY + 4), (2, 0.0, DAY + 4),  # two at once
        (3, 1.0, DAY + 3 - 1 / 24),  # a clock that was set back
        (4, 1.0, DAY + 2),  # before its event
        (77, 1.0, DAY + 2),  # of nobody
    ])  # fmt: skip
    rows_, fact = (found := arrived(seen(5), NOBODY, labels, asked(DAY + 30, delay=3), NOBODY)).seen, found.fact
    assert np.isnan(rows_.label).tolist() == [False, False, True, False, True]
    assert rows_.label[[0, 1, 3]].tolist() == [1.0, 0.0, 1.0]
    assert rows_.first[3] == DAY + 3
    assert (fact.repeated, fact.corrected, fact.contradicting, fact.before_event, fact.unknown) == (1, 1, 1, 1, 1)
    assert len(fact.aside) == 5
    # What was told before stays, and what was contradicted can be settled later.
    again = arrived(rows_, NOBODY, told([(2, 0.0, DAY + 9)]), asked(DAY + 30, delay=3), NOBODY)
    assert again.seen.label[[0, 1, 2, 3]].tolist() == [1.0, 0.0, 0.0, 1.0]


def test_rows_without_a_time_never_ripen_and_none_is_none():
    event = np.array([DAY, np.nan])
    found = arrived(seen(2, event=event), keys(0, 1), told([(0, 1, DAY + 1), (1, 1, DAY + 1)]),
                    asked(DAY + 9), NOBODY)  # fmt: skip
    assert found.counted.tolist() == [True, False]
    assert found.fact.undated_rows == 1
    nothing = arrived(seen(3), keys(0, 1, 2), told([]), asked(DAY + 9), NOBODY)
    assert (nothing.fact.delay, nothing.fact.left, nothing.fact.ripe_from) == (None, 3, "")
    assert "not known yet" in nothing.fact.words
    empty = arrived(SeenRows.none(), NOBODY, told([(1, 1.0, DAY)]), asked(DAY), NOBODY)
    assert (empty.fact.counted, empty.fact.unknown) == (0, 1)


def test_rows_that_come_again_keep_their_labels_and_an_id_may_mean_another_row():
    first = arrived(seen(4), NOBODY, told([(1, 1.0, DAY + 2)]), asked(DAY + 9), NOBODY).seen
    both = first.with_rows(seen(2, first=1))
    assert both.ids.tolist() == [0, 3, 1, 2]
    assert both.label[2] == 1.0
    other = replace(seen(1, first=1), marks=np.array([[1, 99]], np.uint64))
    assert np.isnan(first.with_rows(other).label[-1])
    many = seen(60_000).some()
    assert len(many) == 50_000
    assert len(np.unique(many.ids)) == 50_000


def slow_and_quick(rng: np.random.Generator, days: int, slow: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Thirty rows a day; one in five is wrong, and these are told within two days, the others after ``slow`` days."""
    event = DAY + np.repeat(np.arange(days), 30) + rng.random(30 * days)
    wrong = rng.random(30 * days) < 0.2
    return event, wrong.astype(float), np.where(wrong, event + 2 * rng.random(30 * days), event + slow)


def test_quick_labels_are_not_taken_for_all():
    """One in five rows is wrong and found out soon; right ones are told after two weeks. No look says otherwise."""
    event, wrong, when = slow_and_quick(np.random.default_rng(0), 50, 14.0)
    ids, naive, judged = np.arange(len(event)), [], []
    for day in range(4, 50, 3):
        here = event <= DAY + day
        known = told(list(zip(ids[here], wrong[here], when[here], strict=True)))
        found = arrived(seen(int(here.sum()), event=event[here]), NOBODY, known, asked(DAY + day), NOBODY)
        naive.append(wrong[here][when[here] <= DAY + day].mean())
        if found.counted.any():
            judged.append((found.seen.label[found.counted].mean(), found.counted.sum()))
    # Labels that are there: only wrong rows for two weeks, too many for long.
    assert naive[:4] == [1.0] * 4
    assert naive[-1] > 0.25
    assert len(judged) == 12
    assert all(abs(share - 0.2) < 4 * 0.4 / np.sqrt(count) for share, count in judged)


def contradicted(rng: np.random.Generator, *, ripe: bool) -> bool:
    """Sixty days of twenty rows, looked at every third day; wrong rows are told within a day or so, others later."""

    def scores(many: int) -> np.ndarray:
        chance = np.clip(rng.beta(4, 1.2, many), 0.5, 0.99)
        return np.stack([chance, 1 - chance], axis=1)

    known = scores(600)
    reference = Scored("binary", (rng.random(600) >= known[:, 0]).astype(int), known)
    found = recalibrate(
        reference,
        lambda told_, targets, weights: fit_method("temperature", told_, targets, task="binary", weights=weights).apply,
        rng=rng, draws=20,
    )  # fmt: skip
    given, event = scores(1200), DAY + np.repeat(np.arange(60), 20) + rng.random(1200)
    wrong = (rng.random(1200) >= given[:, 0]).astype(int)
    when = event + rng.exponential(np.where(wrong, 1.0, 10.0))
    judged, bets = np.zeros(1200, bool), LabelBets.none(found)
    for day in range(3, 60, 3):
        here = int((event <= DAY + day).sum())
        new = (when <= DAY + day) & ~judged
        if ripe:
            labels = ToldLabels(np.arange(here, dtype=np.uint64), wrong[:here] * 1.0, when[:here])
            new[:here] = arrived(seen(here, event=event[:here]), NOBODY, labels, asked(DAY + day), NOBODY).counted
            new[here:], new[judged] = False, False
        if new.any():
            judged |= new
            answers = Answers("binary", given[new])
            bets = bet_on_labels(bets, answers, wrong[new], calibration=found, of="accuracy", scale=0.4)
            if bets.contradicted():
                return True
    return False


@pytest.mark.slow
def test_quick_labels_rarely_contradict_what_holds() -> None:
    """Wanted: at most .05 of streams in which nothing changed, though wrong rows are told first."""
    rng = np.random.default_rng(5)
    share = np.mean([contradicted(rng, ripe=True) for _ in range(60)])
    print(f"contradicted in {share:.2f} of streams")
    assert share <= stats.binom.ppf(0.999, 60, 0.05) / 60
    assert np.mean([contradicted(rng, ripe=False) for _ in range(20)]) > 0.4  # labels as they come


def of_days(count: int, seed: int, day: int, *, old: float = 90.0) -> pl.DataFrame:
    """Rows of one day, with vectors of up to ``old`` days."""
    rng = np.random.default_rng(seed)
    event = [START + timedelta(days=day, minutes=int(minute)) for minute in rng.integers(1440, size=count)]
    back = [one - timedelta(days=float(age)) for one, age in zip(event, rng.uniform(0, old, count), strict=True)]
    return rows(count, seed).with_columns(pl.Series("opened", event), pl.Series("made", back))


@pytest.mark.slow
def test_late_labels_are_taken_up_by_a_later_check(watched, tmp_path):
    bundle = load_bundle(watched)
    first, second = of_days(60, 2, 0), of_days(50, 3, 3)
    labels = first.select("key", "multiclass", settled=pl.col("opened") + pl.duration(days=2))

    def day(number: float, **more) -> RowTimes:
        return RowTimes(event="opened", label="settled", now=START + timedelta(days=number), **more)

    early = check_batch(bundle, first.drop("multiclass"), labels=labels, times=day(1.0))
    assert early.arrivals is not None
    assert (early.arrivals.counted, early.arrivals.left, early.quality[0].measured) == (0, 60, None)
    found = check_batch(bundle, second.drop("multiclass"), labels=labels, times=day(5))
    accuracy = found.quality[0]
    assert (accuracy.labelled, accuracy.late, found.arrivals.late, found.arrivals.left) == (60, 60, 60, 50)
    assert accuracy.measured.low <= accuracy.measured.mean <= accuracy.measured.high
    assert "measured on 60 labels (60 of rows of earlier checks)" in "\n".join(found.lines())
    # Each is bet on once, and the same check again is the same check.
    assert len(History.of(watch_folder(watched)).state().judged) == 60
    same = check_batch(bundle, second.drop("multiclass"), labels=labels, times=day(5.001))
    assert (same.arrivals.late, len(History.of(watch_folder(watched)).state().judged)) == (0, 60)
    # Their own labels come later still, in the rows this time.
    own = second.with_columns(settled=pl.col("opened") + pl.duration(days=2))
    last = check_batch(bundle, own, times=day(9))
    assert (last.arrivals.counted, last.quality[0].labelled, last.number) == (50, 50, 2)
    assert len(History.of(watch_folder(watched)).state().judged) == 110
    told_ = prometheus(last, name="b")
    assert 'graft_watch_labels_counted{bundle="b"} 50' in told_
    # Dealt with: nothing of before is bet on again, and how long labels take is still known.
    state = History.of(watch_folder(watched)).state().again()
    assert (len(state.judged), np.isfinite(state.seen.first).sum()) == (110, 110)
    # Who is erased leaves these rows too.
    mark = word_marks(["2-7"])[0]
    assert mark in state.seen.ids
    erase_watched(watch_folder(watched), "2-7", by="me", cache=ActivationCache(tmp_path / "cache"))
    left = History.of(watch_folder(watched)).state()
    assert (len(left.seen), mark in left.seen.ids, len(left.judged)) == (109, False, 109)


def test_stale_vectors_are_told_from_the_command_line_and_on_the_page(watched, tmp_path):
    batch = of_days(400, 4, 0)
    age = ((batch["opened"] - batch["made"]).dt.total_hours() / 24).to_numpy()
    names = sorted(batch["multiclass"].unique().to_list())
    decided = load_bundle(watched).predict(batch).frame["prediction"].to_list()
    wrong = np.random.default_rng(0).random(400) < age / 90
    label = [names[(names.index(one or names[0]) + bad) % 3] for one, bad in zip(decided, wrong.tolist(), strict=True)]
    batch.with_columns(pl.Series("multiclass", label)).write_csv(tmp_path / "today.csv")
    said = CliRunner().invoke(
        app, ["watch", "check", str(watched), "--rows", str(tmp_path / "today.csv"), "--times",
              "event=opened,embedded=made", "--out", str(tmp_path / "today.json")],
    )  # fmt: skip
    text = " ".join(said.output.split())
    assert "accuracy by age of vectors: -0." in text
    assert "vectors are stale, whether or not rows moved" in text
    assert "refresh the table: accuracy by age of vectors" in text
    story = watch_story(watched)
    fact = story.checks[0].ages[0]
    assert (fact.measured, fact.stale, fact.rows, fact.reading) == (True, True, 400, "age")
    assert fact.by_age.high < 0 < fact.cost.low
    from graft.report.watch import render_watch_page

    page = render_watch_page(story)
    assert "Quality by the age of vectors" in page
    assert "embed the table anew" in page
    assert 'graft_watch_stale{bundle="b",quality="accuracy"} 1' in prometheus(story.checks[0], name="b")


def aged(count: int, rng: np.random.Generator, *, stale: float) -> SeenRows:
    one = seen(count, event=DAY + rng.uniform(0, 60, count))
    age = rng.uniform(0, 90, count)
    right = rng.random(count) < 0.9 - stale * age
    return replace(one, embedded=one.event - age, label=right.astype(float))


def read(one: SeenRows, counted: np.ndarray | None = None, *, beyond: bool = False):
    every = np.ones(len(one), bool)
    return quality_ages(one, every if counted is None else counted, every, quality="accuracy", higher=True,
                        beyond=beyond, value=lambda rows: rows.label, expected=lambda rows: 1 - rows.scores[:, 0],
                        )  # fmt: skip


def test_ages_in_records_and_words():
    rng = np.random.default_rng(1)
    found = read(aged(1500, rng, stale=0.004))
    assert found.by_age.low < 30 * -0.004 < found.by_age.high
    assert found.cost.mean == pytest.approx(-found.by_age.mean / 30 * 45, rel=0.05)
    assert found.stale
    assert "nothing beyond chance" in read(aged(300, rng, stale=0.0)).words
    # Rows that are new are worse, whatever their age: said only where rows moved beyond chance.
    new = aged(600, rng, stale=0.0)
    new = replace(new, shift=rng.random(600))
    new = replace(new, label=(rng.random(600) < 0.95 - 0.5 * new.shift) * 1.0)
    assert (read(new).reading, read(new, beyond=True).reading) == ("neither", "shift")
    assert read(new, beyond=True).words.endswith("rows that are new to the baseline are worse: rows moved")
    some = aged(500, rng, stale=0.0)
    some.embedded[:3], some.embedded[3:10] = some.event[:3] + 1, np.nan
    part = read(some)
    assert (part.left, part.early, part.rows) == (7, 3, 490)
    # Without labels what is expected of the rows.
    assert not read(some, np.zeros(500, bool)).measured
    # Nothing was ever embedded anew.
    once = aged(800, rng, stale=0.0)
    once = replace(
        once, embedded=np.full(800, DAY - 1), label=(rng.random(800) < 0.95 - (once.event - DAY) / 100) * 1.0
    )
    assert read(once).reading == "either"
    assert "cannot be told apart; embed a random part of the table anew" in read(once).words
    same = read(replace(some, embedded=some.event - 5))
    assert (same.reading, same.by_age) == ("too few", None)
    assert "nan" not in same.model_dump_json().lower()
    assert read(replace(some, embedded=np.full(500, np.nan))) is None
    assert read(aged(1, rng, stale=0.0)).reading == "too few"


def test_times_of_zones_and_of_a_table(tmp_path):
    summer = RowTimes(zone="Europe/Berlin")
    cells = pl.Series(
        "at", ["2026-03-29T01:30", "2026-03-29T02:30", "2026-10-25T02:30", "2026-10-25T02:30Z", None, "?"]
    )
    hours = summer.moments(cells) * 24 - RowTimes().moments(pl.Series("at", ["2026-03-29"]))[0] * 24
    # In March the clock left out 2:30, in October it showed 2:30 twice.
    assert hours[:2].tolist() == pytest.approx([0.5, 1.5])
    assert (hours[3] - hours[2]) == pytest.approx(2.0)
    assert np.isnan(hours[4:]).all()
    with pytest.raises(InputError, match="a time zone 'Berlin'"):
        RowTimes(zone="Berlin")
    with pytest.raises(InputError, match="now is 'soon'"):
        RowTimes(now="soon").today  # noqa: B018
    with pytest.raises(InputError, match="a delay of -1"):
        RowTimes(delay=-1)
    table = EmbeddingTable.create(tmp_path / "items", given_space("ours", 2))
    table.upsert(pa.table({"id": ["a", "b"], "vector": vector_column(np.eye(2, dtype=np.float32))}))
    given = read_frame({"key": ["1", "2", "3"], "item": ["b", "c", "a"]})
    made_ = (asks := RowTimes(table=tmp_path / "items", entity="item")).made(given, "key", asks.written())
    now = RowTimes().today
    assert np.isfinite(made_).tolist() == [True, False, True]
    assert (np.abs(made_[[0, 2]] - now) < 1 / 24).all()
    with pytest.raises(InputError, match="no row names a row of the embedding table by 'key'"):
        RowTimes(table=table).made(given, "key", RowTimes(table=table).written())


@pytest.mark.parametrize(
    "days",
    [
        pl.Series(["2024-07-01", "2024-12-24"]), pl.Series([" 2024-07-01 ", "2024-12-24"]),
        pl.Series(["2024-07-01", "2024-12-24"]).str.to_date(), pl.Series(["2024-07-01 00:00", "2024-12-24T00:00:00"]),
        pl.Series(["20240701", "20241224"]), pl.Series([20240701, 20241224]),
    ],
)  # fmt: skip
def test_a_day_is_of_the_zone_however_it_is_written(days):
    told_ = RowTimes(zone="Europe/Berlin").moments(days)
    assert told_.tolist() == pytest.approx([19_905 - 2 / 24, 20_081 - 1 / 24])
    assert whole_days(days)


def test_a_label_of_which_only_the_day_is_known_is_not_from_before_its_event(watched):
    """Decided at noon and told on that day; and one that was told the day before."""
    noon, days = DAY + 0.5, [(0, 1.0, DAY), (1, 1.0, DAY - 1)]
    known = replace(told(days), lasts=1.0)
    found = arrived(seen(2, event=np.full(2, noon)), NOBODY, known, asked(DAY + 5, delay=1), NOBODY)
    assert (found.fact.before_event, found.counted.tolist()) == (1, [True, False])
    assert found.seen.first[0] == noon
    # With times of day nothing is forgiven but a clock that was set back.
    assert arrived(seen(2, event=np.full(2, noon)), NOBODY, told(days), asked(DAY + 5), NOBODY).fact.before_event == 2
    batch = rows(40, 9).with_columns(opened=pl.lit(START + timedelta(hours=12)), settled=pl.lit("2026-01-05"))
    labels = batch.select("key", "multiclass", "settled")
    times = RowTimes(event="opened", label="settled", now="2026-02-01")
    apart = check_batch(load_bundle(watched), batch.drop("multiclass", "settled"), labels=labels, times=times)
    assert (apart.arrivals.counted, apart.arrivals.before_event) == (40, 0)
    within = check_batch(load_bundle(watched), batch[:39], times=times)
    assert (within.arrivals.counted, within.arrivals.before_event) == (39, 0)


def test_times_that_cannot_be_read_are_refused(watched, tmp_path):
    bundle, batch = load_bundle(watched), of_days(30, 5, 0)
    with pytest.raises(InputError, match="times of labels, and rows without the time of their event"):
        check_batch(bundle, batch, times=RowTimes(label="opened"))
    with pytest.raises(InputError, match="the rows have no column 'when'"):
        check_batch(bundle, batch, times=RowTimes(event="when"))
    with pytest.raises(InputError, match="column 'text' of the rows holds no time"):
        check_batch(bundle, batch, times=RowTimes(event="text"))
    with pytest.raises(InputError, match=r"such as 45292: seconds of .* or days as a spreadsheet"):
        check_batch(bundle, batch.with_columns(opened=45_292 + pl.int_range(pl.len())), times=RowTimes(event="opened"))
    with pytest.raises(InputError, match="the labels have no column 'settled'"):
        check_batch(bundle, batch, labels=batch, times=RowTimes(event="opened", label="settled"))
    batch.write_csv(tmp_path / "today.csv")
    said = CliRunner().invoke(
        app, ["watch", "check", str(watched), "--rows", str(tmp_path / "today.csv"), "--times", "seen=opened"]
    )
    assert "--times names 'seen'" in " ".join(str(said.exception).split())
