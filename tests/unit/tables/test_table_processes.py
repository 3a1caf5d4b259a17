"""An open table in other processes: it works in one that was spawned, and is refused in words where it would hang."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import multiprocessing, os, signal, sys
import numpy as np
from graft.core.errors import GraftError
from graft.tables.table import EmbeddingTable
from table_rows import DIMENSION, SPACE, numbered, rows

def ask(table):
    return table.search(np.ones((3, DIMENSION), np.float32), k=2, space=SPACE, where="place = 'Rome'")["id"].to_list()

def main():
    table = EmbeddingTable.create(sys.argv[1], SPACE)
    if sys.argv[2] == "early":
        early = os.fork()
        if not early:
            signal.alarm(30)
            table.upsert(rows(numbered(40), place=["Rome", "Oslo"] * 20))
            ask(table)
            os._exit(0)
        assert os.waitpid(early, 0)[1] == 0
        print(len(ask(table)))
        return
    table.upsert(rows(numbered(40), place=["Rome", "Oslo"] * 20))
    expected = ask(table)
    if sys.argv[2] == "fork":
        for work in (ask, lambda table: table.upsert(rows(["new"])), lambda table: EmbeddingTable.open(table.path)):
            child = os.fork()
            if not child:
                signal.alarm(30)
                try:
                    work(table)
                except GraftError as error:
                    print(error.fix, flush=True)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
    elif sys.argv[2] == "spawn":
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            print(pool.map(ask, [table, table]) == [expected, expected])
    else:
        from joblib import Parallel, delayed
        print(Parallel(n_jobs=2)(delayed(ask)(table) for _ in range(2)) == [expected, expected])
    assert ask(table) == expected

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("fork", 3 * ['multiprocessing.get_context("spawn"), or joblib with its usual backend "loky"']),
        ("early", ["6"]),
        *(pytest.param(how, ["True"], marks=pytest.mark.slow) for how in ("spawn", "joblib")),
    ],
)
def test_a_table_in_another_process(tmp_path, how, said):
    (tmp_path / "script.py").write_text(SCRIPT)
    tests = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, tmp_path / "script.py", tmp_path / "t", how],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={
            "PYTHONPATH": f"{tests}:{tests.parent / 'src'}:{tmp_path}",
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
        },
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == said, done.stderr
