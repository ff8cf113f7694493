"""On from networks of configs/copiste.py that write already, with low rates: nearer to real words, and steadier.

What the readers see in generated words, in all and in each letter, is drawn harder to what they see in real ones; and
hands of real words are made as independent as noise is, once the readers alone have learned for 300 steps.

  python -m hwgan.main --config=configs/copiste_finish.py --workdir=runs/copiste_finish \\
    --config.train.start_from=runs/copiste          # or package_all: all networks that made the package's weights

A discriminator or readers begun anew beside a good generator spoil it at first; bring them up alone before, with
--config.train.updated_networks='("discriminator",)' and a start_from that names whom they are to see.
"""

from ml_collections import ConfigDict

from configs import copiste
from configs.common import fast_optimizers


def get_config() -> ConfigDict:
    config = copiste.get_config()

    config.model.identifier.whitened = True

    config.train.num_steps = 3300
    config.train.recognizer_first_steps = 300
    config.train.length_power = 1.0
    config.train.spread_of_invented = 1.3
    config.train.feature_matching = 100.0
    config.train.letter_matching = 10.0

    config.optimizer = fast_optimizers(config.train)
    for name in ("language_model", "generator"):
        config.optimizer[name].learning_rate = 2e-4
        config.optimizer[name].warmup_steps = 300  # until the discriminator has seen what it is to tell apart
    config.optimizer.discriminator.learning_rate = 4e-4
    config.optimizer.recognizer.learning_rate = 5e-4
    config.optimizer.identifier.learning_rate = 2e-4
    return config
