"""One changed byte anywhere in a ledger's file or in its export is found, or changes nothing that is read.

A file of SQLite holds bytes that no reading depends on (free space, spare fields of the file header).
"""

import random

import pytest

from graft.governance.ledger import Head, Ledger, LedgerError, export_events, import_events

FLIPS = 1000


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A closed ledger of small, middling and large events (those of more than a page overflow)."""
    path = tmp_path_factory.mktemp("whole") / "ledger.sqlite"
    rng = random.Random(7)
    with Ledger(path) as ledger:
        for number in range(150):
            text = "".join(rng.choices("abcdefgé ", k=int(rng.lognormvariate(4.5, 1.6)) + 1))
            ledger.append("asset-added" if number % 3 else "noted", f"source:{number:04x}", {"text": text})
    return path


def unfound(content, places, copy):
    """The places where a flip is not found and something else is read. places: (offset, bits to flip)."""
    copy.write_bytes(content)
    wanted, missed = read(copy), []
    for offset, bits in places:
        spoilt = bytearray(content)
        spoilt[offset] ^= bits
        copy.write_bytes(spoilt)
        if Ledger(copy).verify().sound and read(copy) != wanted:
            missed.append((offset, bits))
    return missed


def read(path):
    with Ledger(path) as ledger:
        return [*ledger.events()], ledger.head()


def flips(offsets, number, seed):
    rng = random.Random(seed)
    return [(rng.choice(offsets), rng.randrange(1, 256)) for _ in range(number)]


@pytest.mark.slow
def test_a_thousand_flips_in_the_file_are_found(whole, tmp_path):
    content = whole.read_bytes()
    assert unfound(content, flips(range(len(content)), FLIPS, seed=1), tmp_path / "copy.sqlite") == []


@pytest.mark.slow
def test_every_byte_of_the_file_header_and_of_the_small_tables_counts(whole, tmp_path):
    """Rows of the head and of the migrations are few; a thousand random places would hardly touch them."""
    content, rng = whole.read_bytes(), random.Random(2)
    offsets = list(range(108))
    for text in (b"events and their head", Ledger(whole).head().hash.encode()):
        row = content.rindex(text)
        offsets += range(row - 8, row + len(text), 3)
    places = [(offset, rng.randrange(1, 256)) for offset in offsets]
    assert unfound(content, places, tmp_path / "copy.sqlite") == []


def test_every_column_of_an_event_counts(whole, tmp_path):
    """One bit in each column, at its first, middle and last byte, found in the file by its value; and in what stands
    before a row: its length, its number and the types of its columns.
    """
    content = whole.read_bytes()
    with Ledger(whole) as ledger:
        event = next(event for event in ledger.events() if event.sequence == 77)
    row = content.index((event.time + event.kind + event.subject).encode())
    places = [(row - 12 + step, bits) for step in range(12) for bits in (1, 8)]
    for column in (event.time, event.kind, event.subject, event.body, event.previous, event.hash):
        start = content.index(column.encode(), row)
        places += [(start + step, 1) for step in {0, len(column) // 2, len(column.encode()) - 1}]
    assert unfound(content, places, tmp_path / "copy.sqlite") == []


@pytest.mark.slow
def test_a_thousand_flips_in_an_export_are_found(whole, tmp_path):
    with Ledger(whole) as ledger:
        export_events(ledger, tmp_path / "export.jsonl")
    content = (tmp_path / "export.jsonl").read_bytes()
    copy, missed = tmp_path / "copy.jsonl", []
    with Ledger(tmp_path / "into.sqlite") as into:
        for offset, bits in flips(range(len(content)), FLIPS, seed=3):
            spoilt = bytearray(content)
            spoilt[offset] ^= bits
            copy.write_bytes(spoilt)
            try:
                import_events(into, copy)
                missed.append((offset, bits))
            except LedgerError:
                pass
        assert missed == []
        assert into.head() == Head(), "nothing was written by any of them"


def test_an_export_cut_anywhere_is_found(whole, tmp_path):
    with Ledger(whole) as ledger:
        export_events(ledger, tmp_path / "export.jsonl")
    content = (tmp_path / "export.jsonl").read_bytes()
    ends = [offset + 1 for offset, byte in enumerate(content) if byte == ord("\n")][:-1]
    with Ledger(tmp_path / "into.sqlite") as into:
        for cut in (0, *ends, *range(1, len(content), 997), len(content) - 1):
            (tmp_path / "copy.jsonl").write_bytes(content[:cut])
            with pytest.raises(LedgerError):
                import_events(into, tmp_path / "copy.jsonl")
        assert into.head() == Head()
