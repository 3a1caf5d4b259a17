"""Audits of recommenders and searches: what is found, how it is told, what cannot be asked, what is refused."""

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from typer.testing import CliRunner

import graft
import shop_rows
from graft.audit.item_groups import UNKNOWN, item_groups
from graft.audit.recommender import audit_lists
from graft.cli.app import app
from graft.core.errors import InputError
from graft.evidence.exposure import AuditedLists
from graft.facts.audit import RecommenderAudit, SearchAudit
from graft.report.audit import render_audit_page
from graft.report.audit.exposure_words import recommender_lines
from graft.representations.spaces import given_space
from graft.tables.columns import vector_column
from graft.tables.table import EmbeddingTable


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    items = shop_rows.items().with_columns(
        kind=pl.col("item").str.split("-").list.first(),
        provider=pl.Series([f"p{at % 2}" for at in range(30)]),
        one=pl.lit("same"),
        price=pl.Series(np.arange(30.0) + 0.5),
    )
    made = graft.Recommender(
        item_text="title", item_category="kind", keep=("provider", "one", "price"), dimension=4, tries=1
    ).fit(shop_rows.events(), items=items)
    return made.save(tmp_path_factory.mktemp("audited") / "shop")


def world(gap: float, *, sizes: tuple[int, ...] = (60, 60, 60), users: int = 120) -> tuple[AuditedLists, list[str]]:
    """Users take all groups alike; lists take something off the first one."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(len(sizes)), sizes)
    appeal = rng.normal(size=len(group))
    took = np.argsort(-(appeal + rng.gumbel(size=(users, len(group)))), axis=1)[:, :8]
    lists = np.argsort(-(appeal - gap * (group == 0) + rng.gumbel(size=(users, len(group)))), axis=1)[:, :10]
    merit = sparse.csr_array(
        (np.ones(took.size), (np.repeat(np.arange(users), 8), took.ravel())), shape=(users, len(group))
    )
    shown = AuditedLists(
        tuple(f"u{one}" for one in range(users)), lists, merit, np.arange(users), lists, merit, True, "what was taken",
        users, np.ones(len(group), bool),
    )  # fmt: skip
    return shown, [f"g{one}" for one in group.tolist()]


def audited(gap: float, **how: object) -> RecommenderAudit:
    shown, groups = world(gap)
    return audit_lists(
        shown,
        item_groups(groups, attribute="provider", what="items"),
        of="a shop",
        draws=999,
        **how,  # type: ignore[arg-type]
    )


def found_of(audit: RecommenderAudit, code: str) -> list[str]:
    return [one.said for one in audit.findings if one.code == code and one.outcome == "found"]


def test_a_group_that_is_shown_less_than_it_is_taken_is_found_and_said_first():
    audit = audited(2.0)
    (said, *_) = found_of(audit, "A402")
    assert said.startswith("g0: 0.")
    assert audit.severity in ("medium", "high")
    lines = recommender_lines(audit)
    assert lines[0].startswith("Lists of a shop by provider: g0 gets less")
    assert any(line.startswith("To do (A402)") for line in lines)
    assert RecommenderAudit.from_json(audit.to_json(), "here") == audit


def test_what_is_treated_alike_is_not_found():
    audit = audited(0.0)
    assert audit.severity == "none"
    assert not [one for one in audit.findings if one.outcome == "found"]
    assert "no group is shown to get more or less" in recommender_lines(audit)[0]


def test_users_of_one_group_who_get_worse_lists_are_found():
    shown, groups = world(0.0)
    poor = shown.lists.copy()
    poor[60:] = np.sort(np.argsort(np.asarray(shown.merit.sum(axis=0)).ravel())[:10])
    worse = AuditedLists(
        shown.users, poor, shown.taken, shown.judged, poor, shown.merit, True, "what was taken", 120, shown.candidates
    )
    people = item_groups(["m"] * 60 + ["f"] * 60, attribute="gender", what="users")
    audit = audit_lists(
        worse, item_groups(groups, attribute="provider", what="items"), of="a shop", people=people, draws=999
    )
    assert any(said.startswith("NDCG of the lists") and "for f" in said for said in found_of(audit, "A404"))
    alike = audited(0.0, people=item_groups(["m", "f"] * 60, attribute="gender", what="users"))
    assert not found_of(alike, "A404")
    assert not found_of(alike, "A405")


def test_several_values_count_in_parts_and_missing_ones_are_told():
    groups = item_groups(["a|b", "['a', 'c']", "", None, "a | a"], attribute="genre", what="items")
    assert groups.names == ("a", "b", "c", UNKNOWN)
    assert groups.parts.toarray().tolist() == [
        [0.5, 0.5, 0, 0], [0.5, 0, 0.5, 0], [0, 0, 0, 1], [0, 0, 0, 1], [1, 0, 0, 0],
    ]  # fmt: skip
    assert (groups.unknown, groups.several) == (2, 2)
    assert groups.only.tolist() == [0, 0, -1, -1, 0]


def test_many_numbers_are_cut_and_few_are_names():
    groups = item_groups(pl.Series("year", range(1950, 2000)), attribute="year", what="items")
    assert len(groups.names) == 5
    assert groups.names[0] == "1950 to 1959"
    assert "cut into 5" in groups.note
    assert item_groups(["1", "2", "10"], attribute="size", what="items").names == ("1", "10", "2")


def test_a_name_made_to_hurt_a_terminal_does_nothing():
    groups = item_groups(["\x1b[31mred" + "x" * 500, "b"], attribute="p", what="items")
    assert "\x1b" not in "".join(groups.names)
    assert max(map(len, groups.names)) <= 80


def test_ten_thousand_providers_of_one_item_are_told_and_not_judged():
    shown, _ = world(0.0)
    names = [f"p{one}" for one in range(180)]
    audit = audit_lists(shown, item_groups(names, attribute="provider", what="items"), of="a shop", draws=999)
    (finding,) = [one for one in audit.findings if one.code == "A401"]
    assert finding.outcome == "not applicable"
    assert "10 are needed" in finding.said


def test_the_command_writes_a_record_and_fails_when_asked(shop: Path, tmp_path: Path):
    out = tmp_path / "exposure.json"
    words = ["audit", "recommender", str(shop), "--attribute", "kind", "-k", "5", "--out", str(out)]
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 0, answer.output
    audit = RecommenderAudit.from_json(out.read_text(), "here")
    assert audit.attribute == "kind"
    assert audit.digest
    assert {one.name for one in audit.population.groups} == set(shop_rows.KINDS)
    assert sum(one.share for one in audit.population.groups) == pytest.approx(1)


def test_the_page_shows_each_group_and_escapes_its_name():
    shown, groups = world(2.0)
    named = ["<b>bold" if one == "g0" else one for one in groups]
    audit = audit_lists(shown, item_groups(named, attribute="provider", what="items"), of="a shop", draws=999)
    page = render_audit_page(audit)
    assert "Who is shown" in page
    assert "&lt;b&gt;bold" in page
    assert "<b>bold" not in page
    assert "bold gets less" in page


def test_users_and_a_table_of_items_are_joined_by_id(shop: Path, tmp_path: Path):
    users = shop_rows.users().with_columns(gender=pl.Series((["f", "m"] * 23)[:45]))
    items = shop_rows.items().with_columns(maker=pl.Series([f"m{at % 3}" for at in range(30)]))
    audit = graft.audit_recommender(shop, attribute="maker", items=items, users=users, sensitive="gender", k=5)
    assert {one.code for one in audit.findings} == {"A401", "A402", "A403", "A404", "A405"}
    assert [one.metric for one in audit.quality] == ["ndcg", "recall"]


def test_later_events_are_merit(shop: Path):
    later = pl.DataFrame(
        {"user": [f"user-{one:03}" for one in range(45)], "item": ["tea-7", "wine-7", "coffee-7"] * 15}
    )
    audit = graft.audit_recommender(shop, attribute="kind", later=later, k=5)
    assert audit.merit is not None
    assert audit.merit.due_is == "what users took later"
    assert [one.due for one in audit.merit.groups] == pytest.approx([1 / 3] * 3)


def test_the_shops_own_scores_stand_in_and_no_merit_is_an_answer(shop: Path):
    own = graft.audit_recommender(shop, attribute="provider", merit="model", k=5)
    assert own.merit is not None
    assert "own scores" in own.merit.due_is
    without = graft.audit_recommender(shop, attribute="provider", merit="none", k=50)
    assert without.merit is None
    assert any("only the order can differ" in note for note in without.notes)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"attribute": "providr"}, "did you mean 'provider'"),
        ({"attribute": "one"}, "all have 'same'"),
        ({"attribute": "kind", "k": 0}, "k is 0"),
        ({"attribute": "kind", "discount": "steep"}, "the discount 'steep'"),
        ({"attribute": "kind", "merit": "later"}, "no later events"),
        ({"attribute": "kind", "sensitive": "gender"}, "no users"),
        ({"attribute": "kind", "later": pl.DataFrame({"user": ["x"], "item": ["y"]})}, "none of 1 later events"),
        ({"attribute": "a", "items": pl.DataFrame({"item": ["x", "y"], "a": ["1", "2"]})}, "none of 2 ids"),
        ({"attribute": "a", "items": pl.DataFrame({"item": ["x", "x"], "a": ["1", "2"]})}, "stands in 2 rows"),
    ],
)
def test_what_cannot_be_audited_is_refused(shop: Path, how: dict[str, object], said: str):
    with pytest.raises(InputError) as refused:
        graft.audit_recommender(shop, **how)  # type: ignore[arg-type]
    assert said in str(refused.value)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    group = np.arange(120) % 2
    vectors = rng.normal(size=(120, 8)).astype(np.float32)
    vectors[:, 0] += 3 * group
    space = given_space("people v1", 8)
    place = tmp_path_factory.mktemp("tables") / "people"
    made = EmbeddingTable.create(place, space)
    made.upsert(
        pa.table(
            {
                "id": [f"p{one}" for one in range(120)],
                "vector": vector_column(vectors),
                "gender": [["f", "m"][one] for one in group],
                "worth": np.arange(120.0),
            }
        )
    )
    return place


def test_a_search_whose_groups_find_their_own_is_told(table: Path, tmp_path: Path):
    out = tmp_path / "search.json"
    words = ["audit", "search", "--table", str(table), "--attribute", "gender", "-k", "10", "--out", str(out)]
    answer = CliRunner().invoke(app, [*words, "--merit", "worth", "--fail-on", "medium"])
    assert answer.exit_code == 3, answer.output
    audit = SearchAudit.from_json(out.read_text(), "here")
    assert {one.name for one in audit.same_group} == {"f", "m"}
    assert all(one.own.mean > 0.6 and one.by_chance == pytest.approx(59 / 119, abs=0.02) for one in audit.same_group)
    assert audit.merit is not None
    assert "who looks from" in answer.output


def test_queries_are_ids_of_a_file(table: Path):
    audit = graft.audit_search(table, attribute="gender", queries=pl.DataFrame({"id": ["p1", "p2", "p3"]}), k=500)
    assert (audit.lists, audit.places) == (3, 119)
    assert [one.code for one in audit.findings if one.outcome == "not applicable"] == ["A406"]
    for queries, said in ((pl.DataFrame({"id": ["x"]}), "not in the table"), (pl.DataFrame({"a": ["x"]}), "column id")):
        with pytest.raises(InputError) as refused:
            graft.audit_search(table, attribute="gender", queries=queries)
        assert said in str(refused.value)
    with pytest.raises(InputError, match="did you mean 'gender'"):
        graft.audit_search(table, attribute="gendr")
