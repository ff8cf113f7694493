"""Real handwriting of some 200 writers, French: the Copiste d'un jour words, or any folder of words like them.

  python -m hwgan.prepare --dataset=word_folder --source=copiste_words.zip --name=copiste
  python -m hwgan.main --config=configs/copiste.py --workdir=runs/copiste

The recognizer learns to read, and the identifier to tell writers apart, alone for 10,000 steps; then all networks do.
The discriminator scores, beside pixels, what the two see, and what they see in generated words is drawn, on average, to
what they see in real ones. On one CPU core a step of the first kind takes an eighth of a second, of the second one; on
two (XLA_FLAGS=--xla_force_host_platform_device_count=2, a device each) half of that, 78 minutes in all. Words can be
read after some 1,500 of the second. To go on with low rates, nearer to real words: configs/copiste_finish.py.
"""

from ml_collections import ConfigDict

from configs.common import fast_optimizers, get_common


def get_config() -> ConfigDict:
    config = get_common()

    config.data.dataset = "word_folder/copiste"
    # Characters with at least 20 examples, and what French and English cannot do without.
    config.data.alphabet = (
        "!\"&'(),-./0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyzÉàáâäçèéêîïóôöùûüœ’"
    )
    config.data.plentiful = 2000
    config.data.random_share = 0.25
    config.data.max_length = 14
    config.data.max_width = 224
    config.data.num_buckets = 4  # twice the steps a second: with one shape, half of each batch is padding

    config.preprocessing.contrast = True
    config.preprocessing.frame = True
    config.preprocessing.height = 40
    config.preprocessing.pixels_per_character = 0

    config.model = ConfigDict(
        dict(
            dtype="float32",
            z_dim=32,
            language_model=dict(name="lstm", embedding_features=64, features=64, num_layers=1),
            # `stretch` and `crowding` were measured on these words.
            generator=dict(
                name="letters",
                block_features=(96, 48),
                first_features=128,
                stretch=0.22,
                crowding=0.18,
                stroke=0.3,
            ),
            # With spectral norm it hardly sees how a generator that writes already differs from writers.
            discriminator=dict(
                name="variable",
                block_features=(32, 64, 96),
                reader_features=128,
                text_features=0,
                spectral_norm=False,
                style_features=0,  # where no writers are known: 16, and identifier.name="none"
            ),
            recognizer=dict(
                name="conv",
                conv_features=(48, 96, 128, 128),
                pools=((2, 2), (2, 1), (2, 1), (1, 1)),
                column_kernels=(5, 5),
                norm="batch",
            ),
            identifier=dict(name="writers", num_writers=256, features=31, whitened=False),
        )
    )

    config.train.batch_size = 16
    config.train.num_steps = 17_000
    config.train.recognizer_first_steps = 10_000
    config.train.augment = True
    config.train.recognizer_noise = 0.2
    config.train.balance_rule = "fogel"
    config.train.alpha = 1.5
    config.train.style_weight = 0.7
    config.train.gradient_penalty = 0.3
    config.train.feature_matching = 5.0
    config.train.sample_every = 500
    config.train.evaluate_every = 500
    config.train.checkpoint_every = 500

    config.optimizer = fast_optimizers(config.train)
    config.optimizer.discriminator.learning_rate = 4e-4
    return config
