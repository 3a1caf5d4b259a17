"""``graft recommend`` from files to lists, and on to what is new, added and forgotten."""

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from graft.cli.app import app
from graft.core.errors import GraftError
from graft.recommend.recommender import Recommender


def run(*words, fails=False):
    found = CliRunner().invoke(app, ["recommend", *map(str, words)])
    if fails:
        assert isinstance(found.exception, GraftError), found.output
        return str(found.exception)
    assert found.exit_code == 0, (found.output, found.exception)
    return found.output


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    rng = np.random.default_rng(0)
    kinds = ("tea", "coffee", "wine")
    goods = [f"{kind}-{number}" for kind in kinds for number in range(10)]
    rows = [
        (f"u{user}", item, f"2026-01-{1 + user % 28:02}")
        for user in range(45)
        for item in goods
        if rng.random() < (0.6 if item.startswith(kinds[user % 3]) else 0.04) and not item.endswith("-7")
    ]
    pl.DataFrame(rows, ["user", "item", "time"], orient="row").write_parquet(folder / "events.parquet")
    pl.DataFrame(
        {"item": goods, "title": [one.replace("-", " number ") for one in goods], "brand": ["a", "b", "c"] * 10}
    ).write_csv(folder / "items.csv")
    pl.DataFrame({"user": [f"u{one}" for one in range(45)], "country": ["DE", "FR", "IT"] * 15}).write_csv(
        folder / "users.csv"
    )
    said = run(
        "fit", folder / "events.parquet", "--items", folder / "items.csv", "--item-text", "title", "--users",
        folder / "users.csv", "--user-category", "country", "--keep", "brand", "--dimension", 6, "--tries", 2,
        "--out", folder / "shop",
    )  # fmt: skip
    assert "45 users, 30 items (27 hot, 3 warm)" in said
    assert "chosen on held-out events" in said
    return folder


def test_lists_for_users_sessions_and_contexts(place):
    shop = place / "shop"
    said = run("for", shop, "--user", "u0,u1", "-k", 2, "--explain").splitlines()
    assert said[0].split() == ["user", "item", "score", "rank", "state", "user_state", "basis"]
    assert len(said) == 1 + 4 + 4
    assert "because of" in said[-1]
    session = run("for", shop, "--session", "wine-1,wine-2", "--items", "tea-7,wine-7", "-k", 1)
    assert "wine-7" in session
    context = run("for", shop, "--context", "country=FR", "--items", "tea-7,coffee-7", "-k", 1)
    assert "coffee-7" in context
    assert "content alone" in context
    told = run("for", shop, "--user", "u0", "--most-per", "brand=1", "--out", place / "lists.csv")
    assert told.startswith("3 rows written")
    assert pl.read_csv(place / "lists.csv").height == 3


def test_new_goods_are_explored_within_a_budget_that_the_log_keeps(place, tmp_path):
    words = ("for", place / "shop", "-k", 5, "--explore", 0.1, "--explore-below", 3, "--log", tmp_path / "shown.csv")
    first = run(*words, "--user", ",".join(f"u{one}" for one in range(10))).splitlines()
    assert first[0].split()[-4:] == ["list", "explored", "propensity", "propensity_error"]
    run(*words, "--user", ",".join(f"u{one}" for one in range(10, 20)))
    run(*words, "--session", "wine-1,wine-2", "--exclude", "tea-7,coffee-7,wine-7")
    log = pl.read_csv(tmp_path / "shown.csv")
    assert log["list"].unique(maintain_order=True).to_list() == list(range(21))
    assert log.height == 5 * 21
    # Every second list has one; of the two lists of the last block only one was answered, with nothing new in it.
    assert log["explored"].sum() == 10
    assert set(log.filter("explored")["item"]) <= {"tea-7", "coffee-7", "wine-7"}
    assert log["propensity"].is_between(0, 1).all()


