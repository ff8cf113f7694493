"""Four networks after Alonso et al. 2019 on IAM words, on a canvas of 128x512, with batch norm in D. Never trained.

  python -m hwgan.prepare --dataset=iam/words --source=DIR --whiten --splits=experiments/iam
  python -m hwgan.main --config=configs/iam.py --workdir=runs/iam_fixed

Parameters, for the 79 characters of IAM: language model 405,504, generator 2,654,738, discriminator 2,789,668,
recognizer 3,635,664. Alonso et al.'s own, with spectral norm in D and a gated CRNN: configs/iam_alonso.py.
"""

from ml_collections import ConfigDict

from configs.common import get_common


def get_config() -> ConfigDict:
    config = get_common()

    config.data.dataset = "iam/words"
    config.data.max_width = 512  # wider words are dropped
    config.data.min_length = 1
    config.data.max_length = 21  # the longest word of IAM

    config.preprocessing.height = 128
    config.preprocessing.pixels_per_character = 0  # isometric resize

    config.model = ConfigDict(
        dict(
            dtype="float32",  # "bfloat16" on an accelerator that likes it
            z_dim=128,  # 8 chunks of 16: the first feature map and 7 blocks
            language_model=dict(name="bilstm", embedding_features=128, features=128, num_layers=4, normalize_word=True),
            generator=dict(
                name="alonso",
                block_features=(256, 128, 128, 64, 32, 16, 16),
                first_shape=(1, 4),
                first_features=256,
                attention_after=4,
                spectral_norm=True,
            ),
            discriminator=dict(
                name="alonso",
                block_features=(16, 16, 32, 64, 128, 128, 256),
                attention_after=3,
                norm="batch",
                spectral_norm=False,
            ),
            # 0.9 GFLOP a word forward. That of Shi et al. at full resolution, the defaults of `CRNN`, takes 19, nine
            # tenths of a training step: stem=1, conv_features=(64, 128, 256, 256, 512, 512, 512),
            # pools=((2, 2), (2, 2), (1, 1), (2, 2), (1, 1), (2, 1), (2, 1)).
            recognizer=dict(
                name="crnn",
                stem=4,
                conv_features=(64, 128, 256, 256),
                pools=((2, 1), (2, 2), (2, 1), (1, 1)),
            ),
        )
    )

    config.train.batch_size = 64
    config.train.num_steps = 300_000
    config.train.gradient_balancing = "alonso"
    config.train.sample_every = 2000
    config.train.evaluate_every = 5000
    config.train.checkpoint_every = 5000
    config.evaluate.evaluator = "iam_evaluator"
    return config
