"""What every config has: all fields, with the values that most runs share. Not a run of its own."""

import ml_collections

ConfigDict = ml_collections.ConfigDict


def optimizer(learning_rate: float, *, b1: float, b2: float, clip_norm: float = 0.0) -> ConfigDict:
    """Adam; see hwgan/models/optimizers.py for the fields."""
    return ConfigDict(
        dict(learning_rate=learning_rate, b1=b1, b2=b2, clip_norm=clip_norm, warmup_steps=0, decay_steps=0)
    )


def fast_optimizers(train: ConfigDict) -> ConfigDict:
    """The rates that suit the small variable-width networks; they fall to a tenth by a cosine over the run's steps.

    Those of generator, language model and discriminator fall over the steps in which they are updated. Where
    `train.num_steps` or `train.recognizer_pretrain_steps` change later, as on the command line, so do they.
    """
    config = ConfigDict(
        dict(
            language_model=optimizer(1e-3, b1=0.0, b2=0.9),
            generator=optimizer(1e-3, b1=0.0, b2=0.9),
            discriminator=optimizer(1e-3, b1=0.0, b2=0.9),
            recognizer=optimizer(2e-3, b1=0.9, b2=0.99, clip_norm=5.0),
            identifier=optimizer(1e-3, b1=0.9, b2=0.99, clip_norm=5.0),
        )
    )
    for name, rates in config.items():
        steps = train.get_oneway_ref("num_steps")  # each has its own, or setting one would set all
        begins_later = name not in ("recognizer", "identifier")
        rates.decay_steps = steps - train.get_oneway_ref("recognizer_pretrain_steps") if begins_later else steps
    return config