def test_only_what_is_to_be_had_is_listed(place, tmp_path):
    (tmp_path / "stock.csv").write_text("item,left\ntea-1,3\nwine-2,0\ncoffee-3,1\nunheard,2\n")
    shop, stock = place / "shop", tmp_path / "stock.csv"
    said = run("for", shop, "--user", "nobody", "--available", stock)
    assert {line.split()[1] for line in said.splitlines()[1:]} == {"tea-1", "wine-2", "coffee-3"}
    said = run("for", shop, "--session", "tea-4", "--available", stock, "--available-column", "left")
    assert {line.split()[1] for line in said.splitlines()[1:]} == {"tea-1", "coffee-3"}
    assert "no column 'stock'" in run("for", shop, "--user", "u0", "--available-column", "stock", fails=True)
    assert "whether 'coffee-0' is available: 'b'" in run(
        "for", shop, "--user", "u0", "--available-column", "brand", fails=True
    )


def test_a_delivery_that_comes_twice_is_told(place, tmp_path):
    shop = tmp_path / "shop"
    run("fit", place / "events.parquet", "--dimension", 4, "--tries", 1, "--half-life", 30, "--out", shop)
    (tmp_path / "today.csv").write_text("user,item,time\nu1,tea-99,2026-02-01\nu2,tea-1,2026-02-01\n")
    run("add-events", shop, tmp_path / "today.csv")
    said = run("add-events", shop, tmp_path / "today.csv")
    assert said.startswith("0 events counted: 0 new pairs")
    assert "set aside: 2 events that were delivered before, and do not count again" in said
    said = run("add-events", shop, place / "events.parquet")
    assert said.startswith("0 events counted")


def test_another_shop_is_judged_by_what_was_logged(place, tmp_path):
    words = ("for", place / "shop", "-k", 3, "--explore", 0.1, "--explore-below", 3, "--log", tmp_path / "shown.csv")
    run(*words, "--user", ",".join(f"u{one}" for one in range(45)))
    shown = pl.read_csv(tmp_path / "shown.csv")
    taken = (np.random.default_rng(0).random(shown.height) < 0.3).astype(int)
    shown.with_columns(pl.Series("reward", taken), new=pl.col("propensity")).write_parquet(tmp_path / "log.parquet")
    said = run("judge", tmp_path / "log.parquet", "--shop", place / "shop", "--out", tmp_path / "judged.json")
    assert "judged: lists of 3 by the shop" in said
    assert [line.split()[0] for line in said.splitlines()[3:7]] == ["ips", "snips", "dr", "bounds"]
    assert '"graft/policy/1"' in (tmp_path / "judged.json").read_text()
    same = run("judge", tmp_path / "log.parquet", "--judged", "new")
    assert same.startswith("the judged policy is not told apart from what was shown: +0.0000")
    assert "no column 'reward'" in run("judge", tmp_path / "shown.csv", "--shop", place / "shop", fails=True)
    assert "nothing is to be judged" in run("judge", tmp_path / "log.parquet", fails=True)
    half = ("judge", tmp_path / "log.parquet", "--judged", "new", "--most", 1)
    assert "only one of --least and --most" in run(*half, fails=True)


