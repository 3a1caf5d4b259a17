"""Contents of several kinds in one row: the picture of a thing and its title, a recording and what was noted of it.

Decisions: a joined content holds one content of each of its kinds, or nothing where the row has none (or none that can
be read): then the others speak for the row. It is a plain value as every content is, and its kind is made of the
records of its parts, so nothing here knows what a text or a picture is. Rows repeat one another when all their parts
do: the same picture with another title is another thing. To explain a prediction each part is left out whole, and then
its pieces; pieces of all but the first part say which part they are of.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from graft.core.digests import content_digest
from graft.core.errors import ContractError, InputError
from graft.rows.content.kind import ColumnMeasure, Content, ContentKind, ContentProblem, Piece

JOINED_BY = "+"
_SHORTEST = 12


@dataclass(frozen=True, slots=True)
class Joined:
    """One content of each kind.

    kinds: their names, in the order of ``KINDS``. values: the content of each, None where the row has nothing of it.
    """

    kinds: tuple[str, ...]
    values: tuple[Content | None, ...]

    def of(self, kind: str) -> Content | None:
        """What the row has of a kind."""
        return self.values[self.kinds.index(kind)]

    def without(self, place: int) -> "Joined":
        """The same row with nothing of the kind at this place."""
        return self.with_part(place, None)

    def with_part(self, place: int, value: Content | None) -> "Joined":
        """The same row with another content of the kind at this place."""
        return Joined(self.kinds, (*self.values[:place], value, *self.values[place + 1 :]))


def joined_contents(kind: ContentKind, parts: Sequence[Sequence[Content | None]]) -> list[Content]:
    """The contents of rows from the contents of each part, in the order of ``kind.parts``; None where all are."""
    names = tuple(part.name for part in kind.parts)
    rows = zip(*parts, strict=True)
    return [None if all(value is None for value in row) else Joined(names, tuple(row)) for row in rows]


def having(contents: Sequence[Joined], kind: str) -> tuple[np.ndarray, list[Content]]:
    """Positions of the rows that have something of a kind, int64, and what that is."""
    values = [one.of(kind) for one in contents]
    places = [place for place, value in enumerate(values) if value is not None]
    return np.array(places, np.int64), [values[place] for place in places]


def joined_kind(parts: tuple[ContentKind, ...]) -> ContentKind:
    """The record of rows that hold a content of each of these kinds."""
    of = _Parts(parts)
    return ContentKind(
        name=JOINED_BY.join(part.name for part in parts),
        plural=f"rows of {', '.join(part.name for part in parts[:-1])} and {parts[-1].name}",
        unit=" and ".join(part.unit for part in parts),
        pieces_at_most=sum(part.pieces_at_most for part in parts) + len(parts),
        column=pl.String(),
        blank=None,
        fits=of.fits,
        taken=of.taken,
        measure=of.measure,
        read=of.read,
        cell=of.written,
        problem=of.problem,
        size=of.size,
        digest=of.digest,
        loose=of.loose,
        strict=of.strict,
        near=of.near,
        shown=of.shown,
        pieces=of.pieces,
        made_up=of.made_up,
        written=of.written,
        restored=of.restored,
        pictured=of.pictured if any(part.pictured is not None for part in parts) else None,
        travels=all(part.travels for part in parts),
        kept=of.kept,
        parts=parts,
    )


@dataclass(frozen=True)
class _Parts:
    """What a joined kind says of contents, asked of its parts."""

    parts: tuple[ContentKind, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parts."""
        return tuple(part.name for part in self.parts)

    def stated(self, one: Joined) -> list[tuple[int, ContentKind, Content]]:
        """The parts a row has: place, kind and content."""
        pairs = enumerate(zip(self.parts, one.values, strict=True))
        return [(place, part, value) for place, (part, value) in pairs if value is not None]

    def fits(self, given: Any) -> bool:
        """A joined content of these kinds, or a mapping from them."""
        if isinstance(given, Joined):
            return given.kinds == self.names
        return isinstance(given, Mapping) and bool(given) and set(given) <= set(self.names)

    def taken(self, given: Any) -> Joined:
        """Raises InputError where a part cannot be read, or none is there."""
        if isinstance(given, Joined):
            return given
        cells = [given.get(name) for name in self.names]
        values = tuple(None if cell is None else part.taken(cell) for part, cell in zip(self.parts, cells, strict=True))
        made = Joined(self.names, values)
        if (problem := self.problem(made)) is not None:
            raise InputError(problem.message, needed=f"one of {', '.join(self.names)}", fix="drop that row")
        return made

    def measure(self, column: pl.Series, folder: Path | None) -> ColumnMeasure:
        """Of a column of rows that were written down."""
        contents = self.read([column], folder)
        stated = np.array([one is not None for one in contents], bool)
        given = [one for one in contents if one is not None]
        sizes = np.array([self.size(one) for one in given], np.int64)
        return ColumnMeasure(stated, len({self.digest(one) for one in given}), sizes)

    def read(self, columns: Sequence[pl.Series], folder: Path | None) -> list[Joined | None]:
        """One column of rows that were written down; which column is of which kind is said by whoever names them."""
        if len(columns) != 1 or columns[0].dtype != pl.String:
            raise ContractError(
                f"columns of {' and '.join(self.names)} without their kinds",
                needed="the columns of each kind, named apart",
                fix="name them: " + ", ".join(f"{name}=…" for name in self.names),
            )
        try:
            return [None if cell is None else self.restored(cell) for cell in columns[0].to_list()]
        except (ValueError, RecursionError) as error:
            raise ContractError(
                f"column {columns[0].name!r} holds no rows of {' and '.join(self.names)}: {error}",
                needed="rows as they were written",
                fix="name the columns of each kind apart",
            ) from error

    def problem(self, one: Joined | None) -> ContentProblem | None:
        """A row without any part cannot be used."""
        if one is None or not self.stated(one):
            return ContentProblem("missing-content", f"the row has no {' and no '.join(self.names)}", fatal=True)
        return None

    def size(self, one: Joined) -> int:
        """The sizes of the parts together: enough to say how much is at hand, and nothing to compare."""
        return sum(part.size(value) for _, part, value in self.stated(one))

    def digest(self, one: Joined) -> bytes:
        """Of the parts and of which they are."""
        said: list[str | bytes] = []
        for _, part, value in self.stated(one):
            said += [part.name, part.digest(value)]
        return content_digest(*said)

    def loose(self, one: Joined) -> tuple[Hashable, ...]:
        """The loose form of each part, None where there is none."""
        return self._forms(one, "loose")

    def strict(self, one: Joined) -> tuple[Hashable, ...]:
        """The strict form of each part."""
        return self._forms(one, "strict")

    def _forms(self, one: Joined, which: str) -> tuple[Hashable, ...]:
        return tuple(
            None if value is None else getattr(part, which)(value)
            for part, value in zip(self.parts, one.values, strict=True)
        )

    def near(
        self, loose: Sequence[Any], strict: Sequence[Collection[Any]], threshold: float, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pairs whose parts are all equal or near; as similar as their least similar part."""
        likeness = [self._alike(place, loose, strict, threshold, seed) for place in range(len(self.parts))]
        # The part that leaves fewest pairs is looked through; the others only confirm.
        fewest = min(range(len(self.parts)), key=lambda place: _pairs_of(likeness[place]))
        found: dict[tuple[int, int], float] = {}
        _, rows_of, alike = likeness[fewest]
        for one, other in alike:
            for first, second in product(rows_of[one], rows_of[other]):
                if first < second:
                    found[first, second] = 1.0
                elif one != other and second < first:
                    found[second, first] = 1.0
        kept, similar = [], []
        for first, second in sorted(found):
            least = 1.0
            for codes, _, alike in likeness:
                pair = (codes[first], codes[second])
                least = min(least, alike.get(pair if pair[0] <= pair[1] else pair[::-1], -1.0))
            if least >= 0:
                kept.append((first, second))
                similar.append(least)
        return np.array(kept, np.int64).reshape(-1, 2), np.array(similar, np.float64)

    def _alike(
        self, place: int, loose: Sequence[Any], strict: Sequence[Collection[Any]], threshold: float, seed: int
    ) -> tuple[list[int], dict[int, list[int]], dict[tuple[int, int], float]]:
        """Of one part: the code of each row's form, the rows of each code, and the pairs of codes that are alike."""
        index: dict[Hashable, int] = {}
        codes = [index.setdefault(one[place], len(index)) for one in loose]
        rows_of: dict[int, list[int]] = defaultdict(list)
        claims: dict[int, set[Any]] = defaultdict(set)
        for row, code in enumerate(codes):
            rows_of[code].append(row)
            claims[code].update(claim[place] for claim in strict[row])
        alike = {(code, code): 1.0 for code in rows_of}
        forms = [(form, code) for form, code in index.items() if form is not None]
        pairs, similar = self.parts[place].near(
            [form for form, _ in forms], [claims[code] for _, code in forms], threshold, seed
        )
        for (first, second), how in zip(pairs.tolist(), similar.tolist(), strict=True):
            one, other = sorted((forms[first][1], forms[second][1]))
            alike[one, other] = max(alike.get((one, other), 0.0), float(how))
        return codes, rows_of, alike

    def shown(self, one: Joined, limit: int) -> str:
        """The parts one after the other, each in its share of the room."""
        stated = self.stated(one)
        if not stated:
            return "(empty)"[:limit]
        room = max(_SHORTEST, (limit - 3 * (len(stated) - 1)) // len(stated))
        said = [part.shown(value, room) for _, part, value in stated]
        spare = limit - 3 * (len(stated) - 1) - sum(map(len, said))
        if spare > 0:
            _, part, value = stated[0]
            said[0] = part.shown(value, len(said[0]) + spare)
        line = " · ".join(said)
        return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"

    def pictured(self, one: Joined) -> str:
        """How the first part that has a look looks."""
        looks = (part.pictured(value) for _, part, value in self.stated(one) if part.pictured is not None)
        return next(filter(None, looks), "")

    def pieces(self, one: Joined) -> tuple[Piece, ...]:
        """Each part whole, and the pieces of each."""
        stated, found = self.stated(one), []
        if len(stated) > 1:
            found = [Piece(f"the {part.name}", one.without(place), whole=True) for place, part, _ in stated]
        for place, part, value in stated:
            start = "" if part is self.parts[0] else f"{part.name} "
            found += [Piece(start + piece.name, one.with_part(place, piece.rest)) for piece in part.pieces(value)]
        return tuple(found)

    def made_up(self, words: Sequence[str]) -> tuple[Joined, ...]:
        """Contents of all parts side by side, and last one row without each."""
        parts = [part.made_up(words) for part in self.parts]
        rows = [
            Joined(self.names, tuple(some[row % len(some)] for some in parts)) for row in range(max(map(len, parts)))
        ]
        return (*rows, *(rows[0].without(place) for place in range(len(self.parts))))

    def written(self, one: Joined) -> str:
        """JSON: what each part wrote, null where there is nothing."""
        said = {
            part.name: None if value is None else part.written(value)
            for part, value in zip(self.parts, one.values, strict=True)
        }
        return json.dumps(said, ensure_ascii=False)

    def kept(self, one: Joined) -> Joined:
        """What is kept of each part."""
        values = (
            None if value is None else part.kept(value) for part, value in zip(self.parts, one.values, strict=True)
        )
        return Joined(one.kinds, tuple(values))

    def restored(self, written: str) -> Joined:
        """Raises ValueError for what is none: it may come from anywhere."""
        given = json.loads(written)
        if not isinstance(given, dict) or set(given) != set(self.names):
            raise ValueError(f"a row of {' and '.join(self.names)} that is none")
        values = []
        for part in self.parts:
            said = given[part.name]
            if said is not None and not isinstance(said, str):
                raise ValueError(f"{part.name} that is no text")
            values.append(None if said is None else part.restored(said))
        return Joined(self.names, tuple(values))


def _pairs_of(likeness: tuple[list[int], dict[int, list[int]], dict[tuple[int, int], float]]) -> int:
    """How many pairs of rows are alike in one part."""
    _, rows_of, alike = likeness
    return sum(len(rows_of[one]) * len(rows_of[other]) for one, other in alike)