def get_common() -> ConfigDict:
    """The fields of a config; a run fills in `model` and changes what it wants."""
    config = ConfigDict()
    config.seed = 0

    config.data = ConfigDict(
        dict(
            dataset="",  # "name/config", as hwgan.prepare wrote it; several by commas, such as "iam/words,penman/words"
            dataset_shares=(),  # share of each of several datasets in an epoch; (): proportional to its number of words
            data_dir="data",
            alphabet="",  # empty: all characters of the dataset; else words with others are dropped
            cache_dir="",  # folder for decoded images; empty: inside the prepared dataset
            real_fraction=1.0,  # share of the real training words that is used
            generated_dataset="",  # prepared dataset of generated words, for recognizers to learn from beside real ones
            generated_fraction=0.5,  # share of generated words in an epoch, where there are both
            # Prepared datasets, such as "penman/signs", of words with characters that are rare in the others. Only the
            # recognizer is trained on them; its CTC gradient then teaches the generator these characters.
            recognizer_dataset="",
            recognizer_fraction=0.1,  # share of these words in an epoch, where there is such a dataset
            max_width=160,  # pixels; wider words are dropped
            min_length=1,  # characters; shorter and longer words are dropped
            max_length=10,
            lexicon="",  # file of texts to generate, one a line; empty: the training words, as often as they come
            rare_character_threshold=0,  # words with characters in fewer training words are oversampled; 0: none
            # Share of the texts to generate that are random: a few characters each. The CTC loss is taken on them, the
            # adversarial loss and feature matching are not.
            random_text_fraction=0.0,
            # Maximum number of widths of batches, up to 8. Words of similar width share a batch, padded to its width;
            # each width is compiled once. 1: all batches are max_width wide.
            num_buckets=1,
        )
    )

    # What is done to each image, in this order; see hwgan/data/preprocessing.py.
    config.preprocessing = ConfigDict(
        dict(
            contrast=False,  # stretch grey levels: ink black, paper white
            trim="",  # cut white: "", "sides", "box" or "ink"
            pad_to_line=False,  # pad tight crops vertically to their place on the line: one scale, one baseline
            height=32,  # pixels
            pixels_per_character=16,  # 0 keeps the proportions; else the width of a word is so many pixels a character
        )
    )

    config.train = ConfigDict(
        dict(
            batch_size=16,  # over all devices
            num_steps=10_000,
            # Networks to start from: workdirs, files of weights, "pretrained", "pretrained_all", by commas; later ones
            # replace earlier ones.
            init_from="",
            # Steps at the start in which only recognizer and identifier are updated: one that cannot read yet gives the
            # generator wrong gradients.
            recognizer_pretrain_steps=0,
            # ("recognizer",) trains only a recognizer.
            updated_networks=("discriminator", "recognizer", "identifier", "generator"),
            # Updates of D for each update of G, on the words and texts of one batch, each with newly drawn z.
            discriminator_steps_per_generator_step=1,
            # How the CTC and style gradients are scaled to the adversarial one at the generated image: "alonso",
            # "fogel" or "none" (docs/training.md).
            gradient_balancing="alonso",
            ctc_weight=1.0,  # weight of the balanced CTC gradient
            ctc_length_exponent=0.0,  # p in ctc / length^p of generated words
            style_weight=0.0,  # weight of the balanced gradient of the identifier's style error
            z_prediction_weight=1.0,  # weight of D's prediction of z, where model.discriminator.predicted_z_dims > 0
            random_text_temperature=1.0,  # T of the styles of random texts, z ~ N(0, T² I)
            augment=False,  # the recognizer's real words: slant, scale, elastic distortion, stroke width, contrast
            # Standard deviation of Gaussian noise on the recognizer's input (real words, and generated ones in the CTC
            # loss), and on the identifier's in its own update; images span [-1, 1].
            recognizer_noise=0.0,
            gradient_penalty=0.0,  # weight of R1 in D's loss, for a D without spectral norm
            gradient_penalty_share=1.0,  # of the real words whose R1 is taken; fewer are faster
            feature_matching=0.0,  # weight of matching the mean features of words
            character_feature_matching=0.0,  # weight of matching the mean recognizer features of each character
            ema_decay=0.999,
            log_every=100,  # steps between two lines of the log
            sample_every=1000,  # steps
            evaluate_every=1000,  # steps
            checkpoint_every=1000,  # steps
            keep_checkpoints=2,  # newest, beside the best
            gradient_accumulation_steps=1,  # parts of the batch, one after the other, where memory is short
        )
    )

    # Styles are drawn from N(0, T² I) when sampling; 1 is that of training, see hwgan/sampling/sampler.py.
    config.sample = ConfigDict(dict(temperature=1.0))

    # The picture that a run draws every train.sample_every steps.
    config.sample_grid = ConfigDict(
        dict(words=("amit", "station", "received", "hand", "writing", "quick", "brown", "foxes"), num_styles=6)
    )

    config.evaluate = ConfigDict(
        dict(
            # While training: at most so many real validation words, read by the run's own recognizer.
            real_words=500,
            # While training: at most so many generated words, of validation texts that no training word has.
            generated_words=200,
            split="test",  # that --mode=evaluate evaluates; all fields from here on are for --mode=evaluate
            step=0,  # of the checkpoint; 0: the newest
            # Whether words that the dataset calls badly segmented, or of implausible width, are evaluated too.
            doubtful_words=False,
            # The recognizer, and identifier, that measure a generator: workdir or weights file of a separate run,
            # "copiste_evaluator" (French), "iam_evaluator" (English), "own" (those of this run); "": copiste_evaluator.
            evaluator="",
            protocol="standard",  # see hwgan/evaluation/protocols.py
            words=2000,  # at most so many generated and real words in each case; a recognizer reads the whole split
            geometry_rounds=0,  # rounds of the geometry score; 0 leaves it out, for it takes minutes
            inception="",  # weights of Inception-v3, see hwgan/evaluation/inception.py; empty: not used
            lexicon=False,  # a recognizer is also evaluated with the training words as a lexicon
            beam_width=0,  # a transducer is also evaluated by a beam search so wide; 0: greedy decoding only
        )
    )

    # Alonso et al. 2019: Adam 2e-4, beta (0, 0.999) for all four; clipping in D and R.
    config.optimizer = ConfigDict(
        dict(
            language_model=optimizer(2e-4, b1=0.0, b2=0.999),
            generator=optimizer(2e-4, b1=0.0, b2=0.999),
            discriminator=optimizer(2e-4, b1=0.0, b2=0.999, clip_norm=10.0),
            recognizer=optimizer(2e-4, b1=0.0, b2=0.999, clip_norm=10.0),
            identifier=optimizer(2e-4, b1=0.0, b2=0.999, clip_norm=10.0),
        )
    )
    return config
