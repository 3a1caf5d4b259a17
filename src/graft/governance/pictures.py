"""A lineage as a drawing: an indented tree for the terminal, Mermaid for a page, SVG that stands alone.

Decisions: an ancestor reached twice is drawn once and referred to afterwards; names are written so that no character
of theirs can end a label. In the picture children stand above their parents, in plain boxes in rows by the longest way
from the asset asked about, so no arrow points up; every word of others is escaped, and nothing is fetched from
anywhere.
"""

from html import escape

from graft.core.errors import InputError
from graft.governance.lineage import Lineage

_SHORT = 12


def draw_tree(lineage: Lineage, identity: str, *, longest: int = 500) -> str:
    """The ancestors of an asset as an indented tree, one line each. longest: lines after which it is cut short.

    >>> from graft.governance.lineage import lineage_of
    >>> from graft.governance.records import Asset, AssetKind, Edge, Relation
    >>> base = Asset(kind=AssetKind.SOURCE, name="minilm", digest="a1")
    >>> made = Edge(relation=Relation.FINE_TUNED, parent=base.identity)
    >>> ours = Asset(kind=AssetKind.BUNDLE, name="tickets", digest="b2", edges=(made,))
    >>> print(draw_tree(lineage_of([ours, base]), ours.identity))
    bundle tickets (b2)
    └─ fine-tuned: source minilm (a1)
    """
    lines: list[str] = []
    drawn: set[str] = set()
    stack = [(identity, "", "", "")]
    while stack:
        if len(lines) == longest:
            lines.append(f"… cut after {longest} lines")
            break
        one, said, first, rest = stack.pop()
        again = one in drawn and bool(lineage.parents(one))
        lines.append(f"{first}{said}{_line(lineage, one)}{' … as above' if again else ''}")
        edges = () if one in drawn else lineage.parents(one)
        drawn.add(one)
        for edge in reversed(edges):
            last = edge is edges[-1]
            lead = f"{edge.relation.value}: "
            stack.append((edge.parent, lead, f"{rest}{'└─ ' if last else '├─ '}", f"{rest}{'   ' if last else '│  '}"))
    return "\n".join(lines)


def draw_mermaid(lineage: Lineage, identity: str) -> str:
    """The ancestors of an asset as a Mermaid flowchart, arrows from child to parent."""
    numbers = {identity: 0}
    arrows: list[str] = []
    queue = [identity]
    for one in queue:  # grows while it is read: breadth first
        for edge in lineage.parents(one):
            if edge.parent not in numbers:
                numbers[edge.parent] = len(numbers)
                queue.append(edge.parent)
            arrows.append(f"  n{numbers[one]} -->|{edge.relation.value}| n{numbers[edge.parent]}")
    nodes = [f'  n{number}["{_escaped(_line(lineage, one))}"]' for one, number in numbers.items()]
    return "\n".join(["flowchart TD", *nodes, *arrows])


def _line(lineage: Lineage, identity: str) -> str:
    """One asset on one line: kind, name, version and the beginning of its digest."""
    asset = lineage.assets.get(identity)
    if asset is None:
        return f"{' '.join(lineage.label(identity).split())} (not in the ledger)"
    name = " ".join(lineage.label(identity).split())
    return f"{asset.kind.value} {name} ({asset.digest[:_SHORT]})"


