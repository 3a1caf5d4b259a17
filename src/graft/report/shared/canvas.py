"""A small typed builder of SVG.

Decisions: no numbers as colours, only class names, so the page's style sheet decides (light, dark, print); x is in
per cent, y in pixels; lines through many points live in an inner SVG that stretches while its strokes do not;
every drawing has a title and a description for those who cannot see it; places have two decimals, so the same record
gives the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from graft.report.shared.axes import Axis
from graft.report.shared.formats import clean

Point = tuple[float, float]
SHAPES = (
    "M0-5A5 5 0 1 0 .01-5Z",  # disc
    "M-4.4-4.4H4.4V4.4H-4.4Z",  # square
    "M0-5.6L5.2 4.2H-5.2Z",  # triangle
    "M0-6L6 0L0 6L-6 0Z",  # diamond
    "M-1.7-5.4H1.7V-1.7H5.4V1.7H1.7V5.4H-1.7V1.7H-5.4V-1.7H-1.7Z",  # cross
)
HUES = 6


def _place(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def look(index: int) -> tuple[str, str]:
    """The hue class and the shape of the index-th series; no two of thirty are alike.

    >>> look(0)[0], look(7)[0], look(0) == look(6)
    ('h0', 'h1', False)
    """
    return f"h{index % HUES}", SHAPES[index % len(SHAPES)]


def symbol(index: int) -> Markup:
    """The mark of a series, for a legend."""
    hue, shape = look(index)
    return Markup('<svg class="key" width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true">{}</svg>').format(
        Markup('<path class="mark {}" d="{}"/>').format(hue, shape)
    )


@dataclass
class Drawing:
    """A drawing ``height`` pixels high, as wide as its place.

    name: unique in the page. title, description: what it shows, in words.
    """

    name: str
    height: float
    title: str
    description: str
    _parts: list[Markup] = field(default_factory=list)

    def line(self, start: Point, end: Point, style: str) -> None:
        """A straight line."""
        self._parts.append(
            Markup('<line class="{}" x1="{}%" y1="{}" x2="{}%" y2="{}"/>').format(
                style, _place(start[0]), _place(start[1]), _place(end[0]), _place(end[1])
            )
        )

    def box(self, start: Point, end: Point, style: str) -> None:
        """A rectangle between two corners."""
        self._parts.append(
            Markup('<rect class="{}" x="{}%" y="{}" width="{}%" height="{}"/>').format(
                style,
                _place(min(start[0], end[0])),
                _place(min(start[1], end[1])),
                _place(abs(end[0] - start[0])),
                _place(abs(end[1] - start[1])),
            )
        )

    def dot(self, at: Point, radius: float, style: str, note: str = "") -> None:
        """A round dot; ``note`` is told when pointed at."""
        hint = Markup("<title>{}</title>").format(clean(note)) if note else Markup("")
        self._parts.append(
            Markup('<circle class="{}" cx="{}%" cy="{}" r="{}">{}</circle>').format(
                style, _place(at[0]), _place(at[1]), _place(radius), hint
            )
        )

    def mark(self, at: Point, index: int, note: str = "") -> None:
        """The mark of the index-th series."""
        hue, shape = look(index)
        hint = Markup("<title>{}</title>").format(clean(note)) if note else Markup("")
        self._parts.append(
            Markup('<svg x="{}%" y="{}" width="1" height="1" overflow="visible">{}</svg>').format(
                _place(at[0]), _place(at[1]), Markup('<path class="mark {}" d="{}">{}</path>').format(hue, shape, hint)
            )
        )

    def text(self, at: Point, words: str, style: str = "", *, anchor: str = "start", shift: float = 0) -> None:
        """Words at a place, moved sideways by ``shift`` pixels."""
        self._parts.append(
            Markup('<text class="{}" x="{}%" y="{}" dx="{}" text-anchor="{}">{}</text>').format(
                style, _place(at[0]), _place(at[1]), _place(shift), anchor, clean(words)
            )
        )

    def path(self, points: Sequence[Point], style: str, *, closed: bool = False) -> None:
        """A line through points, or the area inside them."""
        shape = "polygon" if closed else "polyline"
        places = " ".join(f"{_place(x)},{_place(y)}" for x, y in points)
        self._parts.append(
            Markup(
                '<svg width="100%" height="{}" viewBox="0 0 100 {}" preserveAspectRatio="none" overflow="visible">'
                '<{} class="{}" points="{}" vector-effect="non-scaling-stroke"/></svg>'
            ).format(_place(self.height), _place(self.height), shape, style, places)
        )

    def columns(self, axis: Axis, top: float, bottom: float) -> None:
        """Vertical grid lines with their values below."""
        for tick in axis.ticks:
            x = axis.at(tick)
            self.line((x, top), (x, bottom), "grid")
            self.text((x, bottom + 16), axis.words(tick), "tick", anchor="middle")

    def rows(self, axis: Axis) -> None:
        """Horizontal grid lines with their values above them, at the left."""
        for tick in axis.ticks:
            y = axis.at(tick)
            self.line((0, y), (100, y), "grid")
            self.text((0, y - 4), axis.words(tick), "tick")

    def svg(self) -> Markup:
        """The drawing as markup."""
        return Markup(
            '<svg class="plot" role="img" width="100%" height="{height}" aria-labelledby="{name}-t {name}-d">'
            '<title id="{name}-t">{title}</title><desc id="{name}-d">{description}</desc>{parts}</svg>'
        ).format(
            height=_place(self.height),
            name=self.name,
            title=clean(self.title),
            description=clean(self.description),
            parts=Markup("").join(escape(part) for part in self._parts),
        )
