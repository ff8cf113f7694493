"""Fogel et al.'s generator on the Copiste words, for comparison: a filter for each character, 16 pixels a character.

  python -m hwgan.main --config=configs/copiste_fogel.py --workdir=runs/copiste_fogel

Channels are fewer than the paper's, as on two CPU cores; the recognizer and the discriminator's columns are those of
configs/copiste.py, with the paper's spectral norm. Balancing is the paper's; one step of the discriminator for each of
the generator.
"""

from ml_collections import ConfigDict

from configs import copiste
from configs.common import fast_optimizers


def get_config() -> ConfigDict:
    config = copiste.get_config()

    config.data.max_width = 16 * config.data.max_length
    config.preprocessing.frame = False
    config.preprocessing.height = 32
    config.preprocessing.pixels_per_character = 16

    config.model.z_dim = 96  # three chunks of 32
    config.model.language_model = ConfigDict(dict(name="letters"))
    config.model.generator = ConfigDict(dict(name="filter_bank", block_features=(96, 48), cell_features=128))
    config.model.discriminator = ConfigDict(dict(name="variable", block_features=(32, 64, 96)))
    config.model.identifier = ConfigDict(dict(name="none"))

    config.data.plentiful = 200
    config.data.random_share = 0.0

    config.train.num_steps = 6000
    config.train.recognizer_first_steps = 2000
    config.train.augment = False
    config.train.alpha = 1.0
    config.train.style_weight = 0.0
    config.train.gradient_penalty = 0.0
    config.train.feature_matching = 0.0
    config.sample.spread = 1.0
    config.optimizer = fast_optimizers(config.train)
    return config
