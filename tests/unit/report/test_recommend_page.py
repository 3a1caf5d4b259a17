import re
from pathlib import Path

import pytest

from graft.core.errors import OutputError
from graft.core.intervals import Interval
from graft.facts.recommend import RecommendEvaluation
from graft.report.recommend import render_recommend_page, write_recommend_page
from graft.report.recommend.cautions import doubts
from graft.report.recommend.page import TITLES, sections
from graft.report.recommend.plots import curve_plot, ways_plot
from graft.report.recommend.standings import foremost, standing, standings
from graft.report.recommend.words import badge, difference, headline, novelty_words, popularity_words
from unit.report.evaluations import AHEAD, ALL, NEW, around, behind, evaluated, judged, part, split
from unit.report.test_report_page import Page

PAGES = {name: render_recommend_page(make()) for name, make in ALL.items()}


@pytest.fixture(params=sorted(ALL))
def html(request: pytest.FixtureRequest) -> str:
    return PAGES[request.param]


def test_every_page_is_well_formed_and_loads_nothing(html: str) -> None:
    page = Page(html)
    assert page.stack == []
    assert len(page.ids()) == len(set(page.ids()))
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "foreignobject"}
    for _, attrs in page.elements:
        assert not any(name.startswith("on") for name in attrs)
        assert (attrs.get("href") or "#").startswith("#")
        assert "src" not in attrs
    assert "url(" not in html
    assert "@import" not in html
    assert "default-src 'none'" in html


def test_links_lead_somewhere_and_drawings_have_names(html: str) -> None:
    page = Page(html)
    targets = {(attrs["href"] or "")[1:] for tag, attrs in page.elements if tag == "a"}
    assert targets <= set(page.ids())
    for tag, attrs in page.elements:
        if tag == "svg" and attrs.get("role") == "img":
            assert set((attrs["aria-labelledby"] or "").split()) <= set(page.ids())
        if tag == "th":
            assert (attrs.get("scope") or "col") in ("row", "rowgroup", "col")


def test_nothing_missing_is_printed_as_a_word_of_the_machine(html: str) -> None:
    page = Page(html)
    assert not re.search(r"\b(None|nan|NaN|inf|Undefined|Interval\()\b", page.text)
    for _, attrs in page.elements:
        assert not re.search(r"\b(None|nan|inf)\b", " ".join(value or "" for value in attrs.values()))


def test_the_same_record_gives_the_same_bytes() -> None:
    again = RecommendEvaluation.from_json(evaluated().to_json(), "evaluation.json")
    assert render_recommend_page(again) == PAGES["ahead"]


def test_hostile_names_are_only_text_and_are_cut() -> None:
    html = PAGES["hostile"]
    assert "<script" not in html
    assert not re.search("[\x00\x1b\u2028\u2029\u202e\ud800]", html)
    assert "{{ 7 * 7 }}" in Page(html).text
    assert len(html) < 2 * len(PAGES["ahead"])
    html.encode("utf-8")


def test_the_answer_comes_first() -> None:
    text = Page(PAGES["ahead"]).text
    top = text[: text.index("On this page")]
    for fact in (
        "Ahead of everything else",
        "This recommender is ahead of everything else on known and on new items",
        "from 0 to 20 interactions with new ones it is on average never worse than content or behaviour alone",
        "0.280",
        "best of the others: plain factorisation 0.250, difference +0.030 (+0.025 to +0.035)",
        "14% of what people went on to take stood in their lists of 20",
        "42%",
    ):
        assert fact in top, fact


@pytest.mark.parametrize(
    "fact",
    [
        "shops/tea & wine",
        "1,300 items: 1,200 were met by somebody (hot), 88 are new and described (warm), 12 are new and nothing is",
        "77 further events set aside: they lie in the future",
        "1,234 ranked, lists of 500 users",
        "a typical listed item had been met by 1 in 16 people",
        "60% of the places go to the most popular fifth of the items, which has 70% of everything that was taken: "
        "popular items get less than their share",
        "graft recommend evaluate 'shops/tea & wine' --tries 4 --seed 3 --out report/",
        "title, genres",
        "text also by minilm",
        "new items get -0.020 on every score",
        "3 events that were wanted went to items of which nothing was known",
        "never a sample",
        "Taken together What people who took the same things also took. 1.00 0.217 0.207 to 0.227",
        "All of them 0.280",
        "after 5 events it counts half as known",
        "Tea number 7 t7 40 12 30% Tea number 6; t8",
        "w9 31 0 0% nothing known",
    ],
)
def test_it_tells(fact: str) -> None:
    assert fact in re.sub(r" ([:;,.])", r"\1", Page(PAGES["ahead"]).text)


def test_a_loss_is_said_as_plainly_as_a_win() -> None:
    record = behind()
    assert badge(record).style == "harms"
    assert headline(record) == (
        "On known items this recommender is behind item neighbours, on new ones it is not told apart from content "
        "neighbours; as new ones are met it is on average worse than content alone after 1 interaction."
    )
    told = " ".join(one.text for one in doubts(record))
    assert "the smallest on 40 users" in told
    assert "popular items get more than their share" in told
    assert "Not held out by time: no times." in told


@pytest.mark.parametrize(
    ("outcome", "style", "said"),
    [
        ("holds", "helps", "from 0 to 20 interactions with new ones it is never worse than content or behaviour alone"),
        ("broken", "harms", "as new ones are met it is at times worse than content or behaviour alone"),
        (
            "undecided",
            "helps",
            "it is on average not worse than content or behaviour alone, which these users cannot prove",
        ),
    ],
)
def test_the_gate_speaks_in_the_answer(outcome, style, said) -> None:
    record = judged(outcome)
    assert badge(record).style == style
    assert said in headline(record)
    assert "every difference is to lie above -0.010" in Page(render_recommend_page(record)).text


