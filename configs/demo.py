"""The demo: synthetic hands, no download, minutes on two CPU cores.

python -m hwgan.main --config=configs/demo.py --workdir=runs/demo
"""

from ml_collections import ConfigDict

from configs import cells
from configs.common import fast_optimizers


def get_config() -> ConfigDict:
    config = cells.get_config()

    config.model.z_dim = 16
    # Hands differ in form where the discriminator sees what recognizer and identifier see, and is held by a penalty on
    # its slopes; with spectral norm, in ink alone.
    config.model.discriminator = ConfigDict(
        dict(
            name="variable",
            block_features=(32, 64, 96),
            reader_features=64,
            spectral_norm=False,
            style_features=0,  # where no writers are known: 8, and identifier.name="none"
        )
    )
    config.model.identifier = ConfigDict(dict(name="writers", num_writers=160, features=15))

    config.train.gradient_penalty = 0.3
    # Recognizer and identifier with more say write speckle into the strokes.
    config.train.alpha = 0.8
    config.train.style_weight = 0.35

    config.optimizer = fast_optimizers(config.train)
    config.optimizer.discriminator.learning_rate = 4e-4
    return config
