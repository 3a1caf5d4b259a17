"""Groups of a batch against those of the baseline: a gap that widened is told, one that did not is not."""

import numpy as np
import polars as pl
import pytest

from graft.bundle.loading import load_bundle
from graft.bundle.parts import write_bundle
from graft.report.watch import render_watch_page
from graft.watch.baseline import make_baseline, watch_folder, write_baseline
from graft.watch.check import check_batch
from graft.watch.story import watch_story
from unit.bundle.building import FILLER, TOPICS, parts_for

NAMES = list(TOPICS)


def rows(count: int, seed: int, *, of_b: float = 1 / 3, labels: bool = True) -> pl.DataFrame:
    """New texts of three topics; ``of_b``: the share of the first topic among the rows of the group ``b``."""
    rng = np.random.default_rng(seed)
    told: dict[str, list[object]] = {name: [] for name in ("key", "text", "size", "channel", "multiclass", "sex")}
    for row in range(count):
        sex = "ab"[row % 2]
        first = of_b if sex == "b" else 1 / 3
        topic = NAMES[rng.choice(3, p=[first, (1 - first) / 2, (1 - first) / 2])]
        words = [*rng.choice(TOPICS[topic], 3, replace=False), *rng.choice(FILLER, 2, replace=False)]
        values = (f"{seed}-{row}", " ".join(words) + f" x{seed:03}{row:04}", 10.0, "mail", topic, sex)
        for name, value in zip(told, values, strict=True):
            told[name].append(value)
    frame = pl.DataFrame(told)
    return frame if labels else frame.drop("multiclass")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gaps") / "bundle"
    write_bundle(folder, parts_for("classical", "multiclass"))
    loaded = load_bundle(folder)
    made = make_baseline(loaded, rows(400, 1), segments=("sex",), runs=5, draws=199, batch=200)
    write_baseline(watch_folder(folder) / "baseline", made)
    return loaded


def test_a_gap_that_widened_asks_somebody_to_look(bundle):
    found = check_batch(bundle, rows(400, 2, of_b=0.8, labels=False))
    wider = [one for one in found.gaps if one.wider]
    assert {one.column for one in wider} == {"sex"}
    assert any((one.figure, one.label, one.highest) == ("selection rate", NAMES[0], "b") for one in wider)
    assert found.outcome in ("look", "act")
    assert any("points apart between b and a (sex)" in one.why for one in found.advice)
    assert any("points apart between" in line for line in found.lines())
    page = render_watch_page(watch_story(bundle.folder))
    assert "Between groups" in page
    assert "selection rate of <bdi>billing</bdi>" in page


def test_a_gap_that_is_as_it_was_says_nothing(bundle):
    found = check_batch(bundle, rows(400, 3))
    assert {one.figure for one in found.gaps} == {"selection rate", "accuracy", "true positive rate"}
    assert not any(one.wider for one in found.gaps)
    assert not any("points apart" in line for line in found.lines())