def test_what_is_new_is_placed_met_and_forgotten(place, tmp_path):
    shop = tmp_path / "shop"
    run("fit", place / "events.parquet", "--items", place / "items.csv", "--item-text", "title", "--dimension", 6,
        "--tries", 1, "--out", shop)  # fmt: skip
    (tmp_path / "new.csv").write_text("item,title\ntea-99,tea number 3\nmystery,\n")
    assert run("add-items", shop, tmp_path / "new.csv").splitlines()[0] == "2 new items, 1 of them placed"
    assert "warm, nobody met it" in run("place", shop, "--item", "tea-99")
    assert "no usable content" in run("place", shop, "--item", "mystery")
    (tmp_path / "today.csv").write_text("user,item,time\nu1,tea-99,2026-02-01\nnew,mystery,2026-02-01\n")
    assert run("add-events", shop, tmp_path / "today.csv").startswith(
        "2 events counted: 2 new pairs, 1 new user, 0 new items"
    )
    assert "hot, 1 met it" in run("place", shop, "--item", "tea-99")
    assert "tea" in run("similar", shop, "--item", "tea-1", "-k", 2)
    assert "nobody can be asked" in run("erase", shop, "--user", "u1", fails=True)
    said = run("erase", shop, "--user", "u1,ghost", "--because", "Art. 17", "--by", "sam", "--yes")
    assert said.splitlines()[:2] == ["erasure from shop: complete", "asked for by sam: Art. 17"]
    assert "ids: 2 asked for, 1 found" in said
    assert "onto this folder leaves them out" in said
    assert "  before " not in said
    assert "  removed shop.safetensors" in run("erase", shop, "--user", "new", "--yes", "--all")
    assert "cold" in run("for", shop, "--user", "u1", "-k", 1)
    raw = b"".join(file.read_bytes() for file in shop.rglob("*") if file.is_file())
    assert b'"u1"' not in raw
    fit = ("fit", place / "events.parquet", "--items", place / "items.csv", "--item-text", "title", *FIT, "--out", shop)
    old = run("add-events", shop, place / "events.parquet")
    assert old.startswith("0 events counted: 0 new pairs, 0 new users")
    assert "that are of users who were erased before (--with-erased counts them" in old
    said = run(*fit)
    assert "44 users" in said
    assert "left out: 1 user of these events, erased from this shop before" in said
    assert "45 users" in run(*fit, "--with-erased")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("for", "{shop}"), "nobody is named"),
        (("for", "{shop}", "--user", "ghost", "--unknown", "raise"), "1 unknown users"),
        (("for", "{shop}", "--user", "u0", "--context", "age=3"), "no column 'country'"),
        (("for", "{shop}", "--user", "u0", "--most-per", "colour=2"), "no column 'colour'"),
        (("for", "{shop}", "--user", "u0", "--most-per", "brand"), "a kept column and a number"),
        (("for", "{shop}", "--user", "u0", "--explore", "0.1"), "only one of --explore and --log"),
        (("for", "{shop}", "--user", "u0", "--explore", "7", "--log", "{folder}/x.csv"), "a share of 7"),
        (("for", "{shop}", "--user", "u0", "--explore", "0.1", "--log", "{folder}/items.csv"), "no log of explored"),
        (("similar", "{shop}", "--item", "ghost"), "is unknown"),
        (("erase", "{shop}", "--user", " , ", "--yes"), "nobody is named"),
        (("for", "{folder}", "--user", "u0"), "no shop"),
        (("fit", "{folder}/items.csv", "--out", "{folder}/x"), "names the user"),
    ],
)
def test_what_cannot_work_is_said_in_words(place, words, said):
    given = [word.format(shop=place / "shop", folder=place) for word in words]
    assert said in run(*given, fails=True)


def graft(*words):
    found = CliRunner().invoke(app, list(map(str, words)))
    return found.exit_code, found.output + (str(found.exception) if isinstance(found.exception, GraftError) else "")


