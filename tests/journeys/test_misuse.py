"""What a stranger gets wrong is answered at once: what was given, what was needed, how to fix it, exit code 2.

No command here may read a model library: that is what makes an answer slow.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from graft.core.version import __version__
from journeys.small_study import rows, source

STUDY = "study tickets.csv --text message --label category --source path:tiny --out new"
MISUSES = {
    # The rows.
    f"{STUDY.replace('tickets.csv', 'nowhere.csv')}": "nowhere.csv does not exist",
    f"{STUDY.replace('tickets.csv', 'tickest.csv')}": "did you mean tickets.csv?",
    f"{STUDY.replace('tickets.csv', 'empty.csv')}": "is empty",
    f"{STUDY.replace('tickets.csv', 'header.csv')}": "a header and no rows",
    f"{STUDY.replace('tickets.csv', 'page.pdf')}": "extension .pdf",
    f"{STUDY.replace('tickets.csv', 'done')}": "this is the folder of a study: graft report done",
    f"{STUDY.replace('tickets.csv', 'done/bundle')}": "this is a bundle: graft predict done/bundle FILE",
    f"{STUDY.replace('tickets.csv', 'table')}": "this is an embedding table",
    f"{STUDY.replace('tickets.csv', 'few.csv')}": "needed: at least",
    f"{STUDY.replace('tickets.csv', 'one.csv')}": "at least two classes",
    f"{STUDY.replace('category', 'catgory')}": "did you mean 'category'?",
    f"{STUDY.replace('message', 'mesage')}": "did you mean 'message'?",
    STUDY.replace("--text message --label category", "--text category --label message"): "check that it is the label",
    STUDY.replace("--label category", "--label id"): "every row of 'id' is different",
    STUDY.replace("--label category", "--label message"): "given as text and as label",
    f"{STUDY} --numeric team": "is given as numeric|no number",
    f"{STUDY} --time team": "no time",
    f"{STUDY} --group team --time opened_at": "one of them",
    f"{STUDY} --encoding utf-9": "name of a text encoding",
    f"{STUDY} --test tickets.csv": "in the test file too",
    f"{STUDY} --test done": "this is the folder of a study",
    f"{STUDY} --test done/predictions.csv --after done": "one of them|does not exist",
    f"{STUDY} --after table": "this is an embedding table",
    f"{STUDY} --after done/bundle": "the study is done",
    # What is tried, and how it is judged.
    f"{STUDY} --task regression": "no finite number",
    f"{STUDY} --metric vibes": "one of accuracy",
    f"{STUDY} --metric acuracy": "did you mean 'accuracy'?",
    f"{STUDY} --metric rmse": "for a multiclass task",
    f"{STUDY} --margin 5": "write 5 % as 0.05",
    f"{STUDY} --margin nan": "write 1 % as 0.01",
    f"{STUDY} --level 95": "write 95 % as 0.95",
    f"{STUDY} --holdout 20": "write 20 % as 0.2",
    f"{STUDY} --folds 1": "from 2 to 50",
    f"{STUDY} --folds five": "--folds",
    f"{STUDY} --seed -1": "0 or more",
    f"{STUDY} --workers -1": "from 0 to 1024",
    f"{STUDY} --cache-limit lots": "for example 4G",
    f"{STUDY} --weights heavy": "auto, balanced, none",
    f"{STUDY} --loss focall": "did you mean 'focal'?",
    f"{STUDY} --loss huber": "for multiclass targets",
    f"{STUDY} --loss cost-weighted": "add --costs",
    f"{STUDY} --strategy ful": "'ful' is not a strategy",
    f"{STUDY} --use selling": "internal",
    f"{STUDY} --require good": "helps",
    f"{STUDY} --out tickets.csv": "is a file",
    f"{STUDY} --out table": "is not empty",
    f"{STUDY} --source done": "if 'done' is a folder",
    f"{STUDY} --source path:nowhere": "there is no folder nowhere",
    f"{STUDY} --source path:done/bundle": "this is a bundle",
    # Costs.
    f"{STUDY} --costs nowhere.csv": "graft costs template",
    f"{STUDY} --costs tickets.csv": "true,decided,cost",
    f"{STUDY} --costs misspelt.yaml": "did you mean 'phishing'?",
    f"{STUDY} --costs twice.yaml": "the key 'phishing' twice",
    f"{STUDY} --costs negative.yaml": "a number, 0 or more",
    f"{STUDY} --costs turned.yaml": "were the two exchanged?",
    f"{STUDY} --costs list.yaml": "names with values",
    "costs template tickets.csv --label catgory": "did you mean 'category'?",
    "costs template numbers.csv --label amount": "numbers to predict",
    "costs template done --label category": "this is the folder of a study",
    # A saved model.
    "predict done tickets.csv": "the bundle is done/bundle",
    "predict tickets.csv done/bundle": "the folder comes first",
    "predict table tickets.csv": "this is an embedding table",
    "predict tiny tickets.csv": "this is a pretrained model",
    "predict done/bundel tickets.csv": "did you mean done/bundle?",
    "predict done/bundle nowhere.csv": "nowhere.csv does not exist",
    "predict done/bundle numbers.csv": "no column 'message'",
    "predict done/bundle tickets.csv --out tickets.csv": "is the file that is read",
    "predict done/bundle tickets.csv --out done": "is a folder",
    "predict done/bundle": "Missing argument",
    "verify done": "the bundle is done/bundle",
    "verify tickets.csv": "is a file",
    "report done/bundle": "the study is done",
    "report table": "this is an embedding table",
    "report tickets.csv": "there is no study in tickets.csv",
    # Tables.
    "search table/g1 hello": "the table is table",
    "search done hello": "this is the folder of a study",
    "tables show tickets.csv": "is a file",
    "tables show nowhere": "graft embed FILE --id ID",
    "embed tickets.csv --text message --table x": "no --id",
    "embed tickets.csv --text message": "neither --table nor --out",
    "embed tickets.csv --text message --out tickets.csv --source path:tiny": "is the file that is read",
    "embed tickets.csv --text mesage --id id --table x --source path:tiny": "did you mean 'message'?",
    # Assets.
    "assets check table --use commercial": "this is an embedding table",
    "assets check nowhere --use commercial": "graft assets list",
    "assets show page.pdf": "graft assets add page.pdf",
    "assets verify done": "the bundle is done/bundle",
    # The command itself.
    "stduy tickets.csv": "study",
    "study tickets.csv --txt message --label category": "--text",
    "study tickets.csv --label category": "--text",
    "source nope": "does not name a source",
    "entities suggest --entity planet --has text": "choose the nearest",
}
MODELS = ("torch", "transformers", "sklearn")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("misuse")
    rows(120).write_csv(folder / "tickets.csv")
    source(folder / "tiny")
    pl.DataFrame({"amount": [place * 1.5 for place in range(60)]}).write_csv(folder / "numbers.csv")
    written = {
        "empty.csv": "",
        "header.csv": "id,message,category\n",
        "page.pdf": "%PDF",
        "few.csv": "id,message,category\n1,some words,a\n2,other words,b\n3,more words,a\n4,last words,b\n",
        "one.csv": "message,category\n" + "".join(f"text number {place},a\n" for place in range(40)),
        "misspelt.yaml": "costs: {phising: {malware: 5}}\n",
        "twice.yaml": "costs:\n  phishing: {malware: 5}\n  phishing: {malware: 6}\n",
        "negative.yaml": "abstain: -2\n",
        "turned.yaml": "costs: {phishing: {phishing: 50}}\n",
        "list.yaml": "- a\n",
        "done/study.key": json.dumps({"key": "x"}),
        "done/study.json": "{}",
        "done/bundle/manifest.json": "",
        "done/bundle/contract.json": "",
        "table/table.json": "{}",
        "table/g1/part.parquet": "x",
    }
    for name, text in written.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    bundle(folder / "done" / "bundle")
    return folder


def bundle(folder: Path) -> None:
    """As much of a bundle as is looked at before its model is."""
    from graft.bundle.manifest import write_manifest
    from graft.inputs.contract import infer_contract
    from graft.inputs.roles import Roles
    from graft.rows.table import read_frame

    roles = Roles(content=("message",), label=("category",))
    contract = infer_contract(read_frame(rows(120)), roles)
    (folder / "manifest.json").unlink()
    (folder / "contract.json").write_text(contract.model_dump_json(by_alias=True))
    write_manifest(folder)


_ASKED = """
import io, json, shlex, sys
from contextlib import redirect_stderr, redirect_stdout
from graft.cli import main
models, answers = sys.argv[1:], []
for line in sys.stdin.read().splitlines():
    told, code, before = io.StringIO(), None, set(sys.modules)
    sys.argv = ["graft", *shlex.split(line)]
    with redirect_stderr(told), redirect_stdout(told):
        try:
            main()
        except SystemExit as left:
            code = left.code
        except BaseException as error:
            told.write(f"Traceback: {error!r}")
    answers.append([line, code, told.getvalue(), [name for name in models if name in set(sys.modules) - before]])
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers(place) -> dict[str, tuple[int, str, list[str]]]:
    """Every misuse in one process, since what is asked is what each says and which libraries it read."""
    done = subprocess.run(
        [sys.executable, "-c", _ASKED, *MODELS],
        input="\n".join(MISUSES),
        capture_output=True,
        text=True,
        timeout=300,
        cwd=place,
        env={**os.environ, "GRAFT_LEDGER": str(place / "ledger.sqlite"), "GRAFT_CACHE": str(place / "cache")},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {line: (code, told, loaded) for line, code, told, loaded in json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.parametrize("line", MISUSES)
def test_a_misuse_is_answered(answers, line):
    code, told, loaded = answers[line]
    assert code == 2, told
    assert "Traceback" not in told
    wanted = MISUSES[line].split("|")
    flat = " ".join(told.replace("│", " ").split())
    assert any(one in flat for one in wanted), told
    if flat.startswith("graft:"):
        assert "needed:" in told, told
        assert "fix:" in told, told
    assert loaded == [], f"{line} came after {loaded} was read"


def test_nothing_was_made_by_any_of_them(answers, place):
    assert not (place / "new" / "study.json").exists()
    assert not (place / "x").exists()
    assert (place / "tickets.csv").read_text().startswith("id,")


@pytest.mark.parametrize("words", [["tables", "show", "-h"], ["--version"]])
def test_python_m_graft_is_the_command(words):
    done = subprocess.run(
        [sys.executable, "-m", "graft", *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert (__version__ if words == ["--version"] else "Usage: python -m graft") in done.stdout
