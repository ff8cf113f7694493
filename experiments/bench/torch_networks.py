"""The networks of configs/iam.py in PyTorch, for the comparison of times; `torch_weights` compares their outputs.

`widths` is None for a canvas of one size, all of which is read. `commit` keeps the spectral vectors and batch
statistics of a forward pass.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812, the usual name

from experiments.bench.torch_layers import (
    BatchNorm,
    BidirectionalLSTM,
    Conv,
    Dense,
    SelfAttention,
    ink,
    length_mask,
    upsample,
)


class LanguageModel(nn.Module):
    """Characters to (word vector [b, d], character features [b, t, e])."""

    def __init__(
        self, num_labels: int, embedding_features: int, features: int, num_layers: int, normalize_word: bool = False
    ):
        super().__init__()
        self.normalize_word = normalize_word
        self.embed = nn.Embedding(num_labels, embedding_features)
        self.lstm = BidirectionalLSTM(embedding_features, features // 2, num_layers)

    def forward(self, labels: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Labels [b, t], padded with 0."""
        embedded = self.embed(labels) * length_mask(lengths, labels.shape[1])[:, :, None]
        states = self.lstm(embedded, lengths)
        half = states.shape[2] // 2
        last = states[torch.arange(len(lengths)), lengths - 1, :half]
        word = torch.cat([last, states[:, 0, half:]], dim=1)
        if self.normalize_word:
            word = F.layer_norm(word, word.shape[1:], eps=1e-8)
        return word, torch.cat([embedded, states], dim=2)


class ConditionalBatchNorm(nn.Module):
    """Batch norm whose scale and shift of each channel are linear in a condition."""

    def __init__(self, features: int, condition: int, *, spectral_norm: bool):
        super().__init__()
        self.norm = BatchNorm(features, 0.01, affine=False)
        self.scale = Dense(condition, features, spectral_norm=spectral_norm, bias=False)
        self.shift = Dense(condition, features, spectral_norm=spectral_norm, bias=False)

    def forward(self, x: torch.Tensor, condition: torch.Tensor, commit: bool) -> torch.Tensor:
        """The same shape as x."""
        scale, shift = 1.0 + self.scale(condition, commit), self.shift(condition, commit)
        return self.norm(x, train=True, commit=commit) * scale[:, :, None, None] + shift[:, :, None, None]


class UpBlock(nn.Module):
    """Doubles height and width."""

    def __init__(self, inputs: int, features: int, condition: int, *, spectral_norm: bool):
        super().__init__()
        self.norm_0 = ConditionalBatchNorm(inputs, condition, spectral_norm=spectral_norm)
        self.conv_0 = Conv(inputs, features, spectral_norm=spectral_norm)
        self.norm_1 = ConditionalBatchNorm(features, condition, spectral_norm=spectral_norm)
        self.conv_1 = Conv(features, features, spectral_norm=spectral_norm)
        self.skip = Conv(inputs, features, 1, spectral_norm=spectral_norm)

    def forward(self, x: torch.Tensor, condition: torch.Tensor, commit: bool) -> torch.Tensor:
        """[b, c, h, w] to [b, d, 2h, 2w]."""
        h = self.conv_0(upsample(F.relu(self.norm_0(x, condition, commit))), commit)
        h = self.conv_1(F.relu(self.norm_1(h, condition, commit)), commit)
        return h + upsample(self.skip(x, commit))


class AlonsoGenerator(nn.Module):
    """The generator of Alonso et al. 2019."""

    def __init__(self, z_dim: int, word_features: int, config: Any):
        super().__init__()
        norm = dict(spectral_norm=config.get("spectral_norm", True))
        self.first_shape, self.attention_after = tuple(config.first_shape), config.attention_after
        self.num_blocks = len(config.block_features)
        chunk, inputs = z_dim // (self.num_blocks + 1), config.first_features
        self.first = Dense(chunk, self.first_shape[0] * self.first_shape[1] * inputs, **norm)
        for i, features in enumerate(config.block_features):
            setattr(self, f"block_{i}", UpBlock(inputs, features, chunk + word_features, **norm))
            if i + 1 == self.attention_after:
                self.attention = SelfAttention(features, **norm)
            inputs = features
        self.output = Conv(inputs, 1, **norm)

    def forward(self, z: torch.Tensor, text: tuple[torch.Tensor, torch.Tensor], lengths: torch.Tensor, commit: bool):
        """Images [b, 1, h, w] in [-1, 1]."""
        chunks = z.chunk(self.num_blocks + 1, dim=1)
        height, width = self.first_shape
        x = self.first(chunks[0], commit).unflatten(1, (height, width, -1)).permute(0, 3, 1, 2)
        for i in range(self.num_blocks):
            x = getattr(self, f"block_{i}")(x, torch.cat([chunks[i + 1], text[0]], dim=1), commit)
            if i + 1 == self.attention_after:
                x = self.attention(x, commit)
        return torch.tanh(self.output(F.relu(x), commit))


