"""A reader apart for configs/copiste_onlooked.py, where what it sees in generated words is drawn to that in real ones.

  python -m hwgan.main --config=configs/copiste_onlooker.py --workdir=runs/onlooker

Other layers and another seed than those of the reader that trains with the generator, and of the one that judges. Eight
minutes on two slow CPU cores. That it reads worse than either (43 % CER on validation words) does no harm.
"""

from ml_collections import ConfigDict

from configs import htr


def get_config() -> ConfigDict:
    config = htr.get_config()
    config.seed = 7
    config.model.recognizer.conv_features = (56, 112, 160)
    config.model.recognizer.lstm_features = 112
    config.train.augment = True
    config.train.recognizer_noise = 0.1
    config.train.num_steps = 2700
    return config
