"""The options of a study are the same in Python and on the command line: names, and what they are when left out."""

import inspect
from enum import Enum

import pytest

from graft import api
from graft.cli.studies import study as command
from graft.representations.embedded import usual_sources
from graft.studies.settings import StudySettings

ONLY_COMMAND = {"require", "json_lines"}
ONLY_PYTHON = {"progress", "on_plan"}


def options(function) -> dict[str, object]:
    return {name.removesuffix("_column"): one.default for name, one in inspect.signature(function).parameters.items()}


def plain(default: object) -> object:
    default = default.value if isinstance(default, Enum) else default
    if isinstance(default, list | tuple):
        return tuple(default)
    return (default,) if isinstance(default, str) else default


def test_both_sides_have_the_same_names():
    assert set(options(api.study)) - ONLY_PYTHON == set(options(command)) - ONLY_COMMAND


@pytest.mark.parametrize("name", sorted(set(options(api.study)) - ONLY_PYTHON - {"data", "text", "label", "out"}))
def test_both_sides_leave_out_the_same(name):
    assert plain(options(api.study)[name]) == plain(options(command)[name])


def test_every_setting_can_be_asked_for():
    asked = {"sources": "source", "strategies": "strategy", "uses": "use"}
    named = set(options(api.study))
    # What the columns say by themselves.
    assert {asked.get(name, name) for name in StudySettings.model_fields} - named == {"roles", "split"}


def test_settings_left_out_are_those_of_the_study():
    for name, field in StudySettings.model_fields.items():
        if name in ("roles", "split", "cache_limit"):
            continue
        given = options(api.study)[{"sources": "source", "strategies": "strategy", "uses": "use"}.get(name, name)]
        # Left out, a source is the usual one of the kind that the columns hold.
        given = usual_sources("text") if name == "sources" and not given else given
        assert plain(given) == plain(field.default), name
