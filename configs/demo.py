"""The demo: synthetic handwriting of 160 writers, no download, minutes on two CPU cores.

python -m hwgan.main --config=configs/demo.py --workdir=runs/demo
"""

from ml_collections import ConfigDict

from configs import char_grid


def get_config() -> ConfigDict:
    config = char_grid.get_config()

    config.model.z_dim = 16
    # With feature heads and R1 styles differ in form; with spectral norm instead they differ in ink alone.
    config.model.discriminator = ConfigDict(
        dict(
            name="columns",
            block_features=(32, 64, 96),
            feature_head_dim=64,
            spectral_norm=False,
            predicted_z_dims=0,  # where writers are unknown: 8, and identifier.name="none"
        )
    )
    config.model.identifier = ConfigDict(dict(name="writers", num_writers=160, features=15))

    config.train.gradient_penalty = 0.3
    config.train.gradient_penalty_share = 0.25  # of all words, a step takes a fifth longer
    # Larger weights bring speckle into the strokes.
    config.train.ctc_weight = 0.8
    config.train.style_weight = 0.35

    config.optimizer.discriminator.learning_rate = 4e-4
    return config