def test_a_shop_is_governed_like_every_bundle(place, tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_LEDGER", str(tmp_path / "ledger.sqlite"))
    shop = tmp_path / "shop"
    fit = ("recommend", "fit", place / "events.parquet", *FIT, "--out", shop)
    code, said = graft(*fit, "--use", "commercial")
    assert code
    assert "graft assets decide events.parquet --licence own" in said
    assert not shop.exists()
    assert graft("assets", "decide", "events.parquet", "--licence", "own", "--because", "ours", "--by", "me")[0] == 0
    assert graft(*fit, "--use", "commercial")[0] == 0
    code, said = graft("assets", "check", shop, "--use", "commercial")
    assert (code, said.splitlines()[0]) == (0, "ALLOWED: commercial")
    (tmp_path / "today.csv").write_text("user,item,time\nu1,tea-7,2026-02-01\n")
    run("add-events", shop, tmp_path / "today.csv")
    code, said = graft("assets", "check", shop, "--use", "commercial")
    assert code == 3
    assert "blocked: today.csv" in said
    assert "trained-on-data: data today.csv" in graft("assets", "lineage", shop)[1]
    assert "shop: 10 files are as they were recorded" in graft("assets", "verify")[1]
    said = graft("verify", shop)[1]
    assert "sound; every file and the stored lists are as they were written" in said
    assert "events added: events of today.csv" in said
    assert "trained on today.csv" in graft("assets", "export", shop, "--format", "card")[1]
    run("erase", shop, "--user", "u1", "--yes")
    assert "shop: 11 files are as they were recorded" in graft("assets", "verify")[1]
    assert graft("tables", "receipt", shop, "--id", "u1")[1].endswith("nothing that was removed is back\n")
    assert graft("tables", "receipt", shop, "--id", "u2")[0]
    run(*fit[1:])
    code, said = graft("assets", "verify")
    assert (code, "shop: not checked, it was fitted anew since" in said) == (0, True)
    (shop / "README.md").write_text("changed")
    assert graft("assets", "verify")[0] == 3


FIT = ("--dimension", 4, "--tries", 1)
ROWS = {
    "nocol": "person,thing\na,b\n",
    "empty": "",
    "header": "user,item\n",
    "minus": "user,item,weight\na,b,-1\n",
    "nan": "user,item,weight\na,b,nan\n",
    "semicolons": "user;item;weight\nu1;a;1,5\nu2;b;2,5\n",
    "two": "user,user_id,item\na,a,b\n",
    "ratings": "user,item,rating\na,b,4\n",
}


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        ("nocol", (), "--columns user=NAME"),
        ("nocol", ("--columns", "person=user"), "one of user, item, weight, time, rating"),
        ("nocol", ("--columns", "user=persn"), "no column 'persn'; there are 'person', 'thing'"),
        ("empty", (), "is empty"),
        ("header", (), "0 rows"),
        ("minus", (), "weighs '-1'"),
        ("nan", (), "weighs 'nan'"),
        ("semicolons", (), "a decimal comma"),
        ("two", (), "--columns user=user"),
        ("ratings", (), "--at-least 4"),
        ("header", ("--items", "{folder}/nowhere.csv", "--item-text", "title"), "0 rows"),
    ],
)
def test_events_that_cannot_be_read_are_refused_with_what_to_type(tmp_path, rows, options, said):
    (tmp_path / "events.csv").write_text(ROWS[rows])
    given = [str(word).format(folder=tmp_path) for word in options]
    assert said in run("fit", tmp_path / "events.csv", *given, *FIT, "--out", tmp_path / "x", fails=True)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--items", "{folder}/items.csv"), "--item-category"),
        (("--item-text", "title"), "--items FILE"),
        (("--items", "{folder}/items.csv", "--item-text", "titel"), "'item', 'title', 'brand'"),
        (("--items", "{folder}/users.csv", "--item-text", "country"), "--item-id NAME"),
        (("--out", "{folder}/items.csv"), "no bundle"),
        (("--out", "{folder}/bundle"), "is a bundle, and no shop"),
        (("--tries", 0), "at least 1"),
        (("--made", "when"), "no table of items is given"),
        (("--items", "{folder}/items.csv", "--item-text", "title", "--made", "brand"), "no cell of 'brand' is a time"),
        (("--half-life", "nan"), "days, above 0"),
    ],
)
def test_what_a_fit_cannot_use_is_said_before_it(place, words, said):
    (place / "bundle").mkdir(exist_ok=True)
    for name in ("manifest.json", "contract.json"):
        (place / "bundle" / name).write_text("{}")
    given = [str(word).format(folder=place) for word in words]
    assert said in run("fit", place / "events.parquet", "--dimension", 4, "--out", place / "x", *given, fails=True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("for", "{shop}", "--user", "u0", "-k", 0), "k is 0"),
        (("for", "{shop}", "--user", "u0", "--out", "{folder}/lists.xlsx"), ".csv or .json"),
        (("for", "{shop}", "--user", ""), "nobody is named"),
        (("for", "{shop}", "--user", "u0", "--unknown", "maybe"), "answer or raise"),
        (("for", "{shop}", "--user", "u0", "--session", "tea-1"), "one of them"),
        (("for", "{shop}", "--user", "u0", "--out", "{shop}/lists.csv"), "lies in "),
        (("for", "{shop}", "--user", "u0", "--explore", 0.5, "--log", "{shop}/shown.csv"), "lies in "),
        (("export", "{shop}", "--table", "{shop}/vectors"), "lies in "),
        (("evaluate", "{shop}", "--out", "{shop}/report"), "lies in "),
        (("for", "{folder}/nowhere", "--user", "u0"), "as graft recommend fit wrote it"),
        (("for", "{folder}/study", "--user", "u0"), "this is the folder of a study"),
        (("for", "{folder}/items.csv", "--user", "u0"), "is a file"),
        (("similar", "{folder}", "--item", "tea-1"), "the shop is "),
        (("similar", "{shop}", "--item", " TEA-1"), "did you mean 'tea-1'?"),
        (("place", "{shop}", "--item", "tea1"), "did you mean 'tea-1'?"),
        (("add-items", "{shop}", "{folder}/users.csv"), "no column 'item', 'title'"),
        (("add-events", "{shop}", "{folder}/later.csv"), "later than now"),
        (("evaluate", "{shop}", "--tries", 0), "tries is 0"),
        (("evaluate", "{shop}", "--out", "{folder}/items.csv"), "is a file"),
        (("evaluate", "{shop}", "--out", "{shop}"), "is a shop"),
        (("evaluate", "{shop}", "--users", "{folder}/nowhere.csv"), "no column was forbidden"),
    ],
)
def test_a_shop_says_what_it_cannot_do(place, words, said):
    (place / "study").mkdir(exist_ok=True)
    (place / "study" / "study.json").write_text("{}")
    (place / "later.csv").write_text("user,item,time\nu1,tea-1,2199-01-01\n")
    before = sorted((file.name, file.read_bytes()) for file in (place / "shop").iterdir())
    assert said in run(*(str(word).format(shop=place / "shop", folder=place) for word in words), fails=True)
    assert sorted((file.name, file.read_bytes()) for file in (place / "shop").iterdir()) == before


