"""Where several words are taken, a bare string is one word and never its letters."""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import graft
import tiny
from graft.core.errors import InputError
from graft.entities.suggestion import suggest
from graft.governance.assets import add
from graft.representations.cache import ActivationCache
from graft.representations.encoding.encoder import Encoder
from graft.tables.erasure.erasing import erase
from graft.tables.table import EmbeddingTable
from table_rows import SPACE, rows

_MANY = re.compile(r"(Iterable|Sequence|Collection|list|set|tuple)\[str(, \.\.\.)?\]")
# These refuse a bare string in words.
_REFUSED = {("embed", "texts")}


def public() -> Iterator[tuple[str, Callable[..., Any]]]:
    """What ``import graft`` shows, with the methods of its classes, and what the command line calls beside it."""
    for name in graft.__all__:
        found = getattr(graft, name)
        if inspect.isclass(found):
            for method, function in inspect.getmembers(found, callable):
                if not method.startswith("_") or method == "__init__":
                    yield f"{name}.{method}", function
        elif callable(found):
            yield name, found
    yield from {"erase": erase, "suggest": suggest, "Encoder.vectors": Encoder.vectors}.items()
    yield "assets.add", add


def test_every_public_argument_that_takes_several_words_takes_one() -> None:
    wrong = []
    for name, function in public():
        try:
            parameters = inspect.signature(function).parameters.values()
        except ValueError:
            continue
        if not getattr(inspect.unwrap(function), "__module__", "").startswith("graft"):
            continue
        for parameter in parameters:
            said = str(parameter.annotation)
            alone = "str |" in said or "Names" in said or (name, parameter.name) in _REFUSED
            if _MANY.search(said) and not alone:
                wrong.append(f"{name}({parameter.name}: {said})")
    assert wrong == []


@pytest.fixture
def table(tmp_path) -> EmbeddingTable:
    made = EmbeddingTable.create(tmp_path / "t", SPACE, content="title")
    made.upsert(rows(["2", "7", "27", "i", "d"], title=list("abcde")))
    return made


def test_an_id_is_not_its_digits(table, tmp_path):
    assert table.delete("27") == 1
    assert table.read("id")["id"].to_pylist() == ["2", "7", "i", "d"]
    receipt = erase(table.path, "7", by="me", cache=ActivationCache(tmp_path / "cache"))
    assert receipt.found == 1
    assert table.count() == 3
    assert erase(table.path, "2i", by="me", cache=ActivationCache(tmp_path / "cache")).found == 0


def test_a_column_is_not_its_letters(table):
    assert table.generation.content == ("title",)
    assert table.read("title").column_names == ["title"]
    found = table.search(table.vectors()[1][:1], k=1, space=SPACE, columns="title")
    assert found.columns[-1] == "title"


def test_one_row_is_looked_for(table):
    assert table.changed("27", "0" * 32).tolist() == [True]
    assert table.changed("nobody", "0" * 32).tolist() == [True]


def test_a_text_is_one_text():
    assert Encoder(tiny.encoder("bert", 2)).vectors("one text")[0].shape[0] == 1
    with pytest.raises(InputError, match="str"):
        graft.embed("one text")


def test_a_signal_is_one_signal():
    assert suggest("product", "baskets") == suggest("product", ["baskets"])
