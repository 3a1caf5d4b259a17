import re
from pathlib import Path

import pytest

from graft.core.errors import OutputError
from graft.core.intervals import Interval
from graft.facts.watch import WatchStory
from graft.report.shared.formats import NOTHING
from graft.report.watch import render_watch_page, write_watch_page
from graft.report.watch.cautions import reservations
from graft.report.watch.page import PARTS, TITLES, shift_parts, watch_sections
from graft.report.watch.plots import evidence_plot, shift_ratio
from graft.report.watch.standing import watch_standing
from graft.report.watch.thinning import MOST, timeline_columns
from graft.report.watch.words import evidence_words, headline, state_words, watch_badge
from unit.report.test_report_page import Page
from unit.report.watches import (
    MUCH,
    STORIES,
    act,
    acting,
    check,
    look,
    many,
    quality,
    rebased,
    shift,
    story,
    unlabelled,
)

PAGES = {name: render_watch_page(make()) for name, make in STORIES.items()}


@pytest.fixture(params=sorted(STORIES))
def html(request: pytest.FixtureRequest) -> str:
    return PAGES[request.param]


def text_of(name: str) -> str:
    return re.sub(r" ([:;,.)])", r"\1", Page(PAGES[name]).text)


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


def test_nothing_missing_is_printed_as_a_word_of_the_machine(html: str) -> None:
    page = Page(html)
    assert not re.search(r"\b(None|nan|NaN|inf|Undefined|Interval\()\b", page.text)
    for _, attrs in page.elements:
        assert not re.search(r"\b(None|nan|inf)\b", " ".join(value or "" for value in attrs.values()))


def test_marks_stay_inside_the_plots(html: str) -> None:
    places = [float(x) for x in re.findall(r'(?:cx|x1|x2|x)="(-?[\d.]+)%"', html)]
    assert all(0 <= x <= 100 for x in places)
    heights = [float(y) for y in re.findall(r'(?:cy|y1|y2|y)="(-?[\d.]+)"', html)]
    assert all(0 <= y <= 500 for y in heights)


def test_the_same_story_gives_the_same_bytes() -> None:
    again = WatchStory.model_validate_json(act().model_dump_json())
    assert render_watch_page(again) == PAGES["act"]


def test_hostile_names_are_only_text_and_are_cut() -> None:
    html = PAGES["hostile"]
    assert "<script" not in html
    assert not re.search("[\x00\x1b\u2028\u2029\u202e\ud800]", html)
    assert "{{ 7 * 7 }}" in Page(html).text
    assert len(html) < 4 * len(PAGES["act"])
    html.encode("utf-8")


def test_the_answer_comes_first() -> None:
    text = text_of("act")
    top = text[: text.index("On this page")]
    for fact in (
        "Act since check 4 (2026-03-05 06:00): accuracy is measured at 0.600 where 0.830 is usual, labels"
        " contradict what was estimated without them, and how rows lie to the model moved by enough to matter; see"
        " whether inputs arrive as they did, then retrain the head.",
        "The last 2 checks in a row say “act”; none has been quiet since check 3 (2026-03-04 06:00).",
        "Retrain the head. Accuracy is 0.600, and 0.830 was usual. Expected gain: about 0.230 of accuracy.",
        "180 rows compared of 190",
        "0.600 measured on 150 labels (0.550 to 0.650); usual 0.780 to 0.880",
        "4,321 1 at the start; an alarm from 20 on",
        "11% of rows that crowd together are seen in eight of ten checks (by “length”) of 200 rows",
    ):
        assert fact.replace(" ", "") in top.replace(" ", ""), fact


@pytest.mark.parametrize(
    "fact",
    [
        "5 checks, from 2026-03-02 06:00 to 2026-03-06 06:00",
        "Mean, classifier, length; everything since the baseline.",
        "▲ enough to matter 0.830 0.810 to 0.850",
        "Everything since the baseline",
        "region north",
        "r1 & co, r2 31% 8.0% 0.52 (others 0.81)",
        "▼ worse than usual Labels contradict the estimate by -0.210 a row over 300 labelled rows.",
        "0.790 to 0.850 no longer trusted",
        "10 rows: empty text",
        "refund ▲ emerged +17.2 points +15.2 to +19.2 under 5 31 0.0030",
        "fax ▽ vanished -10.0 points -12.0 to -8.0 400 under 5 0.020",
        "charge fee, card battery such as r7 0.700 0.680 to 0.720 120 19 0.010",
        "what length sees 58 long on average before, 48 now",
        "rows of one customer lie near one another".capitalize(),
        "graft watch baseline 'studies/tea & wine/bundle' --rows reference.csv --group customer --segment region"
        " --allow weekday --batch 200 --level 0.05 --runs 100 --seed 7",
        "customer (900 groups)",
        "without drift it stays below 0.110 in 95% of draws",
        "graft study new_rows.csv",
    ],
)
def test_it_tells(fact: str) -> None:
    assert fact.replace(" ", "") in text_of("act").replace(" ", "")


