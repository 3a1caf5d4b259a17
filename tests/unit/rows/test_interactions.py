"""Events of users and items become pairs, whatever table they are in; what cannot be meant is told."""

import gzip
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from graft.core import foreign
from graft.core.errors import InputError
from graft.rows import parts
from graft.rows.events import InteractionColumns, read_interactions

DAY = 86_400
FILMS = Path(__file__).resolve().parents[4] / "shared" / "data" / "movielens_small"
EVENTS = {
    "user_id": ["u2", "u1", "u2", "u1"],
    "item_id": ["b", "a", "b", "b"],
    "weight": [1.0, 2.0, 3.0, 0.5],
    "datetime": ["2024-05-01", "2024-05-02 12:00", "2024-05-03T00:00:00Z", "2024-05-01"],
}


def told(interactions) -> dict[str, int]:
    return {one.code: one.events for one in interactions.aside}


def pairs(interactions) -> list[tuple]:
    users, items = interactions.users, interactions.items
    rows = zip(
        *(getattr(interactions, name).tolist() for name in ("user", "item", "weight", "disliked", "day")), strict=True
    )
    return [(users[u], items[i], *rest) for u, i, *rest in rows]


def test_pairs_are_sums_of_events():
    found = read_interactions(EVENTS)
    start = datetime(2024, 5, 1, tzinfo=UTC).timestamp() / DAY
    assert pairs(found) == [
        ("u1", "a", 2.0, False, start + 1.5),
        ("u1", "b", 0.5, False, start),
        ("u2", "b", 4.0, False, start + 2),
    ]
    assert found.matrix().toarray().tolist() == [[2, 0.5], [0, 4]]
    assert (found.events, found.aside, found.timed) == (4, (), True)
    assert found.user.dtype == found.item.dtype == np.int32


def files(folder):
    frame = pl.DataFrame(EVENTS)
    frame.write_csv(folder / "e.csv")
    frame.write_parquet(folder / "e.parquet")
    frame.write_ndjson(folder / "e.jsonl")
    frame.write_csv(folder / "e.tsv", separator="\t")
    (folder / "many").mkdir()
    frame[:1].write_parquet(folder / "many" / "part-2.parquet")
    frame[1:].write_parquet(folder / "many" / "part-1.parquet")
    (folder / "many" / "_SUCCESS").touch()
    (folder / "mixed").mkdir()
    frame[:3].write_csv(folder / "mixed" / "a.csv")
    frame[3:].write_parquet(folder / "mixed" / "b.parquet")
    return [folder / name for name in ("e.csv", "e.parquet", "e.jsonl", "e.tsv", "many", "mixed")]


def test_every_table_says_the_same(tmp_path):
    frame = pl.DataFrame(EVENTS)
    wanted = pairs(read_interactions(EVENTS))
    listed = files(tmp_path)
    given = [frame, frame.lazy(), frame.to_pandas(), frame.to_arrow(), frame.to_dicts(), *listed, str(listed[0])]
    for rows in (*given, [frame[:2], frame[2:]]):
        assert pairs(read_interactions(rows)) == wanted


def written(frame: pl.DataFrame, path: Path) -> Path:
    """In the form its name says."""
    if ".jsonl" in path.name:
        text = frame.write_ndjson()
    else:
        text = frame.write_csv(separator="\t" if ".tsv" in path.name else ",")
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.fixture
def in_pieces(monkeypatch):
    """Files count as large, and pieces are small."""
    monkeypatch.setattr(parts, "LARGE", 0)
    monkeypatch.setattr(parts, "_BLOCK", 4096)
    monkeypatch.setattr(parts, "_START", 4096)


