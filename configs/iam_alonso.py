"""Alonso et al. 2019 on IAM words: configs/iam.py with spectral norm in D and a gated CRNN as recognizer.

Unlike theirs, the word vector is normalised, for without it the generator ignores the text (experiments/README.md).
Never trained.

  python -m hwgan.prepare --dataset=iam/words --source=DIR --whiten --splits=experiments/iam
  python -m hwgan.main --config=configs/iam_alonso.py --workdir=runs/iam_alonso

Parameters, for the 79 characters of IAM: language model 405,504, generator 2,654,738, discriminator 2,786,594,
recognizer 2,851,424.
"""

from ml_collections import ConfigDict

from configs import iam


def get_config() -> ConfigDict:
    config = iam.get_config()
    config.model.discriminator.norm = "none"
    config.model.discriminator.spectral_norm = True
    config.model.recognizer = ConfigDict(dict(name="gated_crnn"))
    return config
