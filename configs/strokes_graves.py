"""Graves' synthesis network, 3 × 400 cells, on the lines of IAM-OnDB.

python -m hwgan.prepare --dataset=iam_ondb/lines --source=DIR
python -m hwgan.main --config=configs/strokes_graves.py --workdir=runs/strokes_graves
"""

from ml_collections import ConfigDict

from configs.strokes_common import get_common


def get_config() -> ConfigDict:
    config = get_common()

    config.data.dataset = "iam_ondb/lines"
    config.data.max_length = 75
    config.data.max_points = 800

    config.preprocessing.outliers = 12.0
    config.preprocessing.slope = True
    config.preprocessing.size = "deviation"
    config.preprocessing.step = 0.3
    config.preprocessing.max_jump = 20.0

    config.train.batch_size = 64
    config.train.num_steps = 40_000
    config.train.sample_every = 2000
    config.train.evaluate_every = 2000

    config.sample_grid.words = ("from his travels", "it might have been", "a MOVE to stop Mr . Gaitskell")
    config.sample_grid.num_styles = 6

    return config
