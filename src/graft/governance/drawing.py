"""A lineage as a drawing: an indented tree for the terminal, Mermaid for a page.

Decisions: an ancestor reached twice is drawn once and referred to afterwards; names are written so that no character
of theirs can end a label.
"""

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
