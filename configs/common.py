"""What every config has: all fields, with the values that most runs share. Not a run of its own."""

import ml_collections

ConfigDict = ml_collections.ConfigDict


def optimizer(learning_rate: float, *, b1: float, b2: float, clip_norm: float = 0.0) -> ConfigDict:
    """Adam; see hwgan/optimizers.py for the fields."""
    return ConfigDict(
        dict(learning_rate=learning_rate, b1=b1, b2=b2, clip_norm=clip_norm, warmup_steps=0, decay_steps=0)
    )


def fast_optimizers(train: ConfigDict) -> ConfigDict:
    """What the small variable-width networks learn fastest with; rates fall to a tenth by a cosine over a run's steps.

    Those of the networks that write, and of the discriminator, over the steps in which they learn. Where
    `train.num_steps` or `train.recognizer_first_steps` change later, as on the command line, so do they.
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
        rates.decay_steps = steps - train.get_oneway_ref("recognizer_first_steps") if begins_later else steps
    return config


def get_common() -> ConfigDict:
    """The fields of a config; a run fills in `model` and changes what it wants."""
    config = ConfigDict()
    config.seed = 0

    config.data = ConfigDict(
        dict(
            dataset="",  # "name/config", as hwgan.prepare wrote it
            data_dir="data",
            alphabet="",  # empty: all characters of the dataset; else words with others are dropped
            cache_dir="",  # where decoded images are kept; empty: inside the prepared dataset
            real_share=1.0,  # how much of the real training words is used, to learn what fewer would do
            generated="",  # prepared dataset of generated words, of which recognizers learn beside the real ones
            generated_share=0.5,  # of what they learn from, where there are both
            max_width=160,  # pixels; wider words are dropped
            min_length=1,  # characters; shorter and longer words are dropped
            max_length=10,
            lexicon="",  # file of words to write, one a line; empty: the training words, as often as they come
            # Words with characters that fewer training words have than this come several times as often; 0: all alike.
            plentiful=0,
            # What part of the words to write is of a few random characters. They are read, but not held against real
            # words, from which a discriminator would tell them by their letters.
            random_share=0.0,
            # Shapes of batches, at most: each holds words of about one width and is padded to the widest, so that less
            # is padding; each is compiled once. 1 pads all batches to max_width.
            num_buckets=1,
        )
    )

    # What is done to each image, in this order; see hwgan/data/preprocessing.py.
    config.preprocessing = ConfigDict(
        dict(
            contrast=False,  # stretch grey levels: ink black, paper white
            deslant=False,  # shear upright
            trim="",  # cut white: "", "sides", "box" or "ink"
            frame=False,  # pad close crops to where they stood between the lines: one size of writing, one baseline
            height=32,  # pixels
            pixels_per_character=16,  # 0 keeps the proportions; else the width of a word is so many pixels a character
        )
    )

    config.train = ConfigDict(
        dict(
            batch_size=16,  # over all devices
            num_steps=10_000,
            # Whose networks a new run starts with: workdirs, files of weights, "package", "package_all", by commas; the
            # last counts.
            start_from="",
            # Workdir or weights of a recognizer made as model.onlooker is: what it sees is matched too.
            onlooker="",
            # Recognizer and identifier see only real words, so they may start alone: the generator is wrongly taught by
            # one that cannot read yet.
            recognizer_first_steps=0,
            # ("recognizer",) trains a recognizer alone.
            updated_networks=("discriminator", "recognizer", "identifier", "generator"),
            discriminator_steps=1,  # for each step of the generator
            balance_rule="alonso",  # or "fogel", "none": how CTC and adversarial gradients meet at the image
            alpha=1.0,  # weight of the recognizer's gradient against the discriminator's
            length_power=0.0,  # above 0, what is read of a long word counts less; at 1, as much as that of a short one
            spread_of_invented=1.0,  # above 1, words of data.random_share are in hands farther from plain
            augment=False,  # the recognizer learns from words slanted, stretched, bent, in other pens
            recognizer_noise=0.0,  # on the images it sees in training; paper and ink are 2 apart
            style_weight=0.0,  # of guessing the noise from the image, by the identifier or D's own style_features
            gradient_penalty=0.0,  # on D's gradient at real words (R1), for a D without spectral norm
            feature_matching=0.0,  # of what the readers see in generated and real words on average
            letter_matching=0.0,  # of what the recognizer sees in generated and real letters, on average of each
            ema_decay=0.999,
            log_every=100,  # steps, as are the next three
            sample_every=1000,
            evaluate_every=1000,
            checkpoint_every=1000,
            keep_checkpoints=2,  # newest, beside the best
            accumulate=1,  # parts of the batch whose gradients are averaged one after the other, where memory is short
            step_backs=0,  # how often a run that diverged goes back to its last checkpoint,
            step_back_rate=0.5,  # with all learning rates times this
        )
    )

    # How far from plain the hands are that are drawn from a trained run; 1 as in training, see hwgan/sampler.py.
    config.sample = ConfigDict(dict(spread=1.0))

    config.sheet = ConfigDict(
        dict(words=("amit", "station", "received", "hand", "writing", "quick", "brown", "foxes"), hands=6)
    )

    config.evaluate = ConfigDict(
        dict(
            # While training, on the validation split, by the run's own recognizer:
            real_words=500,  # at most
            generated_words=200,  # words of the split that no training writer wrote, at most
            # --mode=evaluate:
            split="test",
            judge="",  # workdir or weights of a recognizer trained apart; empty: the package's; "own": the run's own
            protocol="standard",  # see hwgan/evaluation/protocols.py
            words=2000,  # on either side, at most; of a run that only learns to read: all of the split
            geometry_rounds=100,  # of the geometry score; 0 leaves it out
            inception="",  # weights of Inception-v3, see hwgan/evaluation/inception.py; empty: not used
            lexicon=False,  # a run that only learns to read also reads with the training words for a lexicon
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
