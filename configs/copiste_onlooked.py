"""configs/copiste_finish.py with an onlooker: means of what a reader apart sees are matched, too.

  python -m hwgan.main --config=configs/copiste_onlooker.py --workdir=runs/onlooker      # the reader apart
  python -m hwgan.main --config=configs/copiste_onlooked.py --workdir=runs/onlooked \\
    --config.train.start_from=package_all --config.train.onlooker=runs/onlooker

The readers that train with a generator see little of what sets its words apart: it has learned what they look for. An
onlooker sees most of what the package's judge does. Runs of other seeds differ much, and their mean is better than
most (hwgan.release --checkpoint=A,B); so, once there is one, is going on from it with lower rates and a longer
`train.ema_decay` (experiments/copiste_nearer; the commands that made the package's weights: hwgan/weights/README.md).
"""

from ml_collections import ConfigDict

from configs import copiste_finish, copiste_onlooker


def get_config() -> ConfigDict:
    config = copiste_finish.get_config()

    config.model.onlooker = copiste_onlooker.get_config().model.recognizer

    config.train.num_steps = 1300
    config.train.recognizer_first_steps = 0
    # Their means are over more things: of words each counts twice what it does there, of letters as much.
    config.train.feature_matching = 300.0
    config.train.letter_matching = 20.0
    config.train.spread_of_invented = 1.4
    config.train.ema_decay = 0.998

    for name in ("language_model", "generator"):
        config.optimizer[name].warmup_steps = 100
    return config
