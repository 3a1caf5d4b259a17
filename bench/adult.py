"""Verdicts of studies of a table with a source that was pretrained on another part of it, against the rows left.

Adult: one source learns income from the people of the private sector. A draw takes so many of the government's, whose
table lacks two of the columns and has one more, and studies them with that source, frozen, against all controls, up to
the verdict. The truth is the difference of the two that the verdict names, on the other government rows. A verdict is
false when it claims a side the truth is not on, or no practical difference where there is one beyond the margin.
``python -m bench adult draws=40 keep=build/adult.jsonl``; ``sizes=100,400``.
"""

import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from bench.contrasts import judge
from bench.draws import Found, kept, told

ADULT = Path(__file__).resolve().parents[2] / "shared" / "data" / "adult"
_LABEL, _SECTOR, _ONLY_PRIVATE = "income", "workclass", ("capital_loss", "fnlwgt")
_LEFT_MOST, _MARGIN = 3000, 0.01


def adult(draws: int = 1, sizes: tuple[str, ...] | int = ("400",), keep: tuple[str, ...] = ()) -> Found:
    """What was said at each size, how often falsely, and what was true."""
    rows = pl.concat([pl.read_csv(ADULT / "train.csv"), pl.read_csv(ADULT / "test.csv")])
    private = rows.filter(pl.col(_SECTOR) == "Private").drop(_SECTOR)
    public = rows.filter(pl.col(_SECTOR).str.ends_with("-gov")).drop(*_ONLY_PRIVATE)
    held = kept(keep)
    with tempfile.TemporaryDirectory(prefix="graft-bench-") as place:
        source = _pretrained(private, Path(place))
        cells = []
        for size in (sizes,) if isinstance(sizes, int) else map(int, sizes):
            draw = partial(_draw, public, size, source)
            cells.append(_told(size, [held.of("adult", str(size), seed, partial(draw, seed)) for seed in range(draws)]))
    return {"private": len(private), "government": len(public), "cells": cells}


def _pretrained(private: pl.DataFrame, place: Path) -> str:
    from graft import api

    return api.pretrain_source(
        private, numeric="*", categorical="*", label=_LABEL, out=place / "private", progress=False
    ).reference


def _draw(public: pl.DataFrame, size: int, source: str, seed: int) -> Found:
    from graft.inputs.named_rows import named_rows, roles_of
    from graft.studies.settings import StudySettings

    order = np.random.default_rng(seed).permutation(len(public))
    few, rest = public[order[:size].tolist()], public[order[size : size + _LEFT_MOST].tolist()]
    roles = named_rows(few, roles_of(few, numeric="*", categorical="*", label=_LABEL)).roles
    settings = StudySettings(roles=roles, sources=(source,), seed=seed, effort="quick")
    return asdict(judge(few, rest, settings, scratch=True))


def _told(size: int, drawn: list[Found]) -> Found:
    alike = sum(abs(float(one["truth"])) > _MARGIN for one in drawn if one["verdict"] == "no practical difference")  # type: ignore[arg-type]
    controls = [str(one["control"]) for one in drawn]
    return {
        **told(str(size), drawn),
        "wrongly_alike": alike,
        "controls": {one: controls.count(one) for one in sorted(set(controls))},
        "wanted": "at most one of forty false",
    }
