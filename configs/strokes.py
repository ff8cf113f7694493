"""Strokes of English words from IAM-OnDB; the weights `strokes` are of this run and a second one that continues it.

python -m hwgan.prepare --dataset=iam_ondb/words --source=DIR
python -m hwgan.main --config=configs/strokes.py --workdir=runs/strokes
python -m hwgan.main --config=configs/strokes.py --workdir=runs/strokes_longer --config.train.init_from=runs/strokes \\
    --config.train.num_steps=6000 --config.optimizer.stroke_writer.learning_rate=1e-3

Each takes some 45 minutes on two CPU cores.
"""

from ml_collections import ConfigDict

from configs.strokes_common import get_common


def get_config() -> ConfigDict:
    config = get_common()

    config.data.dataset = "iam_ondb/words"
    config.data.max_length = 16
    config.data.max_points = 240

    # The lines of the words were cleaned already; see hwgan/datasets/iam_ondb/README.md.
    config.preprocessing.late_strokes = "within"
    config.preprocessing.step = 0.3
    config.preprocessing.max_jump = 8.0

    config.model.features = 400
    config.model.num_layers = 1
    config.model.height_input = True
    # A seed selects a writer's embedding; where writers are not named, each form has its own.
    config.model.embed_writers = True

    config.train.num_steps = 12_000
    config.train.sample_every = 2000

    config.sample.bias = 1.0

    config.optimizer.stroke_writer.learning_rate = 2e-3
    config.optimizer.stroke_writer.warmup_steps = 200
    return config
