"""A study small enough for every test run: 160 demo tickets, a random encoder of two layers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl

from graft.demo import tickets
from unit.bundle.building import tiny_source

GRAFT = [sys.executable, "-c", "from graft.cli import main; main()"]
CLASSES = ("phishing", "malware", "false alarm")
TUNING = ("--strategy", "partial:1")
MEASURED = {"seconds", "peak_mb", "predict_rows_per_second", "cache"}


def rows(count: int = 160) -> pl.DataFrame:
    frame = pl.read_csv(tickets()).filter(pl.col("category").is_in(CLASSES)).drop("_planted")
    return frame.head(count)


def source(folder: Path) -> str:
    tiny_source(folder)
    return f"path:{folder}"


def options(reference: str, **changed: object) -> dict[str, object]:
    return {"source": reference, "strategy": "frozen", "effort": "quick", "folds": 3, **changed}


def arguments(data: Path, reference: str, out: Path, *more: str) -> list[str]:
    return [
        *GRAFT, "study", str(data), "--text", "message", "--label", "category", "--out", str(out),
        "--source", reference, "--strategy", "frozen",
        "--effort", "quick", "--folds", "3", *more,
    ]  # fmt: skip


def run(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, **environment})


def steady(document: object) -> object:
    """A study.json without what is measured rather than found."""
    if isinstance(document, dict):
        return {name: steady(value) for name, value in document.items() if name not in MEASURED}
    return [steady(value) for value in document] if isinstance(document, list) else document


def facts(folder: Path) -> object:
    return steady(json.loads((folder / "study.json").read_text()))
