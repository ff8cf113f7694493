"""Strokes of synthetic handwriting, no download, ten minutes on two CPU cores.

python -m hwgan.main --config=configs/strokes_demo.py --workdir=runs/strokes_demo
python -m hwgan.sample --checkpoint=runs/strokes_demo --text="the quick brown fox" --output=fox.svg
"""

from ml_collections import ConfigDict

from configs.strokes_common import get_common


def get_config() -> ConfigDict:
    config = get_common()

    config.data.dataset = "penman_strokes/demo"
    config.data.min_length = 2
    config.data.max_length = 8
    config.data.max_points = 200

    config.preprocessing.step = 0.35

    config.model.features = 256
    config.model.num_layers = 1
    config.model.window_components = 5
    config.model.mixture_components = 10
    config.model.height_input = True
    config.model.embed_writers = True

    config.train.num_steps = 3000
    config.train.ema_decay = 0.99
    config.train.log_every = 50
    config.train.sample_every = 500
    config.train.evaluate_every = 500
    config.train.checkpoint_every = 250

    config.sample.bias = 1.0

    config.optimizer.stroke_writer.learning_rate = 3e-3
    config.optimizer.stroke_writer.warmup_steps = 100
    return config
