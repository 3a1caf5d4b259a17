"""The residual network over the cells of rows, in torch; what it reads is in ``row_source``."""

import torch
from torch import nn

from graft.representations.row_columns import RowColumns
from graft.representations.row_source import RowShape, read_row_config, row_reading
from graft.representations.source import Source
from graft.representations.torch_process import torch_stream
from graft.representations.towers.state import read_state

_DROPPED = 0.1


class RowBlock(nn.Module):
    """Normalise, widen, narrow, add: shapes (rows, width) to (rows, width)."""

    def __init__(self, shape: RowShape) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(shape.width)
        self.first = nn.Linear(shape.width, shape.inner)
        self.second = nn.Linear(shape.inner, shape.width)
        self.drop = nn.Dropout(_DROPPED)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """The hidden vectors with what the block adds."""
        added: torch.Tensor = self.second(self.drop(torch.relu(self.first(self.norm(hidden)))))
        return hidden + added


class RowResnet(nn.Module):
    """Cells to vectors. Every column adds its own part to the first hidden vector, so columns can be told apart.

    start: blocks that are left out, because what follows them is given.
    """

    def __init__(self, columns: RowColumns, shape: RowShape) -> None:
        super().__init__()
        self.start = 0
        self.embed_bias = nn.Parameter(torch.zeros(shape.width))
        if columns.numeric:
            self.embed_numbers = nn.Linear(3 * len(columns.numeric), shape.width, bias=False)
        if columns.categorical:
            self.embed_names = nn.Embedding(sum(len(known) + 1 for known in columns.categories), shape.width)
            nn.init.normal_(self.embed_names.weight, std=0.5 / len(columns.categorical) ** 0.5)
        self.blocks = nn.ModuleList(RowBlock(shape) for _ in range(shape.blocks))
        self.norm = nn.LayerNorm(shape.width)

    def embedded(self, numbers: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """First hidden vectors (rows, width) of numbers (rows, 2 * numeric) and codes (rows, categorical)."""
        hidden = self.embed_bias.expand(len(codes), -1)
        if hasattr(self, "embed_numbers"):
            scaled = numbers[:, : numbers.shape[1] // 2]
            # Beside the number itself, where it is among the usual ones: a far one must not drown these.
            hidden = hidden + self.embed_numbers(
                torch.cat([scaled, scaled * torch.rsqrt(1 + scaled**2), numbers[:, scaled.shape[1] :]], 1)
            )
        if hasattr(self, "embed_names"):
            hidden = hidden + self.embed_names(codes).sum(1)
        return hidden

    def forward(
        self,
        numbers: torch.Tensor | None = None,
        codes: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Vectors (rows, width) of cells, or of activations (rows, 1, width) after the first ``start`` blocks."""
        if inputs_embeds is None:
            assert numbers is not None
            assert codes is not None
            hidden = self.embedded(numbers, codes)
        else:
            hidden = inputs_embeds[:, 0]
        for block in self.blocks[self.start :]:
            hidden = block(hidden)
        normed: torch.Tensor = torch.relu(self.norm(hidden))
        return normed

    def below(self, numbers: torch.Tensor, codes: torch.Tensor, layer: int) -> torch.Tensor:
        """Hidden vectors (rows, width) after ``layer`` blocks."""
        hidden = self.embedded(numbers, codes)
        for block in self.blocks[:layer]:
            hidden = block(hidden)
        return hidden


def load_row_resnet(source: Source) -> RowResnet:
    """The network of a source, its weights read or drawn, in eval mode; its head stays where it lies.

    Raises SourceError.
    """
    source.weights.require_unchanged()
    columns, shape = read_row_config(source.weights.directory, source.weights.reference)
    if source.weights.random_seed is not None:
        # Columns of drawn weights are those of the rows they learn from, whatever the directory began with.
        return drawn_row_resnet(row_reading(source).columns, shape, source.weights.random_seed)
    network = RowResnet(columns, shape)
    network.load_state_dict({name: value for name, value in read_state(source).items() if not name.startswith("head.")})
    return network.eval()


def drawn_row_resnet(columns: RowColumns, shape: RowShape, seed: int) -> RowResnet:
    """A network whose weights are drawn from a seed, in eval mode."""
    with torch_stream():
        torch.manual_seed(seed)
        return RowResnet(columns, shape).eval()
