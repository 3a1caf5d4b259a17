import json
import re
from functools import cache
from html.parser import HTMLParser

import pytest

from graft.core.errors import OutputError
from graft.core.intervals import Interval
from graft.evidence.verdict import Outcome
from graft.facts.study import CandidateName, StudyRecord
from graft.report.study import render_page, write_page
from unit.report.records import ALL, HOSTILE, TICKETS, changed, confusion, many_classes, multiclass_helps

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """What a browser would make of the page: elements, ids, links and visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack, f"</{tag}> closes nothing"
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def ids(self) -> list[str]:
        return [attrs["id"] or "" for _, attrs in self.elements if "id" in attrs]


@cache
def rendered(name: str) -> tuple[StudyRecord, str, Page]:
    """A record, its page, and the page as it is read: made once, since no test changes them."""
    record = ALL[name]()
    html = render_page(record)
    return record, html, Page(html)


@pytest.fixture(params=sorted(ALL))
def made(request: pytest.FixtureRequest) -> tuple[StudyRecord, str, Page]:
    return rendered(request.param)


def test_every_record_makes_a_well_formed_page_that_loads_nothing(made: tuple[StudyRecord, str, Page]) -> None:
    _, html, page = made
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


def test_links_inside_the_page_lead_somewhere(made: tuple[StudyRecord, str, Page]) -> None:
    page = made[2]
    targets = {(attrs["href"] or "")[1:] for tag, attrs in page.elements if tag == "a"}
    assert targets <= set(page.ids())


def test_nothing_missing_is_printed_as_a_word_of_the_machine(made: tuple[StudyRecord, str, Page]) -> None:
    page = made[2]
    assert not re.search(r"\b(None|nan|NaN|inf|Undefined|Interval\()\b", page.text)
    for _, attrs in page.elements:
        assert not re.search(r"\b(None|nan|inf)\b", " ".join(value or "" for value in attrs.values()))


def test_the_same_record_gives_the_same_bytes(made: tuple[StudyRecord, str, Page]) -> None:
    record, html, _ = made
    again = StudyRecord.model_validate(json.loads(record.model_dump_json(by_alias=True)))
    assert html == render_page(again)


def test_numbers_that_do_not_exist_become_dashes() -> None:
    record = multiclass_helps()
    lost = Interval(float("nan"), float("nan"), float("inf"))
    broken = record.candidates[1].model_copy(update={"score": lost, "folds": (float("nan"),)})
    page = Page(render_page(record.model_copy(update={"candidates": (*record.candidates[:1], broken)})))
    assert not re.search(r"\b(nan|inf)\b", page.text)


def test_the_answer_comes_first() -> None:
    record = multiclass_helps()
    text = Page(render_page(record)).text
    top = text[: text.index("On this page")]
    for fact in (
        "Reuse helps",
        record.verdict.sentence,
        "minilm frozen",
        "classical",
        "0.864 (0.834 to 0.894)",
        "412 minutes",
        record.next_steps[0],
        "Hidden harm",
        "channel = chat",
        "1 label may be wrong: the model disagrees with 14; with about 13 if none were wrong",
        "7.4%",
    ):
        assert fact in top, fact


@pytest.mark.parametrize(
    "fact",
    [
        "under-trained",
        "6 min 50 s",
        "22.7 M",
        "700 labels",
        "Doubling the labels",
        "temperature",
        "0.021 (0.012 to 0.030)",
        "a perfect model would show about 1.8% on as many rows",
        "With what few rows add taken off, about 0.6% is left.",
        "p = 0.012",
        "It holds at 1,248 labels",
        "moved it by -0.004 macro-F1",
        "it stops a claim that it rules out by itself",
        "learnt once more from all 1,248 rows",
        "98% decided as before",
        "measured before the last refit",
        "91 MB",
        "Predictions are explained by: a weight per word",
        "the held-in loss rose from 0.9 to 1.2. ( overfits , 5 trials)",
        "how flattering a random split is here",
        "least expected cost (saved)",
        "I was charged twice, please fix it.",
        "My parcel is three days late",
        "Zoë",
        "missing label",
        "Apache-2.0",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "22,713,216 parameters and 2 buffers hash the same",
        "its licence is unknown: a person must decide",
        "left out",
        "0.018 better",
        "rows of one customer stay together",
        "transformers 5.20.1",
        "90% saved",
        "How to read this",
    ],
)
def test_each_section_tells_its_facts(fact: str) -> None:
    assert fact in rendered("multiclass_helps")[2].text


def test_plots_speak_to_those_who_cannot_see_them() -> None:
    html = render_page(multiclass_helps())
    page = Page(html)
    plots = [attrs for tag, attrs in page.elements if tag == "svg" and attrs.get("role") == "img"]
    assert len(plots) >= 10
    for attrs in plots:
        assert set((attrs["aria-labelledby"] or "").split()) <= set(page.ids())
    assert re.search(r"<desc[^>]*>[^<]*minilm frozen 0\.871 \(0\.852 to 0\.890\)", html)


def test_texts_from_data_stay_texts() -> None:
    html = render_page(ALL["hostile"]())
    assert "<script" not in html
    assert "<img" not in html
    text = Page(html).text
    assert HOSTILE in text
    assert "{{ 7*7 }}" in text
    assert "\x1b" not in html
    assert "\x00" not in html
    assert "\u202e" not in html


def test_a_metric_stored_with_its_sign_turned_is_shown_as_it_is() -> None:
    text = Page(render_page(ALL["regression"]())).text
    assert "lower is better" in text
    assert "RMSE 5.36 (4.96 to 5.76)" in text
    assert "-5" not in text
    assert "meant to contain the true value 90% of the time" in text
    assert "off by 44.4" in text


def test_a_control_that_ships_is_said_to() -> None:
    text = Page(render_page(ALL["control_shipped"]())).text
    assert "No practical difference" in text
    assert "The saved model is the control classical" in text
    assert "The holdout has been scored 4 times" in text
    assert all(key in text for key in ("By the studies", "aaaa1111", "bbbb2222", "cccc3333", "dddd4444"))
    assert "648 rows more settled the question." in text


def test_the_score_of_the_reused_model_is_not_confused_with_that_of_the_control_that_ships() -> None:
    record = ALL["control_shipped"]()
    control = record.holdout.control_score
    assert control is not None
    worse = Interval(-0.04, -0.07, -0.01)
    holdout = record.holdout.model_copy(update={"score": control, "chosen_score": None, "difference": worse})
    assert "macro-F1 0.775 on 250" in Page(render_page(changed(record, holdout=holdout))).text


def test_an_undecided_study_says_plainly_that_nothing_is_shown() -> None:
    page = Page(render_page(ALL["undecided"]()))
    top = page.text[: page.text.index("On this page")]
    for fact in (
        "Undecided: nothing is shown.",
        "The saved model is minilm full: the final model that was to ship did not hold what its folds promised.",
        "Look at this first.",
        "scored 0.330 on the holdout where its folds had 0.860",
        "Saved model saved minilm full macro-F1 0.871 (0.841 to 0.901)",
        "On the test file alone (never scored before)",
    ):
        assert fact in top, fact
    for fact in (
        "Nothing is claimed, so there is no doubt to state.",
        "of the test file march.csv were never learnt from",
        "1 candidate stopped early",
        "Stopped after 2 folds: 0.130 behind minilm frozen",
        "never-left-start",
        "3 rows: no interval",
        "An even chance to settle it +240 labels Three in four +800 labels Nine in ten beyond reach",
        "That a random split flatters here is not shown.",
        "up to 3 times, with a weight of 1/3",
        "this is the very model that was measured",
    ):
        assert fact in page.text, fact
    assert "flattering a random split is here" not in page.text
    assert "sure of the outcome" not in page.text
    assert not re.search(r"\bp (=|below)", page.text)


def test_an_undecided_study_says_what_ships_and_how_to_be_cautious() -> None:
    record = ALL["undecided"]()
    sound = changed(record, holdout=record.holdout.model_copy(update={"warning": ""}))
    text = Page(render_page(sound)).text
    assert "What ships is what is expected to score best, by 0.007; --cautious ships" in text
    assert "Look at this first" not in text
    control = changed(
        sound, verdict=sound.verdict.model_copy(update={"shipped": CandidateName(source="", strategy="classical")})
    )
    assert "The control ships: it is what is expected to score best, by 0.007." in Page(render_page(control)).text
    careful = changed(control, settings={**control.settings, "cautious": True})
    assert "The control ships, because --cautious asks for it." in Page(render_page(careful)).text


def test_a_probability_stands_for_a_claim_alone() -> None:
    record = multiclass_helps()
    sure = record.verdict.model_copy(update={"doubt": 0.0})
    assert "p below 0.0001" in Page(render_page(changed(record, verdict=sure))).text
    open_ = record.verdict.model_copy(update={"outcome": Outcome.INCONCLUSIVE})
    assert "p = 0.012" not in Page(render_page(changed(record, verdict=open_))).text


def test_a_holdout_that_was_scored_before_is_not_called_unseen() -> None:
    text = Page(render_page(ALL["control_shipped"]())).text
    assert "nobody had seen" not in text
    assert "On the holdout alone (scored 4 times so far)" in text


def test_the_chosen_model_keeps_its_interval_when_the_control_ships() -> None:
    assert "macro-F1 0.864 (0.834 to 0.894) on 250 rows" in Page(render_page(ALL["control_shipped"]())).text


def test_many_classes_are_listed_and_not_drawn_as_a_square() -> None:
    page = Page(render_page(many_classes()))
    assert not [1 for tag, attrs in page.elements if tag == "table" and attrs.get("class") == "heat"]
    assert "further kinds cost less" in page.text
    assert "65 more classes" in page.text
    few = Page(render_page(multiclass_helps()))
    assert [1 for tag, attrs in few.elements if tag == "table" and attrs.get("class") == "heat"]
    assert all(name in few.text for name in TICKETS)


def test_a_wide_table_does_not_bury_what_follows() -> None:
    record = multiclass_helps()
    contract = record.data.contract
    numbers = [contract.columns[0].model_copy(update={"name": f"n{k}", "role": "numeric"}) for k in range(500)]
    wide = contract.model_copy(update={"columns": (*numbers, *contract.columns)})
    page = render_page(record.model_copy(update={"data": record.data.model_copy(update={"contract": wide})}))
    before, _, folded = page.partition(f"{460 + len(contract.columns)} more columns")
    assert folded
    assert "<bdi>n0</bdi>" in before
    assert "<bdi>n499</bdi>" not in before
    assert "<bdi>n499</bdi>" in folded
    # What is no number is what a reader looks for.
    assert all(f"<bdi>{one.name}</bdi>" in before for one in contract.columns)


def test_what_leaves_a_use_open_is_named_where_it_is_told() -> None:
    told = next(one for one in ALL.values() if any(use.reasons for use in one().terms.uses))()
    text = Page(render_page(told)).text
    assert "some uses are unsettled (commercial). no licence." in text


def test_rows_left_to_a_person_count_as_wrong_in_scores_and_the_page_says_so() -> None:
    said, record = "leaves to a person counts as wrong here", multiclass_helps()
    never = record.decision.model_copy(update={"confusion": confusion(TICKETS, abstain=False)})
    assert said in render_page(record)
    assert said not in render_page(record.model_copy(update={"decision": never}))
    assert said not in render_page(record.model_copy(update={"metric": "log_loss"}))


def test_thresholds_and_harm() -> None:
    text = Page(render_page(ALL["binary_harms"]())).text
    assert "Reuse harms" in text
    assert "phishing 10%" in text
    assert "urgent 31%" in Page(render_page(ALL["multilabel"]())).text


def test_the_page_is_written_whole_or_not_at_all(tmp_path) -> None:
    write_page(multiclass_helps(), tmp_path / "deep" / "report.html")
    written = (tmp_path / "deep" / "report.html").read_text(encoding="utf-8")
    assert written == render_page(multiclass_helps())
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_page(multiclass_helps(), tmp_path / "file" / "report.html")


def test_text_that_utf8_cannot_carry_is_still_written(tmp_path) -> None:
    record = multiclass_helps()
    odd = record.model_copy(update={"next_steps": ("half a pair \ud83d",)})
    write_page(odd, tmp_path / "report.html")
    assert "half a pair \ufffd" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("shown", "said"), [(0.012, "So nothing here speaks against them."), (0.048, "is likely, but not shown by so few")]
)
def test_probabilities_that_seem_far_off_are_not_acquitted(shown: float, said: str) -> None:
    record = multiclass_helps()
    off = Interval(shown, 0.0, 0.1)
    calibration = record.decision.calibration.model_copy(update={"ece": off, "ece_if_perfect": 0.009})
    decision = record.decision.model_copy(update={"calibration": calibration})
    assert said in Page(render_page(changed(record, decision=decision))).text
