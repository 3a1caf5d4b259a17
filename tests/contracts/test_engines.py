"""What every engine promises, and what the one of processes does when its workers fail, are killed or left."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import engine_tasks
from engine_tasks import Asked, Counting
from graft.core.errors import EngineError, InputError
from graft.engine.engines import Here
from graft.engine.processes import Processes

SPECS = [Asked(number) for number in range(6)]
ENGINES = {"here": Here, "one worker": lambda: Processes(1), "three workers": lambda: Processes(3)}


@pytest.fixture(params=ENGINES)
def engine(request):
    with ENGINES[request.param]() as started:
        yield started


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def gone(pids: list[int], seconds: float = 20) -> bool:
    until = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < until:
        time.sleep(0.02)
    return not any(map(alive, pids))


def pids_in(folder: Path, count: int) -> list[int]:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = [path.read_text() for path in folder.glob("*.pid")]
        if len(found) >= count and all(found):
            return [int(one) for one in found]
        time.sleep(0.02)
    raise AssertionError(f"{count} workers never began")


def test_results_are_in_the_order_of_the_specs_and_each_is_told_once(engine):
    begun, done = [], []
    found = engine.map(
        engine_tasks.square, SPECS, begun=begun.append, done=lambda spec, result: done.append((spec, result))
    )
    assert found == [0, 1, 4, 9, 16, 25]
    assert begun == SPECS
    assert sorted(done, key=lambda pair: pair[0].number) == [(spec, spec.number**2) for spec in SPECS]


def test_nothing_asked_is_nothing_done(engine):
    assert engine.map(engine_tasks.square, []) == []


def test_what_a_function_built_serves_every_call(engine):
    function = Counting()
    first, second = engine.map(function, SPECS), engine.map(function, SPECS)
    assert [number for number, _, _ in (*first, *second)] == [*range(6), *range(6)]
    processes = {built for _, built, _ in (*first, *second)}
    assert len(processes) <= getattr(engine, "workers", 1)
    assert sum(max(calls for _, built, calls in (*first, *second) if built == one) for one in processes) == 12
    assert engine.apart == (os.getpid() not in processes)


def test_an_error_of_ours_is_the_same_error_and_finished_work_is_told(engine):
    done = []
    with pytest.raises(InputError) as refused:
        engine.map(engine_tasks.refused, SPECS, done=lambda spec, result: done.append(result))
    assert (refused.value.given, refused.value.needed, refused.value.fix) == ("2 rows", "more", "collect some")
    assert str(refused.value) == str(InputError("2 rows", needed="more", fix="collect some"))
    assert {0, 1} <= set(done)
    assert engine.map(engine_tasks.square, SPECS[:2]) == [0, 1], "the engine is still good"


def test_any_other_error_says_what_failed_and_how():
    with (
        Processes(2) as engine,
        pytest.raises(EngineError, match="number 2 failed in a worker: ZeroDivisionError") as one,
    ):
        engine.map(engine_tasks.broken, SPECS)
    assert "a number by none" in one.value.given
    assert "in broken" in one.value.__notes__[0], "the worker's own traceback is kept"


def test_an_error_of_who_is_told_ends_the_workers(tmp_path):
    def stop(spec):
        if spec.number == 1:
            pids.extend(pids_in(tmp_path, 1))
            raise KeyboardInterrupt

    pids: list[int] = []
    with Processes(2) as engine, pytest.raises(KeyboardInterrupt):
        engine.map(engine_tasks.sleeps, [Asked(0, tmp_path), Asked(1, tmp_path)], begun=stop)
    assert pids
    assert gone(pids)


def test_a_result_that_cannot_be_sent_is_an_error_in_words():
    with Processes(1) as engine, pytest.raises(EngineError, match="number 0 failed in a worker"):
        engine.map(engine_tasks.unsendable, SPECS[:1])


@pytest.mark.parametrize("workers", [1, 3])
def test_a_killed_worker_is_told_and_nothing_is_lost(tmp_path, workers):
    told: list[str] = []
    done: list[int] = []
    specs = [Asked(number, tmp_path) for number in range(6)]
    with Processes(workers, tell=told.append) as engine:
        found = engine.map(engine_tasks.killed_once, specs, done=lambda spec, result: done.append(result))
    assert found == [0, 1, 2, 3, 4, 5]
    assert sorted(done) == found, "each once"
    assert sorted(told) == [
        f"a worker was killed (SIGKILL) while it ran number {number}: it is run again" for number in (1, 4)
    ]


def test_a_spec_that_kills_every_worker_is_given_up(tmp_path):
    done: list[int] = []
    specs = [Asked(number, tmp_path) for number in range(3)]
    with (
        Processes(2) as engine,
        pytest.raises(EngineError, match=r"number 1: a worker was killed \(SIGKILL\), 3 times"),
    ):
        engine.map(engine_tasks.always_killed, specs, done=lambda spec, result: done.append(result))
    assert len(list(tmp_path.glob("try-*"))) == 3
    assert 0 in done


def test_a_worker_that_leaves_is_no_result():
    with Processes(1) as engine, pytest.raises(EngineError, match="ended with exit code 7, 3 times"):
        engine.map(engine_tasks.leaves, SPECS[:1])


def test_a_worker_killed_while_it_idles_is_replaced():
    told: list[str] = []
    function = Counting()
    with Processes(1, tell=told.append) as engine:
        ((_, pid, _),) = engine.map(function, SPECS[:1])
        os.kill(pid, signal.SIGKILL)
        assert gone([pid])
        ((number, other, calls),) = engine.map(function, SPECS[1:2])
    assert (number, calls) == (1, 1)
    assert other != pid
    assert len(told) <= 1


def test_workers_end_with_the_block():
    function = Counting()
    with Processes(2) as engine:
        pids = [built for _, built, _ in engine.map(function, SPECS)]
        assert all(map(alive, pids))
    assert gone(pids)


def test_workers_end_when_their_engine_is_killed(tmp_path):
    script = (
        "import sys; sys.path[:0] = sys.argv[2].split(':')\n"
        "from pathlib import Path\n"
        "from graft.engine.processes import Processes\n"
        "from engine_tasks import Asked, sleeps\n"
        "Processes(2).map(sleeps, [Asked(0, Path(sys.argv[1])), Asked(1, Path(sys.argv[1]))])\n"
    )
    engine = subprocess.Popen([sys.executable, "-c", script, str(tmp_path), ":".join(sys.path)])
    pids = pids_in(tmp_path, 2)
    engine.kill()
    engine.wait()
    assert gone(pids)


def test_a_script_needs_no_guard(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys; sys.path[:0] = sys.argv[1].split(':')\n"
        "from graft.engine.processes import Processes\n"
        "from engine_tasks import Asked, square\n"
        "with Processes(2) as engine:\n"
        "    print(engine.map(square, [Asked(3), Asked(4)]))\n"
    )
    done = subprocess.run([sys.executable, script, ":".join(sys.path)], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("[9, 16]\n", "", 0)


def test_every_worker_has_the_threads_it_was_given():
    with Processes(2) as engine:
        assert set(engine.map(engine_tasks.threads, SPECS)) == {("1", "1")}
    with Processes(1, threads=3) as engine:
        assert engine.map(engine_tasks.threads, SPECS[:1]) == [("3", "3")]


def test_what_a_worker_prints_is_no_output_of_ours(capfd):
    with Processes(1) as engine:
        engine.map(engine_tasks.chatters, SPECS[:1])
    told = capfd.readouterr()
    assert told.out == ""
    assert "a library says hello" in told.err


@pytest.mark.parametrize(("workers", "threads"), [(0, 1), (-1, 1), (1, 0)])
def test_no_workers_are_refused(workers, threads):
    with pytest.raises(InputError, match="needed: one or more of both"):
        Processes(workers, threads=threads)
