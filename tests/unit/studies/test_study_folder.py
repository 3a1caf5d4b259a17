import json

import numpy as np
import pytest

from graft.core.errors import OutputError
from graft.engine.store import ResultStore
from graft.studies.claim import claim, seal_of

ASKED = {"trial": 1}


def claimed(folder, identity):
    claim(folder, identity)
    return seal_of(folder)


def put(folder, seal):
    ResultStore(folder / "trials", owner=seal).put(ASKED, {"scores": np.ones(3)}, {"seconds": 1.0})


def test_a_folder_is_claimed_once_and_keeps_its_seal(tmp_path):
    seal = claimed(tmp_path / "a", "k1")
    assert claimed(tmp_path / "a", "k1") == seal
    assert seal != claimed(tmp_path / "b", "k1")
    with pytest.raises(OutputError, match="holds another study"):
        claim(tmp_path / "a", "k2")


def test_results_of_another_study_and_forged_ones_are_told_apart(tmp_path):
    """Sound files of a study of the very same rows elsewhere, and ones sealed with what the rows and settings say."""
    seal = claimed(tmp_path / "a", "k1")
    told: list[str] = []
    mine = ResultStore(tmp_path / "a" / "trials", owner=seal, tell=told.append)
    for forged in (claimed(tmp_path / "b", "k1"), "k1"):
        put(tmp_path / "a", forged)
        assert mine.get(ASKED) is None
    assert len(told) == 2
    put(tmp_path / "a", seal)
    assert mine.get(ASKED) is not None


def test_a_folder_without_a_seal_keeps_its_results(tmp_path):
    (tmp_path / "study.key").write_text(json.dumps({"key": "k1"}))
    assert claimed(tmp_path, "k1") == "k1"
