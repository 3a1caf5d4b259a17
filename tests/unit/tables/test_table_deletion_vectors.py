import numpy as np
import pytest
from pyroaring import BitMap64

from graft.core.errors import TableError
from graft.tables.delta.deletion_vectors import _z85_encode, describe, positions_of, unique_id

# The rows 3, 4, 7, 11, 18 and 29, as the tests of the Delta kernel write them down.
KERNEL = "^Bg9^0rr910000000000iXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L"

# Made with pyroaring: the rows 5 to 99,999 and 2**33 + 100,009, run_optimize().serialize(), the magic number in front.
RUNS = "^Bg9^0SSi20000000000j1{Wn0@@t$@@Aa(H5?nT0q=Y@0001>H5}tP06h!l009610096101Ybg0i7XM"


def test_the_kernels_own_example_is_written_and_read():
    rows = np.array([3, 4, 7, 11, 18, 29])
    assert describe(rows) == {"storageType": "i", "pathOrInlineDv": KERNEL, "sizeInBytes": 44, "cardinality": 6}
    assert positions_of({"pathOrInlineDv": KERNEL, "cardinality": 6}, rows=30).tolist() == rows.tolist()


@pytest.mark.parametrize("share", [0.0001, 0.05, 0.0626, 0.5, 1.0])
@pytest.mark.parametrize("rows", [1, 65536, 65537, 262144])
def test_what_is_written_is_read(rows, share):
    rng = np.random.default_rng(rows)
    hidden = rng.choice(rows, max(1, int(share * rows)), replace=False)
    found = positions_of(describe(hidden), rows=rows)
    assert found.tolist() == sorted(hidden.tolist())


def test_a_vector_for_a_full_data_file_stays_below_33_kilobytes():
    assert describe(np.arange(0, 262144, 2))["sizeInBytes"] < 33_000


def test_runs_which_other_programs_write_are_read():
    found = positions_of({"pathOrInlineDv": RUNS, "cardinality": 99_996}, rows=1 << 34)
    assert found[:2].tolist() == [5, 6]
    assert found[-2:].tolist() == [99_999, (1 << 33) + 99_999 + 10]
    assert len(found) == 99_996


@pytest.mark.parametrize(
    "damaged",
    [
        {"pathOrInlineDv": KERNEL[:-5], "cardinality": 6},
        {"pathOrInlineDv": KERNEL[:-1], "cardinality": 6},
        {"pathOrInlineDv": "~" + KERNEL[1:], "cardinality": 6},
        {"pathOrInlineDv": "wi5b=" + KERNEL[5:], "cardinality": 6},
        {"pathOrInlineDv": KERNEL, "cardinality": 7},
        {"cardinality": 6},
        {"pathOrInlineDv": "", "cardinality": 0},
        {"pathOrInlineDv": 7, "cardinality": 1},
        {"pathOrInlineDv": describe(np.array([30]))["pathOrInlineDv"], "cardinality": 1},
    ],
    ids=["short", "torn", "letter", "magic", "count", "absent", "empty", "number", "beyond"],
)
def test_a_damaged_one_is_an_error_of_the_table(damaged):
    with pytest.raises(TableError, match="a deletion vector in the log is damaged"):
        positions_of(damaged, rows=30)


@pytest.mark.slow
def test_a_few_bytes_that_stand_for_billions_of_rows_are_counted_and_not_spread_out():
    everything = BitMap64()
    everything.add_range(0, 1 << 36)
    everything.run_optimize()
    descriptor = describe(np.array([1]))
    raw = bytes.fromhex("d1d33964") + everything.serialize()
    descriptor |= {"pathOrInlineDv": _z85_encode(raw), "cardinality": 1 << 36}
    with pytest.raises(TableError, match="of a file of 30"):
        positions_of(descriptor, rows=30)


def test_two_vectors_of_one_file_have_names_of_their_own():
    one, other = describe(np.array([1])), describe(np.array([2]))
    assert len({unique_id(None), unique_id(one), unique_id(other)}) == 3
    assert unique_id({**one, "offset": None}) == unique_id(one)
    assert unique_id({**one, "offset": 4}) == f"{unique_id(one)}@4"


def test_one_kept_in_a_file_by_another_program_is_refused_with_the_way_out():
    with pytest.raises(TableError, match="in a file of its own"):
        positions_of(
            {"storageType": "u", "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^", "offset": 1, "cardinality": 2}, rows=9
        )
