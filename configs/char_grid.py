"""The smallest system whose words can be read: synthetic words, 16 pixels a character, no identifier.

The base of the demo; the tests use it with fewer channels, and experiments/bench times it.

python -m hwgan.main --config=configs/char_grid.py --workdir=runs/char_grid
"""

from ml_collections import ConfigDict

from configs.common import fast_optimizers, get_common


def get_config() -> ConfigDict:
    config = get_common()

    config.data.dataset = "penman/demo"
    config.data.min_length = 2
    config.data.max_length = 8
    config.data.max_width = 16 * 8
    config.data.num_buckets = 2

    config.model = ConfigDict(
        dict(
            dtype="float32",
            z_dim=32,
            language_model=dict(name="bilstm", embedding_features=64, features=64, num_layers=1),
            generator=dict(name="char_grid", block_features=(64, 32), cell_features=96),
            discriminator=dict(name="columns", block_features=(32, 64, 96), predicted_z_dims=8),
            recognizer=dict(name="conv", conv_features=(32, 64, 96), column_kernels=(), norm="layer"),
        )
    )

    config.train.num_steps = 3500
    # Half a minute; after it the recognizer's gradient teaches the generator legible characters.
    config.train.recognizer_pretrain_steps = 1500
    config.train.recognizer_noise = 0.3
    config.train.gradient_balancing = "fogel"
    config.train.log_every = 50
    config.train.sample_every = 500
    config.train.evaluate_every = 500
    config.train.checkpoint_every = 250

    config.optimizer = fast_optimizers(config.train)
    return config