@pytest.mark.parametrize("ending", ["csv", "tsv", "csv.gz", "jsonl", "jsonl.gz"])
@pytest.mark.slow
def test_a_large_text_file_is_read_as_a_small_one(tmp_path, request, ending):
    rng, rows = np.random.default_rng(0), 5000
    frame = pl.DataFrame(
        {
            "userId": [f"u {n} é" for n in rng.integers(40, size=rows)],
            "movieId": rng.integers(30, size=rows),
            "note": ["a, b" if n else 'say "x"' for n in rng.integers(2, size=rows)],
            "timestamp": rng.integers(1_500_000_000, 1_600_000_000, size=rows),
            "quantity": np.round(rng.random(rows), 3),
        }
    )
    path = written(frame, tmp_path / f"e.{ending}")
    wanted = pairs(read_interactions(path))
    request.getfixturevalue("in_pieces")
    assert pairs(read_interactions(path)) == wanted
    assert len(wanted) > 1000


def test_large_json_lines_that_cannot_be_read_say_where(tmp_path, in_pieces):
    line = '{"user": "u", "item": "i"}\n'
    path = tmp_path / "e.jsonl"
    path.write_text(line * 1000 + "not so\n" + line)
    with pytest.raises(InputError, match=r"e\.jsonl: line 1001 is not one JSON object"):
        read_interactions(path)
    path.write_text(line * 1000 + '{"user": "u", "item": "i", "time": 3}\n')
    with pytest.raises(InputError, match=r"the key 'time', which the first lines lack"):
        read_interactions(path)
    path.write_text('{"user": "u", "item": "i", "weight": 2}\n' * 200 + line)
    with pytest.raises(InputError, match=r"row 200 of the interactions weighs None"):
        read_interactions(path)
    path.write_bytes(line.encode() * 1000 + b'{"user": "\xff", "item": "i"}\n')
    with pytest.raises(InputError, match=r"e\.jsonl cannot be read as JSON lines"):
        read_interactions(path)
    path.write_text("")
    with pytest.raises(InputError, match="names the user"):
        read_interactions(path)


@pytest.mark.parametrize("ending", ["csv.gz", "jsonl.gz"])
def test_a_packed_file_that_breaks_off_or_unpacks_without_end_is_refused(tmp_path, in_pieces, monkeypatch, ending):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"user": rng.integers(10**9, size=20_000), "item": rng.integers(10**9, size=20_000)})
    path = written(frame, tmp_path / f"e.{ending}")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="is not a whole gzip file"):
        read_interactions(path)
    monkeypatch.setattr(foreign, "_FREE", 1 << 10)
    monkeypatch.setattr(foreign, "_RATIO", 1)
    path.write_bytes(whole)
    with pytest.raises(InputError, match="unpacks to more than"):
        read_interactions(path)


def test_a_large_text_file_that_breaks_off_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "LARGE", 0)
    monkeypatch.setattr(parts, "_START", 64)
    path = tmp_path / "e.csv"
    path.write_text("user,item\n" + "u,i\n" * 100 + "u\n")
    with pytest.raises(InputError, match=r"Expected 2 columns, got 1"):
        read_interactions(path)
    path.write_bytes(b"user,item\n" + b"u,i\n" * 100 + b"\xff,i\n")
    with pytest.raises(InputError, match=r"e\.csv cannot be read as a table of text"):
        read_interactions(path)


@pytest.mark.parametrize(
    "names",
    [
        ("user_id", "item_id", "weight", "datetime"),
        ("user", "item", "count", "timestamp"),
        ("userId", "movieId", "", "timestamp"),
        ("user_id:token", "item_id:token", "", "timestamp:float"),
        ("CustomerID", "Product ID", "Quantity", "Date"),
        ("visitorid", "itemid", "", "ts"),
    ],
)
def test_columns_of_known_names_are_found(names):
    there = [name for name in ("other", *names) if name]
    found = InteractionColumns().found(there)
    assert (found.user, found.item, found.weight, found.time, found.rating) == (*names, "")


