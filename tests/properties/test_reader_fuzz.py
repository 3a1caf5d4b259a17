"""Every reader of foreign files, given what no program ever wrote: our errors or an answer, and nothing else.

The inputs are sound files with bytes changed, cut, doubled or put in from a list of things that have broken readers
elsewhere. Few are tried in every run, ten thousand for each reader among the slow tests.
"""

import gzip
import io
import json
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graft.bundle.manifest import MANIFEST, Manifest, read_manifest
from graft.core.digests import FileFact
from graft.core.errors import GraftError
from graft.decisions.costs import load_costs
from graft.facts.study import StudyRecord
from graft.inputs import Roles, build_dataset, infer_contract
from graft.representations.weights.safetensors_file import check_safetensors
from graft.rows.table import read_frame, read_rows
from unit.bundle.building import study_record

FEW, MANY = 300, 10_000
PLACE = Path(tempfile.mkdtemp(prefix="graft-fuzz-"))
ODD = (
    b"",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\x80",
    b"\xed\xa0\x80",
    b'"',
    b'""',
    b"'",
    b"\r",
    b"\r\n",
    b"\n\n",
    b",",
    b";",
    b"\t",
    b"sep=;\n",
    b"[",
    b"]",
    b"{",
    b"}",
    b"[[",
    b"null",
    b"true",
    b"NaN",
    b"Infinity",
    b"-",
    b"1e999",
    b"9" * 400,
    b"-0",
    b"\\ud800",
    b"\\u0000",
    b"&a",
    b"*a",
    b"!!python/object:os.system",
    b"? ",
    b": ",
    b"- ",
    b"<<: ",
    b"--- ",
    b"|",
    b"%YAML 9.9\n",
    b"\x1b[2J",
    b"../../",
    b"['a', 'b']",
    b"[0, 1]",
    b"2024-13-45",
    b"9999-12-31T23:59:59+00:00",
    b"0001-01-01",
    "\u202e".encode(),
    b"a" * 3000,
    b"PK\x03\x04",
    b"PAR1",
)


@dataclass(frozen=True)
class Reader:
    """name: of the file it is given. sound: files that it reads. read: what reads one."""

    name: str
    sound: tuple[bytes, ...]
    read: Callable[[Path], object]


def rows_then_contract(path: Path) -> None:
    """What a study does with a file before it trains."""
    for read in (read_frame, read_rows):
        table = read(path)
        names = table.frame.columns
        if len(names) > 1 and read is read_frame:
            roles = Roles(content=(names[0],), label=(names[1],), numeric=tuple(names[2:3]))
            build_dataset(table, infer_contract(table, roles), labelled=True)


