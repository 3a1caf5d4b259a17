"""What is imported when: fresh processes, because a test session has imported everything."""

import subprocess
import sys

import pytest

_TIMES = "import datetime, pyarrow as pa; pa.array([datetime.datetime.now(datetime.UTC)], pa.timestamp('us', 'UTC'))"


def said_by(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "first",
    [
        "graft.tables.table",
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("graft.tables.index.graph", "graft.tables.searching")),
    ],
)
def test_times_with_a_zone_can_be_read_after_the_index_was_imported(first):
    """usearch's C++ runtime, loaded before pyarrow's, makes this crash."""
    said_by(f"import {first}; {_TIMES}.to_pylist()")


CALLS = [
    "graft.study('nowhere.csv', text='a', label='b')",
    "graft.study({'text': ['a'], 'label': ['b']}, text='txt', label='label')",
    "graft.embed_table('nowhere.csv', table='t', id='a', text='b')",
    "graft.embed_table({'id': ['a'], 'text': ['b']}, table='t', id='id', text='txt')",
]


def test_a_mistake_is_told_before_a_model_library_is_imported():
    """All in one process, since what one had imported would show in those after it."""
    script = "import sys, graft\n" + "".join(
        f"try:\n    {call}\nexcept graft.GraftError:\n    print('torch' in sys.modules)\n" for call in CALLS
    )
    assert said_by(script) == "False\n" * len(CALLS)


def test_usearch_before_pyarrow_is_told_and_not_crashed():
    script = "import usearch.index\ntry:\n    import graft.tables.table\nexcept Exception as error:\n    print(error)"
    assert "import pyarrow (or graft.tables) above usearch" in said_by(script)
    assert said_by(f"import pyarrow, usearch.index, graft.tables.table; {_TIMES}.to_pylist()") == ""
