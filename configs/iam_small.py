"""The networks of configs/iam.py at a size that two CPU cores train: words of up to 7 letters on a canvas of 32x128.

  python -m hwgan.prepare --dataset=iam/words --source=DIR --whiten --splits=experiments/iam
  python -m hwgan.main --config=configs/iam_small.py --workdir=runs/iam_small

A small relative of configs/iam.py: four networks, noise in 8 chunks, conditional batch norm, self-attention in G and
D, hinge and CTC balanced at the image. What differs: the canvas, fewer channels, all words at one scale and on one
baseline, a recognizer that is trained before the generator is, R1 in place of norms in D, and higher rates. An
estimated three hours on two CPU cores; never run to its end, and not readable so far (experiments/README.md).
"""

from ml_collections import ConfigDict

from configs.common import fast_optimizers, get_common


def get_config() -> ConfigDict:
    config = get_common()

    config.data.dataset = "iam/words"
    config.data.alphabet = "!\"#&'()*+,-./0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    config.data.max_width = 128  # pixels; wider words are dropped
    config.data.max_length = 7

    config.preprocessing.contrast = True
    config.preprocessing.pad_to_line = True
    config.preprocessing.height = 32
    config.preprocessing.pixels_per_character = 0

    config.model = ConfigDict(
        dict(
            dtype="float32",
            z_dim=128,  # 8 chunks of 16: the first feature map and 7 blocks
            language_model=dict(name="bilstm", embedding_features=64, features=128, num_layers=2, normalize_word=True),
            generator=dict(
                name="alonso",
                block_features=(128, 128, 128, 64, 64, 32, 16),
                first_shape=(1, 4),
                first_features=128,
                kept_blocks=2,
                attention_after=5,
                spectral_norm=True,
            ),
            discriminator=dict(
                name="alonso",
                block_features=(16, 32, 64, 128, 128),
                attention_after=2,
                # With batch norm D wins for good, with spectral norm its loss jumps: experiments/README.md.
                norm="none",
                spectral_norm=False,
            ),
            recognizer=dict(
                name="crnn",
                stem=2,
                conv_features=(48, 96, 128, 128),
                pools=((2, 2), (2, 1), (2, 1), (1, 1)),
                lstm_features=96,
                lstm_layers=1,
            ),
        )
    )

    config.train.batch_size = 16
    config.train.num_steps = 30_000
    config.train.recognizer_pretrain_steps = 3000
    config.train.augment = True
    config.train.gradient_balancing = "alonso"
    config.train.gradient_penalty = 0.3
    config.evaluate.evaluator = "iam_evaluator"
    config.optimizer = fast_optimizers(config.train)
    config.optimizer.discriminator.learning_rate = 4e-4
    return config
