"""Small networks, feeds and jobs: what the tests of training share."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import torch

from graft.inputs import Task
from graft.representations.source import Source
from graft.representations.sources import read_directory
from graft.representations.tokens import TokenRows, special_tokens
from graft.scores.bodies import trainable
from graft.scores.feed import TokenFeed
from graft.scores.freezing import parameter_groups
from graft.scores.network import Network, layer_names, use_byte_dropout
from graft.scores.strategies import parse_strategy
from graft.scores.training import Examples, Schedule
from graft.scores.tuning import Job
from graft.scores.workbench import Workbench
from tiny import write_encoder
from unit.bundle.building import FILLER, TOPICS, rows_for

# Two words no text holds come first, so that a shrunken vocabulary moves every other one.
WORDS = ["unheard", "unsaid", *FILLER, *(word for words in TOPICS.values() for word in words)]


@cache
def encoder_of(architecture: str, layers: int = 2) -> Source:
    folder = write_encoder(
        Path(mkdtemp(prefix="graft-scores-")), architecture, words=WORDS, layers=layers, max_tokens=16
    )
    return read_directory(folder, reference=f"path:{architecture}")


def tokens_of(rows: list[list[int]]) -> TokenRows:
    lengths = [len(row) for row in rows]
    nothing = np.zeros(len(rows), np.float32)
    flat = np.array([token for row in rows for token in row], np.int32)
    return TokenRows(flat, np.concatenate([[0], np.cumsum(lengths)]), nothing.astype(bool), nothing, nothing)


def job_for(task: str = "multiclass", strategy: str = "full", *, architecture: str = "bert", **changes: object) -> Job:
    bench = Workbench(rows_for(task))
    rows = np.arange(len(bench.rows))
    targets = bench.targets
    if bench.task is Task.REGRESSION:
        targets = ((targets - targets.mean()) / targets.std()).astype(np.float32)
    elif bench.task is Task.MULTILABEL:
        targets = targets.astype(np.float32)
    given = {
        "bench": bench,
        "source": encoder_of(architecture),
        "strategy": parse_strategy(strategy),
        "rows": rows,
        "targets": targets,
        "extra": np.zeros((len(rows), 0), np.float32),
        "weights": np.ones(bench.outputs, np.float32),
        "steps": 30,
        "batch": 8,
        "seed": 0,
        "shared_seed": 0,
    }
    return Job(**{**given, **changes})


def network_of(job: Job, *, seed: int = 0, dropout: bool = True) -> tuple[Network, Examples]:
    pooled = trainable(job.source).pooled
    network = Network(job.bench.body(job.source), job.source, len(job.weights), job.extra.shape[1], pooled=pooled)
    if dropout:
        use_byte_dropout(network, seed)
    network.draw_head(seed)
    feed = TokenFeed(job.bench.tokens(job.source), special_tokens(job.source).pad)
    return network, Examples(feed, job.extra, job.targets)


def groups_of(network: Network, job: Job, *, rate: float = 1e-3, head_rate: float = 1e-2) -> list[dict[str, object]]:
    names = layer_names(network.body, job.source, job.source.weights.layers)
    return parameter_groups(
        network.body, network.head, names, rate=rate, head_rate=head_rate, decay=0.9, weight_decay=0.01
    )


def schedule(steps: int, **changes: object) -> Schedule:
    return Schedule(**{"steps": steps, "batch": 8, "patience": 100, **changes})


def state_of(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
