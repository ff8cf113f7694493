"""The evaluator of the Copiste runs: trained apart; another recognizer, another height of images, another seed.

  python -m hwgan.main --config=configs/copiste_evaluator.py --workdir=runs/copiste_evaluator
  python -m hwgan.export --checkpoint=runs/copiste_evaluator --output=copiste_evaluator.npz

29 minutes on one CPU core: 24.5 % CER on 2,000 test words preprocessed as in training, 25.7 % as in evaluation. Its
weights are in the package; evaluation takes them by default.
"""

from ml_collections import ConfigDict

from configs import htr


def get_config() -> ConfigDict:
    config = htr.get_config()
    config.seed = 1
    config.model.identifier = ConfigDict(
        dict(name="writers", num_writers=256, features=31, conv_features=(48, 64, 96), stem=4)
    )
    config.train.updated_networks = ("recognizer", "identifier")
    config.train.recognizer_noise = 0.1
    config.train.augment = True
    config.train.num_steps = 9000
    return config
