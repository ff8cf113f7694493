"""Real handwriting of some 200 writers, French: the Copiste d'un jour words, or any folder of words like them.

python -m hwgan.prepare --dataset=word_folder --source=copiste_words.zip --name=copiste
python -m hwgan.main --config=configs/copiste.py --workdir=runs/copiste
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
    config.data.plentiful = 200
    config.data.rare_share = 0.006
    config.data.max_length = 14
    config.data.max_width = 224
    config.data.num_buckets = 4  # twice the steps a second: with one shape, half of each batch is padding

    config.preprocessing.contrast = True
    config.preprocessing.frame = True
    config.preprocessing.height = 40
    config.preprocessing.pixels_per_character = 0

    # `stretch` and `crowding` of the generator were measured on these words when the package's weights had been through
    # 28,000 steps without; a whole run with them is still to come.
    config.model = ConfigDict(
        dict(
            dtype="float32",
            z_dim=32,
            language_model=dict(name="lstm", embedding_features=64, features=64, num_layers=1),
            generator=dict(name="letters", block_features=(96, 48), first_features=128, stretch=0.22, crowding=0.14),
            discriminator=dict(name="variable", block_features=(32, 64, 96)),
            recognizer=dict(name="conv", conv_features=(48, 96, 128, 128), pools=((2, 2), (2, 1), (2, 1), (1, 1))),
            identifier=dict(name="writers", num_writers=256, features=31),
        )
    )

    config.train.batch_size = 16
    config.train.num_steps = 17_000
    config.train.recognizer_first_steps = 4000
    config.train.balance_rule = "fogel"
    config.train.recognizer_noise = 0.2
    config.train.style_weight = 2.0

    config.optimizer = fast_optimizers(config.train.num_steps, config.train.recognizer_first_steps)
    return config
