"""The bytes of an SQLite file that no row uses: nothing may be hidden or changed there either.

SQLite's own check covers the structure, and the chain covers the rows. This covers the rest: the fields of the file
header, free space in pages (``secure_delete`` leaves it blank), and the placeholder SQLite stores for a row's number
and never reads. Not covered, because no reading depends on them: two header fields (the counter of schema changes,
bytes 40-43, and the version of SQLite that wrote last, bytes 96-99), and free space in interior pages, where
SQLite leaves copies of page numbers when it splits one.

https://www.sqlite.org/fileformat2.html
"""

from collections.abc import Iterable, Iterator

from graft.governance.ledger.migrations import APPLICATION_ID

_FIXED = (
    (0, b"SQLite format 3\0", "the name of the format"),
    (18, b"\2\2", "the write-ahead log"),
    (20, b"\0\x40\x20\x20", "reserved space and fractions"),
    (32, bytes(8), "free pages"),
    (44, b"\0\0\0\4", "the schema format"),
    (48, bytes(8), "cache size and vacuum settings"),
    (56, b"\0\0\0\1", "the text encoding"),
    (60, bytes(8), "user version and vacuum mode"),
    (68, APPLICATION_ID.to_bytes(4, "big"), "the application"),
    (72, bytes(20), "the reserved bytes"),
)
_INTERIOR, _LEAF = 5, 13


def changed_header(image: bytes) -> list[str]:
    """What differs in the header of a file from what this library writes. image: the whole file."""
    found = [name for at, wanted, name in _FIXED if image[at : at + len(wanted)] != wanted]
    if image[24:28] != image[92:96]:
        found.append("the change counter")
    return [f"the file header was changed: {name}" for name in found]


def stray_bytes(image: bytes, roots: Iterable[int]) -> list[str]:
    """Where bytes that no row uses are not blank.

    image: a file of sound structure. roots: first pages of its tables, without the schema's, which is page 1.
    """
    size = int.from_bytes(image[16:18], "big")
    size = 65536 if size == 1 else size
    file = _File(image, size)
    for root in (1, *roots):
        file.read_tree(root)
    found = [f"page {number}: bytes that no row uses are not blank" for number in file.stray()]
    return found + [f"page {number}: the placeholder of a row's number was changed" for number in file.placeholders]


class _File:
    """The pages of a file, with what is in use blanked as it is read."""

    def __init__(self, image: bytes, size: int) -> None:
        self.size = size
        self.pages = [bytearray(image[start : start + size]) for start in range(0, len(image), size)]
        self.placeholders: list[int] = []

    def stray(self) -> Iterator[int]:
        """Numbers of the pages that are not blank once all that is in use is."""
        return (number for number, page in enumerate(self.pages, 1) if page.count(0) != len(page))

    def read_tree(self, root: int) -> None:
        """Blank what a table uses."""
        todo = [root]
        while todo:
            number = todo.pop()
            page = self.pages[number - 1]
            start = 100 if number == 1 else 0
            if page[start] == _INTERIOR:
                todo += _children(page, start)
                page[:] = bytes(self.size)
            elif page[start] == _LEAF:
                self._read_leaf(number, start, numbered=root != 1)

    def _read_leaf(self, number: int, start: int, *, numbered: bool) -> None:
        page = self.pages[number - 1]
        pointers = range(start + 8, start + 8 + 2 * _number(page, start + 3, 2), 2)
        cells = [_number(page, at, 2) for at in pointers]
        free = _number(page, start + 1, 2)
        page[: pointers.stop] = bytes(pointers.stop)
        while free:
            after = _number(page, free, 2)
            page[free : free + 4] = bytes(4)
            free = after
        for cell in cells:
            self._read_cell(number, cell, numbered=numbered)

    def _read_cell(self, number: int, at: int, *, numbered: bool) -> None:
        """Blank a row. The first column of our tables is the row's number: a placeholder of type 0 stands for it."""
        page = self.pages[number - 1]
        payload, start = _varint(page, at)
        _, start = _varint(page, start)
        if numbered and page[_varint(page, start)[1]] != 0:
            self.placeholders.append(number)
        local = _local(payload, self.size)
        stop = start + local
        follow = _number(page, stop, 4) if local < payload else 0
        stop += 4 if local < payload else 0
        page[at:stop] = bytes(stop - at)
        rest = payload - local
        while follow:
            overflow = self.pages[follow - 1]
            follow, used = _number(overflow, 0, 4), min(rest, self.size - 4)
            overflow[: 4 + used] = bytes(4 + used)
            rest -= used


def _local(payload: int, size: int) -> int:
    """How many bytes of a row stay on its leaf page; the rest goes to overflow pages."""
    if payload <= size - 35:
        return payload
    least = (size - 12) * 32 // 255 - 23
    local = least + (payload - least) % (size - 4)
    return local if local <= size - 35 else least


def _children(page: bytearray, start: int) -> list[int]:
    pointers = range(start + 12, start + 12 + 2 * _number(page, start + 3, 2), 2)
    return [_number(page, _number(page, at, 2), 4) for at in pointers] + [_number(page, start + 8, 4)]


def _number(page: bytearray, at: int, width: int) -> int:
    return int.from_bytes(page[at : at + width], "big")


def _varint(page: bytearray, at: int) -> tuple[int, int]:
    """A number of 1 to 9 bytes, and where it ends."""
    value = 0
    for position in range(at, at + 8):
        value = value << 7 | page[position] & 0x7F
        if page[position] < 0x80:
            return value, position + 1
    return value << 8 | page[at + 8], at + 9