@pytest.mark.parametrize(
    ("columns", "given", "words"),
    [
        (["user", "user_id", "item"], {}, r"'user' and 'user_id' may both be the user.*\n.*\n.*user='user'"),
        (["user", "thing"], {}, r"no column .* names the item; there are 'user', 'thing'"),
        (["user", "item", "date", "time"], {}, r'may both be the time(.|\n)*time=""'),
        (["user", "item"], {"time": "when"}, "have no column 'when'; there are 'user', 'item'"),
    ],
)
def test_a_question_about_columns_is_asked(columns, given, words):
    with pytest.raises(InputError, match=words):
        InteractionColumns(**given).found(columns)


def test_columns_may_be_named_and_left_out():
    table = {"who": ["a"], "what": ["b"], "weight": [7], "time": ["never"]}
    found = read_interactions(table, columns=InteractionColumns("who", "what", weight="", time=""))
    assert pairs(found) == [("a", "b", 1.0, False, 0.0)]
    assert not found.timed


def test_columns_that_mean_nothing_here_are_told(tmp_path):
    table = {"user": ["a"], "Menge": [3], "item": ["x"], "note": ["?"]}
    assert read_interactions(table).unread == ("Menge", "note")
    assert read_interactions(table, columns=InteractionColumns(weight="Menge")).unread == ("note",)
    for number in "12":
        pl.DataFrame(table | {f"more {number}": [1]}).write_csv(tmp_path / f"{number}.csv")
    assert read_interactions(tmp_path).unread == ("Menge", "note", "more 1", "more 2")


RATED = {"user": ["a", "a", "b", "b"], "item": ["x", "y", "x", "y"], "rating": [5, 3, 2, 4]}


def test_ratings_are_no_weights():
    with pytest.raises(InputError, match=r"have ratings \('rating'\), and which of them are likes is not said"):
        read_interactions(RATED)
    liked = read_interactions(RATED, at_least=4)
    assert pairs(liked) == [("a", "x", 1.0, False, 0.0), ("b", "y", 1.0, False, 0.0)]
    assert told(liked) == {"between": 2}
    both = read_interactions(RATED, at_least=4, dislike_below=2.5)
    assert [pair[3] for pair in pairs(both)] == [False, True, False]
    below = read_interactions(RATED, dislike_below=2.5)
    assert len(below) == 4
    assert told(below) == {}
    assert len(read_interactions(RATED, columns=InteractionColumns(rating=""))) == 4


@pytest.mark.parametrize(
    ("table", "options", "words"),
    [
        (RATED, {"at_least": 2, "dislike_below": 3}, "exchange them"),
        (RATED | {"rating": [5, None, 2, 4]}, {"at_least": 4}, "row 1 of the interactions has no number: None"),
        ({"user": ["a"], "item": ["x"]}, {"at_least": 4}, "have no ratings"),
        ({"user": ["a"], "item": ["x"]}, {"half_life": 3}, "have no times"),
        ({"user": ["a"], "item": ["x"]}, {"half_life": -3}, "half_life is -3"),
        ({"user": ["a"], "item": ["x"]}, {"half_life": "30"}, "half_life is '30'"),
        (RATED, {"at_least": "4"}, "at_least is '4'"),
        (RATED, {"at_least": 9}, "of 4 interactions none counts: 4 rated neither"),
    ],
)
def test_what_is_asked_must_be_there(table, options, words):
    with pytest.raises(InputError, match=words):
        read_interactions(table, **options)


def test_the_newest_opinion_counts_and_at_one_moment_a_dislike():
    table = {
        "user": ["a"] * 5,
        "item": ["x", "x", "x", "y", "y"],
        "rating": [5, 1, 5, 5, 1],
        "time": ["2024-01-03", "2024-01-02", "2024-01-01", "2024-01-01", "2024-01-01"],
    }
    found = read_interactions(table, at_least=4, dislike_below=2)
    assert [pair[1:4] for pair in pairs(found)] == [("x", 2.0, False), ("y", 1.0, True)]
    assert found.overruled.weight.tolist() == [1.0, 1.0]


