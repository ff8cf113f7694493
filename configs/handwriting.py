"""English and French in one generator, 64 pixels high, from scratch.

  python -m hwgan.prepare --dataset=iam/words --source=DIR --whiten --splits=experiments/iam
  python -m hwgan.main --config=configs/handwriting.py --workdir=runs/handwriting \
      --config.data.dataset=iam/words,pages/copiste

pages/copiste are the words that hwgan.prepare cuts from Copiste's public pages (docs/data.md). Without the last flag
the config takes word_folder/copiste, words of the same pages that another program cut and that are not part of this
repository: those of the published results.
Recognizer and identifier are pretrained for 9,000 steps (half an hour on two idle CPU cores), then all networks are
updated for 11,000 (some two and a half hours); words can be read after some 1,400 of these. One dataset:
configs/iam_variable.py, configs/copiste.py. Each language has an evaluator of its own:

  python -m hwgan.evaluate --checkpoint=runs/handwriting --real=iam/words --evaluator=iam_evaluator --output=en.json
  python -m hwgan.evaluate --checkpoint=runs/handwriting --real=pages/copiste --output=fr.json

Results: experiments/handwriting/README.md.
"""

from ml_collections import ConfigDict

from configs.common import fast_optimizers, get_common


def get_config() -> ConfigDict:
    config = get_common()

    config.data.dataset = "iam/words,word_folder/copiste"
    # The characters of IAM, and those of Copiste with at least three examples or that French cannot do without.
    config.data.alphabet = (
        "!\"#&'()*+,-./0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZ[]abcdefghijklmnopqrstuvwxyzÀÇÈÉÊÎàáâäæçèéêëíîïñóôöùûüŒœ’"
    )
    config.data.rare_character_threshold = 2000
    config.data.recognizer_dataset = "penman/signs"
    config.data.random_text_fraction = 0.25
    config.data.max_length = 21  # the longest word of IAM
    config.data.max_width = 512
    config.data.num_buckets = 6

    config.preprocessing.contrast = True
    config.preprocessing.pad_to_line = True
    config.preprocessing.height = 64
    config.preprocessing.pixels_per_character = 0

    config.model = ConfigDict(
        dict(
            dtype="float32",
            z_dim=32,
            language_model=dict(name="bilstm", embedding_features=64, features=64, num_layers=1),
            # `log_width_std` and `width_compression` were measured on these words.
            generator=dict(
                name="char_width",
                block_features=(96, 64, 32),
                first_features=128,
                first_height=4,
                log_width_std=0.25,
                width_compression=0.07,
                ink_threshold=0.3,
            ),
            # With spectral norm its gradient is too weak once generated words are legible.
            discriminator=dict(
                name="columns",
                block_features=(16, 32, 64, 96),
                feature_head_dim=128,
                spectral_norm=False,
                predicted_z_dims=0,  # where writers are unknown: 16, and identifier.name="none"
            ),
            recognizer=dict(
                name="conv",
                stem=4,
                conv_features=(48, 80, 112, 128),
                pools=((2, 1), (2, 1), (2, 1), (1, 1)),
                column_kernels=(5, 5, 5),
                norm="batch",
            ),
            identifier=dict(
                name="writers", num_writers=1024, features=31, conv_features=(48, 64, 96), stem=4, whitened=False
            ),
        )
    )

    config.train.batch_size = 16
    config.train.num_steps = 20_000
    config.train.recognizer_pretrain_steps = 9_000
    config.train.augment = True
    config.train.recognizer_noise = 0.2
    config.train.gradient_balancing = "fogel"
    config.train.ctc_weight = 1.5
    config.train.style_weight = 0.7
    config.train.gradient_penalty = 0.3
    config.train.feature_matching = 5.0
    config.train.checkpoint_every = 500
    config.sample_grid.words = ("amit", "station", "hand", "quick", "Brown", "foxes", "élève", "français", "1976", "I?")

    config.optimizer = fast_optimizers(config.train)
    config.optimizer.discriminator.learning_rate = 4e-4
    return config
