"""The residual network over log-mel frames, in torch; what it reads is in ``spectrogram_source``.

Decisions: a recording is as long as it is: frames that only fill a batch up count for nothing, neither in a convolution
nor in a statistic, so a recording says the same in any company. Groups of channels are normalised over the recording
itself, not over a batch: there are no statistics that drift while a part is frozen, or that few rows make poor. All
pitches of a moment are gathered by one matrix, since where a sound lies on the scale means something; a vector is the
mean and the maximum over time.

He et al. (2016), Deep residual learning for image recognition; Wu & He (2018), Group normalization.
"""

import torch
from torch import nn

from graft.representations.source import Source
from graft.representations.spectrogram_source import SpectrogramShape, read_spectrogram_config
from graft.representations.torch_process import torch_stream
from graft.representations.towers.state import read_state

_GROUP = 8


class GroupNorm(nn.Module):
    """Groups of eight channels, normalised over all pitches and those frames that are there."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, given: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Shapes (rows, channels, frames, pitches) and (rows, frames) to the first; what is not there is zero."""
        rows, channels, frames, pitches = given.shape
        there = mask[:, None, :, None].float()
        grouped = (given.float() * there).view(rows, channels // _GROUP, _GROUP, frames, pitches)
        count = (mask.float().sum(1) * _GROUP * pitches).view(rows, 1, 1, 1, 1)
        mean = grouped.sum((2, 3, 4), keepdim=True) / count
        apart = (grouped - mean) * there[:, None]
        spread = apart.square().sum((2, 3, 4), keepdim=True) / count
        made = (apart * torch.rsqrt(spread + 1e-5)).view_as(given)
        return (made * self.weight[:, None, None] + self.bias[:, None, None]) * there


class SpectrogramBlock(nn.Module):
    """Two convolutions and a way past them. halved: whether time and pitch are halved first."""

    def __init__(self, inside: int, outside: int, *, halved: bool) -> None:
        super().__init__()
        self.stride = 2 if halved else 1
        self.first = nn.Conv2d(inside, outside, 3, self.stride, 1, bias=False)
        self.first_norm = GroupNorm(outside)
        self.second = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.second_norm = GroupNorm(outside)
        self.past = nn.Conv2d(inside, outside, 1, self.stride, bias=False) if inside != outside else None

    def forward(self, given: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Hidden maps (rows, channels, frames, pitches) and which frames are there, to the next ones."""
        mask = mask[:, :: self.stride]
        past = given[:, :, :: self.stride, :: self.stride] if self.past is None else self.past(given)
        inner = torch.relu(self.first_norm(self.first(given), mask))
        return torch.relu(self.second_norm(self.second(inner), mask) + past), mask


class Gather(nn.Module):
    """All pitches of a moment become one vector."""

    def __init__(self, inside: int, outside: int, pitches: int) -> None:
        super().__init__()
        self.gather = nn.Conv2d(inside, outside, (1, pitches), bias=False)
        self.norm = GroupNorm(outside)

    def forward(self, given: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Hidden maps to (rows, outside, frames, 1)."""
        return torch.relu(self.norm(self.gather(given), mask)), mask


class SpectrogramCnn(nn.Module):
    """Frames to vectors. start: layers that are left out, because what follows them is given."""

    def __init__(self, shape: SpectrogramShape) -> None:
        super().__init__()
        self.start = 0
        self._sizes = tuple(zip((shape.channels[0], *shape.channels), (shape.bands[0], *shape.bands), strict=True))
        self.embed = nn.Conv2d(1, shape.channels[0], 3, 2, 1, bias=False)
        self.embed_norm = GroupNorm(shape.channels[0])
        inside: list[int] = [shape.channels[0], *shape.channels[:-1]]
        stages = [
            SpectrogramBlock(before, after, halved=place > 0)
            for place, (before, after) in enumerate(zip(inside, shape.channels, strict=True))
        ]
        self.layers = nn.ModuleList([*stages, Gather(shape.channels[-1], shape.gathered, shape.bands[-1])])

    @property
    def adaptable(self) -> list[str]:
        """Names of the modules small matrices can stand beside."""
        return [name for name, one in self.named_modules() if isinstance(one, nn.Conv2d)]

    def forward(
        self,
        attention_mask: torch.Tensor,
        frames: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Vectors (rows, 2 * gathered) of frames (rows, frames, 40), or of activations after ``start`` layers.

        attention_mask: which frames are there, (rows, frames).
        """
        if inputs_embeds is None:
            assert frames is not None
            hidden, mask = self._embedded(frames, attention_mask)
        else:
            channels, pitches = self._sizes[self.start]
            folded = inputs_embeds.view(*inputs_embeds.shape[:2], channels, pitches)
            hidden, mask = folded.transpose(1, 2), attention_mask
        for layer in self.layers[self.start :]:
            hidden, mask = layer(hidden, mask)
        there = mask.float()[:, :, None]
        moments = hidden.float()[..., 0].transpose(1, 2)
        # What a moment says is never negative, so what is not there is never the maximum.
        mean, most = moments.sum(1) / there.sum(1), (moments * there).amax(1)
        return torch.cat([mean, most], 1)

    def below(self, frames: torch.Tensor, mask: torch.Tensor, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Activations after ``layer`` layers, (rows, frames, channels * pitches), and which of them are there."""
        hidden, mask = self._embedded(frames, mask)
        for one in self.layers[:layer]:
            hidden, mask = one(hidden, mask)
        return hidden.transpose(1, 2).flatten(2), mask

    def _embedded(self, frames: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        made, mask = self.embed((frames * mask[..., None])[:, None]), mask[:, ::2]
        return torch.relu(self.embed_norm(made, mask)), mask


def load_spectrogram_cnn(source: Source) -> SpectrogramCnn:
    """The network of a source, its weights read or drawn, in eval mode; its head stays where it lies.

    Raises SourceError.
    """
    source.weights.require_unchanged()
    shape = read_spectrogram_config(source.weights.directory, source.weights.reference)
    with torch_stream():
        torch.manual_seed(source.weights.random_seed or 0)
        network = SpectrogramCnn(shape)
    if source.weights.pretrained:
        network.load_state_dict(
            {name: value for name, value in read_state(source).items() if not name.startswith("head.")}
        )
    return network.eval()
