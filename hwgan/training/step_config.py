"""The fields of `config.train` that shape the training step."""

import dataclasses
from typing import Any

from hwgan.runtime.config import Config

UPDATED_NETWORKS = ("discriminator", "recognizer", "identifier", "generator")


@dataclasses.dataclass(frozen=True)
class StepConfig:
    """Plain values that shape the step.

    Attributes:
      updated_networks: those that are updated: some of `UPDATED_NETWORKS`; "generator" is updated with φ.
      discriminator_steps_per_generator_step: updates of D for each of G.
      gradient_balancing: rule of `losses.balance_gradients`.
      ctc_weight: a in image gradient = adversarial + a · balanced CTC + b · balanced style + feature matching; with a
        transducer of its loss.
      ctc_length_exponent: p in loss = ctc / length^p of generated words; 0 weighs a word by its characters.
      style_weight: b, of the error of the identifier's output against z.
      z_prediction_weight: of the error of D's own prediction of z (InfoGAN), in the losses of D and G.
      random_text_temperature: T of the styles of random texts, z ~ N(0, T² I).
      augment: the recognizer's real words are augmented (`augment.augment`). The identifier's are not: slant, width
        and pen tell writers apart.
      recognizer_noise: standard deviation of white noise on the recognizer's inputs in all updates, and on the
        identifier's in its own; images span [-1, 1].
      gradient_penalty: weight of R1 on the sum of D's heads; 0 for none.
      gradient_penalty_share: of the real words of a batch whose R1 is taken; the mean is of these.
      feature_matching: weight of the distance of mean features of words (`feature_matching.match`); 0 for none.
      character_feature_matching: weight of the same distance for each character; 0 for none.
      ema_decay: of the averaged generator and φ.
      recognizer_pretrain_steps: steps in which only recognizer and identifier are updated; the average begins after.
      gradient_accumulation_steps: parts of the batch whose gradients are averaged. Batch norm, balancing and means
        over texts are then of each part alone.
    """

    updated_networks: tuple[str, ...] = UPDATED_NETWORKS
    discriminator_steps_per_generator_step: int = 1
    gradient_balancing: str = "alonso"
    ctc_weight: float = 1.0
    ctc_length_exponent: float = 0.0
    style_weight: float = 0.0
    z_prediction_weight: float = 1.0
    random_text_temperature: float = 1.0
    augment: bool = False
    recognizer_noise: float = 0.0
    gradient_penalty: float = 0.0
    gradient_penalty_share: float = 1.0
    feature_matching: float = 0.0
    character_feature_matching: float = 0.0
    ema_decay: float = 0.999
    recognizer_pretrain_steps: int = 0
    gradient_accumulation_steps: int = 1

    @classmethod
    def from_config(cls, config: Config) -> "StepConfig":
        """The fields of `config.train` by their names."""
        settings: dict[str, Any] = {field.name: config.train[field.name] for field in dataclasses.fields(cls)}
        settings["updated_networks"] = tuple(config.train.updated_networks)
        return cls(**settings)

    @property
    def matches_features(self) -> bool:
        """Whether any feature is matched."""
        return self.feature_matching > 0.0 or self.character_feature_matching > 0.0
