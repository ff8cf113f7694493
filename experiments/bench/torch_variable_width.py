"""The variable-width networks of configs/char_grid.py in PyTorch; see `torch_networks`."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812, the usual name

from experiments.bench.torch_layers import ChannelNorm, Conv, Dense, columns, columns_after, ink, mask_columns, upsample


class ConditionalLayerNorm(nn.Module):
    """Layer norm over channels, with scale and shift of each column from its condition."""

    def __init__(self, features: int, condition: int):
        super().__init__()
        self.norm = ChannelNorm(features, affine=False)
        self.scale_shift = Dense(condition, 2 * features)

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """The same shape as x."""
        parameters = self.scale_shift(condition).repeat_interleave(x.shape[3] // condition.shape[1], dim=1)
        scale, shift = parameters.transpose(1, 2)[:, :, None].chunk(2, dim=1)
        return self.norm(x) * (1.0 + scale) + shift


class VariableUpBlock(nn.Module):
    """Doubles height and width; columns beyond the width of each word are masked."""

    def __init__(self, inputs: int, features: int, condition: int):
        super().__init__()
        self.norm_0, self.norm_1 = ConditionalLayerNorm(inputs, condition), ConditionalLayerNorm(features, condition)
        self.conv_0, self.conv_1 = Conv(inputs, features), Conv(features, features)
        self.skip = Conv(inputs, features, 1)

    def forward(self, x: torch.Tensor, condition: torch.Tensor, widths: torch.Tensor) -> torch.Tensor:
        """[b, c, h, w] to [b, d, 2h, 2w]."""
        h = self.conv_0(upsample(mask_columns(F.relu(self.norm_0(x, condition)), widths)))
        h = self.conv_1(mask_columns(F.relu(self.norm_1(h, condition)), 2 * widths))
        return h + upsample(self.skip(x))


class CharGridGenerator(nn.Module):
    """Generates words with a fixed number of pixels per character."""

    def __init__(self, z_dim: int, character_features: int, config: Any):
        super().__init__()
        self.cell_shape, self.num_blocks = tuple(config.get("cell_shape", (4, 2))), len(config.block_features)
        inputs, condition = config.cell_features, config.get("condition_features", 64)
        self.cell = Dense(character_features + z_dim, self.cell_shape[0] * self.cell_shape[1] * inputs)
        for i, features in enumerate(config.block_features):
            setattr(self, f"mix_{i}", Dense(character_features + z_dim, condition))
            setattr(self, f"block_{i}", VariableUpBlock(inputs, features, condition))
            inputs = features
        self.norm = ChannelNorm(inputs)
        self.output = Conv(inputs, 4)

    def forward(self, z: torch.Tensor, text: tuple[torch.Tensor, torch.Tensor], lengths: torch.Tensor, commit: bool):
        """Images [b, 1, h, w] in [-1, 1], 1 (paper) beyond the end of each word."""
        characters = text[1]
        condition = torch.cat([characters, z[:, None].expand(-1, characters.shape[1], -1)], dim=2)
        height, width = self.cell_shape
        x = self.cell(condition).unflatten(2, (height, width, -1))  # [b, t, h, w, c]
        x = x.permute(0, 4, 2, 1, 3).flatten(3)
        widths = lengths * width
        x = mask_columns(x, widths).contiguous(memory_format=torch.channels_last)
        for i in range(self.num_blocks):
            mixed = F.relu(getattr(self, f"mix_{i}")(condition))
            x = getattr(self, f"block_{i}")(x, mixed, widths)
            widths = 2 * widths
            x = mask_columns(x, widths)
        x = F.pixel_shuffle(self.output(mask_columns(F.relu(self.norm(x)), widths)), 2)
        inside = mask_columns(torch.ones_like(x), 2 * widths) > 0
        return torch.where(inside, torch.tanh(x), torch.ones_like(x))


class ColumnDiscriminator(nn.Module):
    """Scores each column, and averages over the word."""

    def __init__(self, height: int, config: Any):
        super().__init__()
        norm = dict(spectral_norm=config.get("spectral_norm", True))
        self.num_blocks, inputs = len(config.block_features), config.block_features[0]
        self.first = Conv(4, inputs, **norm)
        for i, features in enumerate(config.block_features):
            setattr(self, f"conv_{i}_0", Conv(inputs, features, **norm))
            setattr(self, f"conv_{i}_1", Conv(features, features, **norm))
            setattr(self, f"skip_{i}", Conv(inputs, features, 1, **norm))
            inputs = features
        size = inputs * (height >> (self.num_blocks + 1))
        self.score, self.z_prediction = Dense(size, 1, **norm), Dense(size, config.get("predicted_z_dims", 0))

    def forward(self, image: torch.Tensor, widths: torch.Tensor, commit: bool):
        """Scores [b], and a prediction of the first s entries of z, [b, s]."""
        x = self.first(F.pixel_unshuffle(mask_columns(ink(image), widths), 2), commit)
        widths = columns_after(widths, 2)
        x = mask_columns(x, widths)
        for i in range(self.num_blocks):
            h = mask_columns(getattr(self, f"conv_{i}_0")(F.leaky_relu(x, 0.2), commit), widths)
            h = F.avg_pool2d(getattr(self, f"conv_{i}_1")(F.leaky_relu(h, 0.2), commit), 2)
            x = h + getattr(self, f"skip_{i}")(F.avg_pool2d(x, 2), commit)
            widths = columns_after(widths, 2)
            x = mask_columns(x, widths)
        x = columns(F.leaky_relu(x, 0.2))
        count = widths.clamp(min=1)[:, None]
        inside = torch.arange(x.shape[1])[None] < widths[:, None]
        scores = (self.score(x, commit)[:, :, 0] * inside).sum(dim=1) / count[:, 0]
        return scores, self.z_prediction(x.sum(dim=1) / count)


class ConvRecognizer(nn.Module):
    """Convolutions without recurrence."""

    def __init__(self, num_labels: int, height: int, config: Any):
        super().__init__()
        self.pools = config.get("pools", ((2, 2), (2, 1), (2, 1)))
        inputs, height = 4, height // 2
        for i, (features, pool) in enumerate(zip(config.conv_features, self.pools, strict=True)):
            setattr(self, f"conv_{i}", Conv(inputs, features))
            setattr(self, f"norm_{i}", ChannelNorm(features))
            inputs, height = features, height // pool[0]
        hidden = config.get("dense_features", 128)
        self.dense, self.norm_dense = Dense(inputs * height, hidden), nn.LayerNorm(hidden, eps=1e-6)
        self.logits = Dense(hidden, num_labels)

    def forward(self, image: torch.Tensor, widths: torch.Tensor, train: bool):
        """Logits [b, frames, labels] and the frames of each word."""
        x = F.pixel_unshuffle(mask_columns(ink(image), widths), 2)
        widths = columns_after(widths, 2)
        for i, pool in enumerate(self.pools):
            x = F.relu(getattr(self, f"norm_{i}")(getattr(self, f"conv_{i}")(x)))
            x = F.max_pool2d(mask_columns(x, widths), tuple(pool))
            widths = columns_after(widths, pool[1])
        x = F.relu(self.norm_dense(self.dense(columns(x))))
        return self.logits(x), widths
