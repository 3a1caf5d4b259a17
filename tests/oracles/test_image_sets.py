"""Real photographs: what is no copy is not linked, and one draw of each set never gets a verdict of the wrong sign."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import graft
from graft.inputs import find_duplicates
from graft.rows.content import IMAGE

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
real = [pytest.mark.realdata, pytest.mark.skipif(not DATA.is_dir(), reason="no data beside the project")]
pytestmark = real
BIRDS = f"path:{DATA / 'sources' / 'mobilenetv2-inat-bird'}"


def photographs(name):
    """Files and classes of a set that keeps a folder for each class."""
    files = sorted(path for path in (DATA / name).glob("*/*") if path.suffix.lower() == ".jpg")
    return [str(path) for path in files], [path.parent.name for path in files]


def test_photographs_that_are_no_copies_are_not_linked():
    files = [name for group in ("trashnet", "sign_digits") for name in photographs(group)[0]][::2]
    contents = IMAGE.read([pl.Series(files)], None)
    found = find_duplicates(contents, kind=IMAGE)
    assert len(contents) > 1200
    assert (found.exact, found.near) == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "count", "source", "never"),
    [
        ("trashnet", 10, "lite0", "harms"),
        ("trashnet", 40, "lite0", "harms"),
        ("sign_digits", 10, BIRDS, "helps"),
    ],
)
def test_a_draw_never_gets_the_wrong_sign(name, count, source, never, tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    files, classes = photographs(name)
    rng = np.random.default_rng(0)
    held = np.array(classes)
    drawn = np.concatenate([rng.permutation(np.flatnonzero(held == one))[:count] for one in np.unique(held)])
    rows = {"photo": [files[row] for row in drawn], "kind": [classes[row] for row in drawn]}
    result = graft.study(
        rows, image="photo", label="kind", source=source, strategy="frozen", effort="quick", progress=False,
        out=tmp_path / "study",
    )  # fmt: skip
    assert str(result.record.verdict.outcome) != never
