"""What a stranger gets wrong is answered at once: what was given, what was needed, how to fix it, exit code 2.

No command here may read a model library: that is what makes an answer slow.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from graft.core.escapes import visible
from graft.core.version import __version__
from graft.representations.spaces import given_space
from graft.tables.columns import vector_column
from graft.tables.table import EmbeddingTable
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
    "predict emptyfolder tickets.csv": "it has no manifest.json",
    "predict nowhere tickets.csv": "there is no folder nowhere",
    "predict done/bundle emptyfolder": "is a directory",
    "predict done/bundle table": "this is an embedding table",
    "predict done/bundle done/bundle": "this is a bundle",
    "predict done/bundle page.pdf": "extension .pdf",
    "predict done/bundle empty.csv": "is empty",
    "predict done/bundle half.csv": "starts as UTF-16",
    "predict done/bundle pipe.csv": "a pipe",
    "predict done/bundle tickets.csv --encoding utf-9": "name of a text encoding",
    "predict done/bundle tickets.csv --out page.html": "what is written is no .html file",
    "predict done/bundle tickets.csv --explian": "--explain",
    "verify nowhere": "there is no folder nowhere",
    "verify emptyfolder": "it has no manifest.json",
    "verify live": "this is an embedding table",
    "verify tiny": "this is a pretrained model",
    "verify done/bundle tickets.csv": "unexpected extra argument",
    "report nowhere": "there is no study in nowhere",
    "report emptyfolder": "that `graft study` has finished",
    "report tiny": "this is a pretrained model",
    "report done --out emptyfolder": "name one in it: emptyfolder/out.html",
    "report done --out tickets.csv": "what is written is no .csv file",
    # Tables.
    "search table/g1 hello": "the table is table",
    "search done hello": "this is the folder of a study",
    "search done/bundle hello": "this is a bundle",
    "search tiny hello": "this is a pretrained model",
    "search nowhere hello": "graft embed FILE",
    "search emptyfolder hello": "no embedding table",
    "search tickets.csv hello": "this is a file of rows",
    "search hello live": "no embedding table at hello",
    "search live": "Missing argument",
    "search live hello": "made elsewhere",
    "search live hello -k 0": "at least 1",
    "search live hello -k -3": "at least 1",
    "search live hello -k many": "valid integer",
    "search live hello --whre x": "--where",
    "tables show tickets.csv": "is a file",
    "tables show nowhere": "graft embed FILE --id ID",
    "tables show emptyfolder": "no embedding table",
    "tables show done": "this is the folder of a study",
    "tables show tiny": "this is a pretrained model",
    "tables show table": "table.json is damaged",
    "tables history nowhere": "no embedding table",
    "tables history live --most 0": "greater than or equal to 1",
    "tables history live --most x": "valid integer",
    "tables index done/bundle": "this is a bundle",
    "tables index live --anew --remove": "--anew and --remove together",
    "tables map live --out tickets.csv": "what is written is no .csv file",
    "tables map live --out emptyfolder": "name one in it: emptyfolder/out.html",
    "tables map nowhere": "no embedding table",
    "tables compact done": "this is the folder of a study",
    "tables vacuum live --hours -1 --yes": "0 or more",
    "tables vacuum live --hours nan": "0 or more",
    "tables vacuum live --hours inf": "0 or more",
    "tables vacuum live --hours week": "valid number",
    "tables vacuum live": "give --yes",
    "tables delete live": "--id",
    "tables delete live --id a": "give --yes",
    "tables delete nowhere --id a --yes": "no embedding table",
    "tables erase live --id a": "its history and the caches for good",
    "tables receipt live": "has no receipts",
    "tables receipt tickets.csv": "is not JSON",
    "tables migrate nowhere --to path:tiny": "no embedding table",
    "tables migrate live": "--to",
    "tables migrate live --to nope": "does not name a source",
    "tables migrate live --to path:nowhere": "there is no folder",
    "tables migrate live --to path:tiny --margin 5": "write 2 % as 0.02",
    "tables migrate live --to path:tiny --margin nan": "from 0 to below 1",
    "tables rollback live": "no earlier generation",
    "tables drop live g1 --yes": "is the one that answers",
    "tables drop live g7 --yes": "has no generation 'g7'",
    "tables drop live ../done --yes": "has no generation",
    "embed tickets.csv --text message --table x": "no --id",
    "embed tickets.csv --text message": "neither --table nor --out",
    "embed tickets.csv --text message --table x --out y.npy": "--table and --out together",
    "embed tickets.csv --text message --out tickets.csv --source path:tiny": "is the file that is read",
    "embed tickets.csv --text message --out numbers.csv --source path:tiny": "what is written is no .csv file",
    "embed tickets.csv --text message --out y.npy --role quary --source path:tiny": "one of query, document",
    "embed tickets.csv --text message --id id --table x --role query": "what a table holds is searched",
    "embed tickets.csv --text mesage --id id --table x --source path:tiny": "did you mean 'message'?",
    "embed tickets.csv --text message --id nope --table x --source path:tiny": "no column 'nope'",
    "embed tickets.csv --text message --id id --table x --source nope": "if 'nope' is a folder, write path:nope",
    "embed tickets.csv --text message --id id --table x --source minlm": "did you mean minilm?",
    "embed tickets.csv --text message --id id --table x --source path:live": "this is an embedding table",
    "embed tickets.csv --text message --id id --table x --source path:tickets.csv": "this is a file of rows",
    "embed tickets.csv --text message --id id --table x --encoding latin-99": "name of a text encoding",
    "embed tickets.csv --text message --id id --table done --source path:tiny": "it is the folder of a study",
    "embed tickets.csv --text message --id id --table emptyfile --source path:tiny": "emptyfile exists",
    "embed emptyfolder --text message --id id --table x": "is a directory",
    "embed live --text message --id id --table x": "this is an embedding table",
    "embed header.csv --text message --id id --table x": "a header and no rows",
    "embed page.pdf --text message --id id --table x": "extension .pdf",
    # Assets.
    "assets check table --use commercial": "this is an embedding table",
    "assets check nowhere --use commercial": "graft assets list",
    "assets check tickets.csv --use selling": "'internal', 'commercial'",
    "assets check tickets.csv": "--use",
    "assets show page.pdf": "graft assets add page.pdf",
    "assets add nowhere": "is no folder",
    "assets add emptyfolder": "holds no file",
    "assets add tickets.csv --kind dataset": "'source', 'data', 'bundle', 'table'",
    "assets add tickets.csv --parent nowhere": "RELATION:NAME",
    "assets add tickets.csv --licence Apach-2.0": "did you mean Apache-2.0",
    "assets add tickets.csv --licence own": "assets decide NAME --licence own",
    "assets lineage nowhere": "no asset is called",
    "assets lineage nowhere --picture tickets.csv": "what is written is no .csv file",
    "assets decide tickets.csv --licence MIT": "--because",
    "assets verify done": "the bundle is done/bundle",
    "assets verify nowhere": "no asset is called",
    "assets verify --expect abc": "COUNT:HASH",
    "assets verify --heads nowhere": "no file of heads",
    "assets verify --key key.pem": "--heads FILE",
    "assets sign done/bundle --key nowhere.pem": "cannot be read",
    "assets sign done/bundle --key key.pem": "openssl ecparam",
    "assets export done --format card": "the bundle is done/bundle",
    "assets export done/bundle --format pdf": "'card', 'cyclonedx', 'spdx'",
    "assets export done/bundle --format card --out tickets.csv": "what is written is no .csv file",
    "assets ledger export tickets.csv": "what is written is no .csv file",
    "assets ledger import tickets.csv": "",
    "assets ledger import emptyfolder": "name the file inside it",
    "assets ledger verify --heads tickets.csv": "is not a noted head",
    "assets leger head": "'ledger'",
    # Sources, costs, entities.
    "source path:": "a folder is path:DIR",
    "source hf:": "a repository of the Hub is hf:org/name",
    "source path:done": "this is the folder of a study",
    "sources shwo minilm": "'show'",
    "sources rank tickets.csv --text message --label catgory --source path:tiny": "did you mean 'category'?",
    "sources rank tickets.csv --text message --label category --source path:tiny --source path:tiny": "once",
    "sources adapt tickets.csv --text message --source path:tiny --method bert --out new": "one of tsdae, mlm",
    "sources adapt tickets.csv --text message --source path:tiny --out done": "is not empty",
    "sources adapt tickets.csv --text message --source path:tiny --minutes 0 --out new": "more than 0",
    "cache --claer": "--clear",
    "convert nowhere.bin out": "No such file",
    "convert tickets.csv out": ".bin, .pt",
    "convert tiny out": "use it as it is: path:tiny",
    "costs template nowhere.csv --label category": "nowhere.csv does not exist",
    "costs template emptyfolder --label category": "is a directory",
    "costs template tickets.csv": "--label",
    "costs template tickets.csv --label category --task classes": "classes",
    "entities suggest --entity product --has vibes": "not a signal Graft knows",
    "entities suggest --entity product --has ''": "names nothing",
    "entities suggest --entity product": "--has",
    "entities sugest --entity product --has text": "'suggest'",
    # What acts on a terminal, wherever it is given.
    "study tickets.csv --te\x9b31mxt message": "--te\\x9b31mxt",
    "stu\x9b31mdy": "stu\\x9b31mdy",
    "search live hi -k \x9b3": "valid integer",
    "predict done/bun\u2066dle tickets.csv": "done/bun\\u2066dle",
    "embed tickets.csv --text mess\u202eage --id id --table x": "mess\\u202eage",
    "costs template tickets.csv --label c\x9bd": "c\\x9bd",
    "tables drop live g\x9b1 --yes": "g\\x9b1",
    "source path:\x1b[2J": "\\x1b[2J",
    # The command itself.
    "stduy tickets.csv": "study",
    "study tickets.csv --txt message --label category": "--text",
    "study tickets.csv --label category": "--text",
    "source nope": "does not name a source",
    "asets list": "'assets'",
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
        "key.pem": "no key",
        "emptyfile": "",
        "page.html": "<p>",
    }
    for name, text in written.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    bundle(folder / "done" / "bundle")
    (folder / "half.csv").write_bytes(b"\xff\xfe\x00junk")
    (folder / "emptyfolder").mkdir()
    os.mkfifo(folder / "pipe.csv")
    live(folder / "live")
    return folder


def live(folder: Path) -> None:
    """A table of three rows whose vectors were made elsewhere."""
    made = EmbeddingTable.create(folder, given_space("made up", 2))
    vectors = vector_column(np.eye(2, dtype=np.float32)[[0, 1, 0]])
    made.upsert(pa.table({"id": ["a", "b", "c"], "vector": vectors, "region": ["EU", "US", "EU"]}))


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
for line in json.loads(sys.stdin.read()):
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
        input=json.dumps(list(MISUSES)),
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
    assert visible(told) == told


def test_nothing_was_made_by_any_of_them(answers, place):
    assert not (place / "new" / "study.json").exists()
    assert not (place / "x").exists()
    assert (place / "tickets.csv").read_text().startswith("id,")
    assert (place / "numbers.csv").read_text().startswith("amount\n")
    assert (place / "page.html").read_text() == "<p>"
    assert sorted(EmbeddingTable.open(place / "live").vectors()[0]) == ["a", "b", "c"]


@pytest.mark.parametrize("words", [["tables", "show", "-h"], ["--version"]])
def test_python_m_graft_is_the_command(words):
    done = subprocess.run(
        [sys.executable, "-m", "graft", *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert (__version__ if words == ["--version"] else "Usage: python -m graft") in done.stdout
