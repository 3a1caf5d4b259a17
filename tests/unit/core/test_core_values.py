"""Errors, digests, seeds, sizes, extras and progress."""

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft.core import errors
from graft.core.digests import array_digest, content_digest, file_sha256, key
from graft.core.extras import require
from graft.core.progress import SILENT
from graft.core.seeds import derive, generator
from graft.core.settings import cache_directory, parse_size

CODES = {
    errors.GraftError: (1, Exception),
    errors.InputError: (2, ValueError),
    errors.ContractError: (2, ValueError),
    errors.SourceError: (2, ValueError),
    errors.WeightsMismatch: (2, errors.SourceError),
    errors.SpaceMismatch: (2, ValueError),
    errors.BundleError: (2, ValueError),
    errors.TableError: (2, ValueError),
    errors.LedgerError: (2, ValueError),
    errors.OutputError: (2, OSError),
    errors.EngineError: (1, errors.GraftError),
    errors.MissingExtra: (2, ImportError),
    errors.Diverged: (2, ArithmeticError),
    errors.GateNotMet: (3, errors.GraftError),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(("error", "promise"), CODES.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_every_error_has_its_exit_code_and_its_builtin(error, promise):
    code, builtin = promise
    assert error.exit_code == code
    assert issubclass(error, builtin)
    assert issubclass(error, errors.GraftError)
    assert error.__doc__


def test_no_error_is_left_out_of_the_tree_or_the_table():
    every = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)}
    every = {value for value in every if not issubclass(value, Warning)}
    assert every == set(CODES)
    assert all(f" {error.__name__} " in errors.__doc__ for error in every)


def test_a_message_says_what_was_given_needed_and_how_to_fix_it():
    error = errors.InputError("a", needed="b", fix="c")
    assert (error.given, error.needed, error.fix) == ("a", "b", "c")
    assert str(error).splitlines() == ["a", "  needed: b", "  fix:    c"]
    assert str(errors.InputError("a")) == "a"


def test_a_missing_extra_names_its_install_command():
    with pytest.raises(errors.MissingExtra, match=r"pip install 'graft-ml\[minilm\]'") as raised:
        require("no_such_module_anywhere", extra="minilm", what="the source")
    assert isinstance(raised.value.__cause__, ModuleNotFoundError)
    assert require("json", extra="none", what="json") is json


def test_a_file_digest_is_sha256(tmp_path):
    (tmp_path / "x").write_bytes(b"abc" * 700_000)
    assert file_sha256(tmp_path / "x") == hashlib.sha256(b"abc" * 700_000).hexdigest()


@given(st.lists(st.binary(max_size=6), max_size=4), st.lists(st.binary(max_size=6), max_size=4))
def test_parts_have_one_digest_and_different_parts_another(one, other):
    assert (content_digest(*one) == content_digest(*other)) == (one == other)
    assert len(content_digest(*one)) == 16


def test_a_text_is_its_bytes_even_with_a_lone_surrogate():
    assert content_digest("ä") == content_digest("ä".encode())
    assert content_digest("\ud800") != content_digest("\ud801")


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), JSON, max_size=4))
def test_a_key_does_not_depend_on_order_and_survives_json(value):
    backwards = dict(reversed(value.items()))
    assert key(value) == key(backwards) == key(json.loads(json.dumps(value)))
    assert key(value) != key({**value, "one more": 1})


@pytest.mark.parametrize(
    "other",
    [
        np.arange(6.0).reshape(3, 2),
        np.arange(6.0).reshape(2, 3).astype(np.float32),
        -np.arange(6.0).reshape(2, 3),
        np.arange(6).reshape(2, 3),
    ],
)
def test_an_array_digest_sees_shape_type_and_values(other):
    assert array_digest([np.arange(6.0).reshape(2, 3)]) != array_digest([other])


def test_an_array_digest_does_not_see_the_layout_and_takes_any_shape():
    array = np.arange(6.0).reshape(2, 3)
    assert array_digest([array]) == array_digest([np.asfortranarray(array)])
    assert array_digest([array, array]) != array_digest([array])
    assert array_digest([np.zeros((0, 3))]) != array_digest([np.zeros((0, 4))]) != array_digest([np.float64(0)])


@given(st.integers(), st.lists(st.text(max_size=5) | st.integers(), max_size=3), st.text(max_size=5))
def test_seeds_repeat_stay_positive_and_name_their_stream(seed, names, extra):
    drawn = derive(seed, *names)
    assert drawn == derive(seed, *names)
    assert 0 <= drawn < 1 << 63
    assert drawn != derive(seed, *names, extra)
    assert drawn != derive(seed + 1, *names)


def test_streams_are_independent_of_one_another():
    draws = np.stack([generator(0, "fold", number).standard_normal(500) for number in range(6)])
    assert np.abs(np.corrcoef(draws) - np.eye(6)).max() < 0.2
    assert generator(3, "x").integers(1 << 60) == generator(3, "x").integers(1 << 60)
    # What a study that was stored yesterday drew must be drawn today.
    assert derive(0, "folds") == int.from_bytes(hashlib.sha256(b"0\x1ffolds").digest()[:8], "big") >> 1


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("12", 12), ("4K", 4096), ("4k", 4096), ("4KiB", 4096), (" 1.5 GB ", 3 << 29), ("2T", 2 << 40)],
)
def test_sizes_are_read_as_people_write_them(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "many", "-1G", "4 X", "1.G", "G", "1e3", "4G4", "1,5G"])
def test_other_sizes_are_refused(text):
    with pytest.raises(errors.InputError, match="is not a size"):
        parse_size(text)


def test_the_cache_folder_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_directory() == tmp_path / "own"
    monkeypatch.delenv("GRAFT_CACHE")
    assert cache_directory() == tmp_path / "xdg" / "graft"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_directory() == tmp_path / "home" / ".cache" / "graft"


def test_silence_says_nothing(capsys):
    SILENT.say("x")
    with SILENT.stage("work", 3, "rows") as stage:
        stage.advance(2, "note")
    assert capsys.readouterr() == ("", "")
