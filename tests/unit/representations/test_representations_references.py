import pytest

from graft.core.errors import SourceError
from graft.representations.references import Reference, parse_reference


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("minilm", Reference("minilm", "")),
        ("path:/a b/ü", Reference("path", "/a b/ü")),
        ("path:.", Reference("path", ".")),
        ("path:C:x@y", Reference("path", "C:x@y")),
        ("hf:bert-base-uncased", Reference("hf", "bert-base-uncased")),
        ("hf:BAAI/bge@main", Reference("hf", "BAAI/bge", "main")),
        ("hf:a/b@refs/pr/1", Reference("hf", "a/b", "refs/pr/1")),
        ("random:minilm", Reference("minilm", "", randomised=True)),
        ("random:hf:a/b@c", Reference("hf", "a/b", "c", randomised=True)),
        ("random:path:x", Reference("path", "x", randomised=True)),
    ],
)
def test_a_reference_is_read_and_written_the_same(text, reference):
    assert parse_reference(text) == reference
    assert str(reference) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Minilm",
        "minilm ",
        "minilm:",
        "path:",
        "path",
        "hf:",
        "hf:a/b/c",
        "hf:a/b@",
        "hf:@main",
        "hf:a b/c",
        "hf:a/b@x y",
        "random:",
        "random:x",
        "asset:x",
        "https://huggingface.co/a/b",
        "./model",
        "a/b",
        "hf:a/b\n",
    ],
)
def test_anything_else_is_refused_with_what_to_write(text):
    with pytest.raises(SourceError, match="does not name a source") as raised:
        parse_reference(text)
    assert "path:" in raised.value.fix
    assert "minilm, lite0, speech, glove, path:DIR or hf:org/name@revision" in raised.value.needed
