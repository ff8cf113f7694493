"""Handwritten text recognition as a task of its own: a CRNN, with or without generated words.

  python -m hwgan.main --config=configs/htr.py --workdir=runs/htr      # real words alone; or with
      --config.train.augment=True                                augmented real words
      --config.data.generated_dataset=word_folder/generated      generated words beside them
      --config.data.real_fraction=0.05                           fewer real words; 0: generated ones alone

Generated words come from `hwgan.generate` and `hwgan.prepare`. Error rates on the test split:

  python -m hwgan.main --config=configs/htr.py --workdir=runs/htr --mode=evaluate

The pretrained weights, which generate such words, were trained on all real training words, whatever
`data.real_fraction` is.
"""

from ml_collections import ConfigDict

from configs import copiste


def get_config() -> ConfigDict:
    config = copiste.get_config()

    config.data.rare_character_threshold = 0  # no oversampling: text as it is
    config.data.random_text_fraction = 0.0
    config.data.max_length = 14
    config.data.max_width = 224
    config.data.num_buckets = 4
    config.preprocessing.height = 40

    config.model.generator = ConfigDict(dict(name="char_width", block_features=(96, 48)))  # not trained
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
    config.train.recognizer_pretrain_steps = 0
    config.train.recognizer_noise = 0.0
    config.train.batch_size = 32
    config.train.num_steps = 3600

    config.optimizer.recognizer.warmup_steps = 100
    return config
