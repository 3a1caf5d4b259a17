import io

import pytest
from rich.console import Console

from graft.facts.study import StudyRecord
from graft.report.study import plan_lines, print_summary
from unit.report.records import ALL, multiclass_helps, plan_facts


def printed(record: StudyRecord, width: int = 80, **options: bool) -> str:
    file = io.StringIO()
    print_summary(record, Console(file=file, width=width, **options), None)
    return file.getvalue()


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_file_gets_plain_text_that_fits(name: str) -> None:
    text = printed(ALL[name]())
    assert "\x1b" not in text
    assert not set(text) & set("│┃━─┏┓╭╮|")
    assert all(len(line.rstrip()) <= 80 for line in text.splitlines())
    assert "None" not in text
    assert "nan" not in text


def test_the_summary_answers(tmp_path) -> None:
    record = multiclass_helps()
    file = io.StringIO()
    print_summary(record, Console(file=file, width=80), tmp_path / "a rather long folder name" / "report.html")
    text = " ".join(file.getvalue().split())
    for fact in (
        "HELPS",
        record.verdict.sentence,
        "minilm frozen 0.871 [0.852, 0.890] 14 s chosen",
        "classical 0.815 [0.796, 0.834] 2.6 s best control",
        "under-trained",
        "0.864 (0.834 to 0.894)",
        "412 (352 to 472) minutes per 1,000 rows",
        "Hidden harm",
        "contradicting labels",
        "may be wrong: the model disagrees with 14; with about 13 if none were wrong",
        "If it did not help, rows would speak for it this clearly in at most 1.2% of studies (p = 0.012;",
        "measured before the last refit",
        "truncated rows 7.4%",
        "Deploy the bundle",
        str(tmp_path / "a rather long folder name" / "report.html"),
    ):
        assert fact in text, fact


def test_the_summary_of_an_undecided_study() -> None:
    text = " ".join(printed(ALL["undecided"]()).split())
    for fact in (
        "INCONCLUSIVE: UNDECIDED, nothing is shown",
        "WARNING: the final model of minilm partial:2 scored 0.330",
        "The saved model is minilm full",
        "On the test file alone (250 rows, never scored before): minilm frozen 0.864 (0.834 to 0.894); classical 0.815",
        "There minilm full, which is saved, has 0.871",
        "stopped early",
        "a perfect model would show about 1.8% on as many rows",
        "the very one that was measured; it learnt from 998 rows",
    ):
        assert fact in text, fact
    assert "nobody had seen" not in text


def test_texts_are_not_markup() -> None:
    record = multiclass_helps()
    text = printed(record.model_copy(update={"next_steps": ("[red]stop[/red] \x1b[31m",)}), force_terminal=True)
    assert "[red]stop[/red] \ufffd" in text


def test_colour_is_there_for_a_terminal() -> None:
    assert "\x1b[" in printed(multiclass_helps(), force_terminal=True)


def test_an_ascii_terminal_can_show_it() -> None:
    printed(multiclass_helps()).encode("ascii")


def test_the_plan_is_told_before_it_runs() -> None:
    text = "\n".join(plan_lines(plan_facts()))
    for fact in (
        "7 candidates, about 18 min 3 s",
        "always run: the cheapest way to reuse",
        "Left out:",
        "its licence is unknown: a person must decide",
        "truncated rows 7.4%",
        "3 configurations and 200 steps",
    ):
        assert fact in text, fact