def test_what_is_left_out_is_said_beside_the_lists(place):
    shop = place / "shop"
    assert "unknown here, or without usable content: 'ghost'" in run("for", shop, "--session", "tea-1,ghost", "-k", 1)
    said = run("for", shop, "--user", "u0", "--items", "ghost")
    assert "no item is left for 'u0'" in said
    assert run("for", shop, "--user", "u0", "-k", 10**9) == run("for", shop, "--user", "u0", "-k", 30)
    assert run("for", shop, "--user", "u0", "--out", place / "new" / "lists.json").endswith("lists.json\n")
    assert pl.read_json(place / "new" / "lists.json").height == 10
    assert "ids: 1 asked for, 0 found" in run("erase", shop, "--user", "ghost", "--yes")


def test_a_table_to_probe_is_looked_for_before_the_work(place, tmp_path):
    shop = tmp_path / "shop"
    run("fit", place / "events.parquet", "--items", place / "items.csv", "--item-text", "title", "--forbid", "brand",
        *FIT, "--out", shop)  # fmt: skip
    assert "nowhere.csv does not exist" in run("evaluate", shop, "--items", tmp_path / "nowhere.csv", fails=True)


def test_what_does_not_apply_is_said(place):
    said = run("for", place / "shop", "--session", "tea-1", "--explain", "-k", 1)
    assert "nothing is explained" in said
    assert "nan" not in run("similar", place / "shop", "--item", "tea-1")


def test_ids_are_what_was_written(tmp_path):
    """Zeros in front, commas, quotes, spaces and signs of any script belong to an id; 1.0 is 1."""
    (tmp_path / "events.csv").write_text(
        'user,item\n007,0012\n7,12\n08,1.0\n08,1\n"o\'hara, sam",🍵 tea\n"say ""hi""",🍵 tea\nx y,"a, b"\n'
    )
    shop = tmp_path / "shop"
    assert "6 users, 5 items" in run("fit", tmp_path / "events.csv", *FIT, "--out", shop)
    assert "12" in run("for", shop, "--user", "007", "-k", 5).replace("0012", "")
    named = run("for", shop, "--user", "o'hara, sam", "--items", "a, b", "-k", 5)
    assert [line.split("  ")[:2] for line in named.splitlines()[1:]] == [["o'hara, sam", "a, b"]]
    assert "cold" not in run("for", shop, "--session", "a, b", "-k", 1)
    assert run("place", shop, "--item", "🍵 tea").startswith("🍵 tea: hot, 2 met it; what is usual weighs")
    assert "nothing describes the items" in run("place", shop, "--item", "1")
    assert "no other item" not in run("similar", shop, "--item", "a, b")