def test_the_same_event_once_more_counts_once_and_is_told():
    table = {
        "user": ["a"] * 4,
        "item": ["x"] * 4,
        "time": [1_700_000_000] * 3 + [1_700_000_001],
        "weight": [1, 1, 2, 1],
    }
    found = read_interactions(table)
    assert pairs(found)[0][2] == 4
    assert told(found) == {"repeated": 1}
    untimed = read_interactions({name: table[name] for name in ("user", "item", "weight")})
    assert pairs(untimed)[0][2] == 5


@pytest.mark.parametrize(
    "ids",
    [[7, "7", 7.0, "7.0", " 7 "], np.full(5, 7.0), np.full(5, 7, np.uint8)],
    ids=["mixed", "floats", "bytes"],
)
def test_one_thing_has_one_name(ids):
    found = read_interactions({"user": ["u"] * 5, "item": ids})
    assert found.items == ("7",)
    assert found.weight.tolist() == [5.0]


def test_names_that_differ_are_two():
    names = ["007", "7", "Ünïcode 🍒", "a b", "a  b", "A b"]
    found = read_interactions({"user": names, "item": ["i"] * 6})
    assert found.users == tuple(sorted(names))


@pytest.mark.parametrize("missing", [None, float("nan"), "", "  "])
@pytest.mark.parametrize("column", ["user", "item"])
def test_a_missing_id_is_named_with_its_row(column, missing):
    table = {"user": ["a", "b", "c"], "item": ["x", "y", "z"]}
    table[column] = ["a", "b", missing]
    with pytest.raises(InputError, match=f"row 2 of the interactions has no '{column}'"):
        read_interactions(table)


def test_rows_are_counted_through_all_files(tmp_path):
    pl.DataFrame({"user": ["a"] * 5, "item": ["x"] * 5}).write_parquet(tmp_path / "1.parquet")
    pl.DataFrame({"user": ["a", None], "item": ["x"] * 2}).write_parquet(tmp_path / "2.parquet")
    with pytest.raises(InputError, match="row 6 of the interactions has no 'user'"):
        read_interactions(tmp_path)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([1, -2], r"row 1 .* weighs -2 in 'weight'(.|\n)*a dislike is no interaction with a negative weight"),
        ([1, float("inf")], "row 1 .* weighs inf"),
        ([1, 1e308], "row 1 .* weighs 1e.308"),
        ([None, 1.0], "row 0 .* weighs None"),
        (["1", "2,5"], "written with a decimal comma"),
        ([[1], [2]], "holds List"),
    ],
)
def test_weights_are_finite_and_not_negative(weights, words):
    with pytest.raises(InputError, match=words):
        read_interactions({"user": ["a", "b"], "item": ["x", "x"], "weight": weights})


def test_what_weighs_nothing_is_set_aside():
    found = read_interactions({"user": ["a", "b"], "item": ["x", "x"], "weight": [1, 0]})
    assert (found.users, told(found)) == (("a",), {"weightless": 1})


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9], ids=["s", "ms", "us", "ns"])
@pytest.mark.parametrize("written", [False, True])
def test_times_of_any_unit_are_days(tmp_path, unit, written):
    frame = pl.DataFrame(
        {"user": ["a", "b"], "item": ["x", "x"], "timestamp": [1_700_000_000 * unit, 1_600_000_000 * unit]}
    )
    frame.write_csv(tmp_path / "e.csv")
    found = read_interactions(tmp_path / "e.csv" if written else frame)
    assert found.day.tolist() == pytest.approx([1_700_000_000 / DAY, 1_600_000_000 / DAY], abs=1e-9)


def test_the_unit_is_seen_from_all_files(tmp_path):
    pl.DataFrame({"user": ["a"], "item": ["x"], "ts": [1_700_000_000]}).write_parquet(tmp_path / "1.parquet")
    more = pl.DataFrame({"user": ["a"] * 3, "item": ["x"] * 3, "ts": [1_700_000_000_000 + n for n in range(3)]})
    more.write_parquet(tmp_path / "2.parquet")
    with pytest.raises(InputError, match=r"1 of the interactions have a time .* such as 1700000000\n.*one unit"):
        read_interactions(tmp_path)


