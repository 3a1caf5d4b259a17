import subprocess
import sys

import pytest

_TIMES = "import datetime, pyarrow as pa; pa.array([datetime.datetime.now(datetime.UTC)], pa.timestamp('us', 'UTC'))"


@pytest.mark.parametrize("first", ["graft.tables.index.graph", "graft.tables.searching", "graft.tables.table"])
def test_times_with_a_zone_can_be_read_after_the_index_was_imported(first):
    """usearch's C++ runtime, loaded before pyarrow's, makes this crash."""
    done = subprocess.run([sys.executable, "-c", f"import {first}; {_TIMES}.to_pylist()"], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
