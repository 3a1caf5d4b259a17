"""The record of a kind of media, made from what sets it apart.

Decisions: pictures and recordings are read, told apart, shown and written alike: what differs is how their bytes are
looked at, how large one is, and what can be left out of it. Contents with something left out are copies of nothing.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from graft.rows.content.kind import ContentKind, Piece, never_unclear
from graft.rows.content.media import (
    MediaForm,
    Medium,
    address,
    measure_media,
    media_digest,
    media_problem,
    read_media,
    restore_medium,
    take,
    write_medium,
)
from graft.rows.encoded import is_open_file

_NAME = 8


def media_kind(
    form: MediaForm,
    *,
    unit: str,
    size: Callable[[Any], int],
    told: Callable[[Any], str],
    given: Callable[[Any], bool],
    near: Callable[[Sequence[Any], Sequence[Collection[Any]], float, int], tuple[np.ndarray, np.ndarray]],
    pieces: Callable[[Medium], tuple[Piece, ...]],
    pieces_at_most: int,
    made_up: Callable[[Sequence[str]], tuple[Medium, ...]],
    pictured: Callable[[Medium], str],
    unclear: Callable[[Any], str] = never_unclear,
) -> ContentKind:
    """A kind of media.

    unit: of sizes. size, told: how large what was found is, and that in words. given: whether a value in memory, other
    than bytes and names of files, is one. near, pieces, pieces_at_most, made_up, pictured, unclear: as ``ContentKind``
    says.
    """

    def sized(one: Medium) -> int:
        return 0 if one.found is None else size(one.found)

    def fits(value: Any) -> bool:
        if isinstance(value, Medium):
            return value.kind == form.kind
        return isinstance(value, str | Path | bytes | bytearray) or is_open_file(value) or given(value)

    def shown(one: Medium, limit: int) -> str:
        what = "" if one.found is None else f" ({told(one.found)})"
        name = " ".join((one.name or f"a {form.single} in memory").split())
        room = limit - len(what)
        if len(name) <= room:
            return name + what
        # The end of a path says more than its beginning.
        return f"…{name[-(limit - 1) :]}" if room < _NAME else f"…{name[-(room - 1) :]}{what}"

    def read(columns: Sequence[pl.Series], folder: Path | None) -> list[Medium | None]:
        return read_media(form, columns, folder)

    return ContentKind(
        name=form.kind,
        plural=form.plural,
        unit=unit,
        pieces_at_most=pieces_at_most,
        column=pl.String(),
        blank=None,
        fits=fits,
        taken=partial(take, form),
        measure=lambda column, folder: measure_media(form, sized, column, folder),
        read=read,
        cell=address,
        problem=partial(media_problem, form.kind),
        size=sized,
        digest=media_digest,
        loose=_loose,
        strict=_strict,
        near=near,
        shown=shown,
        pieces=pieces,
        made_up=made_up,
        written=partial(write_medium, form),
        restored=partial(restore_medium, form),
        pictured=pictured,
        travels=False,
        # The name says which one it was; where it lay is nobody's business, and its bytes are for nothing any more.
        kept=lambda one: replace(one, path="", encoded=b""),
        handed=form.handed,
        unclear=unclear,
    )


def _loose(one: Medium) -> Any:
    if one.found is None or one.without or not one.found.alike:
        return ("as it is", *_strict(one))
    return one.found.alike


def _strict(one: Medium) -> tuple[Any, ...]:
    return (one.digest or one.path or one.name if one.found is None else one.found.strict, one.without)
