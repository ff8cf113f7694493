"""Seconds on a CPU: every part runs, nothing is learned. The config of the tests.

python -m hwgan.main --config=configs/smoke.py --workdir=runs/smoke
"""

from ml_collections import ConfigDict

from configs import char_grid


def get_config() -> ConfigDict:
    config = char_grid.get_config()

    config.data.dataset = "penman/smoke"
    config.data.min_length = 1
    config.data.max_length = 6
    config.data.max_width = 16 * 6
    config.data.num_buckets = 1

    config.model.z_dim = 6
    config.model.language_model = ConfigDict(dict(name="bilstm", embedding_features=4, features=4, num_layers=1))
    config.model.generator = ConfigDict(
        dict(name="char_grid", block_features=(8, 4), cell_features=8, condition_features=4)
    )
    config.model.discriminator = ConfigDict(dict(name="columns", block_features=(4, 4, 4), predicted_z_dims=2))
    config.model.recognizer = ConfigDict(dict(name="conv", conv_features=(4, 4, 4), dense_features=8))

    config.train.batch_size = 4
    config.train.num_steps = 6
    config.train.recognizer_pretrain_steps = 2
    config.train.log_every = 1
    config.train.sample_every = 3
    config.train.evaluate_every = 3
    config.train.checkpoint_every = 3

    for rates in config.optimizer.values():
        rates.decay_steps = 0

    config.evaluate.real_words = 20
    config.evaluate.generated_words = 10
    config.evaluate.evaluator = "own"
    config.evaluate.words = 20
    config.evaluate.geometry_rounds = 2
    return config