def test_columns_are_named_and_a_long_name_is_cut_in_a_table_alone(tmp_path):
    long = "x" * 100_000
    (tmp_path / "events.csv").write_text(f"person,thing\na,{long}\nb,y\na,y\nb,z\n")
    (tmp_path / "more.csv").write_text("person,thing\nc,y\n")
    (tmp_path / "items.csv").write_text("product,name\n")
    named = ("--columns", "user=person,item=thing")
    shop = tmp_path / "shop"
    said = run("fit", tmp_path / "events.csv", *named, "--items", tmp_path / "items.csv", "--item-id", "product",
               "--item-text", "name", *FIT, "--out", shop)  # fmt: skip
    assert "say nothing usable about any item" in said
    assert run("add-events", shop, tmp_path / "more.csv", *named).startswith("1 event counted: 1 new pair, 1 new user")
    assert len(run("for", shop, "--user", "b")) < 1_000
    run("for", shop, "--user", "b", "--out", tmp_path / "lists.csv")
    assert long in (tmp_path / "lists.csv").read_text()


def test_one_person_who_did_one_thing(tmp_path):
    (tmp_path / "one.csv").write_text("user,item\na,b\n")
    shop = tmp_path / "shop"
    assert "1 user, 1 item (1 hot), 1 pair of 1 event\n" in run("fit", tmp_path / "one.csv", *FIT, "--out", shop)
    assert "no item is left for 'a'" in run("for", shop, "--user", "a")
    assert "no other item has a place" in run("similar", shop, "--item", "b")
    assert "nothing can be held out" in run("evaluate", shop, "--out", tmp_path / "report", fails=True)
    assert not (tmp_path / "report").exists()


def test_a_shop_is_evaluated(place, tmp_path):
    said = run("evaluate", place / "shop", "--tries", 1, "--out", tmp_path / "report")
    assert "held out by items" in said
    assert (tmp_path / "report" / "evaluation.json").is_file()
    page = (tmp_path / "report" / "report.html").read_text()
    again = CliRunner().invoke(app, ["report", str(tmp_path / "report"), "--out", str(tmp_path / "again.html")])
    assert again.exit_code == 0, again.output
    assert (tmp_path / "again.html").read_text() == page
    (tmp_path / "report" / "evaluation.json").write_text('{"schema": "graft/recommend/99"}')
    newer = CliRunner().invoke(app, ["report", str(tmp_path / "report")])
    assert "written by a newer version" in str(newer.exception)
    assert (tmp_path / "report" / "report.html").read_text() == page
    assert "45 users" in page
    assert f"graft recommend evaluate {place / 'shop'} --tries 1 --seed 0" in page


def test_an_id_with_commas_is_one_to_erase_even_when_it_is_gone(tmp_path):
    (tmp_path / "events.csv").write_text('user,item\n"Doe, Jane",a\n"Doe, Jane",b\nu2,a\n')
    run("fit", tmp_path / "events.csv", *FIT, "--out", tmp_path / "shop")
    assert "ids: 1 asked for, 1 found" in run("erase", tmp_path / "shop", "--user", "Doe, Jane", "--yes")
    assert "ids: 1 asked for, 0 found" in run("erase", tmp_path / "shop", "--user", "Doe, Jane", "--yes")


def test_what_a_fit_does_not_use_is_told(tmp_path):
    (tmp_path / "events.csv").write_text("user,item,Menge\nu1,007,2\nu2,007,1\nu2,008,1\n")
    (tmp_path / "items.csv").write_text("item,title\n7,tea\n008,wine\n")
    said = run("fit", tmp_path / "events.csv", "--items", tmp_path / "items.csv", "--item-text", "title", *FIT,
               "--out", tmp_path / "shop")  # fmt: skip
    assert "  not read: 'Menge' (--columns weight=NAME" in said
    assert "  1 of 2 items with events are in no row of the items: '007'" in said


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("full", "is no bundle"),
        ("events.csv", "is no bundle"),
        ("events.csv/shop", "Not a directory"),
        ("study", "is a bundle, and no shop"),
        ("a long name" * 40, "File name too long"),
        ("shop/inner", "lies in "),
    ],
)
def test_a_place_where_no_shop_can_be_is_told_before_the_work(place, tmp_path, monkeypatch, out, said):
    for name in ("full/notes.txt", "study/manifest.json", "study/contract.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    (tmp_path / "events.csv").write_text("user,item\nu1,a\n")
    (tmp_path / "shop").symlink_to(place / "shop")
    monkeypatch.setattr(Recommender, "fit", lambda *_, **__: pytest.fail("worked for nothing"))
    assert said in run("fit", tmp_path / "events.csv", *FIT, "--out", tmp_path / out, fails=True)
