"""Pickled weights become safetensors with the same values, in a process that can do nothing else."""

import contextlib
import dataclasses
import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, OrderedDict
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

import tiny
from graft.core.digests import file_sha256
from graft.core.errors import InputError, OutputError, SourceError
from graft.representations.apart import child as apart_child
from graft.representations.encoding.encoder import Encoder
from graft.representations.sources import resolve_source
from graft.representations.weights import pickle_child
from graft.representations.weights.converting import convert_weights
from graft.representations.weights.pickle_scan import scan_pickle
from graft.representations.weights.safetensors_file import check_safetensors

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "sources" / "resnet-cifar10"
ZIPPED = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "stream"])


def saved(path: Path, value: object, *, zipped: bool = True) -> Path:
    torch.save(value, path, _use_new_zipfile_serialization=zipped)
    return path


def converted(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, object]]:
    """What the child makes of a file, here and without its limits; the file passes the first look."""
    with path.open("rb") as stream:
        scan_pickle(stream, path)
    target = path.with_suffix(".safetensors")
    report = pickle_child.convert(str(path), target)
    assert len(check_safetensors(target)) == report["tensors"]
    return load_file(target), report


def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {"layer.weight": torch.randn(4, 3), "layer.bias": torch.randn(4), "steps": torch.tensor(7)}


def same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> bool:
    return found.keys() == expected.keys() and all(
        torch.equal(found[name], value) and found[name].dtype == value.dtype for name, value in expected.items()
    )


# ---- the whole way


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.skipif(not REAL.is_dir(), reason="the data beside the project is not there")
def test_a_published_checkpoint_is_converted_with_every_value(tmp_path):
    path = REAL / "resnet20-12fca82f.th"
    result = convert_weights(path, tmp_path / "resnet20")
    found = load_file(result.out)
    expected = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    assert same(found, {name.removeprefix("module."): value for name, value in expected.items()})
    assert (result.tensors, result.numbers) == (97, sum(value.numel() for value in expected.values()))
    assert (result.unwrapped, result.prefix, result.left_out) == (("state_dict",), "module.", ("best_prec1 (float)",))
    # Its publisher puts the first digits of the digest into the name.
    assert result.source_sha256.startswith("12fca82f")
    assert result.source_sha256 == file_sha256(path)
    assert result.sha256 == file_sha256(result.out)
    assert (result.source_size, result.size) == (path.stat().st_size, result.out.stat().st_size)
    # A form that is known becomes a source: its settings stand beside its weights, and nothing else.
    files = ["config.json", "model.safetensors", "preprocessor_config.json"]
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "resnet20", *(tmp_path / "resnet20" / name for name in files)]


@pytest.fixture
def directory(tmp_path) -> Path:
    """A model directory as it was published before safetensors: pickled weights, and code that nobody needs."""
    source, folder = tiny.encoder("bert").weights.directory, tmp_path / "published"
    folder.mkdir()
    for path in source.iterdir():
        if path.suffix != ".safetensors":
            (folder / path.name).write_bytes(path.read_bytes())
    saved(folder / "pytorch_model.bin", load_file(source / "model.safetensors"))
    saved(folder / "training_args.bin", {"rate": 0.1})
    tiny.sentence_modules(folder, pooling={"pooling_mode": "mean"})
    (folder / "train.py").write_text("raise SystemExit")
    (folder / "LICENSE").write_text("terms")
    return folder


@pytest.mark.slow
def test_a_model_directory_becomes_a_source_with_the_same_vectors(directory, tmp_path):
    result = convert_weights(directory, tmp_path / "converted")
    source = resolve_source(f"path:{tmp_path / 'converted'}")
    assert source.weights.digest == result.sha256
    texts = tiny.texts(3, 9)
    np.testing.assert_array_equal(*(Encoder(each).vectors(texts)[0] for each in (source, tiny.encoder("bert"))))
    assert result.copied == (
        "1_Pooling/config.json",
        "LICENSE",
        "README.md",
        "config.json",
        "modules.json",
        "tokenizer.json",
    )
    made = {path.relative_to(result.out.parent).as_posix() for path in result.out.parent.rglob("*") if path.is_file()}
    assert made == {*result.copied, "model.safetensors"}
    assert all((result.out.parent / name).read_bytes() == (directory / name).read_bytes() for name in result.copied)
    assert result.out.stat().st_mode & 0o777 == (tmp_path / "published" / "LICENSE").stat().st_mode & 0o777
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.sha256 = ""


