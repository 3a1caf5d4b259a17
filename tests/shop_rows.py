"""A small shop for tests: three kinds of goods, whom each is sold to, and tables of both."""

from pathlib import Path

import numpy as np
import polars as pl

KINDS = ("tea", "coffee", "wine")


def events() -> pl.DataFrame:
    """Everybody likes one kind; nobody met the goods number 7."""
    rng = np.random.default_rng(0)
    goods = [f"{kind}-{number}" for kind in KINDS for number in range(10)]
    rows = [
        (f"user-{user:03}", item, f"2026-01-{1 + user % 28:02}")
        for user in range(45)
        for item in goods
        if rng.random() < (0.6 if item.startswith(KINDS[user % 3]) else 0.04) and not item.endswith("-7")
    ]
    return pl.DataFrame(rows, ["user", "item", "time"], orient="row")


def items() -> pl.DataFrame:
    """Described by a title."""
    goods = [f"{kind}-{number}" for kind in KINDS for number in range(10)]
    return pl.DataFrame({"item": goods, "title": [one.replace("-", " number ") for one in goods]})


def users() -> pl.DataFrame:
    """Described by a country."""
    return pl.DataFrame({"user": [f"user-{one:03}" for one in range(45)], "country": ["DE", "FR", "IT"] * 15})


def write_files(folder: Path) -> tuple[Path, Path, Path]:
    """Events, items and users as files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = (folder / "events.csv", folder / "items.csv", folder / "users.csv")
    for path, frame in zip(paths, (events(), items(), users()), strict=True):
        frame.write_csv(path)
    return paths
