"""Rows of a picture and a title, and tiny sources of both, whose right answer is known by construction.

A picture has stripes across or down, a title is of one of two sets of words; what is to be told is
one of them, or both.
"""

import io
import json
from pathlib import Path

import numpy as np
import torch
import transformers
from PIL import Image

from graft.inputs import Dataset, Roles, build_dataset, infer_contract
from graft.rows import read_frame
from tiny import WORDS, write_encoder

PROCESSOR = {"size": {"height": 32, "width": 32}, "resample": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
ROLES = Roles(content=("title", "photo"), kinds=("text", "image"), label=("sells",))
LABELS = {
    "text": lambda title, photo: "ab"[title],
    "image": lambda title, photo: "ab"[photo],
    "both": lambda title, photo: "abcd"[2 * title + photo],
    "sum": lambda title, photo: float(title + photo),
}


def stripes(down: int, rng: np.random.Generator) -> bytes:
    """A picture as encoded bytes."""
    y, x = np.mgrid[:40, :40]
    waves = np.sin((x if down else y) * rng.uniform(0.5, 0.9) + rng.uniform(0, 6))
    stream = io.BytesIO()
    Image.fromarray((127 + 90 * waves + rng.normal(0, 12, (40, 40))).clip(0, 255).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def columns(count: int, told: str = "both", *, seed: int = 0, lacking: int = 0) -> dict[str, list[object]]:
    """Columns title, photo, price, brand and sells. lacking: every so many rows have no picture, or no title."""
    rng = np.random.default_rng(seed)
    rows: dict[str, list[object]] = {name: [] for name in ("title", "photo", "price", "brand", "sells")}
    for row in range(count):
        title, photo = row % 2, row // 2 % 2
        words = rng.choice(WORDS[:40] if title else WORDS[60:100], 8)
        rows["title"].append(None if lacking and row % lacking == 1 else " ".join(words))
        rows["photo"].append(None if lacking and row % lacking == 2 else stripes(photo, rng))
        rows["price"].append(float(rng.integers(1, 99)))
        rows["brand"].append(("acme", "zet")[int(rng.integers(2))])
        noise = rng.normal(0, 0.05) if told == "sum" else 0
        label = LABELS[told](title, photo)
        rows["sells"].append(label + noise if isinstance(label, float) else label)
    return rows


def dataset(rows: dict[str, list[object]], roles: Roles = ROLES) -> Dataset:
    """The rows under a contract."""
    table = read_frame(rows)
    return build_dataset(table, infer_contract(table, roles, folds=2), labelled=True)[0]


def write_text_source(folder: Path) -> str:
    """A tiny random BERT; its reference."""
    return f"path:{write_encoder(folder, max_tokens=24, seed=1)}"


def write_image_source(folder: Path) -> str:
    """A tiny random ResNet; its reference."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
        transformers.ResNetModel(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    return f"path:{folder}"