def test_without_a_check_it_says_how_to_make_one() -> None:
    text = text_of("none")
    assert watch_badge(story()).word == "No check yet"
    assert "no batch has been checked against it yet" in text
    assert "graft watch check 'studies/tea & wine/bundle' --rows today.csv" in text
    assert [anchor for anchor, _ in watch_sections(story())] == ["baseline", "repeat", "words"]
    assert list(dict(watch_sections(act()))) == list(TITLES)


def test_quiet_and_look_say_so_and_since_when() -> None:
    assert headline(story(check(1), check(2), check(3))) == (
        "Quiet since check 1 (2026-03-02 06:00): nothing moved beyond chance, and quality is as usual; nothing to do."
    )
    assert headline(story(check(1), look(2))) == (
        "Look in check 2 (2026-03-03 06:00): how rows lie to the model moved by little, while quality is as usual;"
        " have a look at the rows that moved."
    )
    assert "quality" not in headline(story(check(quality=())))
    assert headline(story(check(usable=0, shifts=(), quality=()))).count("no row of it could be compared") == 1
    lost = headline(story(acting(problems={"empty": 100}, quality=(), shifts=())))
    assert "53% of the rows could not be used" in lost


def test_only_checks_against_this_baseline_count() -> None:
    told = rebased()
    standing = watch_standing(told)
    assert standing is not None
    assert (standing.last.number, standing.streak, standing.since.number) == (4, 1, 4)
    assert watch_badge(told).word == "Quiet"
    assert "3 checks against an earlier baseline, which count no more" in text_of("rebased")
    before = told.model_copy(update={"checks": told.checks[:3]})
    assert watch_standing(before) is None
    assert headline(before).startswith("The baseline is new")
    assert Page(render_watch_page(before)).stack == []
    other = told.model_copy(update={"checks": tuple(check(9, bundle="cd" * 16) for _ in range(1))})
    assert watch_standing(other) is None


def test_ten_thousand_checks_are_a_small_page_and_no_alarm_is_lost() -> None:
    told = many()
    columns = timeline_columns(told.checks)
    assert len(columns) == MOST
    assert sum(len(one.checks) for one in columns) == 10_000
    assert [one.outcome for one in columns].count("act") == 1
    assert max(one.evidence for one in columns) == 25.0
    html = render_watch_page(told)
    assert len(html) < 3 * len(PAGES["act"])
    assert "Each column stands for several checks" in html
    assert "graft watch history" in html


@pytest.mark.parametrize("count", [0, 1, 2, 89, 90, 91, 179, 1000])
def test_columns_share_checks_evenly_and_in_order(count: int) -> None:
    checks = many(count).checks if count else ()
    columns = timeline_columns(checks)
    assert [one for column in columns for one in column.checks] == list(checks)
    sizes = {len(column.checks) for column in columns}
    assert not sizes or max(sizes) - min(sizes) <= 1
    assert len(columns) == min(count, MOST)


def test_what_a_reader_could_get_wrong_is_said() -> None:
    told = " ".join(one.text for one in reservations(unlabelled()))
    for fact in (
        "The bundle has changed since this baseline was made",
        "20% of the checks alarmed; 5.0% is meant",
        "Not taking part, because it alarms too often here: length",
        "The last check compared 60 rows, and what the detectors see was measured with 200",
        "The baseline has rows for 4 batches",
        "60 rows: few.",
    ):
        assert fact in told
    assert "the baseline has no labels" in text_of("unlabelled")
    assert [one.text for one in reservations(act())] == []
    waiting = " ".join(one.text for one in reservations(story(check(1))))
    assert waiting == "No check has had labels yet: an estimate holds only while labels still mean the same."
    later = story(acting(1), check(2))
    assert "The last labels came with check 1 (2026-03-02 06:00)" in reservations(later)[0].text


def test_labels_that_show_less_than_usual_are_never_called_usual() -> None:
    low = quality(measured=Interval(0.7, 0.6, 0.8), labelled=12)
    assert state_words(low).word == "measured worse than usual, which chance may do"
    assert state_words(quality()).word == "as usual, by estimate"
    assert state_words(quality(trusted=False)).word == "not known: the estimate is not trusted"
    assert state_words(quality(value=None)).word == "not known without labels"
    assert "as usual" not in headline(story(check(quality=(low,))))
    cost = quality(better="lower", usual=Interval(0.3, 0.2, 0.4), measured=Interval(0.5, 0.4, 0.6))
    assert state_words(cost).word == "measured worse than usual, which chance may do"