def _escaped(text: str) -> str:
    """Text inside a quoted Mermaid label."""
    for character, code in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;"), ("`", "#96;")):
        text = text.replace(character, code)
    return text


_WIDTH, _HEIGHT, _GAP, _RISE = 230, 58, 30, 70
_MOST = 400
_TINTS = {"source": "#dbeafe", "data": "#dcfce7", "bundle": "#fef3c7", "table": "#f3e8ff"}
_LETTERS = 29


def draw_picture(lineage: Lineage, identity: str) -> str:
    """The ancestors of an asset as an SVG document.

    Raises InputError for more than 400 ancestors: no picture of those can be read.
    """
    rows = _rows(lineage, identity)
    count = sum(map(len, rows))
    if count > _MOST:
        raise InputError(
            f"a picture of {count:,} assets", needed=f"at most {_MOST}", fix="draw the tree, or one of the parents"
        )
    widest = max(map(len, rows))
    width, height = widest * (_WIDTH + _GAP) + _GAP, len(rows) * (_HEIGHT + _RISE) + _GAP
    places = {
        one: (width / 2 + (column - (len(row) - 1) / 2) * (_WIDTH + _GAP), _GAP + depth * (_HEIGHT + _RISE))
        for depth, row in enumerate(rows)
        for column, one in enumerate(row)
    }
    arrows = [
        _arrow(places[child], places[edge.parent], edge.relation.value)
        for child in places
        for edge in lineage.parents(child)
    ]
    boxes = [_box(lineage, one, place) for one, place in places.items()]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
            f'height="{height:.0f}" role="img" font-family="system-ui, sans-serif">',
            f"<title>What {escape(lineage.label(identity))} was made from</title>",
            '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">'
            '<path d="M0 0 8 4 0 8z" fill="#64748b"/></marker></defs>',
            f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
            *arrows,
            *boxes,
            "</svg>\n",
        ]
    )


def _rows(lineage: Lineage, identity: str) -> list[list[str]]:
    """Ancestors by the longest way to them."""
    depths = {identity: 0}
    waiting = [identity]
    while waiting:
        one = waiting.pop()
        for edge in lineage.parents(one):
            if depths.get(edge.parent, -1) < depths[one] + 1:
                depths[edge.parent] = depths[one] + 1
                waiting.append(edge.parent)
    rows: list[list[str]] = [[] for _ in range(max(depths.values()) + 1)]
    for one in sorted(depths):
        rows[depths[one]].append(one)
    return rows


def _arrow(child: tuple[float, float], parent: tuple[float, float], relation: str) -> str:
    (x, y), (to_x, to_y) = child, parent
    start, middle = y + _HEIGHT, (y + _HEIGHT + to_y) / 2
    at = x + (to_x - x) * 0.68
    return (
        f'<path d="M{x:.0f} {start:.0f}C{x:.0f} {middle:.0f} {to_x:.0f} {middle:.0f} {to_x:.0f} {to_y - 2:.0f}" '
        'fill="none" stroke="#64748b" marker-end="url(#tip)"/>'
        f'<text x="{at:.0f}" y="{to_y - 16:.0f}" font-size="11" text-anchor="middle" fill="#334155" '
        f'stroke="#ffffff" stroke-width="4" paint-order="stroke">{escape(relation)}</text>'
    )


def _box(lineage: Lineage, identity: str, place: tuple[float, float]) -> str:
    asset = lineage.assets.get(identity)
    x, y = place[0] - _WIDTH / 2, place[1]
    kind = asset.kind.value if asset else identity.partition(":")[0]
    name = lineage.label(identity)
    licences = ", ".join(dict.fromkeys(one.stated for one in asset.licences)) if asset else "not in the ledger"
    dashes = "" if asset else ' stroke-dasharray="5 4"'
    stated = licences or "no licence stated"
    told = escape(f"{kind} {name}\n{identity}\n{stated}")
    lines = ((19, 11, "#475569", kind), (35, 13, "#0f172a", _short(name)), (50, 11, "#334155", _short(stated)))
    return "".join(
        [
            f"<g><title>{told}</title>",
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{_WIDTH}" height="{_HEIGHT}" rx="8" ',
            f'fill="{_TINTS.get(kind, "#f1f5f9")}" stroke="#475569"{dashes}/>',
            *(
                f'<text x="{place[0]:.0f}" y="{y + down:.0f}" font-size="{size}" text-anchor="middle" '
                f'fill="{ink}">{text}</text>'
                for down, size, ink, text in lines
            ),
            "</g>",
        ]
    )


def _short(text: str) -> str:
    return escape(text if len(text) <= _LETTERS else text[: _LETTERS - 1] + "…")