@pytest.mark.parametrize("written", ["10:00:00 UTC", "10:00 GMT", "12:00:00.000 +0200", "05:00:00 -05:00"])
def test_a_zone_may_stand_apart(written):
    found = read_interactions({"user": ["a"], "item": ["x"], "time": [f"2024-05-01 {written}"]})
    assert found.day.tolist() == [19844 + 10 / 24]


@pytest.mark.parametrize("written", ["2024-05-01 -0500", "2024-05-01 UTC", "2024-05-01 10:00 CET"])
def test_what_is_no_zone_is_no_time(written):
    with pytest.raises(InputError, match="no time"):
        read_interactions({"user": ["a"], "item": ["x"], "time": [written]})


def test_a_bad_time_is_named_with_its_row():
    table = {"user": ["a", "a"], "item": ["x", "y"], "time": ["2024-01-01", "yesterday"]}
    with pytest.raises(InputError, match="row 1 of the interactions has no time in 'time': 'yesterday'"):
        read_interactions(table)


def test_what_is_later_than_now_is_told():
    table = {"user": ["a", "a"], "item": ["x", "y"], "time": ["2024-01-01", "2999-01-01"]}
    found = read_interactions(table)
    assert (found.items, told(found)) == (("x",), {"late": 1})
    assert read_interactions(table, until="3000-01-01").items == ("x", "y")
    with pytest.raises(InputError, match=r"of 2 interactions none counts: 2 are later than asked"):
        read_interactions(table, until="2000-01-01")


def test_age_halves_the_weight():
    table = {"user": ["a"] * 3, "item": ["x", "x", "y"], "time": ["2024-01-01", "2024-01-11", "2023-01-01"]}
    found = read_interactions(table, half_life=10, now="2024-01-11")
    assert found.weight.tolist() == pytest.approx([1.5, 2 ** (-375 / 10)])
    assert found.decay.now == datetime(2024, 1, 11, tzinfo=UTC).timestamp() / DAY
    assert read_interactions(table, half_life=10).decay == found.decay
    assert told(read_interactions(table, half_life=0.1, now="2024-01-11")) == {"faded": 1}
    with pytest.raises(InputError, match="half-lives"):
        read_interactions(table, half_life=0.1, now="2023-01-01")


@pytest.mark.parametrize(
    "rows",
    [
        {"user": [], "item": []},
        pl.DataFrame({"user": [], "item": []}),
        pa.table({"user": [], "item": []}),
        pd.DataFrame({"user": [], "item": []}),
    ],
    ids=["columns", "polars", "arrow", "pandas"],
)
def test_an_empty_table_has_no_interactions(rows):
    with pytest.raises(InputError, match="have 0 rows"):
        read_interactions(rows)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("a", "x", 4.0), ("b", "y", 5.0)], "rows without names, the first"),
        ([["a", "x"], ["b", "y"]], "rows without names, the first"),
        (["nowhere.csv"], r"nowhere\.csv does not exist"),
        ("a long name" * 500, "does not exist"),
        ([], "there are none"),
        ({"user": ["a"], "item": ["x"], "time": [timedelta(1)]}, "column 'time' holds durations"),
    ],
)
def test_what_is_no_table_is_told_as_what_it_is(rows, words):
    with pytest.raises(InputError, match=words):
        read_interactions(rows)


