"""A backtest on history in which labels begin to mean something else, and on one in which nothing changes."""

import polars as pl
import pytest

from graft.bundle.loading import load_bundle
from graft.bundle.parts import write_bundle
from graft.core.errors import InputError
from graft.watch.backtest import ADVICE, ALWAYS, NOTHING, SERVED, backtest
from unit.bundle.building import parts_for
from unit.watch.test_watch import rows


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("walked") / "bundle"
    write_bundle(folder, parts_for("frozen", "multiclass"))
    return load_bundle(folder)


@pytest.mark.slow
def test_advice_is_worth_something_when_labels_turn(bundle):
    calm = rows(240, 1)
    turned = rows(480, 2, wrong=1.0)
    found = backtest(bundle, pl.concat([calm, turned]), batch=60, start=180)
    told = {one.policy: one for one in found.policies}
    assert set(told) == {NOTHING, ALWAYS, ADVICE, SERVED}
    assert told[NOTHING].learnt == 0
    assert told[ALWAYS].learnt == len(found.batches) - 1
    assert 1 <= told[ADVICE].learnt < told[ALWAYS].learnt + 1
    assert told[ADVICE].accuracy.mean > told[NOTHING].accuracy.mean + 0.05
    assert told[ADVICE].cost.mean < told[NOTHING].cost.mean


@pytest.mark.slow
def test_where_nothing_changes_nothing_is_learnt_anew(bundle):
    found = backtest(bundle, rows(420, 3), batch=60, start=180)
    told = {one.policy: one for one in found.policies}
    assert told[ADVICE].learnt <= 1
    assert abs(told[ADVICE].accuracy.mean - told[NOTHING].accuracy.mean) < 0.1
    assert "labels known 1 batch later" in found.lines()[0]


@pytest.mark.slow
def test_a_batch_of_history_has_lost_no_row(bundle):
    """Each is a part of a table: the rows of the others are none that could not be used."""
    found = backtest(bundle, rows(200, 5), batch=40, start=80)
    assert len(found.batches) == 3
    assert not [one for one in found.batches if "repair inputs" in one.advice]
    assert {one.outcome for one in found.batches} == {"quiet"}


def test_refused(bundle, tmp_path):
    with pytest.raises(InputError, match="60 rows for a reference of 180"):
        backtest(bundle, rows(60, 4), batch=60)
    with pytest.raises(InputError, match="60 rows of 60 have no known label"):
        backtest(bundle, rows(60, 4).drop("multiclass"), batch=60)
    with pytest.raises(InputError, match="batches of 5 rows"):
        backtest(bundle, rows(60, 4), batch=5)
    write_bundle(tmp_path / "values", parts_for("classical", "regression"))
    with pytest.raises(InputError, match="a backtest of regression"):
        backtest(load_bundle(tmp_path / "values"), rows(60, 4))
