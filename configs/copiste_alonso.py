"""The system of configs/iam.py on the Copiste words, for comparison: every word on a canvas of 128x512.

python -m hwgan.main --config=configs/copiste_alonso.py --workdir=runs/copiste_alonso
"""

from ml_collections import ConfigDict

from configs import copiste, iam


def get_config() -> ConfigDict:
    config = iam.get_config()
    real = copiste.get_config()
    config.data.dataset, config.data.alphabet, config.data.max_length = real.data.dataset, real.data.alphabet, 14
    config.train.batch_size = 8  # 64 are too many for a CPU
    config.train.sample_every = 100
    config.train.evaluate_every = 1000
    config.train.checkpoint_every = 100
    config.train.log_every = 10
    config.evaluate.evaluator = real.evaluate.evaluator
    return config
