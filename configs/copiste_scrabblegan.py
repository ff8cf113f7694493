"""The generator of Fogel et al. 2020 (ScrabbleGAN) on the Copiste words, for comparison.

  python -m hwgan.main --config=configs/copiste_scrabblegan.py --workdir=runs/copiste_scrabblegan

A filter for each character, 16 pixels a character, balancing as in the paper; fewer channels than the paper's, a
recognizer without recurrence, and one step of the discriminator for each of the generator.
"""

from ml_collections import ConfigDict

from configs import copiste
from configs.common import fast_optimizers


def get_config() -> ConfigDict:
    config = copiste.get_config()

    config.data.max_length = 14
    config.data.num_buckets = 4
    config.data.max_width = 16 * config.data.max_length
    config.preprocessing.pad_to_line = False
    config.preprocessing.height = 32
    config.preprocessing.pixels_per_character = 16

    config.model.z_dim = 96  # three chunks of 32
    config.model.language_model = ConfigDict(dict(name="one_hot"))
    config.model.generator = ConfigDict(dict(name="scrabblegan", block_features=(96, 48), cell_features=128))
    config.model.discriminator = ConfigDict(dict(name="columns", block_features=(32, 64, 96)))
    config.model.recognizer = ConfigDict(
        dict(
            name="conv",
            conv_features=(48, 96, 128, 128),
            pools=((2, 2), (2, 1), (2, 1), (1, 1)),
            column_kernels=(5, 5),
            norm="batch",
        )
    )
    config.model.identifier = ConfigDict(dict(name="none"))

    config.data.rare_character_threshold = 200
    config.data.random_text_fraction = 0.0

    config.train.num_steps = 6000
    config.train.recognizer_pretrain_steps = 2000
    config.train.augment = False
    config.train.ctc_weight = 1.0
    config.train.style_weight = 0.0
    config.train.gradient_penalty = 0.0
    config.train.feature_matching = 0.0
    config.sample.temperature = 1.0
    config.optimizer = fast_optimizers(config.train)
    return config