def test_a_regression_shows_its_error_and_when_it_is_unknown() -> None:
    text = text_of("regression")
    assert "not known without labels; usual 1,100.0 to 1,400.0" in text
    assert "measured on labels" in text
    # Checks 1 and 3 had no labels, and the estimate does not exist: one mark, of check 2.
    drawing = PAGES["regression"].partition('aria-labelledby="plot-quality-1-t')[2].partition("</figure>")[0]
    assert "measured 1,900.0 (1,700.0 to 2,100.0)" in drawing
    assert drawing.count('<path class="mark') == 3  # that one, and two in the legend


def test_a_shop_is_asked_for_events_and_what_was_not_tried_is_said() -> None:
    text = text_of("shop")
    assert "graft watch check shop --events today.parquet" in text
    assert "--rows" not in text
    assert "The bundle has changed" not in text
    assert f"length what length sees 4.0% 2.0% to 6.0% not tried {f'{NOTHING} ' * 4}takes part" in text
    assert "mean what mean sees 4.0% 2.0% to 6.0% 20% rows that crowd together 10% 20% 40% 80% takes part" in text


def test_effects_are_in_units_of_what_matters() -> None:
    mean, classifier = MUCH[0], MUCH[1]
    assert shift_ratio(mean, mean.effect.mean) == pytest.approx(3.1)
    # An AUC of one half is nothing.
    assert shift_ratio(classifier, 0.5) == 0
    assert shift_ratio(classifier, 0.83) == pytest.approx(3.3)


def test_parts_are_shown_where_something_moved_the_surest_first() -> None:
    names = [name for name, _ in shift_parts(STORIES["hostile"]().checks[0])]
    assert names[:2] == ["", "everything since the baseline"]
    assert len(names) == PARTS + 2
    assert [name for name, _ in shift_parts(check())] == [""]


def test_evidence_lies_on_powers_of_ten_with_its_alarm_line() -> None:
    told = story(*(check(number, evidence=10.0**number) for number in range(1, 4)))
    drawing = str(evidence_plot(told, timeline_columns(told.checks)))
    ticks = re.findall(r'class="tick" x="0%"[^>]*>([^<]+)<', drawing)
    assert ticks == ["1", "10", "100", "1,000"]
    heights = [float(y) for y in re.findall(r'<circle[^>]* cy="([\d.]+)"', drawing)]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.02)
    line = float(re.findall(r'class="alarm-line"[^>]* y1="([\d.]+)"', drawing)[0])
    assert heights[1] < line < heights[0]
    assert [evidence_words(one) for one in (0.7, 25.0, 2.67e6, 1e304)] == ["0.700", "25", "2.7 M", "over 10¹²"]


def test_a_check_is_a_line_too() -> None:
    assert " ".join(acting(4).line().split()) == (
        "4 2026-03-05 06:00 act 180 rows evidence 4.32e+03 accuracy 0.600 on 150 labels moved: mean, classifier,"
        " length repair inputs, retrain the head"
    )
    assert check(1, until="2026-02-03T04:05:06.000").line().split()[1:3] == ["2026-02-03", "04:05"]


def test_it_is_written_whole(tmp_path: Path) -> None:
    write_watch_page(act(), tmp_path / "new" / "watch.html")
    assert (tmp_path / "new" / "watch.html").read_text(encoding="utf-8") == PAGES["act"]
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_watch_page(act(), tmp_path / "file" / "watch.html")


def test_an_effect_that_may_matter_is_not_called_little():
    """An AUC of .67 (.57 to .76), where .6 matters, was "less than what matters"."""
    sizes = [
        shift("classifier", 0.01, effect=0.83, large=True),
        shift("mean", 0.01, effect=0.13),
        shift("length", 0.01, effect=0.06),
    ]
    assert [one.far for one in sizes] == ["by enough to matter", "perhaps by enough to matter", "by little"]
    said = "\n".join(check(shifts=tuple(sizes)).lines())
    assert "0.13 (0.11 to 0.15) standard deviations a dimension, perhaps by enough to matter (from 0.1 on)" in said


def test_an_alarm_that_stands_says_what_it_goes_by() -> None:
    told = story(check(1, evidence=1.2, highest=41.0, outcome="act"))
    text = re.sub(r" ([:;,.)])", r"\1", Page(render_watch_page(told)).text)
    assert "all checks together say that something has changed" in text
    assert "1.20 1 at the start; an alarm from 20 on, and it was 41 at its highest." in text
