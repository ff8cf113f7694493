"""The smallest system that can be read: synthetic words, cells of one width, hands that differ in ink alone.

What the demo is made of, what the tests use small, and what experiments/bench times.

python -m hwgan.main --config=configs/cells.py --workdir=runs/cells
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
            language_model=dict(name="lstm", embedding_features=64, features=64, num_layers=1),
            generator=dict(name="variable", block_features=(64, 32), cell_features=96),
            discriminator=dict(name="variable", block_features=(32, 64, 96), style_features=8),
            recognizer=dict(name="conv", conv_features=(32, 64, 96), column_kernels=(), norm="layer"),
        )
    )

    config.train.num_steps = 3500
    # Reading is learned in half a minute, and a generator is better taught by one that can read.
    config.train.recognizer_first_steps = 1500
    config.train.recognizer_noise = 0.3
    config.train.balance_rule = "fogel"
    config.train.style_weight = 1.0
    config.train.log_every = 50
    config.train.sample_every = 500
    config.train.evaluate_every = 500
    config.train.checkpoint_every = 250

    config.optimizer = fast_optimizers(config.train)
    return config