def watch(seen: list[dict[str, object]], stop: threading.Event) -> None:
    """What the processes this one starts can see."""
    while not stop.is_set():
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error, OSError):
                seen.append(
                    {
                        "environ": child.environ(),
                        "command": child.cmdline(),
                        "folder": child.cwd(),
                        "input": str(Path(f"/proc/{child.pid}/fd/0").readlink()),
                        "open": [str(path.readlink()) for path in Path(f"/proc/{child.pid}/fd").iterdir()],
                        "limits": Path(f"/proc/{child.pid}/limits").read_text(),
                        "session": os.getsid(child.pid),
                    }
                )
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_the_process_that_reads_holds_no_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # torch would obey it
    (tmp_path / "torch.py").write_text("raise SystemExit('the wrong torch')")
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit('not ours')")
    path = saved(tmp_path / "model.pt", weights())
    seen: list[dict[str, object]] = []
    stop = threading.Event()
    watcher = threading.Thread(target=watch, args=(seen, stop))
    with socket.socket() as ours, (tmp_path / "ours.txt").open("w"):
        ours.bind(("127.0.0.1", 0))
        watcher.start()
        try:
            convert_weights(path, tmp_path / "out", memory_limit=1 << 30, seconds=60)
        finally:
            stop.set()
            watcher.join()
    child = [one for one in seen if apart_child.__file__ in one["command"]]
    assert child
    for one in child:
        assert set(one["environ"]) <= {"OMP_NUM_THREADS", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "LC_CTYPE"}
        assert "hunter2" not in str(one)
        assert one["environ"]["HOME"] == one["folder"]
        assert Path(one["folder"]).name.startswith(".graft-convert.")
        assert one["input"] == "/dev/null"
        assert not any(name.startswith("socket:") or name.endswith("ours.txt") for name in one["open"])
        assert one["session"] != os.getsid(0)
    limits = {line[:26].strip(): line[26:].split()[:2] for line in child[-1]["limits"].splitlines()}
    assert limits["Max core file size"] == ["0", "0"]
    assert limits["Max file size"] == [str(1 << 30)] * 2
    assert limits["Max cpu time"] == ["60", "60"]
    assert not Path(child[-1]["folder"]).exists()
    assert load_file(tmp_path / "out" / "model.safetensors").keys() == weights().keys()


def present(folder: Path) -> tuple[list[Path], set[int]]:
    """What lies in a folder, and the processes this one has started."""
    return sorted(folder.rglob("*")), {child.pid for child in psutil.Process().children(recursive=True)}


def test_what_takes_too_long_is_ended(tmp_path):
    path = saved(tmp_path / "model.pt", weights())
    before = present(tmp_path)
    with pytest.raises(SourceError, match=r"reading it took longer than 0.3 seconds") as raised:
        convert_weights(path, tmp_path / "out", seconds=0.3)
    assert str(path) in raised.value.given
    assert present(tmp_path) == before


def test_an_interrupt_leaves_nothing(tmp_path):
    path = saved(tmp_path / "model.pt", weights())
    before = present(tmp_path)
    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            convert_weights(path, tmp_path / "out")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert present(tmp_path) == before


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is enforced on Linux")
def test_what_needs_too_much_memory_is_refused(tmp_path):
    """Four bytes in the file, 400 megabytes when every number is written out."""
    path = saved(tmp_path / "model.pt", {"weight": torch.zeros(1).expand(10_000, 10_000)})
    before = present(tmp_path)
    with pytest.raises(SourceError, match="it needs more memory than it may use"):
        convert_weights(path, tmp_path / "out", memory_limit=64 << 20)
    assert present(tmp_path) == before


# ---- what is understood


@ZIPPED
def test_a_state_dict_keeps_its_names_types_and_values(tmp_path, zipped):
    found, report = converted(saved(tmp_path / "x.pt", weights(), zipped=zipped))
    assert same(found, weights())
    assert report == {"unwrapped": [], "prefix": "", "shared": [], "left_out": [], "tensors": 3, "numbers": 17}
    with safe_open(tmp_path / "x.safetensors", "pt") as stream:
        assert stream.metadata() == {"format": "pt"}


@ZIPPED
def test_the_state_dict_of_a_module_with_buffers(tmp_path, zipped):
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2, bias=False))
    found, _ = converted(saved(tmp_path / "x.pth", module.state_dict(), zipped=zipped))
    assert same(found, dict(module.state_dict()))
    assert found["1.num_batches_tracked"].dtype == torch.int64


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "float16", "bfloat16", "int64", "int8", "uint8", "bool", "uint16", "float8_e4m3fn"]
)
def test_types_are_kept(tmp_path, dtype):
    value = torch.arange(6).to(getattr(torch, dtype)).reshape(2, 3)
    found, _ = converted(saved(tmp_path / "x.pt", {"a": value, "scalar": value[0, 0], "empty": value[:0]}))
    assert {name: (one.dtype, tuple(one.shape)) for name, one in found.items()} == {
        "a": (value.dtype, (2, 3)),
        "scalar": (value.dtype, ()),
        "empty": (value.dtype, (0, 3)),
    }
    assert found["a"].view(torch.uint8).equal(value.view(torch.uint8))


