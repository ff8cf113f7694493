"""The training step in PyTorch: hinge loss for D, CTC for R, both balanced at the image for G; Adam; averages of G."""

import copy
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812, the usual name

Batch = dict[str, torch.Tensor]


class TorchStep:
    """The state of a run, and its step.

    Args:
      modules: networks by name, see `torch_weights.build`; they are copied.
      config: config of the run.
      has_variable_width: whether the width of a generated word depends on its text.
      compiled: whether networks are compiled by `torch.compile`; the language model, packed LSTMs alone, never is.
      device: "cpu" or "cuda".
      dtype: in which the networks compute, by `torch.autocast`.
    """

    def __init__(
        self,
        modules: dict[str, nn.Module],
        config: Any,
        *,
        has_variable_width: bool,
        compiled: bool,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ):
        self.config, self.has_variable_width = config, has_variable_width
        self.device, self.dtype = device, dtype
        self.modules = {name: module.to(device) for name, module in copy.deepcopy(modules).items()}
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
        """Does one step, waits for it on an accelerator, and returns the losses."""
        with torch.autocast(self.device, self.dtype, enabled=self.dtype != torch.float32):
            losses = {
                "discriminator": self.update_discriminator(batch),
                "recognizer": self.update_recognizer(batch),
                "generator": self.update_generator(batch),
            }
        if self.device == "cuda":
            torch.cuda.synchronize()
        return losses

    def generate(self, z: torch.Tensor, batch: Batch, commit: bool) -> torch.Tensor:
        """Images of the texts of a batch."""
        labels, lengths = batch["fake_labels"], batch["fake_lengths"]
        return self.calls["generator"](z, self.calls["language_model"](labels, lengths), lengths, commit)

    def fake_widths(self, batch: Batch) -> torch.Tensor | None:
        """Widths of the generated words; None on a fixed canvas."""
        each = self.config.preprocessing.pixels_per_character
        return batch["fake_lengths"] * each if self.has_variable_width else None

    def real_widths(self, batch: Batch) -> torch.Tensor | None:
        """Widths of the real words; None on a fixed canvas."""
        return batch["widths"] if self.has_variable_width else None

    def update_discriminator(self, batch: Batch) -> torch.Tensor:
        """Hinge loss, and the error of the prediction of z, if D has one."""
        z = torch.randn_like(batch["z"])
        with torch.no_grad():
            fake = self.generate(z, batch, commit=False)
        real_scores, _ = self.calls["discriminator"](batch["image"], self.real_widths(batch), True)
        fake_scores, z_prediction = self.calls["discriminator"](fake, self.fake_widths(batch), True)
        loss = F.relu(1.0 - real_scores).mean() + F.relu(1.0 + fake_scores).mean() + self._z_error(z_prediction, z)
        self._update(loss, "discriminator")
        return loss.detach()

    def update_recognizer(self, batch: Batch) -> torch.Tensor:
        """CTC on real words."""
        logits, frames = self.calls["recognizer"](self._noisy(batch["image"]), self.real_widths(batch), True)
        loss = self._ctc(logits, frames, batch["labels"], batch["lengths"])
        self._update(loss, "recognizer")
        return loss.detach()

    def update_generator(self, batch: Batch) -> torch.Tensor:
        """Gradients of the losses by D and R are balanced at the image, and passed on to G and the language model."""
        z, widths = torch.randn_like(batch["z"]), self.fake_widths(batch)
        fake = self.generate(z, batch, commit=True)
        image = fake.detach().requires_grad_()
        frozen = [p for n in ("discriminator", "recognizer") for p in self.modules[n].parameters() if p.requires_grad]
        for parameter in frozen:
            parameter.requires_grad_(False)
        scores, z_prediction = self.calls["discriminator"](image, widths, False)
        adversarial = -scores.mean() + self._z_error(z_prediction, z)
        (adversarial_gradient,) = torch.autograd.grad(adversarial, image)
        logits, frames = self.calls["recognizer"](self._noisy(image), widths, False)
        ctc = self._ctc(logits, frames, batch["fake_labels"], batch["fake_lengths"])
        (ctc_gradient,) = torch.autograd.grad(ctc, image)
        for parameter in frozen:
            parameter.requires_grad_(True)
        fake.backward(adversarial_gradient + self._balanced(ctc_gradient, adversarial_gradient))
        for name in ("language_model", "generator"):
            self._apply(name)
            parameters = list(self.modules[name].parameters())
            torch._foreach_lerp_(self.averages[name], [p.detach() for p in parameters], 1e-3)
        return adversarial.detach() + ctc.detach()

    def _z_error(self, prediction: torch.Tensor, z: torch.Tensor) -> torch.Tensor | float:
        if not prediction.shape[1]:
            return 0.0
        return self.config.train.z_prediction_weight * (prediction - z[:, : prediction.shape[1]]).square().mean()

    def _noisy(self, image: torch.Tensor) -> torch.Tensor:
        scale = self.config.train.recognizer_noise
        return image + scale * torch.randn_like(image) if scale else image

    def _ctc(self, logits, frames, labels, lengths) -> torch.Tensor:
        log_probabilities = F.log_softmax(logits.float(), dim=2).transpose(0, 1)
        return F.ctc_loss(log_probabilities, labels, frames, lengths, reduction="none", zero_infinity=True).mean()

    def _balanced(self, gradient: torch.Tensor, adversarial_gradient: torch.Tensor) -> torch.Tensor:
        """See `hwgan.training.losses.balance_gradients`."""
        weight, rule = self.config.train.ctc_weight, self.config.train.gradient_balancing
        if rule == "none":
            return weight * gradient
        scale = adversarial_gradient.std(correction=0) / gradient.std(correction=0).clamp(min=1e-12)
        if rule == "fogel":
            return weight * scale * gradient
        return weight * (scale * (gradient - gradient.mean()) + adversarial_gradient.mean())

    def _update(self, loss: torch.Tensor, name: str) -> None:
        loss.backward()
        self._apply(name)

    def _apply(self, name: str) -> None:
        optimizer, clip = self.optimizers[name], self.config.optimizer[name].clip_norm
        if clip:
            torch.nn.utils.clip_grad_norm_(self.modules[name].parameters(), clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
