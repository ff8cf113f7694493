"""Real handwriting of some 200 writers, French: the Copiste d'un jour words, or any folder of words like them.

  python -m hwgan.prepare --dataset=word_folder --source=copiste_words.zip --name=copiste
  python -m hwgan.main --config=configs/copiste.py --workdir=runs/copiste

Recognizer and identifier are pretrained for 10,000 steps, then all networks are updated for 7,000. Words can be read
after some 1,500 of these. 78 minutes on two CPU cores. Validation words are read with 27 % CER by its recognizer,
generated words out of vocabulary (T = 1.1) with 10.3 % by the pretrained evaluator. configs/copiste_finetune.py
continues from it with low rates: nearer to real words, less legible.
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
    config.data.rare_character_threshold = 2000
    config.data.random_text_fraction = 0.25
    config.data.max_length = 14
    config.data.max_width = 224
    config.data.num_buckets = 4  # with one shape half of each batch is padding

    config.preprocessing.contrast = True
    config.preprocessing.pad_to_line = True
    config.preprocessing.height = 40
    config.preprocessing.pixels_per_character = 0

    config.model = ConfigDict(
        dict(
            dtype="float32",
            z_dim=32,
            language_model=dict(name="bilstm", embedding_features=64, features=64, num_layers=1),
            # `log_width_std` and `width_compression` were measured on these words.
            generator=dict(
                name="char_width",
                block_features=(96, 48),
                first_features=128,
                log_width_std=0.22,
                width_compression=0.18,
                ink_threshold=0.3,
            ),
            # With spectral norm its gradient is too weak once generated words are legible.
            discriminator=dict(
                name="columns",
                block_features=(32, 64, 96),
                feature_head_dim=128,
                spectral_norm=False,
                predicted_z_dims=0,  # where writers are unknown: 16, and identifier.name="none"
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
    config.train.recognizer_pretrain_steps = 10_000
    config.train.augment = True
    config.train.recognizer_noise = 0.2
    config.train.gradient_balancing = "fogel"
    config.train.ctc_weight = 1.5
    config.train.style_weight = 0.7
    config.train.gradient_penalty = 0.3
    config.train.feature_matching = 5.0
    config.train.sample_every = 500
    config.train.evaluate_every = 500
    config.train.checkpoint_every = 500

    config.optimizer = fast_optimizers(config.train)
    config.optimizer.discriminator.learning_rate = 4e-4
    return config
