"""Seconds on a CPU: every part of a run of strokes, nothing is learned. The config of the tests.

python -m hwgan.main --config=configs/strokes_smoke.py --workdir=runs/strokes_smoke
"""

from ml_collections import ConfigDict

from configs import strokes_demo


def get_config() -> ConfigDict:
    config = strokes_demo.get_config()

    config.data.dataset = "penman_strokes/smoke"
    config.data.max_length = 6
    config.data.max_points = 120
    config.data.num_buckets = 2

    config.model.features = 12
    config.model.num_layers = 2
    config.model.window_components = 2
    config.model.mixture_components = 3
    config.model.writer_features = 4

    config.train.batch_size = 4
    config.train.num_steps = 6
    config.train.log_every = 1
    config.train.sample_every = 3
    config.train.evaluate_every = 3
    config.train.checkpoint_every = 3

    config.sample_grid.num_styles = 2
    config.evaluate.examples = 20
    config.evaluate.generated = 4
    return config