def test_a_broken_gate_names_where() -> None:
    curve = list(judged().curve)
    curve[2] = curve[2].model_copy(update={"over_behaviour": around(-0.05)})
    # Surely below nought, and not below the margin.
    curve[3] = curve[3].model_copy(update={"over_behaviour": around(-0.015)})
    said = headline(judged("broken").model_copy(update={"curve": tuple(curve)}))
    assert said.endswith("as new ones are met it is worse than behaviour alone after 2 interactions.")


def test_what_users_cannot_tell_is_named_too() -> None:
    curve = list(judged().curve)
    curve[4] = curve[4].model_copy(update={"over_behaviour": around(-0.03, 0.025)})
    said = headline(judged("undecided").model_copy(update={"curve": tuple(curve)}))
    assert said.endswith("it may be worse than behaviour alone after 10 interactions, which these users cannot tell.")


def test_what_must_not_be_known_is_told_with_what_to_do() -> None:
    text = re.sub(r" ([:;,.])", r"\1", Page(PAGES["judged"]).text)
    told = [one.text for one in doubts(judged())]
    assert "The forbidden column “origin” can be told from user vectors." in told
    assert "Whether the forbidden column “faith” shows is not known." in told
    assert not any("age" in one.partition("“")[2] for one in told)
    assert any("follow events" in one for one in told)
    assert not any("made later" in one for one in told)
    for fact in (
        "tells it",
        "not beyond chance",
        "give a table that has the column 'faith' again",
        "0.830",
        "up to 0.56",
    ):
        assert fact in text
    assert "The content of 7 items was made later. It was taken out of this evaluation." in text


def test_lists_that_hold_everything_are_not_praised() -> None:
    few = part("new", NEW).model_copy(update={"candidates": 20})
    record = evaluated(splits=(split("items", part("known", AHEAD), few),))
    text = Page(render_recommend_page(record)).text
    assert "All 20 candidates fit into a list, so only their order counts." in text
    assert any("as few as 20 items" in one.text for one in doubts(record))
    assert not any("as few as" in one.text for one in doubts(evaluated()))


def test_ahead_needs_every_difference_and_behind_only_one() -> None:
    level = part("known", AHEAD | {"factorisation": 0.277})
    one = standing(split("items", level), "known")
    assert one is not None
    assert (one.outcome, [way.recommender for way in one.level], one.behind) == ("level", ["factorisation"], ())
    worse = standing(split("items", part("known", AHEAD | {"factorisation": 0.277, "random": 0.4})), "known")
    assert worse is not None
    assert (worse.outcome, [way.recommender for way in worse.behind]) == ("behind", ["random"])
    assert badge(evaluated(splits=(split("items", level, part("new", NEW)),))).word == "Ahead in part"


def test_held_out_items_speak_for_a_part_where_they_are_judged() -> None:
    record = evaluated(splits=(split("time", part("known", AHEAD)), split("items", part("known", AHEAD))))
    one = foremost(record, "known")
    assert one is not None
    assert one.split == "items"
    assert foremost(record, "new") is None
    assert len(standings(record)) == 2


def test_a_loss_elsewhere_is_a_caution() -> None:
    later = split("time", part("known", AHEAD | {"item neighbours": 0.5}))
    record = evaluated(splits=(*evaluated().splits[:1], later))
    assert badge(record).style == "helps"
    told = [one.text for one in doubts(record)]
    assert any("Held out by time, on known items, it is behind item neighbours" in text for text in told)


def test_sections_without_facts_are_left_out() -> None:
    assert [anchor for anchor, _ in sections(ALL["bare"]())] == ["ways", "comparisons", "tested", "repeat", "words"]
    assert [anchor for anchor, _ in sections(judged())] == list(TITLES)
    assert "leakage" not in dict(sections(evaluated()))


def test_marks_stay_inside_the_plot() -> None:
    drawings = [curve_plot(evaluated()), *(ways_plot(one, 20) for one in standings(evaluated()))]
    for drawing in drawings:
        places = [float(x) for x in re.findall(r'(?:cx|x1|x2|x)="(-?[\d.]+)%"', drawing)]
        assert places
        assert all(0 <= x <= 100 for x in places)
    assert curve_plot(ALL["bare"]()) == ""
    # Few interactions get more room: from 0 to 1 as much as from 1 to 3.
    ticks = [float(x) for x in re.findall(r'class="tick" x="([\d.]+)%" y="316"', drawings[0])]
    assert ticks[1] - ticks[0] > (ticks[3] - ticks[2]) * 0.9


def test_numbers_in_words() -> None:
    reach = evaluated().splits[0].reach
    assert reach is not None
    assert novelty_words(reach.model_copy(update={"novelty": around(0.0)})).startswith("nearly everybody")
    assert popularity_words(reach.model_copy(update={"head": around(0.705)})).endswith("about their share")
    assert difference(Interval(-0.0001, -0.02, 0.02)) == "0.000 (-0.020 to +0.020)"
    assert difference(Interval(0.5)) == "+0.500"


def test_it_is_written_whole(tmp_path: Path) -> None:
    write_recommend_page(evaluated(), tmp_path / "new" / "report.html")
    assert (tmp_path / "new" / "report.html").read_text(encoding="utf-8") == PAGES["ahead"]
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_recommend_page(evaluated(), tmp_path / "file" / "report.html")
