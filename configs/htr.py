"""Handwritten text recognition as a task of its own: a convolutional recurrent reader, with or without generated words.

  python -m hwgan.main --config=configs/htr.py --workdir=runs/htr      # real words alone; or with
      --config.train.augment=True                         real words slanted, stretched, bent, in other pens
      --config.data.generated=word_folder/generated       generated words beside them
      --config.data.real_share=0.05                       as if there were fewer real words; 0: generated ones alone

Generated words come from `hwgan.generate` and `hwgan.prepare`. What it reads of the test split:

  python -m hwgan.main --config=configs/htr.py --workdir=runs/htr --mode=evaluate

The weights of the package that generate words learned from all real training words, whatever data.real_share is.
"""

from ml_collections import ConfigDict

from configs import copiste
from configs.common import optimizer


def get_config() -> ConfigDict:
    config = copiste.get_config()

    config.data.plentiful = 0  # rates are measured on text as it is
    config.data.random_share = 0.0

    config.model.recognizer = ConfigDict(
        dict(
            name="crnn",
            stem=4,
            conv_features=(64, 128, 192),
            pools=((2, 1), (2, 1), (1, 1)),
            lstm_features=128,
            lstm_layers=1,
        )
    )
    config.model.identifier = ConfigDict(dict(name="none"))

    config.train.updated_networks = ("recognizer",)
    config.train.augment = False
    config.train.feature_matching = 0.0
    config.train.recognizer_first_steps = 0
    config.train.recognizer_noise = 0.0
    config.train.batch_size = 32
    config.train.num_steps = 3600

    config.optimizer.recognizer = optimizer(2e-3, b1=0.9, b2=0.99, clip_norm=5.0)
    config.optimizer.recognizer.warmup_steps = 100
    config.optimizer.recognizer.decay_steps = config.train.get_oneway_ref("num_steps")
    return config
