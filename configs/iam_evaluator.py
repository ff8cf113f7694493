"""The evaluator of the IAM runs: trained apart; another recognizer, another height of images, another seed.

python -m hwgan.main --config=configs/iam_evaluator.py --workdir=runs/iam_evaluator
python -m hwgan.export --checkpoint=runs/iam_evaluator --output=iam_evaluator.npz
"""

from ml_collections import ConfigDict

from configs import copiste_evaluator


def get_config() -> ConfigDict:
    config = copiste_evaluator.get_config()
    config.seed = 2
    config.data.dataset = "iam/words"
    config.data.alphabet = ""  # all 79 characters
    config.data.max_length = 21  # the longest word of IAM
    config.data.max_width = 432
    config.data.num_buckets = 6
    config.preprocessing.height = 48
    config.model.generator.first_height = 6  # not trained
    config.model.recognizer = ConfigDict(
        dict(
            name="crnn",
            stem=4,
            conv_features=(64, 128, 192, 192),
            pools=((2, 1), (2, 1), (2, 1), (1, 1)),
            lstm_features=128,
            lstm_layers=2,
        )
    )
    config.model.identifier.num_writers = 512
    config.train.num_steps = 7500
    config.train.evaluate_every = 1500
    config.train.checkpoint_every = 500
    return config