def test_one_user_one_item():
    found = read_interactions({"user": [1], "item": [1]})
    assert found.matrix().toarray().tolist() == [[1.0]]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: (folder / "_delta_log").mkdir(), "is a Delta table"),
        (lambda folder: None, "holds no files"),
        (lambda folder: (folder / "notes.md").touch(), "extension .md"),
        (
            lambda folder: ((folder / "day=1").mkdir(), (folder / "day=1" / "a.parquet").touch()),
            "in the names of its folders",
        ),
        (lambda folder: (folder / "a.parquet").write_bytes(b"PAR1 and no more"), "cannot be read as Parquet"),
    ],
    ids=["delta", "empty", "notes", "hive", "damaged"],
)
def test_folders_that_are_no_events_say_why(tmp_path, make, words):
    make(tmp_path)
    with pytest.raises(InputError, match=words):
        read_interactions(tmp_path)


def test_times_are_in_all_files_or_in_none():
    timed, untimed = {"user": ["a"], "item": ["x"], "time": ["2024-01-01"]}, {"user": ["a"], "item": ["x"]}
    with pytest.raises(InputError, match="have no times, unlike the rows before"):
        read_interactions([pl.DataFrame(timed), pl.DataFrame(untimed)])
    with pytest.raises(InputError, match="some interactions have times and others have none"):
        read_interactions(timed).joined(read_interactions(untimed))
    with pytest.raises(InputError, match="some interactions age by"):
        read_interactions(timed).joined(read_interactions(timed, half_life=3))


def test_parts_of_interactions():
    found = read_interactions(EVENTS)
    assert pairs(found.of_users(["u2", "nobody"])) == [pairs(found)[2]]
    assert found.of_users(["u2", "nobody"]).users == ("nobody", "u2")
    assert pairs(found.of_items(["a"])) == [pairs(found)[0]]
    assert found.of_items(["a"]).users == ("u1", "u2")
    assert found.without(users=["u1"]).users == ("u2",)
    assert found.without(items=["b"]).met().users == ("u1",)
    assert pairs(found.without(users=["u1"], items=["b"])) == []
    middle = found.day.min() + 1
    assert pairs(found.before(middle)) == [pairs(found)[1]]
    assert len(found.since(middle)) == 2
    with pytest.raises(InputError, match="before a day, of interactions without times"):
        read_interactions({"user": ["a"], "item": ["b"]}).before(3)


@pytest.mark.realdata
@pytest.mark.skipif(not FILMS.is_dir(), reason="the data beside the project are not here")
def test_movielens_as_counted_by_hand():
    path = FILMS / "ratings.csv"
    found = read_interactions(path, at_least=4, dislike_below=2.5)
    likes, users = defaultdict(int), set()
    for line in path.read_text().splitlines()[1:]:
        user, _, rating, _ = line.split(",")
        if float(rating) >= 4 or float(rating) < 2.5:
            users.add(user)
            likes[float(rating) >= 4] += 1
    assert found.users == tuple(sorted(users))
    assert (int((~found.disliked).sum()), int(found.disliked.sum())) == (likes[True], likes[False])
    tagged = read_interactions(path.with_name("tags.csv"))
    assert tagged.events + told(tagged)["repeated"] == 3683


def same_pairs(one, other) -> None:
    assert pairs(one) == pairs(other)
    assert one.events == other.events
    assert one.delivered.digest.tolist() == other.delivered.digest.tolist()


def test_an_event_that_is_delivered_again_does_not_count_again():
    first = read_interactions(EVENTS)
    more = {
        name: [*cells[:2], cell]
        for (name, cells), cell in zip(EVENTS.items(), ("u3", "a", 1.0, "2024-05-04"), strict=True)
    }
    batch = read_interactions(more, known=first)
    assert pairs(batch) == [("u3", "a", 1.0, False, first.day.max() + 1)]
    assert told(batch) == {"delivered": 2}
    whole = first.joined(batch)
    assert (whole.events, len(whole.delivered)) == (5, 5)
    again = read_interactions(more, known=whole)
    assert (len(again), again.events, told(again)) == (0, 0, {"delivered": 3})
    same_pairs(whole.joined(again), whole)
    # Whoever reads them without saying what is known is told.
    with pytest.raises(InputError, match="4 events are in both"):
        first.joined(read_interactions(EVENTS))