class DownBlock(nn.Module):
    """Halves height and width, or keeps them; with or without batch norm."""

    def __init__(self, inputs: int, features: int, *, pool: bool, batch_norm: bool, spectral_norm: bool):
        super().__init__()
        self.pool = pool
        self.norm_0, self.norm_1 = (BatchNorm(size, 0.1) if batch_norm else None for size in (inputs, features))
        self.conv_0 = Conv(inputs, features, spectral_norm=spectral_norm)
        self.conv_1 = Conv(features, features, spectral_norm=spectral_norm)
        self.skip = Conv(inputs, features, 1, spectral_norm=spectral_norm)

    def forward(self, x: torch.Tensor, commit: bool) -> torch.Tensor:
        """[b, c, h, w] to [b, d, h/2, w/2]."""
        h = x if self.norm_0 is None else self.norm_0(x, train=True, commit=commit)
        h = self.conv_0(F.relu(h), commit)
        h = h if self.norm_1 is None else self.norm_1(h, train=True, commit=commit)
        h = self.conv_1(F.relu(h), commit)
        if self.pool:
            h, x = F.avg_pool2d(h, 2), F.avg_pool2d(x, 2)
        return h + self.skip(x, commit)


class AlonsoDiscriminator(nn.Module):
    """The discriminator of Alonso et al. 2019, with spectral norm or batch norm."""

    def __init__(self, config: Any):
        super().__init__()
        spectral_norm = config.get("spectral_norm", True)
        kinds = dict(spectral_norm=spectral_norm, batch_norm=config.get("norm", "none") == "batch")
        self.num_blocks, self.attention_after = len(config.block_features), config.attention_after
        inputs = 1
        for i, features in enumerate(config.block_features):
            setattr(self, f"block_{i}", DownBlock(inputs, features, pool=True, **kinds))
            if i + 1 == self.attention_after:
                self.attention = SelfAttention(features, spectral_norm=spectral_norm)
            inputs = features
        self.block_last = DownBlock(inputs, inputs, pool=False, **kinds)
        self.score = Dense(inputs, 1, spectral_norm=spectral_norm)

    def forward(self, image: torch.Tensor, widths: torch.Tensor | None, commit: bool):
        """Scores [b], and a prediction of z without columns."""
        x = ink(image)
        for i in range(self.num_blocks):
            x = getattr(self, f"block_{i}")(x, commit)
            if i + 1 == self.attention_after:
                x = self.attention(x, commit)
        x = F.relu(self.block_last(x, commit)).sum(dim=(2, 3))
        return self.score(x, commit)[:, 0], x[:, :0]


class CRNN(nn.Module):
    """Convolutions with batch norm, then LSTM layers, over all columns of the canvas."""

    def __init__(self, num_labels: int, config: Any):
        super().__init__()
        features = config.get("conv_features", (64, 128, 256, 256, 512, 512, 512))
        self.pools = config.get("pools", ((2, 2), (2, 2), (1, 1), (2, 2), (1, 1), (2, 1), (2, 1)))
        self.stem = config.get("stem", 1)
        inputs = self.stem**2
        for i, size in enumerate(features):
            setattr(self, f"conv_{i}", Conv(inputs, size, bias=False))
            setattr(self, f"norm_{i}", BatchNorm(size, 0.1))
            inputs = size
        hidden = config.get("lstm_features", 256)
        self.lstm = BidirectionalLSTM(inputs, hidden, config.get("lstm_layers", 2))
        self.logits = Dense(2 * hidden, num_labels)

    def forward(self, image: torch.Tensor, widths: torch.Tensor | None, train: bool):
        """Logits [b, frames, labels] and the frames of each word."""
        x = F.pixel_unshuffle(ink(image), self.stem)
        for i, pool in enumerate(self.pools):
            x = getattr(self, f"norm_{i}")(getattr(self, f"conv_{i}")(x), train=train, commit=train)
            x = F.max_pool2d(F.relu(x), tuple(pool))
        logits = self.logits(self.lstm(x.amax(dim=2).transpose(1, 2), None))
        return logits, torch.full((logits.shape[0],), logits.shape[1])
