"""A reader and a knower of hands trained apart, to judge what the Copiste run writes: same real words, other
architectures, another seed.

  python -m hwgan.main --config=configs/copiste_judge.py --workdir=runs/copiste_judge
  python -m hwgan.release --checkpoint=runs/copiste_judge --output=copiste_judge.npz

29 minutes on one CPU core: 24.5 % CER on 2,000 test words as it learned to see them, 25.7 % as it sees all that it
judges. The package has its weights, and evaluation takes them by default.
"""

from ml_collections import ConfigDict

from configs import copiste, htr


def get_config() -> ConfigDict:
    config = copiste.get_config()
    config.seed = 1
    config.data.plentiful = 0
    config.data.random_share = 0.0
    config.model.recognizer = htr.get_config().model.recognizer
    config.model.identifier = ConfigDict(
        dict(name="writers", num_writers=256, features=31, conv_features=(48, 64, 96), stem=4)
    )
    config.train.updated_networks = ("recognizer", "identifier")
    config.train.recognizer_first_steps = 0
    config.train.recognizer_noise = 0.1
    config.train.augment = True
    config.train.feature_matching = 0.0
    config.train.batch_size = 32
    config.train.num_steps = 9000
    config.optimizer.recognizer = htr.get_config().optimizer.recognizer
    for name in config.train.updated_networks:
        config.optimizer[name].decay_steps = config.train.get_oneway_ref("num_steps")
    return config
