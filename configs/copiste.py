"""Real handwriting of some 200 writers, French: the Copiste d'un jour words, or any folder of words like them.

python -m hwgan.prepare --dataset=word_folder --source=copiste_words.zip --name=copiste
python -m hwgan.main --config=configs/copiste.py --workdir=runs/copiste
"""

from ml_collections import ConfigDict

from configs.common import fast_optimizers, get_common


def get_config() -> ConfigDict:
    config = get_common()

    config.data.dataset = "word_folder/copiste"
    # Characters with at least 20 examples.
    config.data.alphabet = "'(),-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyzÉàáâçèéêîïóôû’"
    config.data.max_length = 10
    config.data.max_width = 16 * 10
    config.data.num_buckets = 4  # twice the steps a second: with one shape, half of each batch is padding

    config.model = ConfigDict(
        dict(
            dtype="float32",
            z_dim=32,
            language_model=dict(name="lstm", embedding_features=64, features=64, num_layers=1),
            generator=dict(name="variable", block_features=(96, 48), cell_features=128),
            discriminator=dict(name="variable", block_features=(32, 64, 96), style_features=8),
            recognizer=dict(name="conv", conv_features=(48, 96, 128, 128), pools=((2, 2), (2, 1), (2, 1), (1, 1))),
        )
    )

    config.train.batch_size = 16
    config.train.num_steps = 10_000
    config.train.recognizer_first_steps = 2000
    config.train.balance_rule = "fogel"
    config.train.recognizer_noise = 0.3
    config.train.style_weight = 3.0

    config.optimizer = fast_optimizers(config.train.num_steps)
    return config
