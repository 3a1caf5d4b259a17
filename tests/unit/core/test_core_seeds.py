"""Random streams, and the parts of a process that one thread has at a time."""

import subprocess
import sys
import threading
import time

import pytest
import torch

import tiny
from graft.core.seeds import derive, process_alone
from graft.representations.torch_process import torch_stream

TWO_STUDIES = """
import sys, threading
import graft
from graft.representations.backbone import load_encoder
from graft.representations.sources import resolve_source

source = resolve_source("path:" + sys.argv[1])
found, start = [], threading.Barrier(4)

def load():
    start.wait()
    try:
        found.append(sum(float(value.double().sum()) for value in load_encoder(source).state_dict().values()))
    except Exception as error:
        found.append(error)

threads = [threading.Thread(target=load) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert len(set(found)) == 1 and isinstance(found[0], float), found
"""


def test_streams_have_names():
    assert derive(0, "folds") != derive(0, "fold", "s")
    assert derive(0, "folds") == derive(0, "folds")


def test_the_stream_of_torch_is_left_as_it_was():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    with torch_stream():
        torch.manual_seed(9)
        torch.rand(100)
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize("alone", [process_alone, torch_stream])
def test_one_thread_has_the_process_at_a_time(alone):
    inside, most = [], []

    def enter():
        with alone(), process_alone():  # a thread may enter again
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8


@pytest.mark.slow
def test_a_model_is_loaded_by_many_threads_of_a_new_process():
    folder = tiny.encoder().weights.directory
    done = subprocess.run([sys.executable, "-c", TWO_STUDIES, str(folder)], capture_output=True, text=True, check=False)
    # Nor is anything said that was to be kept quiet.
    assert (done.returncode, done.stderr) == (0, "")
