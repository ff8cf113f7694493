"""The training step in PyTorch: hinge for D, CTC for R, for G both, balanced at the image; Adam; averaged weights."""

import copy
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812, as everybody calls it

Batch = dict[str, torch.Tensor]


class TorchStep:
    """The state of a run, and its step.

    Args:
      modules: by name, see `torch_weights.build`; copied.
      config: of the run.
      has_variable_width: whether words have widths of their own.
      compiled: passes each network through `torch.compile`, but for the language model, which is packed LSTMs alone.
    """

    def __init__(self, modules: dict[str, nn.Module], config: Any, *, has_variable_width: bool, compiled: bool):
        self.config, self.has_variable_width = config, has_variable_width
        self.modules = copy.deepcopy(modules)
        self.calls = {
            name: torch.compile(module, dynamic=False) if compiled and name != "language_model" else module
            for name, module in self.modules.items()
        }
        self.optimizers = {name: self._adam(name) for name in self.modules}
        self.averages = {
            name: [parameter.detach().clone() for parameter in self.modules[name].parameters()]
            for name in ("language_model", "generator")
        }

    def _adam(self, name: str) -> torch.optim.Optimizer:
        rates = self.config.optimizer[name]
        parameters = [parameter for parameter in self.modules[name].parameters() if parameter.requires_grad]
        return torch.optim.Adam(parameters, rates.learning_rate, (rates.b1, rates.b2), eps=1e-8, fused=True)

    def __call__(self, batch: Batch) -> dict[str, torch.Tensor]:
        """One step; the losses."""
        return {
            "discriminator": self.update_discriminator(batch),
            "recognizer": self.update_recognizer(batch),
            "generator": self.update_generator(batch),
        }

    def draw(self, z: torch.Tensor, batch: Batch, commit: bool) -> torch.Tensor:
        """Images of the words to write."""
        labels, lengths = batch["fake_labels"], batch["fake_label_length"]
        return self.calls["generator"](z, self.calls["language_model"](labels, lengths), lengths, commit)

    def fake_widths(self, batch: Batch) -> torch.Tensor | None:
        """Columns of the generated images that count."""
        each = self.config.preprocessing.pixels_per_character
        return batch["fake_label_length"] * each if self.has_variable_width else None

    def real_widths(self, batch: Batch) -> torch.Tensor | None:
        """Columns of the real images that count."""
        return batch["image_width"] if self.has_variable_width else None

    def update_discriminator(self, batch: Batch) -> torch.Tensor:
        """Hinge loss, and the guess of the noise where it is made."""
        z = torch.randn_like(batch["z"])
        with torch.no_grad():
            fake = self.draw(z, batch, commit=False)
        real_scores, _ = self.calls["discriminator"](batch["image"], self.real_widths(batch), True)
        fake_scores, style = self.calls["discriminator"](fake, self.fake_widths(batch), True)
        loss = F.relu(1.0 - real_scores).mean() + F.relu(1.0 + fake_scores).mean() + self._style_error(style, z)
        self._learn(loss, "discriminator")
        return loss.detach()

    def update_recognizer(self, batch: Batch) -> torch.Tensor:
        """CTC on real words."""
        logits, frames = self.calls["recognizer"](self._noisy(batch["image"]), self.real_widths(batch), True)
        loss = self._ctc(logits, frames, batch["labels"], batch["label_length"])
        self._learn(loss, "recognizer")
        return loss.detach()

    def update_generator(self, batch: Batch) -> torch.Tensor:
        """Gradients of D and R meet, balanced, at the image."""
        z, widths = torch.randn_like(batch["z"]), self.fake_widths(batch)
        drawn = self.draw(z, batch, commit=True)
        image = drawn.detach().requires_grad_()
        frozen = [p for n in ("discriminator", "recognizer") for p in self.modules[n].parameters() if p.requires_grad]
        for parameter in frozen:
            parameter.requires_grad_(False)
        scores, style = self.calls["discriminator"](image, widths, False)
        adversarial = -scores.mean() + self._style_error(style, z)
        (by_discriminator,) = torch.autograd.grad(adversarial, image)
        logits, frames = self.calls["recognizer"](self._noisy(image), widths, False)
        reading = self._ctc(logits, frames, batch["fake_labels"], batch["fake_label_length"])
        (by_recognizer,) = torch.autograd.grad(reading, image)
        for parameter in frozen:
            parameter.requires_grad_(True)
        drawn.backward(by_discriminator + self._balanced(by_recognizer, by_discriminator))
        for name in ("language_model", "generator"):
            self._apply(name)
            parameters = list(self.modules[name].parameters())
            torch._foreach_lerp_(self.averages[name], [p.detach() for p in parameters], 1e-3)
        return adversarial.detach() + reading.detach()

    def _style_error(self, style: torch.Tensor, z: torch.Tensor) -> torch.Tensor | float:
        if not style.shape[1]:
            return 0.0
        return self.config.train.style_weight * (style - z[:, : style.shape[1]]).square().mean()

    def _noisy(self, image: torch.Tensor) -> torch.Tensor:
        scale = self.config.train.recognizer_noise
        return image + scale * torch.randn_like(image) if scale else image

    def _ctc(self, logits, frames, labels, lengths) -> torch.Tensor:
        chances = F.log_softmax(logits, dim=2).transpose(0, 1)
        return F.ctc_loss(chances, labels, frames, lengths, reduction="none", zero_infinity=True).mean()

    def _balanced(self, by_recognizer: torch.Tensor, by_discriminator: torch.Tensor) -> torch.Tensor:
        alpha, rule = self.config.train.alpha, self.config.train.balance_rule
        if rule == "none":
            return alpha * by_recognizer
        scale = by_discriminator.std(correction=0) / by_recognizer.std(correction=0).clamp(min=1e-12)
        if rule == "fogel":
            return alpha * scale * by_recognizer
        return alpha * (scale * (by_recognizer - by_recognizer.mean()) + by_discriminator.mean())

    def _learn(self, loss: torch.Tensor, name: str) -> None:
        loss.backward()
        self._apply(name)

    def _apply(self, name: str) -> None:
        optimizer, clip = self.optimizers[name], self.config.optimizer[name].clip_norm
        if clip:
            torch.nn.utils.clip_grad_norm_(self.modules[name].parameters(), clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
