"""How fast pictures and recordings become vectors, and studies of them: against ONNX Runtime, a plain loop, the clock.

Decision: contenders take turns on slices, because a shared machine is not equally fast all the time; a ratio is of
whole times. Each has seen a few rows before the clock starts, all have torch's number of threads (``OMP_NUM_THREADS``),
and what the processor can do is printed beside the figures.
"""

import io
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_ABILITIES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
_SIDE = 224


def machine() -> dict[str, object]:
    """What figures of speed depend on."""
    known = Path("/proc/cpuinfo")
    flags = known.read_text().partition("flags")[2].partition("\n")[0].split() if known.exists() else []
    return {"threads": torch.get_num_threads(), "abilities": [one for one in _ABILITIES if one in flags]}


def _pictures(count: int) -> list[str]:
    files = sorted(str(path) for path in (DATA / "trashnet").glob("*/*.jpg"))
    return [files[row] for row in np.random.default_rng(0).permutation(len(files))[:count]]


def _timed(
    ways: dict[str, Callable[[list[object]], object]],
    slices: list[list[object]],
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    seconds = dict.fromkeys(ways, 0.0)
    for given in slices:
        for name, way in ways.items():
            started = clock()
            way(given)
            seconds[name] += clock() - started
    return seconds


def pictures(rows: int = 192) -> dict[str, object]:
    """Images a second of ``lite0``: its network alone and from JPEG files, against torch's export in ONNX Runtime.

    The peer's network is what ``torch.onnx.export`` writes of the same weights, where ``onnx`` is installed; otherwise
    the file Graft writes. From files, the peer decodes and resizes with pillow, one picture after another.
    """
    import onnxruntime
    from PIL import Image

    from graft.representations.encoding.encoder import Encoder
    from graft.representations.encoding.image_bodies import IMAGES_PER_BATCH, TowerNetwork, load_image_body
    from graft.representations.image_reading import squares
    from graft.representations.sources import resolve_source
    from graft.representations.towers.tower import fused, load_tower
    from graft.rows.content import IMAGE

    source = resolve_source("lite0")
    tower = fused(load_tower(source))
    exported, raw = _exported(tower)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = torch.get_num_threads(), 1
    peer = onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
    ours = load_image_body(source, None, "native")._network
    plain = TowerNetwork(tower.to(memory_format=torch.channels_last), None)  # type: ignore[call-overload]
    name = peer.get_inputs()[0].name

    def unit(made: np.ndarray) -> np.ndarray:
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    def by_hand(files: list[object]) -> np.ndarray:
        made = []
        for start in range(0, len(files), IMAGES_PER_BATCH):
            batch = []
            for file in files[start : start + IMAGES_PER_BATCH]:
                image = Image.open(str(file)).convert("RGB")
                scale = 256 / min(image.size)
                image = image.resize(
                    (round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC
                )
                left, top = (image.width - _SIDE) // 2, (image.height - _SIDE) // 2
                batch.append(np.asarray(image.crop((left, top, left + _SIDE, top + _SIDE))))
            made.append(peer.run(None, {name: source.reading.numbers(np.stack(batch))})[0])
        return unit(np.concatenate(made))

    files = _pictures(rows)
    pixels = source.reading.numbers(squares([IMAGE.taken(file) for file in files[:IMAGES_PER_BATCH]], source.reading))
    networks: dict[str, Callable[[list[object]], object]] = {
        "ours": lambda given: unit(ours.vectors(pixels)),
        "onnx_runtime": lambda given: unit(peer.run(None, {name: pixels})[0]),
        "torch": lambda given: unit(plain.vectors(pixels)),
    }
    _timed(networks, [[]])
    turns: list[list[object]] = [[] for _ in range(max(2, rows // IMAGES_PER_BATCH))]
    alone = _timed(networks, turns)
    encoder = Encoder(source)
    whole: dict[str, Callable[[list[object]], object]] = {
        "ours": lambda given: encoder.vectors([IMAGE.taken(file) for file in given])[0],
        "onnx_runtime_by_hand": by_hand,
    }
    _timed(whole, [list(files[:4])])
    parts: list[list[object]] = [list(part) for part in np.array_split(np.array(files, object), 4)]
    from_files = _timed(whole, parts)
    apart = np.abs(unit(ours.vectors(pixels)) - unit(peer.run(None, {name: pixels})[0])).max()
    images = len(turns) * len(pixels)
    return {
        **machine(),
        "peer_network": exported,
        "network_images_per_second": {name: images / seconds for name, seconds in alone.items()},
        "times_onnx_runtime": alone["onnx_runtime"] / alone["ours"],
        "times_torch": alone["torch"] / alone["ours"],
        "largest_difference": float(apart),
        "from_files_images_per_second": {name: len(files) / seconds for name, seconds in from_files.items()},
        "from_files_times_by_hand": from_files["onnx_runtime_by_hand"] / from_files["ours"],
        "wanted": "at least the images a second of ONNX Runtime at equal threads, or run through it",
    }


def _exported(tower: torch.nn.Module) -> tuple[str, bytes]:
    from graft.representations.towers.lite_onnx import lite_onnx

    try:
        import onnx  # noqa: F401
    except ImportError:
        return "written by Graft", lite_onnx(tower.model)  # type: ignore[arg-type]
    stream = io.BytesIO()
    torch.onnx.export(
        tower,
        (torch.randn(2, 3, _SIDE, _SIDE),),
        stream,  # type: ignore[arg-type]
        dynamo=False,
        input_names=["pixels"],
        dynamic_axes={"pixels": {0: "rows"}},
        opset_version=17,
    )
    return "torch.onnx.export", stream.getvalue()


def pictures_study(each: int = 10, epochs: int = 10) -> dict[str, object]:
    """A frozen study of so many pictures a class, controls and report included, against a plain PyTorch loop.

    The loop recomputes the backbone in every epoch, on the study's five folds; one is run, and counted five times.
    """
    from sklearn.model_selection import StratifiedKFold

    import graft
    from graft.representations.image_reading import squares
    from graft.representations.sources import resolve_source
    from graft.representations.towers.tower import load_tower
    from graft.rows.content import IMAGE

    files, rng = sorted((DATA / "trashnet").glob("*/*.jpg")), np.random.default_rng(0)
    kinds = np.array([path.parent.name for path in files])
    chosen = np.concatenate([rng.permutation(np.flatnonzero(kinds == one))[:each] for one in np.unique(kinds)])
    rows = {"path": [str(files[row]) for row in chosen], "kind": kinds[chosen].tolist()}
    with tempfile.TemporaryDirectory() as folder:
        # An empty cache, but for the converted weights, which every study but the first of a machine finds there.
        os.environ["GRAFT_CACHE"] = f"{folder}/cache"
        source = resolve_source("lite0")
        load_tower(source)
        started = time.perf_counter()
        record = graft.study(
            rows, image="path", label="kind", strategy="frozen", effort="quick", out=Path(folder) / "study",
            progress=False,
        ).record  # fmt: skip
        ours = time.perf_counter() - started
        tower = load_tower(source)
    folds = int(record.settings["folds"])
    numbers = np.unique(rows["kind"], return_inverse=True)[1]
    learn, judge = next(iter(StratifiedKFold(folds, shuffle=True, random_state=0).split(chosen, numbers)))
    torch.manual_seed(0)
    head = torch.nn.Linear(source.dimension, int(numbers.max()) + 1)
    learner = torch.optim.Adam(head.parameters(), 1e-3)

    def vectors(some: np.ndarray) -> torch.Tensor:
        contents = [IMAGE.taken(rows["path"][row]) for row in some]
        with torch.no_grad():
            return tower(torch.from_numpy(source.reading.numbers(squares(contents, source.reading))))

    started = time.perf_counter()
    for _ in range(epochs):
        for batch in np.array_split(rng.permutation(learn), max(1, len(learn) // 16)):
            loss = torch.nn.functional.cross_entropy(head(vectors(batch)), torch.from_numpy(numbers[batch]))
            learner.zero_grad()
            loss.backward()
            learner.step()
    with torch.no_grad():
        right = float((head(vectors(judge)).argmax(1).numpy() == numbers[judge]).mean())
    loop = (time.perf_counter() - started) * folds
    return {
        **machine(),
        "rows": len(chosen),
        "study_seconds": ours,
        "loop_seconds": loop,
        "loop_accuracy_of_one_fold": right,
        "times_faster": loop / ours,
        "wanted": "at least 5",
    }


def clips(rows: int = 512) -> dict[str, object]:
    """Recordings of a second that ``speech`` turns into vectors, by the seconds all threads together were on a core.

    From files that were read before, as in a study; read for the first time, in memory and from files. So the
    figure is a core's, however many of them others use at the time.
    """
    import soundfile

    from graft.representations.encoding.encoder import Encoder
    from graft.representations.sources import resolve_source
    from graft.rows.content import AUDIO

    rng, rate = np.random.default_rng(0), 16_000
    files = sorted((DATA / "spoken_digits").glob("**/*.wav"))
    sounds = []
    for row in range(rows):
        heard, given = soundfile.read(files[row % len(files)], dtype="float32")
        whole = np.interp(np.arange(rate) / rate, np.arange(len(heard)) / given, heard, right=0.0)
        sounds.append((whole + rng.normal(0, 1e-4, rate)).astype(np.float32))
    encoder = Encoder(resolve_source("speech"))
    with tempfile.TemporaryDirectory() as folder:
        names: list[object] = []
        for row, sound in enumerate(sounds):
            names.append(f"{folder}/{row}.wav")
            soundfile.write(str(names[-1]), sound, rate)
            soundfile.write(f"{folder}/{row}-known.wav", sound, rate)
        known = [AUDIO.taken(f"{folder}/{row}-known.wav") for row in range(rows)]
        ways: dict[str, Callable[[list[object]], object]] = {
            "read_before": lambda some: encoder.vectors([known[int(str(row))] for row in some]),
            "in_memory": lambda some: encoder.vectors([(rate, sounds[int(str(row))]) for row in some]),
            "from_files": lambda some: encoder.vectors([AUDIO.taken(names[int(str(row))]) for row in some]),
        }
        _timed(ways, [list(range(8))])
        seconds = _timed(ways, [list(part) for part in np.array_split(np.arange(8, rows), 4)], time.process_time)
    return {
        **machine(),
        **{f"{name}_clips_per_second_a_core": (rows - 8) / taken for name, taken in seconds.items()},
        "wanted": "at least 300",
    }