def test_an_event_is_the_same_whatever_it_comes_in(tmp_path):
    frame = pl.DataFrame(
        {"user": ["a", "b"], "item": [1, 2], "ts": [1_700_000_000_123, 1_600_000_000_456], "weight": [1, 2]}
    )
    first = read_interactions(frame)
    frame.write_csv(tmp_path / "e.csv")
    micro = frame.with_columns(pl.col("ts") * 1000, user=pl.col("user").cast(pl.Categorical))
    dated = frame.with_columns(pl.from_epoch("ts", "ms"), weight=pl.col("weight").cast(pl.Float64))
    for rows in (tmp_path / "e.csv", micro, dated, frame.reverse().to_pandas()):
        assert told(read_interactions(rows, known=first)) == {"delivered": 2}
    for change in (
        {"user": ["a", "c"]},
        {"item": [1, 3]},
        {"ts": [1_700_000_000_123, 1_600_000_000_457]},
        {"weight": [1, 3]},
    ):
        other = frame.with_columns(**{name: pl.Series(cells) for name, cells in change.items()})
        assert told(read_interactions(other, known=first)) == {"delivered": 1}


def test_a_dislike_is_another_event_than_a_like():
    rated = RATED | {"time": ["2024-01-01"] * 4}
    first = read_interactions(rated, at_least=4, dislike_below=2.5)
    assert len(first.delivered) == 3
    assert told(read_interactions(rated, at_least=4, dislike_below=2.5, known=first)) == {"between": 1, "delivered": 3}
    assert told(read_interactions(rated, at_least=2, known=first)) == {"delivered": 2}


def test_what_was_delivered_goes_with_whom_it_is_about():
    first = read_interactions(EVENTS)
    left = first.without(users=["u1"])
    assert len(left.delivered) == 2
    assert told(read_interactions(EVENTS, known=left)) == {"delivered": 2}
    assert read_interactions(EVENTS, known=left).users == ("u1",)
    assert len(first.without(items=["b"]).delivered) == 1
    assert len(first.take(first.weight > 1).delivered) == 3
    untimed = {name: cells for name, cells in EVENTS.items() if name != "datetime"}
    plain = read_interactions(untimed)
    assert len(plain.delivered) == 0
    assert plain.joined(read_interactions(untimed, known=plain)).weight.sum() == 2 * plain.weight.sum()


def test_an_event_that_aged_is_known_again():
    table = {"user": ["a", "a"], "item": ["x", "y"], "time": ["2024-01-01", "2024-01-11"]}
    first = read_interactions(table, half_life=10, now="2024-01-11")
    again = read_interactions(table, half_life=10, now="2024-01-11", known=first)
    assert told(again) == {"delivered": 2}
    assert first.joined(again).weight.tolist() == [0.5, 1]


@pytest.mark.parametrize("unit", [1, 10**3, 10**6], ids=["s", "ms", "us"])
def test_a_weight_decays_by_the_closed_form_whatever_the_unit_of_its_time(unit):
    days = np.array([0.0, 1.5, 30.25, 90.0, 400.0])
    stamps = (1_700_000_000 - (days * DAY)).astype(np.int64) * unit
    table = {"user": ["a"] * 5, "item": list("vwxyz"), "weight": [3.0] * 5, "ts": stamps}
    found = read_interactions(table, half_life=45)
    assert found.weight.tolist() == pytest.approx((3 * 0.5 ** (days / 45)).tolist(), rel=1e-9)
    # What comes after the moment of the fit weighs more, so that all stand in one relation.
    later = {"user": ["a"], "item": ["q"], "weight": [3.0], "ts": [(1_700_000_000 + 45 * DAY) * unit]}
    joined = found.joined(read_interactions(later, half_life=45, now=found.decay.now * DAY))
    assert joined.weight[0] == pytest.approx(6)