@pytest.mark.parametrize("name", pickle_child.WRAPPERS)
def test_wrappers_are_opened_and_named(tmp_path, name):
    found, report = converted(
        saved(tmp_path / "x.ckpt", {"epoch": 3, name: weights(), "optimizer": {"a": torch.ones(2)}})
    )
    assert same(found, weights())
    assert report["unwrapped"] == [name]
    assert report["left_out"] == ["epoch (int)", "optimizer (dict with 1 tensors)"]


def test_a_tensor_beside_the_wrapper_is_not_taken_for_the_weights(tmp_path):
    found, report = converted(saved(tmp_path / "x.pt", {"step": torch.tensor(3), "model": weights(), "params": {}}))
    assert same(found, weights())
    assert report["left_out"] == ["step (Tensor)", "params (dict)"]


def test_a_table_by_the_name_of_a_wrapper_is_left_out_when_it_holds_no_tensors(tmp_path):
    found, report = converted(saved(tmp_path / "x.pt", {**weights(), "params": {"rate": 0.1}}))
    assert same(found, weights())
    assert (report["unwrapped"], report["left_out"]) == ([], ["params (dict)"])


def test_one_number_seen_often_needs_no_large_file(tmp_path):
    found, _ = converted(saved(tmp_path / "x.pt", {"a": torch.ones(1).expand(100_000)}))
    assert found["a"].equal(torch.ones(100_000))


def test_wrappers_in_wrappers_are_opened(tmp_path):
    found, report = converted(saved(tmp_path / "x.ckpt", {"model": {"state_dict": weights(), "best": 0.5}, "step": 3}))
    assert same(found, weights())
    assert report["unwrapped"] == ["model", "state_dict"]
    assert report["left_out"] == ["step (int)", "best (float)"]


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "module.module."])
def test_what_wrapped_modules_put_before_every_name_is_removed(tmp_path, prefix):
    found, report = converted(saved(tmp_path / "x.pt", {prefix + name: value for name, value in weights().items()}))
    assert same(found, weights())
    assert report["prefix"] == prefix


def test_a_prefix_that_some_names_lack_stays(tmp_path):
    table = {"module.a": torch.ones(1), "b": torch.ones(1)}
    found, report = converted(saved(tmp_path / "x.pt", table))
    assert (set(found), report["prefix"]) == ({"module.a", "b"}, "")


@ZIPPED
def test_shared_tensors_are_written_twice_and_said(tmp_path, zipped):
    tied, base = torch.randn(3, 2), torch.randn(10)
    table = {"in.weight": tied, "out.weight": tied, "head": base[:4], "tail": base[4:], "alone": torch.ones(2)}
    found, report = converted(saved(tmp_path / "x.bin", table, zipped=zipped))
    assert same(found, table)
    assert report["shared"] == ["out.weight = in.weight", "tail = head"]


@ZIPPED
def test_tensors_in_any_layout_and_parameters_come_out_right(tmp_path, zipped):
    base = torch.randn(4, 6)
    table = {
        "turned": base.T,
        "every second": base[:, ::2],
        "expanded": torch.randn(1, 3).expand(5, 3),
        "channels last": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
        "parameter": nn.Parameter(torch.randn(2)),
        "needs a gradient": torch.randn(2, requires_grad=True),
        "ünïcode": torch.ones(1),
    }
    found, _ = converted(saved(tmp_path / "x.bin", table, zipped=zipped))
    assert same(found, {name: value.detach() for name, value in table.items()})
    assert all(value.is_contiguous() for value in found.values())


def test_what_is_no_tensor_is_left_out_and_listed(tmp_path):
    table = OrderedDict(weights())
    others = {
        "name": "x",
        "counts": Counter("aab"),
        "sizes": torch.Size([2]),
        "raw": b"abc",
        "pair": (1, torch.ones(1)),
    }
    found, report = converted(saved(tmp_path / "x.pt", OrderedDict(table | others | {3: None})))
    assert same(found, weights())
    assert report["left_out"] == [
        "name (str)", "counts (Counter)", "sizes (Size)", "raw (bytes)", "pair (tuple with 1 tensors)", "3 (NoneType)",
    ]  # fmt: skip


