"""Layers of the networks in PyTorch: channels first in shape, channels last in memory.

Submodules have the names of the flax modules, so that weights can be copied by name (`torch_weights`).
"""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812, the usual name


def length_mask(lengths: torch.Tensor, size: int) -> torch.Tensor:
    """True at positions below each row's length: [b, size]."""
    return torch.arange(size, device=lengths.device)[None] < lengths[:, None]


def mask_columns(x: torch.Tensor, widths: torch.Tensor | None) -> torch.Tensor:
    """Sets the columns of [b, c, h, w] from each row's width on to zero; none where `widths` is None."""
    return x if widths is None else x * length_mask(widths, x.shape[3])[:, None, None].to(x.dtype)


def columns_after(widths: torch.Tensor | None, stride: int) -> torch.Tensor | None:
    """Widths after down-sampling by `stride`, rounded up."""
    return None if widths is None else (widths + stride - 1) // stride


def ink(image: torch.Tensor) -> torch.Tensor:
    """Maps [-1, 1] (ink to paper) to [1, 0]."""
    return (1.0 - image) * 0.5


def upsample(x: torch.Tensor) -> torch.Tensor:
    """2x nearest-neighbour."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def columns(x: torch.Tensor) -> torch.Tensor:
    """[b, c, h, w] to one vector for each column, [b, w, h*c]."""
    return x.permute(0, 3, 2, 1).flatten(2)


class SpectralWeight(nn.Module):
    """Mixin: the weight divided by its largest singular value, with one step of power iteration in each call."""

    spectral_norm: bool
    weight: nn.Parameter

    def start(self, spectral_norm: bool, features: int) -> None:
        """Adds the vector of the power iteration, if the weight is to be normalized."""
        self.spectral_norm = spectral_norm
        if spectral_norm:
            self.register_buffer("u", torch.randn(features))

    def normed(self, commit: bool) -> torch.Tensor:
        """The normalized weight; `commit` keeps the vector for the next call."""
        if not self.spectral_norm:
            return self.weight
        matrix = self.weight.permute(0, 2, 3, 1).flatten(1) if self.weight.ndim == 4 else self.weight
        with torch.no_grad():
            v = F.normalize(self.u @ matrix, dim=0, eps=1e-12)
            u = F.normalize(matrix @ v, dim=0, eps=1e-12)
            if commit:
                self.u.copy_(u)
        return self.weight / torch.dot(u, matrix @ v)


class Conv(SpectralWeight):
    """A convolution with a square kernel and padding that keeps the size."""

    def __init__(
        self, inputs: int, features: int, kernel_size: int = 3, *, spectral_norm: bool = False, bias: bool = True
    ):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(features, inputs, kernel_size, kernel_size))
        nn.init.orthogonal_(self.weight)
        self.bias = nn.Parameter(torch.zeros(features)) if bias else None
        self.start(spectral_norm, features)

    def forward(self, x: torch.Tensor, commit: bool = True) -> torch.Tensor:
        """[b, c, h, w] to [b, d, h, w]."""
        return F.conv2d(x, self.normed(commit), self.bias, padding=self.weight.shape[2] // 2)


class Dense(SpectralWeight):
    """A linear layer."""

    def __init__(self, inputs: int, features: int, *, spectral_norm: bool = False, bias: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(features, inputs))
        if features:
            nn.init.orthogonal_(self.weight)
        self.bias = nn.Parameter(torch.zeros(features)) if bias else None
        self.start(spectral_norm, features)

    def forward(self, x: torch.Tensor, commit: bool = True) -> torch.Tensor:
        """[..., c] to [..., d]."""
        return F.linear(x, self.normed(commit), self.bias)


class ChannelNorm(nn.Module):
    """Layer norm over the channels of [b, c, h, w]."""

    def __init__(self, features: int, *, affine: bool = True):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(features)) if affine else None
        self.features = features

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The same shape."""
        last = F.layer_norm(x.permute(0, 2, 3, 1), (self.features,), self.scale, self.bias, eps=1e-6)
        return last.permute(0, 3, 1, 2)


class BatchNorm(nn.Module):
    """Batch norm over [b, c, h, w], whose running statistics change only with `commit`."""

    def __init__(self, features: int, momentum: float, *, affine: bool = True):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(features)) if affine else None
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("var", torch.ones(features))
        self.momentum = momentum  # of the new value

    def forward(self, x: torch.Tensor, *, train: bool, commit: bool) -> torch.Tensor:
        """The same shape, normalized with statistics of the batch if `train`, else with the running ones."""
        kept = (self.mean, self.var) if commit or not train else (None, None)
        return F.batch_norm(x, *kept, self.scale, self.bias, training=train, momentum=self.momentum, eps=1e-5)


class SelfAttention(nn.Module):
    """Self-attention over all positions of an image, added through a gate that starts at zero."""

    def __init__(self, features: int, *, spectral_norm: bool):
        super().__init__()
        small, kinds = max(1, features // 8), dict(spectral_norm=spectral_norm, bias=False)
        self.query = Conv(features, small, 1, **kinds)
        self.key = Conv(features, small, 1, **kinds)
        self.value = Conv(features, features // 2, 1, **kinds)
        self.output = Conv(features // 2, features, 1, **kinds)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, x: torch.Tensor, commit: bool = True) -> torch.Tensor:
        """[b, c, h, w], the same shape."""
        query = self.query(x, commit).flatten(2).transpose(1, 2)
        key = F.avg_pool2d(self.key(x, commit), 2).flatten(2)
        value = F.avg_pool2d(self.value(x, commit), 2).flatten(2).transpose(1, 2)
        weights = torch.softmax(query @ key, dim=-1)
        mixed = (weights @ value).transpose(1, 2).reshape(x.shape[0], -1, *x.shape[2:])
        return x + self.gate * self.output(mixed, commit)


class BidirectionalLSTM(nn.Module):
    """Stacked `nn.LSTM`, one of whose two biases is fixed at zero, because flax has only one."""

    def __init__(self, inputs: int, features: int, num_layers: int):
        super().__init__()
        self.lstm = nn.LSTM(inputs, features, num_layers, batch_first=True, bidirectional=True)
        for name, parameter in self.lstm.named_parameters():
            if "bias" in name:
                nn.init.zeros_(parameter)
                parameter.requires_grad_("bias_hh" in name)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
        """[b, t, c] to [b, t, d]; with lengths, padding steps are left out."""
        if lengths is None:
            return self.lstm(x)[0]
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        return nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=x.shape[1])[0]