def packed(**options: object) -> bytes:
    frame = pl.DataFrame(
        {
            "text": [f"hello world {row}" for row in range(12)],
            "label": ["a", "b", "c"] * 4,
            "size": [None, 1.5, -2.0, 1e300] * 3,
            "tags": [["x"], ["y", "z"], []] * 4,
            "when": pl.Series(["2024-01-05"] * 12).str.to_date(),
        }
    )
    stream = io.BytesIO()
    frame.write_parquet(stream, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def manifest(path: Path) -> None:
    path.rename(path.parent / MANIFEST)
    read_manifest(path.parent)


def sealed() -> bytes:
    files = {name: FileFact(sha256="ab" * 32, size=9) for name in ("model/model.json", "README.md")}
    return Manifest(created_by="graft", created="2024-01-01", files=files).sealed().text().encode()


def header() -> bytes:
    text = json.dumps({"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {"k": "v"}})
    return len(text).to_bytes(8, "little") + text.encode() + bytes(24)


CSV = (
    b"text,label,size\n" + b'hello there,a,1\n"good, bye",b,2.5\n"she said ""no""",a,\nlast one,b,-3\n' * 4,
    b"text;label\r\n" + b"Ja, gern;yes\r\nNein;no\r\nVielleicht;yes\r\nNie;no\r\n" * 4,
    ("text,label\n" + "café,1\nthé,0\neau,1\nvin,0\n" * 4).encode("cp1252"),
    ("text,tags\n" + "a b,\"['x', 'y']\"\nc d,['y']\ne f,\"['x']\"\n" * 5).encode(),
    ("text,tags\n" + 'a b,"[0, 1]"\nc d,"[1, 0]"\ne f,"[1 1]"\n' * 5).encode("utf-16"),
)
JSON = (
    b'{"text": "hi", "label": "a", "size": 1}\n{"text": "bye", "label": "b", "size": 2.5}\n' * 6,
    b'{"text": "hi", "label": ["a", "b"]}\n{"text": "bye", "label": []}\n{"text": "x", "label": ["a"]}\n' * 5,
    b'{"text": {"a": [1]}, "label": true}\n{"text": "b", "label": false}\n' * 6,
)
COSTS = (
    b"unit: EUR\nabstain: 2\ndefault: 1\ncosts:\n  ham: {spam: 5}\n  spam:\n    ham: 50\n    '*': 3\n",
    b"costs: {ham: {spam: 1e3}}\nabstain: {ham: 1, spam: 2}\n",
)
READERS = (
    Reader("x.csv", CSV, rows_then_contract),
    Reader("x.tsv", tuple(raw.replace(b",", b"\t") for raw in CSV[:3:2]), rows_then_contract),
    Reader("x.jsonl", JSON, rows_then_contract),
    Reader("x.csv.gz", tuple(gzip.compress(raw) for raw in CSV), rows_then_contract),
    Reader(
        "x.parquet", (packed(), packed(compression="uncompressed"), packed(compression="snappy")), rows_then_contract
    ),
    Reader("x.yaml", COSTS, lambda path: load_costs(path, ("ham", "spam"))),
    Reader("c.csv", (b"true,decided,cost\nham,spam,5\n*,abstain,1\n",), lambda path: load_costs(path, ("ham", "spam"))),
    Reader(
        "study.json",
        (study_record(("a", "b")).to_json().encode(),),
        lambda path: StudyRecord.from_json(path.read_bytes(), str(path)),
    ),
    Reader("made.json", (sealed(),), manifest),
    Reader("x.safetensors", (header(),), check_safetensors),
)


def changed(sound: tuple[bytes, ...], seed: int) -> bytes:
    """A sound file after a few changes that depend on the seed alone."""
    rng = random.Random(seed)
    raw = bytearray(rng.choice(sound))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        start = rng.randrange(len(raw) + 1)
        end = min(len(raw), start + rng.choice((0, 1, 1, 2, 8, 60)))
        kind = rng.randrange(6)
        if kind == 0 and start < len(raw):
            raw[start] ^= 1 << rng.randrange(8)
        elif kind == 1:
            raw[start:end] = rng.choice(ODD)
        elif kind == 2:
            del raw[start:end]
        elif kind == 3:
            raw[start:start] = raw[start:end] * rng.choice((1, 2, 30))
        elif kind == 4 and start < len(raw):
            raw[start] = rng.randrange(256)
        else:
            raw[start:end] = rng.randbytes(end - start)
    return bytes(raw[: rng.randrange(len(raw))]) if rng.random() < 0.05 and raw else bytes(raw)


def hold(reader: Reader, seed: int) -> None:
    folder = PLACE / reader.name
    folder.mkdir(exist_ok=True)
    path = folder / reader.name
    path.write_bytes(changed(reader.sound, seed))
    try:
        reader.read(path)
    except GraftError as error:
        assert error.exit_code == 2  # noqa: PT017 - a change may also leave a file that can be read


def named_reader(name: str) -> Reader:
    return next(reader for reader in READERS if reader.name == name)


named = pytest.mark.parametrize("name", [reader.name for reader in READERS])
quick = settings(max_examples=FEW // len(READERS) * 2, suppress_health_check=list(HealthCheck))
long = settings(max_examples=MANY, suppress_health_check=list(HealthCheck))


@named
def test_a_sound_file_is_read(name):
    reader = named_reader(name)
    for raw in reader.sound:
        (PLACE / reader.name).mkdir(exist_ok=True)
        path = PLACE / reader.name / reader.name
        path.write_bytes(raw)
        reader.read(path)


@named
@quick
@given(st.integers(0, 1 << 40))
def test_a_changed_file_is_read_or_refused_in_words(name, seed):
    hold(named_reader(name), seed)


@pytest.mark.slow
@named
@long
@given(st.integers(0, 1 << 40))
def test_ten_thousand_changed_files_are_read_or_refused_in_words(name, seed):
    hold(named_reader(name), seed)


@quick
@given(st.lists(st.text(max_size=12) | st.sampled_from(["['a']", "[0 1]", "a;b", "a|b", "[]", "{}", "nan", "1e400"])))
def test_any_list_of_labels_is_read_or_refused_in_words(labels):
    rows = {"text": [f"row {place}" for place in range(len(labels))], "label": labels}
    for task in ("auto", "multilabel", "regression"):
        try:
            table = read_frame(rows)
            contract = infer_contract(table, Roles(content=("text",), label=("label",)), task=task)
            build_dataset(table, contract, labelled=True)
        except GraftError as error:
            assert error.exit_code == 2  # noqa: PT017 - or there is an answer


@quick
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=12,
    )
)
def test_any_document_as_a_cost_table_is_read_or_refused_in_words(document):
    path = PLACE / "any.yaml"
    path.write_text(yaml.safe_dump({"costs": document, "unit": "EUR"}), encoding="utf-8")
    try:
        load_costs(path, ("ham", "spam"))
    except GraftError as error:
        assert error.exit_code == 2  # noqa: PT017 - or there is an answer