# ---- what is refused, beside the hostile files of tests/contracts


class Model(nn.Module):
    """A model of somebody's own."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)


@ZIPPED
def test_a_whole_module_is_refused_with_how_to_save_its_weights(tmp_path, zipped):
    path = saved(tmp_path / "model.pt", Model(), zipped=zipped)
    with pytest.raises(SourceError, match=rf"it asks for {__name__}.Model") as raised:
        convert_weights(path, tmp_path / "out")
    assert "torch.save(model.state_dict(), FILE)" in raised.value.needed
    assert list(tmp_path.iterdir()) == [path]


def test_objects_beside_the_weights_are_refused_by_name(tmp_path):
    path = saved(tmp_path / "x.ckpt", {"state_dict": weights(), "accuracy": np.float64(0.5), "where": Path("a")})
    with pytest.raises(SourceError, match=r"it asks for numpy\S+scalar, numpy.dtype, pathlib.PosixPath when"):
        convert_weights(path, tmp_path / "out")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (lambda: {"a": torch.ones(3, 3).to_sparse()}, "sparse"),
        (lambda: {"a": torch.quantize_per_tensor(torch.ones(2), 1.0, 0, torch.qint8)}, "quantised"),
        (lambda: {"a": torch.ones(2, dtype=torch.complex64)}, "complex64"),
        (lambda: {"a": torch.empty(2, device="meta")}, "without values"),
        (lambda: [torch.ones(2)], "it holds one list and no table"),
        (lambda: torch.ones(2), "it holds one Tensor and no table"),
        (dict, "it holds no tensors"),
        (lambda: {"layers": {"a": torch.ones(2)}}, "it holds no tensors, neither directly nor under state_dict"),
    ],
    ids=["sparse", "quantised", "complex", "meta", "list", "tensor", "empty", "unknown wrapper"],
)
@pytest.mark.filterwarnings("ignore")
def test_what_is_no_table_of_plain_tensors_is_refused(tmp_path, value, said):
    path = saved(tmp_path / "x.pt", value())
    with pytest.raises(Exception, match=r".") as raised:
        converted(path)
    reason = pickle_child.reason(raised.value) if not isinstance(raised.value, SourceError) else str(raised.value)
    assert said in reason


@ZIPPED
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_cut_file_is_refused(tmp_path, zipped, share):
    path = saved(tmp_path / "x.pt", {"a": torch.randn(5000)}, zipped=zipped)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(Exception, match=r"."):
        converted(path)
    assert not (tmp_path / "x.safetensors").exists()


def occupied(folder: Path) -> Path:
    (folder / "out").mkdir()
    (folder / "out" / "mine.txt").write_text("x")
    return folder / "out"


def linked(folder: Path) -> Path:
    (folder / "elsewhere").mkdir()
    (folder / "out").symlink_to(folder / "elsewhere")
    return folder / "out"


def a_file(folder: Path) -> Path:
    (folder / "out").write_text("x")
    return folder / "out"


@pytest.mark.parametrize("place", [occupied, linked, a_file, lambda folder: folder / "gone" / "out"])
def test_an_occupied_place_is_left_alone(tmp_path, place):
    path, out = saved(tmp_path / "x.pt", weights()), place(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError, match=r"exists and is not empty|there is no folder"):
        convert_weights(path, out)
    assert sorted(tmp_path.rglob("*")) == before


def fifo(folder: Path) -> Path:
    os.mkfifo(folder / "x.pt")
    return folder / "x.pt"


def device(folder: Path) -> Path:
    (folder / "x.pt").symlink_to("/dev/zero")
    return folder / "x.pt"


def safetensors(folder: Path) -> Path:
    (folder / "model.safetensors").write_bytes(b"")
    return folder / "model.safetensors"


def two_pickles(folder: Path) -> Path:
    (folder / "in").mkdir()
    for name in ("a.pt", "b.pt"):
        (folder / "in" / name).write_bytes(b"")
    return folder / "in"


def converted_before(folder: Path) -> Path:
    (folder / "in").mkdir()
    for name in ("pytorch_model.bin", "model.safetensors"):
        (folder / "in" / name).write_bytes(b"")
    return folder / "in"


def no_pickle(folder: Path) -> Path:
    (folder / "in").mkdir()
    return folder / "in"


def linked_out(folder: Path) -> Path:
    (folder / "in").mkdir()
    saved(folder / "outside.bin", weights())
    (folder / "in" / "pytorch_model.bin").symlink_to("../outside.bin")
    return folder / "in"


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda folder: folder / "gone.pt", "gone.pt cannot be opened: No such file"),
        (lambda folder: folder / ("a" * 5000 + ".pt"), "cannot be opened: File name too long"),
        (lambda folder: folder / "a\0.pt", "cannot be opened: embedded null byte"),
        (lambda folder: folder / "x.txt", "is not named as pickled weights are"),
        (safetensors, "is not named as pickled weights are"),
        (fifo, "a pipe, a socket or a device"),
        (device, "a pipe, a socket or a device"),
        (two_pickles, "holds 2 pickles: a.pt, b.pt"),
        (no_pickle, "holds 0 pickles"),
        (converted_before, "holds model.safetensors already"),
        (linked_out, "a link that leaves the folder"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path, build, said):
    path = build(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SourceError, match=said) as raised:
        convert_weights(path, tmp_path / "out")
    assert raised.value.fix
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("limits", [{"memory_limit": 0}, {"seconds": 0}, {"seconds": -1}, {"seconds": float("nan")}])
def test_limits_must_leave_something(tmp_path, limits):
    with pytest.raises(InputError, match="limits of"):
        convert_weights(saved(tmp_path / "x.pt", weights()), tmp_path / "out", **limits)


# ---- the guard of the child, alone

GUARDED = """
import os, sys
sys.path.insert(0, {folder!r})
import child
from pathlib import Path
child.guard(Path({place!r}))
open("inside.txt", "w").close()
open({readable!r}).close()
{action}
"""
ACTIONS = {
    "a shell": "os.system('touch {sentinel}')",
    "a process": "import subprocess; subprocess.run(['touch', '{sentinel}'])",
    "a fork": "os.fork() or open('{sentinel}', 'w')",
    "another program": "os.execv('/bin/touch', ['touch', '{sentinel}'])",
    "a spawn": "os.posix_spawn('/bin/touch', ['touch', '{sentinel}'], {{}})",
    "writing outside": "open('{sentinel}', 'w')",
    "writing outside, on a detour": "open('../sentinel', 'w')",
    "writing outside, by number": "os.open('{sentinel}', os.O_CREAT | os.O_WRONLY)",
    "making a file by number": "os.open('{sentinel}', os.O_CREAT)",
    "emptying a file by number": "os.open('{other}', os.O_TRUNC)",
    "adding outside": "open('{other}', 'a')",
    "removing": "os.remove('{other}')",
    "renaming": "os.rename('{other}', '{sentinel}')",
    "linking": "os.symlink('/etc/passwd', '{sentinel}')",
    "making a folder": "os.mkdir('{sentinel}')",
    "the network": "import socket; socket.create_connection(('127.0.0.1', {port}))",
    "a name of the network": "import socket; socket.getaddrinfo('localhost', 80)",
    "foreign code": "import ctypes; ctypes.CDLL(None).system(b'touch {sentinel}')",
}


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
def test_the_guard_ends_the_process_before_it_does_anything(tmp_path, action):
    place, sentinel, other = tmp_path / "place", tmp_path / "sentinel", tmp_path / "other"
    place.mkdir()
    other.write_text("x")
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = GUARDED.format(
            folder=str(Path(apart_child.__file__).parent),
            place=str(place),
            readable=str(other),
            action=action.format(sentinel=sentinel, other=other, port=server.getsockname()[1]),
        )
        result = subprocess.run([sys.executable, "-I", "-B", "-c", code], cwd=place, capture_output=True, text=True)
    assert result.returncode == apart_child.VIOLATION, result.stderr
    assert "forbidden: " in result.stderr
    assert not sentinel.exists()
    assert other.read_text() == "x"
    assert (place / "inside.txt").exists()


def test_torch_advice_to_open_a_file_without_protection_is_not_passed_on(tmp_path):
    path = saved(tmp_path / "x.pt", Model())
    with pytest.raises(Exception, match="weights_only") as raised:
        pickle_child.convert(str(path), tmp_path / "made")
    assert pickle_child.reason(raised.value) == f"it asks for {__name__}.Model when it is opened"


def test_the_first_look_reads_what_torch_writes_and_runs_nothing():
    for value in (
        weights(),
        {"a": {1, 2}, "b": 3j, "c": bytearray(b"x"), "d": torch.float32, "e": torch.device("cpu")},
    ):
        for zipped in (True, False):
            stream = io.BytesIO()
            torch.save(value, stream, _use_new_zipfile_serialization=zipped)
            stream.seek(0)
            scan_pickle(stream, Path("x.pt"))
